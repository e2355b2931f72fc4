//! Finishing full shards in a thread of its own, one after the other, while the next is filled.

use super::PackError;
use super::writer::ShardWriter;
use std::path::PathBuf;
use std::thread::JoinHandle;

/// Finishes shards in the order in which they come; none is named before the one before it.
#[derive(Debug, Default)]
pub struct Finisher {
    running: Option<JoinHandle<Result<PathBuf, PackError>>>,
    finished: Vec<PathBuf>,
}

impl Finisher {
    /// With nothing to do.
    pub fn start() -> Finisher {
        Finisher::default()
    }

    /// Begins to finish `shard`, once the one before it is finished.
    pub fn finish(&mut self, shard: ShardWriter) -> Result<(), PackError> {
        self.wait()?;
        self.running = Some(std::thread::spawn(move || shard.finish()));
        Ok(())
    }

    /// Waits until all are finished.
    pub fn wait(&mut self) -> Result<(), PackError> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        match running.join() {
            Ok(path) => self.finished.push(path?),
            // A panic there is one here.
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(())
    }

    /// The shards that are finished, in order.
    pub fn finished(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.finished)
    }
}
