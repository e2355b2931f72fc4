//! What a lock file says of the run that has left it.

use super::PackError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// More bytes than there ever are in it.
const MOST_BYTES: u64 = 256;
/// What stands before the number of its first record.
const FIRST_RECORD: &str = "first record ";
/// A line behind that, of a run that has left out records without names.
pub const LEFT_OUT: &str = "left out";
/// A line behind that, of a run that has left out damaged records.
pub const DAMAGED: &str = "damaged";

/// What an earlier run has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierRun {
    /// It came to its end, or there was none.
    Nothing,
    /// A lock without a number: the run was killed before it had begun.
    Locked,
    /// The number of its first record.
    First(u64),
    /// The same, of a run that has left out records without names: which ones cannot be known.
    LeftOut(u64),
}

/// What is written at the beginning of a run with this first record.
pub fn text(first: u64) -> String {
    format!("{FIRST_RECORD}{first}\n")
}

/// What a lock file says, and whether that run has left out damaged records.
pub fn read(file: &File, path: &Path) -> Result<(EarlierRun, bool), PackError> {
    let mut bytes = Vec::new();
    let read = file.take(MOST_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| PackError::io(path, error))?;
    // A machine that stopped in the middle of writing may leave a part, or NULs.
    let is_part = FIRST_RECORD.as_bytes().starts_with(&bytes) || bytes.iter().all(|&b| b == 0);
    if is_part {
        return Ok((EarlierRun::Locked, false));
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    let mut lines = text.lines();
    let first = lines
        .next()
        .and_then(|line| line.strip_prefix(FIRST_RECORD));
    match first.and_then(|number| number.parse().ok()) {
        Some(first) => {
            let notes: Vec<&str> = lines.collect();
            let earlier = if notes.contains(&LEFT_OUT) {
                EarlierRun::LeftOut(first)
            } else {
                EarlierRun::First(first)
            };
            Ok((earlier, notes.contains(&DAMAGED)))
        }
        None => Err(PackError::Planted {
            path: path.to_owned(),
            found: "a file with something else in it".to_owned(),
            expected: format!("a lock file, which is empty or begins with \"{FIRST_RECORD}\""),
        }),
    }
}
