//! Which names are left out of the tree of names, and why.

use super::merge::Merge;
use crate::dataset::{Dataset, RecordId};
use crate::format::name::{Name, NameError};
use crate::shard::ShardError;
use serde::Serialize;

/// How many names are left out of the tree of names. Their records are there by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Names that break the rules.
    pub invalid: u64,
    /// Names that an earlier record has.
    pub duplicate: u64,
    /// Names of files that other names need as directories.
    pub file_and_directory: u64,
    /// Names that their shard's order gives in the wrong place.
    pub out_of_order: u64,
}

/// Why a name is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It breaks a rule.
    #[error("{0}")]
    Invalid(NameError),
    /// An earlier record has it.
    #[error("record {0} has the same name")]
    Duplicate(u64),
    /// Another name needs it as a directory.
    #[error("another record's name needs it as a directory")]
    FileAndDirectory,
}

impl LeftOut {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.invalid + self.duplicate + self.file_and_directory + self.out_of_order
    }
}

/// A valid name that the following ones may need as a directory.
struct Alive {
    record: RecordId,
    len: usize,
    is_directory: bool,
}

/// Reads all names in their order; `each` is called with every one that is left out, but for those
/// out of order, which are only counted.
pub fn clashes(
    dataset: &Dataset,
    each: &mut dyn FnMut(RecordId, &[u8], Reason),
) -> Result<LeftOut, ShardError> {
    let mut left_out = LeftOut::default();
    let mut merge = Merge::new(dataset)?;
    // Each is the beginning of the next one, and of the current name. Between a file `a` and what
    // is in a directory `a/` there are only names that begin with `a`.
    let mut alive: Vec<Alive> = Vec::new();
    let mut before: Vec<u8> = Vec::new();
    while let Some((record, key)) = merge.next_name()? {
        let common = key.iter().zip(&before).take_while(|(a, b)| a == b).count();
        while alive.pop_if(|file| file.len > common).is_some() {}
        // After shorter ones this name continues as the one before it did.
        if key.get(common) == Some(&b'/')
            && let Some(file) = alive.last_mut()
            && file.len == common
            && !std::mem::replace(&mut file.is_directory, true)
        {
            left_out.file_and_directory += 1;
            each(file.record, &key[..common], Reason::FileAndDirectory);
        }
        match (Name::new(key), alive.last()) {
            (Err(error), _) => {
                left_out.invalid += 1;
                each(record, key, Reason::Invalid(error));
            }
            (Ok(_), Some(same)) if same.len == key.len() => {
                left_out.duplicate += 1;
                each(record, key, Reason::Duplicate(same.record.get()));
            }
            (Ok(_), _) => alive.push(Alive {
                record,
                len: key.len(),
                is_directory: false,
            }),
        }
        before.clear();
        before.extend_from_slice(key);
    }
    left_out.out_of_order = merge.out_of_order();
    Ok(left_out)
}
