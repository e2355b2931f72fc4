//! Shards that change under a live mount: cut, appended to, replaced or removed. A reader of
//! what is gone gets an error, never other bytes and never a signal; all others continue to read.

use crate::support::parts::{Parts, Section};
use crate::support::*;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// Records of one shard, and bytes of one record: whole pages, so that no page of `raw/data`
/// belongs to two records.
const RECORDS: usize = 8;
const RECORD_LEN: usize = 5 * PAGE;
const PAGE: usize = 4096;
const PAYLOAD: u64 = (RECORDS * RECORD_LEN) as u64;
const INDEX_END: u64 = PAYLOAD + 8 * RECORDS as u64;

/// The shard that changes, of three: its number, and the numbers of its records.
const VICTIM: usize = 1;
const VICTIMS: std::ops::Range<usize> = RECORDS..2 * RECORDS;
const ALL: std::ops::Range<usize> = 0..3 * RECORDS;

/// How long a single read may take before it counts as one that hangs.
const DEADLINE: Duration = Duration::from_secs(60);

fn record(number: usize) -> Vec<u8> {
    bytes(number as u64, RECORD_LEN)
}

fn shard(number: usize) -> Parts {
    let records: Vec<Vec<u8>> = (number * RECORDS..(number + 1) * RECORDS)
        .map(record)
        .collect();
    let mut parts = Parts::plain(&records);
    parts.sections.push(Section::checksums(&records));
    parts
}

/// Three shards, mounted.
struct Dataset {
    directory: TempDir,
    mount: Mount,
    daemon: u32,
}

impl Dataset {
    fn new() -> Dataset {
        let directory = temp_dir();
        for number in 0..3 {
            let path = directory.path().join(format!("x_{number:04}.rox"));
            std::fs::write(path, shard(number).bytes()).expect("shard");
        }
        let mount = Mount::new(&directory.path().join("x.rox"));
        let daemon = mount.daemon();
        Dataset {
            directory,
            mount,
            daemon,
        }
    }

    fn victim(&self) -> PathBuf {
        self.directory.path().join(format!("x_{VICTIM:04}.rox"))
    }

    fn path(&self, number: usize) -> PathBuf {
        self.mount.join(&format!("records/{number:06}.bin"))
    }

    fn read(&self, number: usize) -> Result<Vec<u8>, i32> {
        let path = self.path(number);
        in_time(move || std::fs::read(path))
    }

    /// One page of `raw/data`.
    fn read_raw(&self, page: usize) -> Result<Vec<u8>, i32> {
        let path = self.mount.join("raw/data");
        in_time(move || read_page(&File::open(path)?, page))
    }

    fn read_index(&self) -> Result<Vec<u8>, i32> {
        let path = self.mount.join("raw/index");
        in_time(move || std::fs::read(path))
    }

    /// Every name is there, under its number and under its shard.
    fn assert_lists_all(&self) {
        assert_eq!(names(&self.mount.join("records")).len(), ALL.len());
        let of_victim = names(&self.mount.join(&format!("shards/x_{VICTIM:04}")));
        assert_eq!(of_victim.len(), VICTIMS.len());
    }

    /// The shards that did not change are read as if nothing had happened.
    fn assert_others_read_on(&self) {
        for number in ALL.filter(|number| !VICTIMS.contains(number)) {
            assert_eq!(self.read(number), Ok(record(number)), "record {number}");
            let page = number * RECORD_LEN / PAGE;
            assert_eq!(
                self.read_raw(page),
                Ok(record(number)[..PAGE].to_vec()),
                "page {page}"
            );
        }
    }

    /// The daemon that mounted it still serves it, and ends when it is told to.
    fn unmount(self) {
        assert!(!self.mount.read(".roxfs/info.json").is_empty());
        assert_eq!(self.mount.daemon(), self.daemon);
        self.mount.unmount();
    }
}

/// What `raw/index` has to hold.
fn index_of_all() -> Vec<u8> {
    let ends = ALL.map(|number| ((number + 1) * RECORD_LEN) as u64);
    ends.flat_map(u64::to_le_bytes).collect()
}

fn read_page(file: &File, page: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0xaa; PAGE];
    file.read_exact_at(&mut bytes, (page * PAGE) as u64)?;
    Ok(bytes)
}

fn names(directory: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").file_name())
        .collect()
}

/// The result of something that must not hang; of an error the errno.
fn in_time<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, i32> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    let result = receiver.recv_timeout(DEADLINE).expect("it does not hang");
    result.map_err(|error| error.raw_os_error().unwrap_or_else(|| panic!("{error}")))
}

/// Right, or refused: anything else is bytes that were never in this record.
fn assert_right_or_refused(found: &Result<Vec<u8>, i32>, expected: &[u8], what: &str) {
    match found {
        Ok(bytes) => assert!(bytes == expected, "{what}: {} other bytes", bytes.len()),
        Err(errno) => assert_eq!(*errno, libc::EIO, "{what}"),
    }
}

/// Lengths to cut the shard to, from nothing to all but one byte.
fn cuts() -> Vec<u64> {
    let whole = shard(VICTIM).bytes().len() as u64;
    let record = RECORD_LEN as u64;
    vec![
        0,
        1,
        3 * record,
        3 * record + 1,
        PAYLOAD - 1,
        PAYLOAD,
        PAYLOAD + 20,
        INDEX_END,
        whole - 1,
    ]
}

/// Whether a record's bytes, or the offsets that say where they are, lie behind the cut.
fn is_gone(number: usize, cut: u64) -> bool {
    let end = (number - VICTIMS.start + 1) as u64;
    end * RECORD_LEN as u64 > cut || PAYLOAD + 8 * end > cut
}

#[test]
fn records_of_a_cut_shard_are_errors_and_all_others_read_on() {
    for cut in cuts() {
        let dataset = Dataset::new();
        let [read, known, open] = [8, 10, 12];
        assert_eq!(dataset.read(read), Ok(record(read)));
        assert_eq!(
            dataset.path(known).metadata().expect("size").len(),
            RECORD_LEN as u64
        );
        let file = File::open(dataset.path(open)).expect("open");
        let victim = File::options().write(true).open(dataset.victim());
        victim.expect("shard").set_len(cut).expect("cut");

        // A size that a listing could not find out must not be taken for 0 later.
        dataset.assert_lists_all();
        let opened = in_time(move || read_page(&file, 1));
        assert_right_or_refused(&opened, &record(open)[PAGE..2 * PAGE], "open file");
        assert!(opened.is_err() || !is_gone(open, cut), "cut to {cut}");
        for number in VICTIMS {
            let what = format!("record {number}, cut to {cut}");
            let found = dataset.read(number);
            assert_right_or_refused(&found, &record(number), &what);
            assert!(
                found.is_err() || !is_gone(number, cut) || number == read,
                "{what}"
            );
        }
        dataset.assert_others_read_on();
        dataset.unmount();
    }
}

#[test]
fn raw_files_are_errors_where_a_shard_is_cut_and_nowhere_else() {
    for cut in cuts() {
        let dataset = Dataset::new();
        let victim = File::options().write(true).open(dataset.victim());
        victim.expect("shard").set_len(cut).expect("cut");

        for number in VICTIMS {
            for page in 0..RECORD_LEN / PAGE {
                let what = format!("page {page} of record {number}, cut to {cut}");
                let found = dataset.read_raw(number * RECORD_LEN / PAGE + page);
                let expected = &record(number)[page * PAGE..(page + 1) * PAGE];
                assert_right_or_refused(&found, expected, &what);
                let end = (number - VICTIMS.start) * RECORD_LEN + (page + 1) * PAGE;
                assert!(found.is_err() || end as u64 <= cut, "{what}");
            }
        }
        let index = dataset.read_index();
        assert_right_or_refused(&index, &index_of_all(), "raw/index");
        assert!(index.is_err() || cut >= INDEX_END);
        dataset.assert_others_read_on();
        dataset.unmount();
    }
}

/// What the shard was when it was mounted is what the mount shows: the file stays open.
#[test]
fn a_shard_replaced_or_removed_is_read_as_it_was() {
    let replace = |victim: &Path| {
        let new = victim.with_extension("new");
        std::fs::write(&new, Parts::plain(&[b"another"]).bytes()).expect("new shard");
        std::fs::rename(new, victim).expect("renamed");
    };
    let remove = |victim: &Path| std::fs::remove_file(victim).expect("removed");
    let changes: [fn(&Path); 2] = [replace, remove];
    for change in changes {
        let dataset = Dataset::new();
        assert_eq!(dataset.read(9), Ok(record(9)));
        change(&dataset.victim());
        for number in ALL {
            assert_eq!(dataset.read(number), Ok(record(number)), "record {number}");
        }
        let whole: Vec<u8> = ALL.flat_map(record).collect();
        assert!(dataset.mount.read("raw/data") == whole);
        dataset.assert_lists_all();
        dataset.unmount();
    }
}

/// Writes over what follows the payload, as a writer that appends in place does.
fn append(victim: &Path, record: &[u8]) {
    let mut records: Vec<Vec<u8>> = VICTIMS.map(self::record).collect();
    records.push(record.to_vec());
    let bytes = Parts::plain(&records).bytes();
    let file = File::options().write(true).open(victim).expect("shard");
    file.write_all_at(&bytes[PAYLOAD as usize..], PAYLOAD)
        .expect("appended");
    file.set_len(bytes.len() as u64).expect("size");
}

#[test]
fn a_shard_appended_to_in_place_shows_no_other_bytes() {
    let offsets: Vec<u8> = (1..=500u64)
        .flat_map(|end| (end * 100).to_le_bytes())
        .collect();
    for appended in [bytes(99, 50_000), vec![0; 50_000], offsets, vec![7]] {
        let dataset = Dataset::new();
        assert_eq!(dataset.read(9), Ok(record(9)));
        append(&dataset.victim(), &appended);
        dataset.assert_lists_all();
        for number in VICTIMS {
            let what = format!("record {number}, {} bytes appended", appended.len());
            assert_right_or_refused(&dataset.read(number), &record(number), &what);
            let size = dataset.path(number).metadata();
            let size = size
                .map(|size| size.len())
                .map_err(|error| error.raw_os_error());
            let allowed = [Ok(RECORD_LEN as u64), Err(Some(libc::EIO))];
            assert!(allowed.contains(&size), "{what}: size {size:?}");
        }
        assert_right_or_refused(&dataset.read_index(), &index_of_all(), "raw/index");
        dataset.assert_others_read_on();
        dataset.unmount();
    }
}

#[test]
fn a_shard_with_something_behind_it_shows_no_other_bytes() {
    let dataset = Dataset::new();
    let mut victim = File::options()
        .append(true)
        .open(dataset.victim())
        .expect("shard");
    victim.write_all(b"more").expect("appended");
    for number in VICTIMS {
        let what = format!("record {number}");
        assert_right_or_refused(&dataset.read(number), &record(number), &what);
    }
    dataset.assert_lists_all();
    dataset.assert_others_read_on();
    dataset.unmount();
}

/// Maps a file, says so, waits to be told to go on, and writes what is mapped.
const READER: &str = "
import mmap, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
with open(sys.argv[1], 'rb') as file:
    mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
print('mapped', flush=True)
sys.stdin.readline()
sys.stdout.buffer.write(mapped[:])
";

/// Another process that has mapped a file and not touched it yet.
struct Reader {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Reader {
    fn new(path: &Path) -> Reader {
        let mut command = Command::new("python3");
        command.args(["-c", READER]).arg(path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3");
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        assert_eq!(line, "mapped\n");
        Reader { process, stdout }
    }

    /// Lets it read; the signal that ends it, or what it has read.
    fn read(mut self) -> Result<Vec<u8>, i32> {
        drop(self.process.stdin.take());
        let ended = in_time(move || {
            let mut bytes = Vec::new();
            self.stdout.read_to_end(&mut bytes)?;
            Ok((self.process.wait()?.signal(), bytes))
        });
        let (signal, bytes) = ended.expect("it ends");
        signal.map_or(Ok(bytes), Err)
    }
}

#[test]
fn a_signal_for_lost_bytes_goes_to_who_mapped_them_and_not_to_the_daemon() {
    let dataset = Dataset::new();
    let lost = Reader::new(&dataset.path(VICTIMS.start + 1));
    let other = Reader::new(&dataset.path(0));
    let victim = File::options().write(true).open(dataset.victim());
    victim.expect("shard").set_len(PAGE as u64).expect("cut");
    assert_eq!(lost.read(), Err(libc::SIGBUS));
    assert!(other.read() == Ok(record(0)));
    dataset.assert_lists_all();
    dataset.assert_others_read_on();
    dataset.unmount();
}
