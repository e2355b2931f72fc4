//! Whether threads that answer reads have to wait for the disk.
//!
//! Then requests pile up that nobody has read, with pages locked, and storing ahead has to look out
//! for them (see [`kernel_cache`](crate::kernel_cache)). As long as an answer takes microseconds, a
//! request that comes is read at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Answers that take longer in the mean wait for the disk. One alone may have waited for a processor.
const SLOW: Duration = Duration::from_millis(1);
/// How many answers the mean follows.
const RECENT: u64 = 16;

/// How long answers take: a moving mean in nanoseconds.
#[derive(Debug, Default)]
pub struct Answering(AtomicU64);

impl Answering {
    /// Takes note of an answer that took so long.
    pub fn observe(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mean = self.0.load(Ordering::Relaxed);
        // What another thread has noted meanwhile may be lost: it is a mean.
        let mean = mean - mean / RECENT + took / RECENT;
        self.0.store(mean, Ordering::Relaxed);
    }

    /// How long they have taken lately, in the mean.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Whether answers have taken long lately.
    pub fn are_slow(&self) -> bool {
        self.mean() > SLOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_slow_when_many_have_taken_long_and_not_after_one() {
        let answering = Answering::default();
        let long = Duration::from_millis(5);
        answering.observe(long);
        assert!(!answering.are_slow());
        (0..20).for_each(|_| answering.observe(long));
        assert!(answering.are_slow());
        (0..100).for_each(|_| answering.observe(Duration::ZERO));
        assert!(!answering.are_slow());
    }
}
