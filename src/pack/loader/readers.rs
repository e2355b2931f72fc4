//! The threads that read small files, a batch of them into one buffer.

use super::{Loaded, loaded, lock};
use crate::pack::PackError;
use crate::pack::plan::Planned;
use crate::pack::source::open_file::open;
use crate::pack::source::{Content, SourceError};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

/// Files up to this size are read whole by a reading thread.
pub const SMALL_FILE_BYTES: u64 = 256 << 10;

/// Buffers that have been used: new memory costs more than reading into it does.
pub type Pool = Mutex<Vec<Vec<u8>>>;

/// Small files that have been read, one after the other in one buffer.
#[derive(Debug)]
pub struct Batch {
    pub buffer: Arc<Vec<u8>>,
    pub loaded: Vec<Loaded>,
}

/// Small files to be read.
pub struct ReadJob {
    pub files: Vec<Planned>,
    pub checksums: bool,
    pub reply: SyncSender<Batch>,
}

/// Starts up to `threads` threads that read files, and says how many could be.
pub fn start(threads: usize, waiting: Receiver<ReadJob>, pool: &Arc<Pool>) -> usize {
    let waiting = Arc::new(Mutex::new(waiting));
    let start = |number: &usize| {
        let (waiting, pool) = (Arc::clone(&waiting), Arc::clone(pool));
        let builder = thread::Builder::new().name(format!("read-{number}"));
        builder.spawn(move || read_files(&waiting, &pool)).is_ok()
    };
    (0..threads).take_while(start).count()
}

fn read_files(jobs: &Mutex<Receiver<ReadJob>>, pool: &Pool) {
    loop {
        // Held while waiting: the others wait for the lock instead, which is the same.
        let Ok(job) = lock(jobs).recv() else { return };
        let mut buffer = lock(pool).pop().unwrap_or_default();
        buffer.clear();
        let read: Vec<(Planned, Result<Range<usize>, PackError>)> = job
            .files
            .into_iter()
            .map(|planned| {
                let read = read_file(&planned, &mut buffer);
                (planned, read)
            })
            .collect();
        let buffer = Arc::new(buffer);
        let loaded = read.into_iter().map(|(mut planned, read)| match read {
            Ok(range) => {
                let crc = (job.checksums).then(|| crc32c::crc32c(&buffer[range.clone()]));
                planned.record.content = Content::Slice(Arc::clone(&buffer), range);
                loaded(planned, crc)
            }
            Err(error) => Loaded::Lost(error, planned.number),
        });
        let loaded = loaded.collect();
        // If nobody waits any more, the run has ended.
        let _ = job.reply.send(Batch { buffer, loaded });
    }
}

/// Appends the bytes of a file, or of one in an archive, to `buffer`, and says where they are. More
/// of them than there should be are seen: the writer compares the size.
fn read_file(planned: &Planned, buffer: &mut Vec<u8>) -> Result<Range<usize>, PackError> {
    let record = &planned.record;
    let start = buffer.len();
    let path = match &record.content {
        Content::File(path) => path,
        Content::Member(member) => {
            let unpacked = member.unpack(&record.origin, &mut |piece| {
                buffer.extend_from_slice(piece);
                Ok(())
            });
            if unpacked.is_err() {
                buffer.truncate(start);
            }
            return unpacked.map(|()| start..buffer.len());
        }
        _ => return Ok(start..start),
    };
    let file = open(path, &record.origin)?;
    let wanted = record.size as usize;
    buffer.reserve(wanted + 1);
    loop {
        match rustix::io::read(&file, rustix::buffer::spare_capacity(buffer)) {
            Ok(0) => break,
            // There was room for more, so this is the end; or it is more than there should be.
            Ok(_) if buffer.len() - start >= wanted => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => {
                buffer.truncate(start);
                let error = SourceError::Unreadable(record.origin.clone(), errno.into());
                return Err(error.into());
            }
        }
    }
    Ok(start..buffer.len())
}
