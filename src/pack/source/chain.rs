//! Several sources, one after the other.

use super::{Facts, Locate, Sink, Skipped, Source, SourceError, locate_in_input};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// A source, or how to open it when its turn comes.
pub enum Link {
    /// A source that has nothing open and keeps little in memory, before it is run.
    Open(Box<dyn Source>),
    /// One that takes a descriptor and buffers.
    Unopened(Unopened),
}

/// A source that is opened when its turn comes, and what has to be known of it before.
pub struct Unopened {
    pub open: Opener,
    /// See [`Source::facts`].
    pub facts: Facts,
}

/// What opens a source.
pub type Opener = Box<dyn FnOnce() -> Result<Box<dyn Source>, SourceError> + Send>;

/// Runs each of its sources in turn. Each is opened when the one before it has been closed, so that a
/// thousand of them take no more than one does. Where the rest of one is lost, the next one is run.
pub struct Chain {
    waiting: VecDeque<Link>,
    /// By those that have been run.
    skipped: Skipped,
}

impl Chain {
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
    fn open(self) -> Result<Box<dyn Source>, SourceError> {
        match self {
            Link::Open(source) => Ok(source),
            Link::Unopened(unopened) => (unopened.open)(),
        }
    }

    fn facts(&self) -> Facts {
        match self {
            Link::Open(source) => source.facts(),
            Link::Unopened(unopened) => unopened.facts,
        }
    }
}

impl Source for Chain {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        while let Some(link) = self.waiting.pop_front() {
            match link.open() {
                Ok(mut source) => {
                    let flow = source.run(sink);
                    self.skipped += source.skipped();
                    flow?;
                }
                Err(error) => sink(Err(error))?,
            }
        }
        ControlFlow::Continue(())
    }

    fn facts(&self) -> Facts {
        let has = |fact: fn(Facts) -> bool| self.waiting.iter().any(|link| fact(link.facts()));
        Facts {
            is_sorted: self.waiting.len() == 1 && has(|facts| facts.is_sorted),
            has_links: has(|facts| facts.has_links),
            is_stream: has(|facts| facts.is_stream),
        }
    }

    fn skipped(&self) -> Skipped {
        self.skipped
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
