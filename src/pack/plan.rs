//! What becomes of each record before its content is read: kept, left out, refused, or written.

use super::PackError;
use super::resume::Written;
use super::source::{Content, Locate, Record};
use super::unique::{REFUSED, UniqueNames};

/// Decides about records one after the other.
pub struct Plan {
    /// What whole shards of an interrupted run hold.
    pub written: Written,
    /// Names that are taken; `None` if names are not written.
    pub names: Option<UniqueNames>,
    /// Whether empty records are left out.
    pub drop_empty: bool,
    /// Whether records that fail are left out.
    pub keep_going: bool,
    /// The number in the dataset of the next record.
    pub next: u64,
    /// Finds where a name was met first, for messages.
    pub locate: Locate,
}

/// What becomes of a record.
#[derive(Debug)]
pub enum Step {
    /// It is written.
    Write(Planned),
    /// It is there already; its size in bytes.
    Kept(u64),
    /// It is empty and left out.
    Dropped,
}

/// A record to write.
#[derive(Debug)]
pub struct Planned {
    /// The record.
    pub record: Record,
    /// The number that the record has if none before it fails.
    pub number: u64,
    /// The number of that kind of the record whose content it has.
    pub same_as: Option<u64>,
}

impl Plan {
    /// Decides about the source's next record.
    pub fn step(&mut self, record: Result<Record, PackError>) -> Result<Step, PackError> {
        let mut record = record?;
        if self.drop_empty && record.size == 0 {
            return Ok(Step::Dropped);
        }
        let same_as = match &record.content {
            Content::SameAs(target) if record.size > 0 => {
                let number = self.names.as_ref().and_then(|names| names.number(target));
                if number == Some(REFUSED) {
                    return Err(PackError::LostLink {
                        origin: record.origin.clone(),
                    });
                }
                Some(number.ok_or_else(|| PackError::UnknownLink {
                    origin: record.origin.clone(),
                    target: target.clone(),
                })?)
            }
            Content::SameAs(_) => {
                record.content = Content::Bytes(Vec::new());
                None
            }
            _ => None,
        };
        let is_there = self.written.skip(&record, self.keep_going)?;
        let number = self.next;
        if let (Some(names), Some(name)) = (&mut self.names, &record.name) {
            names.take(name, number, &record.origin, &self.locate)?;
        }
        self.next += 1;
        match is_there {
            true => Ok(Step::Kept(record.size)),
            false => Ok(Step::Write(Planned {
                record,
                number,
                same_as,
            })),
        }
    }

    /// At the end of the source.
    pub fn finish(&mut self) -> Result<(), PackError> {
        self.written.check_done()
    }
}
