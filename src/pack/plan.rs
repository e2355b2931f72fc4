//! What becomes of each record before its content is read: kept, left out, refused, or written.

use super::PackError;
use super::directories::Directories;
use super::resume::FinishedRecords;
use super::source::{Content, Incoming, Locate, Origin, Skipped, SourceError};
use super::unique::{EarlierName, UniqueNames};
use crate::format::name::Name;

/// Decides about records one after the other.
pub struct Plan {
    /// What whole shards of an interrupted run hold.
    pub finished: FinishedRecords,
    /// Names that are taken; `None` if names are not written.
    pub names: Option<UniqueNames>,
    /// Whether records whose name is taken are left out.
    pub keep_first: bool,
    /// How many have been.
    pub duplicates: u64,
    /// Finds out which directories are empty; `None` if names are not written.
    pub directories: Option<Directories>,
    /// The sizes of this run's records, by number from its first, for a source that has links to
    /// earlier records.
    pub sizes: Option<Vec<u64>>,
    /// The number in the dataset of the run's first record.
    pub first: u64,
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
    Write(Planned),
    /// It is there already; its size in bytes.
    Finished(u64),
    /// It is empty and left out.
    Dropped,
    /// It is left out: its name is taken, it is what it leads to, or no record.
    Passed,
}

/// A record to write.
#[derive(Debug)]
pub struct Planned {
    pub record: Incoming,
    /// The number that the record has if none before it fails.
    pub number: u64,
    /// The number of that kind of the record whose content it has.
    pub same_as: Option<u64>,
}

impl Plan {
    /// Decides about the source's next record.
    pub fn step(&mut self, record: Result<Incoming, SourceError>) -> Result<Step, PackError> {
        let mut record = record?;
        if self.passes(&record)? {
            return Ok(Step::Passed);
        }
        if let Content::Failed(error) = record.content {
            self.fail(record.name.as_ref(), &record.origin);
            return Err((*error).into());
        }
        let mut same_as = None;
        if let Content::SameAs(target) = &record.content {
            let found = self.target(target, &record);
            if found.is_err() {
                self.fail(record.name.as_ref(), &record.origin);
            }
            let (number, size) = found?;
            if record.name.as_ref() == Some(target) {
                return Ok(Step::Passed);
            }
            (same_as, record.size) = (number, size);
            if size == 0 {
                record.content = Content::Bytes(Vec::new());
            }
        }
        if self.drop_empty && record.size == 0 {
            if let (Some(names), Some(name)) = (&mut self.names, &record.name) {
                names.drop_empty(name);
            }
            return Ok(Step::Dropped);
        }
        self.number(record, same_as)
    }

    /// Gives a record its name and number, and decides whether it is written.
    fn number(&mut self, record: Incoming, same_as: Option<u64>) -> Result<Step, PackError> {
        let number = self.next;
        if let (Some(names), Some(name)) = (&mut self.names, &record.name) {
            names.take(name, number, &record.origin, &self.locate)?;
        }
        if let (Some(directories), Some(name)) = (&mut self.directories, &record.name) {
            directories.record(name);
        }
        // After the name: one that the interrupted run has refused or lost is so again, for the
        // records that come later.
        let is_there = self.finished.skip(&record, self.keep_going);
        if let (Err(_), Some(names), Some(name)) = (&is_there, &mut self.names, &record.name) {
            names.fail(name);
        }
        let is_there = is_there?;
        self.next += 1;
        if let Some(sizes) = &mut self.sizes {
            sizes.push(record.size);
        }
        if is_there {
            Ok(Step::Finished(record.size))
        } else {
            Ok(Step::Write(Planned {
                record,
                number,
                same_as,
            }))
        }
    }

    /// Remembers that a record has failed: no other one gets its name, nor links to it the content that
    /// the name had before.
    fn fail(&mut self, name: Option<&Name>, origin: &Origin) {
        if let (Some(names), Some(name)) = (&mut self.names, name) {
            let taken = names.take(name, self.next, origin, &self.locate);
            if taken.is_ok() {
                names.fail(name);
            }
        }
    }

    /// Whether it is a directory, which is noted, or has a name that is taken and is left out.
    fn passes(&mut self, record: &Incoming) -> Result<bool, PackError> {
        let Some(name) = &record.name else {
            return Ok(false);
        };
        let is_itself = match &record.content {
            Content::Directory => {
                if let Some(directories) = &mut self.directories {
                    directories.met(name);
                }
                return Ok(true);
            }
            Content::SameAs(target) => target == name,
            _ => false,
        };
        let names = self.names.as_mut().filter(|_| self.keep_first);
        let is_left_out = match names {
            Some(names) => names.leave_out(name, self.next, is_itself)?,
            None => false,
        };
        self.duplicates += u64::from(is_left_out);
        if let (true, Some(directories)) = (is_left_out, &mut self.directories) {
            // There is a record of that name.
            directories.record(name);
        }
        Ok(is_left_out)
    }

    /// The record of this run whose content a link has: its number, unless it is empty, and its size.
    fn target(&self, target: &Name, link: &Incoming) -> Result<(Option<u64>, u64), SourceError> {
        let earlier = self.names.as_ref().and_then(|names| names.earlier(target));
        let found = match earlier {
            Some(EarlierName::Refused) if self.keep_first => {
                return Err(SourceError::LinkToDuplicate {
                    origin: link.origin.clone(),
                    target: target.clone(),
                });
            }
            Some(EarlierName::Refused | EarlierName::Failed) => {
                return Err(SourceError::LostLink(link.origin.clone()));
            }
            Some(EarlierName::DroppedEmpty) => Some((None, 0)),
            Some(EarlierName::Number(number)) => {
                let place = number.checked_sub(self.first);
                let place = place.and_then(|place| usize::try_from(place).ok());
                let sizes = self.sizes.as_deref().unwrap_or_default();
                let size = place.and_then(|place| sizes.get(place).copied());
                size.map(|size| (Some(number).filter(|_| size > 0), size))
            }
            None => None,
        };
        found.ok_or_else(|| SourceError::UnknownLink {
            origin: link.origin.clone(),
            target: target.clone(),
        })
    }

    /// At the end of the source: what was passed over here, beside what the source itself says.
    pub fn finish(&mut self) -> Result<Skipped, PackError> {
        self.finished.check_done()?;
        Ok(Skipped {
            duplicates: self.duplicates,
            empty_directories: self.directories.as_mut().map_or(0, Directories::empty),
            ..Skipped::default()
        })
    }
}
