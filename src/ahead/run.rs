//! A way through what the mount shows, how far it is prepared, and what is to be done for it.

use crate::order::Order;
use crate::tree::Node;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a run leads through.
#[derive(Debug, Clone)]
pub enum Way {
    /// Records, by their positions in an order.
    Records(Arc<dyn Order>),
    /// A long file, where positions are bytes of it.
    LongFile(LongFile),
}

/// `raw/data`, or a long record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongFile {
    pub node: Node,
    /// Where it lies in `raw/data`.
    pub place: Range<u64>,
}

impl LongFile {
    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.place.end - self.place.start
    }
}

/// One way, and how far it is prepared. Readers move `reached` and `passed`, the worker alone moves the rest.
#[derive(Debug)]
pub struct Run {
    pub way: Way,
    /// Whether it prepares all there is, for which memory has to have room.
    pub is_of_all: bool,
    /// One past the position that was read last.
    pub reached: Mark,
    /// One past the positions that no reader will come to any more.
    pub passed: Mark,
    /// One past what has been requested from disk.
    pub requested: Mark,
    /// One past what has been stored.
    pub stored: Mark,
    /// How many records have been brought into memory for it.
    pub brought: Mark,
    /// How long that took, in nanoseconds.
    pub spent: Mark,
    /// Whether a task of it waits, or is worked on.
    pub is_busy: AtomicBool,
    /// How many times the usual is requested ahead of it: more where the disk takes long.
    pub stretch: Mark,
    /// So much had to be read from disk that storing from memory alone is in vain.
    pub is_cold: AtomicBool,
    has_ended: AtomicBool,
}

/// A position that one thread moves and others look at.
#[derive(Debug, Default)]
pub struct Mark(AtomicU64);

impl Mark {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set(&self, position: u64) {
        self.0.store(position, Ordering::Relaxed);
    }
}

impl Run {
    /// Of one reader.
    pub fn of_reader(way: Way) -> Arc<Run> {
        Arc::new(Run::new(way, false))
    }

    /// Of all records, for readers at random.
    pub fn of_all(order: Arc<dyn Order>) -> Arc<Run> {
        Arc::new(Run::new(Way::Records(order), true))
    }

    fn new(way: Way, is_of_all: bool) -> Run {
        Run {
            way,
            is_of_all,
            reached: Mark::default(),
            passed: Mark::default(),
            requested: Mark::default(),
            stored: Mark::default(),
            brought: Mark::default(),
            spent: Mark::default(),
            stretch: Mark(AtomicU64::new(1)),
            is_busy: AtomicBool::new(false),
            is_cold: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    /// Nothing more is done for it.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

/// What is to be done for a run now: to bring it to a position.
#[derive(Debug)]
pub struct Task {
    pub run: Arc<Run>,
    /// The first position to prepare, and one past the last.
    pub from: u64,
    pub until: u64,
    /// One past the last that may be requested from disk: others have prepared what comes then.
    pub most_requested: u64,
    /// Of those that are not prepared yet, only this many.
    pub most: u64,
    /// How much more is to be requested from disk, so that it has work while the others are stored.
    pub lead: u64,
    pub marker: Marker,
    pub effort: Effort,
}

/// Which positions are not stored, so that a reader that has come there is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// This one.
    At(u64),
    /// One of this many.
    Every(u64),
}

impl Marker {
    /// Whether it is at this position.
    pub fn is_at(self, position: u64) -> bool {
        match self {
            Marker::At(marker) => position == marker,
            Marker::Every(many) => position % many == many - 1,
        }
    }
}

/// How much a run is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// To ask the disk.
    Request,
    /// To store what is in memory.
    StoreFromMemory,
    /// Both, whatever the disk has to read.
    RequestAndStore,
}

impl Effort {
    pub fn requests(self) -> bool {
        self != Effort::StoreFromMemory
    }

    pub fn stores(self) -> bool {
        self != Effort::Request
    }
}
