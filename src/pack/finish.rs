//! Finishing full shards in a thread of its own, one after the other, while the next is filled.

use super::PackError;
use super::directory::Directory;
use super::writer::ShardWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

/// Finishes shards in the order in which they come; none is named before the one before it.
#[derive(Debug)]
pub struct Finisher {
    directory: Arc<Directory>,
    running: Option<JoinHandle<Option<Finished>>>,
    finished: Vec<PathBuf>,
}

/// A shard that has its name, and whether the name is on disk.
type Finished = Result<(PathBuf, Result<(), PackError>), PackError>;

impl Finisher {
    /// With nothing to do, for shards in `directory`.
    pub fn start(directory: &Arc<Directory>) -> Finisher {
        Finisher {
            directory: Arc::clone(directory),
            running: None,
            finished: Vec::new(),
        }
    }

    /// Begins to finish `shard`, once the one before it is finished.
    pub fn finish(&mut self, shard: ShardWriter) -> Result<(), PackError> {
        self.wait()?;
        let directory = Arc::clone(&self.directory);
        // Through a channel, so that it is still here if the thread cannot be started.
        let (sender, receiver) = sync_channel::<ShardWriter>(1);
        let builder = thread::Builder::new().name("finish".to_owned());
        let spawned = builder.spawn(move || {
            let shard = receiver.recv().ok()?;
            Some(finish(shard, &directory))
        });
        match spawned {
            Ok(thread) => {
                self.running = Some(thread);
                // It waits for nothing else.
                let _ = sender.send(shard);
                Ok(())
            }
            Err(_) => {
                let finished = finish(shard, &self.directory);
                self.note(finished)
            }
        }
    }

    /// Waits until all are finished.
    pub fn wait(&mut self) -> Result<(), PackError> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        match running.join() {
            Ok(finished) => finished.map_or(Ok(()), |finished| self.note(finished)),
            // A panic there is one here.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// A shard that has its name is there, whatever became of the directory.
    fn note(&mut self, finished: Finished) -> Result<(), PackError> {
        let (path, synced) = finished?;
        self.finished.push(path);
        synced
    }

    /// The shards that are finished, in order.
    pub fn finished(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.finished)
    }
}

fn finish(shard: ShardWriter, directory: &Directory) -> Finished {
    let path = shard.finish()?;
    Ok((path, directory.sync()))
}
