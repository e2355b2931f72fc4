//! The last record of each name, as extracting an archive leaves it.
//!
//! Which one is the last is found out by reading the sources once before: their names are counted,
//! which takes 16 bytes for each, and twice that for hard links. What is kept then is the count of
//! the names that come more than once.
//!
//! A hard link has the content that its target's name has at that place of the archive, which may be
//! content that its own name loses later. Such content is packed under the name of the first link
//! that keeps it, at the content's place: there is no way to come back to it. The names of these links
//! are found out by reading the sources once more.

use super::{Content, Facts, Incoming, Locate, Sink, Skipped, Source, SourceError};
use crate::format::name::Name;
use crate::pack::unique::NumbersByHash;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;

/// Opens the sources from their beginning.
pub type Again = Box<dyn Fn() -> Result<Box<dyn Source>, SourceError> + Send>;

/// A source without the records whose name comes again.
pub struct Last {
    source: Box<dyn Source>,
    again: Again,
    hasher: RandomState,
    left_out: u64,
}

/// One time that a name comes: its hash, and how often it has come then, from 1.
type Time = (u64, u64);

/// What is known beforehand.
#[derive(Debug, Default)]
struct Survey {
    /// How often names come that come more than once, by their hash.
    times: HashMap<u64, u64>,
    /// Records whose name comes again but whose content a link keeps: the name of that link.
    moved: HashMap<Time, Name>,
    /// The links that these records stand for.
    replaced: HashSet<Time>,
    /// Links to what has not come before them, whose name comes again.
    unknown: HashSet<Time>,
}

impl Survey {
    /// How often a name comes.
    fn times(&self, hash: u64) -> u64 {
        self.times.get(&hash).copied().unwrap_or(1)
    }
}

/// Where the content of a name is, if not in the record of that name.
#[derive(Debug, Clone)]
enum Elsewhere {
    /// In the record of this name.
    In(Name),
    Nowhere,
}

impl Last {
    /// Of `source`, which can be opened `again`.
    pub fn new(source: Box<dyn Source>, again: Again) -> Last {
        Last {
            source,
            again,
            hasher: RandomState::new(),
            left_out: 0,
        }
    }

    fn hash(&self, name: &Name) -> u64 {
        self.hasher.hash_one(name)
    }

    fn survey(&self) -> Result<Survey, SourceError> {
        let mut times = NumbersByHash::default();
        // For names that are links: the content's time, and the number of the record.
        let mut links: HashMap<u64, (Time, u64)> = HashMap::new();
        let mut unknown = HashSet::new();
        let mut number = 0;
        self.read(|name, content| {
            if leads_to(content, name) {
                return ControlFlow::Continue(());
            }
            number += 1;
            let hash = self.hash(name);
            let linked = match content {
                Content::SameAs(target) => {
                    let target = self.hash(target);
                    let own = || Some((target, times.get(target)?));
                    let linked = links.get(&target).map(|(time, _)| *time).or_else(own);
                    Some(linked)
                }
                _ => None,
            };
            let time = times.get(hash).unwrap_or(0) + 1;
            times.insert(hash, time);
            match linked {
                Some(Some(content)) => _ = links.insert(hash, (content, number)),
                Some(None) => _ = unknown.insert((hash, time)),
                None => _ = links.remove(&hash),
            }
            ControlFlow::Continue(())
        })?;
        let total = |hash| times.get(hash).unwrap_or(0);
        let moved = moved_contents(&links, total);
        unknown.retain(|&(hash, time)| time < total(hash));
        drop(links);
        let mut survey = Survey {
            times: times.more_than(1),
            unknown,
            ..Survey::default()
        };
        self.name_links(&moved, &mut survey)?;
        Ok(survey)
    }

    /// Finds the names of the links that content is moved to.
    fn name_links(
        &self,
        moved: &HashMap<Time, (Time, u64)>,
        survey: &mut Survey,
    ) -> Result<(), SourceError> {
        if moved.is_empty() {
            return Ok(());
        }
        let contents: HashMap<Time, Time> = moved
            .iter()
            .map(|(&content, &(link, _))| (link, content))
            .collect();
        let mut seen = TimesSeen::default();
        self.read(|name, content| {
            if leads_to(content, name) {
                return ControlFlow::Continue(());
            }
            let hash = self.hash(name);
            let link = (hash, seen.count(hash, survey));
            if let Some(&content) = contents.get(&link) {
                survey.moved.insert(content, name.clone());
                survey.replaced.insert(link);
            }
            if survey.moved.len() < contents.len() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
    }

    /// Reads names and the kinds of content from the beginning, until `each` breaks off or an error ends
    /// the reading: that error is met again, and reported, when the records themselves are read.
    fn read(
        &self,
        mut each: impl FnMut(&Name, &Content) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut source = (self.again)()?;
        let _ = source.run(&mut |record| match record {
            Ok(
                Incoming {
                    content: Content::Directory,
                    ..
                }
                | Incoming { name: None, .. },
            ) => ControlFlow::Continue(()),
            Ok(Incoming {
                name: Some(name),
                content,
                ..
            }) => each(&name, &content),
            Err(error) if error.ends_run() => ControlFlow::Break(()),
            Err(_) => ControlFlow::Continue(()),
        });
        Ok(())
    }
}

/// The contents whose name comes again, and of the last `links` to each the first, with its number.
fn moved_contents(
    links: &HashMap<u64, (Time, u64)>,
    total: impl Fn(u64) -> u64,
) -> HashMap<Time, (Time, u64)> {
    let mut moved: HashMap<Time, (Time, u64)> = HashMap::new();
    for (&hash, &(content, number)) in links {
        if content.1 < total(content.0) {
            let link = ((hash, total(hash)), number);
            let first = moved.entry(content).or_insert(link);
            if number < first.1 {
                *first = link;
            }
        }
    }
    moved
}

/// Whether a content is that of the record of this name.
fn leads_to(content: &Content, name: &Name) -> bool {
    matches!(content, Content::SameAs(target) if target == name)
}

/// How often names have come that come more than once.
#[derive(Debug, Default)]
struct TimesSeen(HashMap<u64, u64>);

impl TimesSeen {
    /// Whether a name has come that comes more than once.
    fn has(&self, hash: u64) -> bool {
        self.0.contains_key(&hash)
    }

    /// Counts a name, and says how often it has come.
    fn count(&mut self, hash: u64, survey: &Survey) -> u64 {
        if !survey.times.contains_key(&hash) {
            return 1;
        }
        let times = self.0.entry(hash).or_default();
        *times += 1;
        *times
    }
}

/// Decides about the records one after the other.
struct Choice<'a> {
    survey: &'a Survey,
    hasher: &'a RandomState,
    seen: TimesSeen,
    /// The content that names have now, by their hash.
    elsewhere: HashMap<u64, Elsewhere>,
    left_out: &'a mut u64,
}

impl Choice<'_> {
    /// The record, if it is to be packed.
    fn record(&mut self, mut record: Incoming) -> Option<Incoming> {
        if matches!(record.content, Content::Directory) {
            return Some(record);
        }
        let Some(name) = &record.name else {
            return Some(record);
        };
        let hash = self.hasher.hash_one(name);
        if leads_to(&record.content, name) {
            // To itself: nothing new, unless nothing was there.
            return (!self.seen.has(hash)).then_some(record);
        }
        let time = self.seen.count(hash, self.survey);
        let is_last = time >= self.survey.times(hash);
        let Content::SameAs(target) = &record.content else {
            return self.file(record, (hash, time), is_last);
        };
        let target_hash = self.hasher.hash_one(target);
        let found = self.elsewhere.get(&target_hash).cloned();
        if self.survey.replaced.contains(&(hash, time)) {
            self.elsewhere.remove(&hash);
            return None;
        }
        if is_last {
            self.elsewhere.remove(&hash);
            match found {
                None => {}
                Some(Elsewhere::In(name)) => record.content = Content::SameAs(name),
                Some(Elsewhere::Nowhere) => {
                    let origin = record.origin.clone();
                    record.content = Content::Failed(Box::new(SourceError::LostLink(origin)));
                }
            }
            return Some(record);
        }
        *self.left_out += 1;
        let found = if self.survey.unknown.contains(&(hash, time)) {
            Elsewhere::Nowhere
        } else {
            found.unwrap_or_else(|| Elsewhere::In(target.clone()))
        };
        self.elsewhere.insert(hash, found);
        None
    }

    /// A record that is no link.
    fn file(&mut self, mut record: Incoming, time: Time, is_last: bool) -> Option<Incoming> {
        let (hash, _) = time;
        if is_last {
            self.elsewhere.remove(&hash);
            return Some(record);
        }
        *self.left_out += 1;
        let Some(link) = self.survey.moved.get(&time) else {
            self.elsewhere.insert(hash, Elsewhere::Nowhere);
            return None;
        };
        // Until the link comes, its name does not stand for this content.
        let link_hash = self.hasher.hash_one(link);
        self.elsewhere
            .entry(link_hash)
            .or_insert(Elsewhere::Nowhere);
        self.elsewhere.insert(hash, Elsewhere::In(link.clone()));
        record.name = Some(link.clone());
        Some(record)
    }

    /// How many names have come less often than they were counted.
    fn missing(&self) -> u64 {
        let times = self.survey.times.iter();
        let missing = times.filter(|(hash, times)| self.seen.0.get(hash) < Some(times));
        missing.count() as u64
    }
}

impl Source for Last {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let survey = match self.survey() {
            Ok(survey) => survey,
            Err(error) => return sink(Err(error)),
        };
        let mut choice = Choice {
            survey: &survey,
            hasher: &self.hasher,
            seen: TimesSeen::default(),
            elsewhere: HashMap::new(),
            left_out: &mut self.left_out,
        };
        self.source.run(&mut |record| {
            let record = record.map(|record| choice.record(record)).transpose();
            record.map_or(ControlFlow::Continue(()), &mut *sink)
        })?;
        match choice.missing() {
            0 => ControlFlow::Continue(()),
            names => sink(Err(SourceError::NamesChanged { names })),
        }
    }

    fn facts(&self) -> Facts {
        self.source.facts()
    }

    fn skipped(&self) -> Skipped {
        self.source.skipped().plus(Skipped {
            duplicates: self.left_out,
            ..Skipped::default()
        })
    }

    fn locate(&self) -> Locate {
        self.source.locate()
    }
}
