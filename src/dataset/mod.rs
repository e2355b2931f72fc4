//! A dataset: an ordered list of shards, its records and bytes numbered across all of them.
//!
//! Also turns the shard arguments of a command line into that list.

pub mod names;
pub mod numbered;
mod pattern;
mod record;
pub mod sizes;
pub mod summary;

pub use record::Record;

use crate::format::Damage;
use crate::format::index::Extent;
use crate::shard::allowance::Allowance;
use crate::shard::mmap::PAGE;
use crate::shard::{Copies, LocalIndex, Location, Shard, ShardError};
use crate::text::{escaped, shown};
use pattern::Pattern;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The most records of a dataset: inode numbers carry a tag in their top byte.
pub const MAX_RECORDS: u64 = 1 << 55;

/// The number of a record in its dataset, from 0. Only a [`Dataset`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(u64);

impl RecordId {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Why shard arguments are not a dataset.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// One of its shards.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A directory or its listing could not be read.
    #[error("{location}: {reason}")]
    Io {
        /// The directory or file.
        location: Location,
        /// What the system said.
        reason: io::Error,
    },
    /// Nothing by that name, and no shards made from it.
    #[error("{location}: no such file{}", hint.as_deref().unwrap_or_default())]
    Missing {
        /// The argument.
        location: Location,
        /// What else was looked for.
        hint: Option<String>,
    },
    /// A pattern without a match.
    #[error("{location}: no file matches this pattern")]
    NoMatch {
        /// The argument.
        location: Location,
    },
    /// A pattern that cannot be read as one.
    #[error("{location}: not a valid pattern: {reason}")]
    BadPattern {
        /// The argument.
        location: Location,
        /// Why.
        reason: &'static str,
    },
    /// A directory without shards.
    #[error("{location}: the directory has no .rox files")]
    EmptyDirectory {
        /// The argument.
        location: Location,
    },
    /// The same file twice.
    #[error("{location}: it is given twice{}", also_as(also.as_ref()))]
    Twice {
        /// The second name.
        location: Location,
        /// The first name, if it is another one.
        also: Option<Location>,
    },
    /// Sums that no offset can express.
    #[error("{location}: {damage}")]
    TooLarge {
        /// The shard at which the sum overflowed.
        location: Location,
        /// Which sum.
        damage: Damage,
    },
}

fn also_as(first: Option<&Location>) -> String {
    first.map_or_else(String::new, |first| format!(", also as {first}"))
}

impl DatasetError {
    /// Whether the data is at fault, and not the system or the arguments.
    pub fn is_damage(&self) -> bool {
        match self {
            DatasetError::Shard(error) => error.is_damage(),
            DatasetError::TooLarge { .. } => true,
            _ => false,
        }
    }
}

/// An ordered list of open shards, at least one.
#[derive(Debug)]
pub struct Dataset {
    shards: Vec<Shard>,
    /// For each shard the number of its first record, then the number of all records.
    first_record: Vec<u64>,
    /// For each shard the offset of its first byte in the joined payload, then the whole length.
    first_byte: Vec<u64>,
}

impl Dataset {
    /// Opens the shards that the arguments name (see [`expand`]).
    pub fn open(arguments: &[PathBuf]) -> Result<Dataset, DatasetError> {
        let mut shards = Vec::new();
        for path in expand(arguments)? {
            shards.push(Shard::open(&path)?);
        }
        Dataset::new(shards)
    }

    /// Joins shards in their order.
    pub fn new(shards: Vec<Shard>) -> Result<Dataset, DatasetError> {
        let mut first_record = vec![0];
        let mut first_byte = vec![0];
        let (mut records, mut bytes) = (0, 0);
        for shard in &shards {
            records = add_records(shard, records)?;
            // Offsets in a file are signed.
            bytes = add(
                shard,
                "payload bytes",
                bytes,
                shard.payload_len(),
                i64::MAX as u64,
            )?;
            first_record.push(records);
            first_byte.push(bytes);
        }
        Ok(Dataset {
            shards,
            first_record,
            first_byte,
        })
    }

    /// The same with pages of the shards kept or let go of once the kernel's cache of a mount has what
    /// is in them.
    pub fn with_copies(mut self, copies: Copies) -> Dataset {
        let shards = self.shards.into_iter();
        self.shards = shards.map(|shard| shard.with_copies(copies)).collect();
        self
    }

    /// The shards in order.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// What one pass over all shards may read of each, in their order.
    pub fn allowances(&self) -> Vec<Allowance> {
        self.shards.iter().map(Allowance::of).collect()
    }

    /// Number of records in all shards.
    pub fn records(&self) -> u64 {
        last(&self.first_record)
    }

    /// Bytes of payload in all shards.
    pub fn payload_len(&self) -> u64 {
        last(&self.first_byte)
    }

    /// How many bytes a record has on average.
    pub fn mean_record_len(&self) -> u64 {
        self.payload_len() / self.records().max(1)
    }

    /// Bytes that the kernel's cache of the mount takes for all records, at most: it has whole pages.
    pub fn len_in_pages(&self) -> u64 {
        let rounding = self.records().saturating_mul(PAGE);
        self.payload_len().saturating_add(rounding)
    }

    /// Record number `index`, where there is one.
    pub fn record(&self, index: u64) -> Option<RecordId> {
        (index < self.records()).then_some(RecordId(index))
    }

    /// Number of the first record of shard number `shard`, or of all records for one past the last.
    pub fn first_record(&self, shard: usize) -> Option<u64> {
        self.first_record.get(shard).copied()
    }

    /// The number of the shard that holds a record, and the record's number there.
    pub fn locate(&self, record: RecordId) -> Option<(usize, LocalIndex)> {
        let shard = owner(&self.first_record, record.0);
        let local = self
            .shards
            .get(shard)?
            .local(record.0 - self.first_record[shard])?;
        Some((shard, local))
    }

    /// A record with its shard.
    pub fn get(&self, record: RecordId) -> Option<Record<'_>> {
        let (shard_number, local) = self.locate(record)?;
        Some(Record {
            id: record,
            shard_number,
            shard: &self.shards[shard_number],
            local,
        })
    }

    /// The number in the dataset of a record of shard number `shard`.
    pub fn record_in(&self, shard: usize, local: LocalIndex) -> Option<RecordId> {
        let first = self.first_record.get(shard)?;
        self.record(first + local.get())
    }

    /// Offset in the joined payload of the first byte of shard number `shard`.
    pub fn first_byte(&self, shard: usize) -> Option<u64> {
        self.first_byte.get(shard).copied()
    }

    /// The shard that holds byte `offset` of the joined payload, and the offset there of the
    /// shard's own first byte; `None` past the end.
    pub fn shard_of_byte(&self, offset: u64) -> Option<(&Shard, u64)> {
        let number = owner(&self.first_byte, offset);
        Some((self.shards.get(number)?, *self.first_byte.get(number)?))
    }

    /// Calls `each` with records `range`: the number of the record and of its shard, and its extent
    /// in that shard's payload, until it breaks off. A damaged entry, or all that is left of a shard
    /// that cannot be read any more, is passed on as an error and does not end the walk.
    pub fn for_each_extent(
        &self,
        range: Range<u64>,
        each: &mut dyn FnMut(RecordId, usize, Result<Extent, ShardError>) -> ControlFlow<()>,
    ) {
        let mut next = range.start;
        let mut flow = ControlFlow::Continue(());
        let first_shard = owner(&self.first_record, range.start);
        for (number, shard) in self.shards.iter().enumerate().skip(first_shard) {
            let base = self.first_record[number];
            let end = self.first_record[number + 1].min(range.end);
            if next >= range.end || flow.is_break() {
                return;
            }
            let walked = shard.for_each_extent(next - base..end - base, &mut |local, extent| {
                let extent = extent.map_err(|damage| shard.damaged(damage));
                next = base + local.get() + 1;
                flow = each(RecordId(next - 1), number, extent);
                flow
            });
            if let Err(error) = walked {
                while flow.is_continue() && next < end {
                    flow = each(RecordId(next), number, Err(error.clone()));
                    next += 1;
                }
            }
        }
    }
}

/// Index of the range that holds `position`, in `firsts` as [`Dataset`] keeps them: the last one
/// that begins at or before it, so empty ones in between are passed over.
fn owner(firsts: &[u64], position: u64) -> usize {
    firsts
        .partition_point(|&first| first <= position)
        .saturating_sub(1)
}

fn last(firsts: &[u64]) -> u64 {
    firsts.last().copied().unwrap_or(0)
}

/// The number of records up to and with `shard`, where there are `before` in those before it.
pub fn add_records(shard: &Shard, before: u64) -> Result<u64, DatasetError> {
    add(shard, "records", before, shard.records(), MAX_RECORDS)
}

fn add(shard: &Shard, what: &str, sum: u64, more: u64, most: u64) -> Result<u64, DatasetError> {
    let total = u128::from(sum) + u128::from(more);
    match u64::try_from(total) {
        Ok(total) if total <= most => Ok(total),
        _ => Err(DatasetError::TooLarge {
            location: shard.location().clone(),
            damage: Damage::new(
                format!("sum of {what} up to this shard"),
                total,
                format!("at most {most}"),
            ),
        }),
    }
}

/// Turns shard arguments into paths of shards.
///
/// An argument is a file; or a directory, meaning its `*.rox`; or a pattern with `*`, `?` or `[`,
/// when no such file exists; or `name.rox`, which does not exist while `name_0000.rox` and so on
/// do. Expansions sort by bytes, as the reference implementation does; arguments keep their order.
pub fn expand(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut paths = Vec::new();
    for argument in arguments {
        match std::fs::metadata(argument) {
            Ok(metadata) if metadata.is_dir() => paths.extend(in_directory(argument)?),
            Ok(_) => paths.push(argument.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                paths.extend(by_pattern_or_stem(argument)?);
            }
            Err(reason) => {
                return Err(DatasetError::Io {
                    location: argument.as_path().into(),
                    reason,
                });
            }
        }
    }
    check_each_once(&paths)?;
    Ok(paths)
}

/// Refuses the same file under two paths. What cannot be looked at is left for opening to report.
fn check_each_once(paths: &[PathBuf]) -> Result<(), DatasetError> {
    let mut seen: HashMap<(u64, u64), &Path> = HashMap::new();
    for path in paths {
        let Ok(metadata) = std::fs::metadata(path) else {
            continue;
        };
        if let Some(first) = seen.insert((metadata.dev(), metadata.ino()), path) {
            return Err(DatasetError::Twice {
                location: path.as_path().into(),
                also: (first != path).then(|| first.into()),
            });
        }
    }
    Ok(())
}

fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let found = list(directory, |name| {
        name.ends_with(b".rox") && !name.starts_with(b".")
    })?;
    if found.is_empty() {
        return Err(DatasetError::EmptyDirectory {
            location: directory.into(),
        });
    }
    Ok(found)
}

fn by_pattern_or_stem(argument: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    if pattern::is_pattern(argument) {
        return by_pattern(argument);
    }
    if let Ok(target) = std::fs::read_link(argument) {
        return Err(DatasetError::Missing {
            location: argument.into(),
            hint: Some(format!(": it is a link to {}", shown(&target))),
        });
    }
    let missing = |hint| DatasetError::Missing {
        location: argument.into(),
        hint,
    };
    let name = argument.file_name().unwrap_or_default().as_bytes();
    let Some(stem) = name.strip_suffix(b".rox") else {
        return Err(missing(None));
    };
    let parent = match argument.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let hint = format!(", and no {}_NNNN.rox either", escaped(stem));
    let found = match list(parent, |name| shard_number(name, stem).is_some()) {
        Err(DatasetError::Io { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
            return Err(missing(None));
        }
        found => found?,
    };
    match found.is_empty() {
        true => Err(missing(Some(hint))),
        false => Ok(found
            .iter()
            .map(|path| without_dot(path, argument))
            .collect()),
    }
}

/// Shards that `name.rox` stands for keep the form it was written in, without a `./` before it.
fn without_dot(path: &Path, argument: &Path) -> PathBuf {
    argument.with_file_name(path.file_name().unwrap_or_default())
}

fn by_pattern(argument: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let bad = |reason| DatasetError::BadPattern {
        location: argument.into(),
        reason,
    };
    let found = Pattern::parse(argument).map_err(bad)?.expand();
    let mut found = found.map_err(|(path, reason)| DatasetError::Io {
        location: path.into(),
        reason,
    })?;
    if found.is_empty() {
        return Err(DatasetError::NoMatch {
            location: argument.into(),
        });
    }
    sort_by_bytes(&mut found);
    Ok(found)
}

fn list(directory: &Path, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<PathBuf>, DatasetError> {
    let io = |reason| DatasetError::Io {
        location: directory.into(),
        reason,
    };
    let mut found = Vec::new();
    for entry in crate::sys::files::entries(directory).map_err(io)? {
        let (name, _) = entry.map_err(io)?;
        if wanted(name.as_bytes()) {
            found.push(directory.join(name));
        }
    }
    sort_by_bytes(&mut found);
    Ok(found)
}

fn sort_by_bytes(paths: &mut [PathBuf]) {
    paths.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
}

/// The number in `stem_NNNN.rox` (four digits or more), as the writers name the shards of `stem`.
pub fn shard_number(name: &[u8], stem: &[u8]) -> Option<u64> {
    let digits = name
        .strip_prefix(stem)?
        .strip_prefix(b"_")?
        .strip_suffix(b".rox")?;
    if digits.len() < 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Two neighbours of one name whose numbers go down, as `_10000` before `_9999` when sorted by
/// bytes: probably not the order in which the records were written.
pub fn out_of_numeric_order(shards: &[Shard]) -> Option<(&Path, &Path)> {
    shards.windows(2).find_map(|pair| {
        let (first, second) = (pair[0].path(), pair[1].path());
        let (first_stem, first_number) = split_number(first)?;
        let (second_stem, second_number) = split_number(second)?;
        let down = first_stem == second_stem && first_number > second_number;
        down.then_some((first, second))
    })
}

fn split_number(path: &Path) -> Option<(PathBuf, u64)> {
    let name = path.file_name()?.as_bytes();
    let stem = &name[..name.iter().rposition(|&byte| byte == b'_')?];
    let number = shard_number(name, stem)?;
    Some((path.with_file_name(OsStr::from_bytes(stem)), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_empty_ranges_belong_to_the_next_one() {
        // Shards of 3, 0 and 2 records.
        let firsts = [0, 3, 3, 5];
        let owners: Vec<usize> = (0..5).map(|position| owner(&firsts, position)).collect();
        assert_eq!(owners, [0, 0, 0, 2, 2]);
    }

    #[test]
    fn shard_numbers_have_four_digits_or_more() {
        assert_eq!(shard_number(b"d_0012.rox", b"d"), Some(12));
        assert_eq!(shard_number(b"d_10000.rox", b"d"), Some(10000));
        for other in [
            &b"d_012.rox"[..],
            b"d_00x2.rox",
            b"dd_0001.rox",
            b"d_0001.ro",
        ] {
            assert_eq!(shard_number(other, b"d"), None);
        }
    }
}
