//! Records as a tar archive, in one stream.

use super::claimed::ClaimedNames;
use super::outgoing::Outgoing;
use super::{ExtractError, ExtractOutcome, Extraction, PIECE_BYTES};
use crate::shard::ShardError;
use std::io::{self, BufReader, BufWriter, Write};
use tar::{Builder, EntryType, Header};

/// Permissions of every file in the archive.
const MODE: u32 = 0o644;
/// Bytes of a name that a header holds.
const NAME_FIELD_BYTES: usize = 100;

impl Extraction<'_> {
    /// Writes the records as a tar archive, with the long names of GNU tar. Fails when `out` does,
    /// or when a record whose header has been written cannot be read any more.
    pub fn into_archive(self, out: impl Write) -> io::Result<ExtractOutcome> {
        let mut archive = Builder::new(BufWriter::with_capacity(PIECE_BYTES, out));
        let mut outcome = ExtractOutcome::default();
        let allowances = self.dataset.allowances();
        let mut claimed = ClaimedNames::default();
        let mut buffer = vec![0; PIECE_BYTES];
        let order = self.order;
        for number in self.selected.filter_map(|at| order.record_at(at)) {
            let found = Outgoing::find(self.dataset, number, &allowances);
            match check(found, &mut claimed, &mut buffer) {
                Ok(None) => {}
                Ok(Some(record)) => {
                    append(&mut archive, &record, &buffer)?;
                    outcome.add(record.len());
                    (self.progress)(record.len());
                }
                Err(failure) => {
                    outcome.fail(&failure);
                    (self.report)(&failure);
                }
            }
        }
        archive.into_inner()?.flush()?;
        Ok(outcome)
    }
}

/// Reads a record once before anything of it is written: what is in the stream cannot be taken
/// back. One that fits is in `buffer` afterwards.
fn check<'a>(
    found: Option<Result<Outgoing<'a>, ShardError>>,
    claimed: &mut ClaimedNames,
    buffer: &mut [u8],
) -> Result<Option<Outgoing<'a>>, ExtractError> {
    let Some(record) = found.transpose()? else {
        return Ok(None);
    };
    record.claim(claimed)?;
    record.read(buffer, |_| Ok::<(), ExtractError>(()))?;
    Ok(Some(record))
}

fn append(archive: &mut Builder<impl Write>, record: &Outgoing, buffer: &[u8]) -> io::Result<()> {
    let name = record.name().as_bytes();
    if name.len() > NAME_FIELD_BYTES {
        // Ends with a NUL, as GNU tar writes it.
        let long = [name, b"\0"].concat();
        let link = header(
            b"././@LongLink",
            EntryType::GNULongName,
            long.len() as u64,
            0,
        );
        archive.append(&link, &long[..])?;
    }
    let header = header(name, EntryType::Regular, record.len(), record.mtime());
    let in_buffer = usize::try_from(record.len()).ok();
    match in_buffer.and_then(|len| buffer.get(..len)) {
        Some(content) => archive.append(&header, content),
        None => archive.append(
            &header,
            BufReader::with_capacity(PIECE_BYTES, record.content()),
        ),
    }
}

/// A header with as much of the name as fits. Filled in here, because the library's way to set a
/// name of any length fails for one that is not UTF-8.
fn header(name: &[u8], kind: EntryType, size: u64, mtime: i64) -> Header {
    let mut header = Header::new_gnu();
    let name = &name[..name.len().min(NAME_FIELD_BYTES)];
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(MODE);
    header.set_uid(0);
    header.set_gid(0);
    // The field has no sign.
    header.set_mtime(u64::try_from(mtime).unwrap_or(0));
    header.set_size(size);
    header.set_cksum();
    header
}
