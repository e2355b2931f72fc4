//! The warning of a mount that names are left out of `files/`.

use super::describe_left_out;
use crate::dataset::Dataset;
use crate::dataset::names;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Says once that names are left out, and how many, which a thread of its own counts beside what is
/// served. It waits for that: before, the process is to have one thread, and signals end it.
pub struct LeftOutWarning {
    dataset: Arc<Dataset>,
    is_wanted: AtomicBool,
    is_serving: AtomicBool,
    is_begun: AtomicBool,
}

impl LeftOutWarning {
    pub fn new(dataset: Arc<Dataset>) -> Arc<LeftOutWarning> {
        Arc::new(LeftOutWarning {
            dataset,
            is_wanted: AtomicBool::new(false),
            is_serving: AtomicBool::new(false),
            is_begun: AtomicBool::new(false),
        })
    }

    /// Names are left out.
    pub fn want(&self) {
        self.is_wanted.store(true, Ordering::SeqCst);
        self.begin_if_due();
    }

    /// The mount is served.
    pub fn set_serving(&self) {
        self.is_serving.store(true, Ordering::SeqCst);
        self.begin_if_due();
    }

    fn begin_if_due(&self) {
        let is_due =
            self.is_wanted.load(Ordering::SeqCst) && self.is_serving.load(Ordering::SeqCst);
        if !is_due || self.is_begun.swap(true, Ordering::SeqCst) {
            return;
        }
        let dataset = Arc::clone(&self.dataset);
        if let Err(error) = thread::Builder::new().spawn(move || warn(&dataset)) {
            log::warn!("some names are left out of files/; they cannot be counted: {error}");
        }
    }
}

fn warn(dataset: &Dataset) {
    match names::clashes(dataset, &mut |_, _, _| {}) {
        Ok(left_out) => log::warn!(
            "{}; the records are in records/, and roxfs verify lists them",
            describe_left_out(&left_out)
        ),
        Err(error) => log::warn!("names cannot be counted: {error}"),
    }
}
