//! Several sources, one after the other.

use super::{Locate, Skipped, Source, Take, give, locate_in_input};
use crate::pack::PackError;
use std::collections::VecDeque;

/// A source, or how to open it when its turn comes.
pub enum Link {
    /// A source that has nothing open and keeps little in memory, before it is run.
    Open(Box<dyn Source>),
    /// One that takes a descriptor and buffers.
    Unopened(Unopened),
}

/// A source that is opened when its turn comes, and what has to be known of it before.
pub struct Unopened {
    /// Opens it.
    pub open: Opener,
    /// See [`Source::has_links`].
    pub has_links: bool,
    /// See [`Source::is_stream`].
    pub is_stream: bool,
}

/// What opens a source.
pub type Opener = Box<dyn FnOnce() -> Result<Box<dyn Source>, PackError> + Send>;

/// Runs each of its sources in turn. Each is opened when the one before it has been closed, so that a
/// thousand of them take no more than one does. Where the rest of one is lost, the next one is run.
pub struct Chain {
    waiting: VecDeque<Link>,
    /// By those that have been run.
    skipped: Skipped,
}

impl Chain {
    /// Of these.
    pub fn new(links: Vec<Link>) -> Chain {
        Chain {
            waiting: links.into(),
            skipped: Skipped::default(),
        }
    }

    /// From which this many sources were left out, as files of the dataset that is written.
    pub fn without(mut self, own: usize) -> Chain {
        self.skipped.own += own as u64;
        self
    }
}

impl Link {
    fn open(self) -> Result<Box<dyn Source>, PackError> {
        match self {
            Link::Open(source) => Ok(source),
            Link::Unopened(unopened) => (unopened.open)(),
        }
    }
}

impl Source for Chain {
    fn run(&mut self, take: &mut Take<'_>) {
        while let Some(link) = self.waiting.pop_front() {
            let mut source = match link.open() {
                Ok(source) => source,
                Err(error) => match give(Err(error), take) {
                    true => continue,
                    false => return,
                },
            };
            let mut go_on = true;
            source.run(&mut |record| {
                go_on = give(record, take);
                go_on
            });
            self.skipped += source.skipped();
            if !go_on {
                return;
            }
        }
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }

    fn is_sorted(&self) -> bool {
        match self.waiting.front() {
            Some(Link::Open(only)) if self.waiting.len() == 1 => only.is_sorted(),
            _ => false,
        }
    }

    fn has_links(&self) -> bool {
        self.waiting.iter().any(|link| match link {
            Link::Open(source) => source.has_links(),
            Link::Unopened(unopened) => unopened.has_links,
        })
    }

    fn is_stream(&self) -> bool {
        self.waiting.iter().any(|link| match link {
            Link::Open(source) => source.is_stream(),
            Link::Unopened(unopened) => unopened.is_stream,
        })
    }

    fn locate(&self) -> Locate {
        let locate = self.waiting.iter().map(|link| match link {
            Link::Open(source) => source.locate(),
            Link::Unopened(_) => locate_in_input(),
        });
        let locate: Vec<Locate> = locate.collect();
        Box::new(move |name, again, input| {
            let mut found = locate.iter().map(|locate| locate(name, again, input));
            found.find_map(|found| found)
        })
    }
}
