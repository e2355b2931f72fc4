//! Runs killed at random moments: new datasets, appended ones, and the runs that resume them.

use super::{check_complete, check_whole, write_files};
use crate::support::*;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often each of the four kinds of runs is killed.
const KILLS: u32 = 50;
/// How often a run is killed before one is left to complete.
const KILLS_IN_A_ROW: u32 = 4;

/// A pseudo-random moment of the time that a whole run takes.
fn moment(attempt: u64, whole: Duration) -> Duration {
    let share = bytes(attempt, 2);
    whole.mul_f64(f64::from(u16::from_le_bytes([share[0], share[1]])) / f64::from(u16::MAX))
}

/// A run that is killed, what was there before it, and what it leaves when nobody does.
struct Case {
    _directory: TempDir,
    source: PathBuf,
    options: &'static [&'static str],
    before: Vec<Vec<u8>>,
    after: Vec<Vec<u8>>,
    duration: Duration,
}

impl Case {
    /// Of the files numbered from `first` on, appended to a dataset of those before.
    fn new(first: u64, as_archive: bool, options: &'static [&'static str]) -> Case {
        let directory = temp_dir();
        let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
        write_files(&new, first, 300);
        let source = if as_archive {
            // A hard link in the last shard to the content of one in the first.
            let script = r#"cd "$1/new"; ln "$2" zz-link; tar --sort=name -cf ../new.tar ."#;
            let number = first + 1;
            let linked = format!("{:02}/{number:04}", number % 20);
            sh(script, &[directory.path(), Path::new(&linked)]);
            directory.path().join("new.tar")
        } else {
            new
        };
        let mut case = Case {
            _directory: directory,
            source,
            options,
            before: Vec::new(),
            after: Vec::new(),
            duration: Duration::ZERO,
        };
        let target = Target::new();
        if first > 0 {
            write_files(&old, 0, first);
            run(target.pack(options).arg(old));
            case.before = target.bytes();
        }
        let start = Instant::now();
        run(target.pack(options).arg(&case.source));
        case.duration = start.elapsed();
        case.after = target.bytes();
        assert!(case.after.len() >= case.before.len() + 20);
        case
    }

    /// A target as it is before the run.
    fn target(&self) -> Target {
        let target = Target::new();
        for (number, shard) in self.before.iter().enumerate() {
            let path = target.path().join(format!("d_{number:04}.rox"));
            std::fs::write(path, shard).expect("written");
        }
        target
    }

    /// Starts a run, kills it at a moment, and checks what is there; `false` if it was faster.
    fn kill(&self, target: &Target, options: &[&str], after: Duration) -> bool {
        let mut command = target.pack(options);
        command.args(self.options).arg(&self.source);
        let mut child = command.stderr(Stdio::null()).spawn().expect("started");
        // The one place where a time is waited for: a kill has to come at some moment.
        std::thread::sleep(after);
        child.kill().expect("killed");
        let killed = child.wait().expect("ended").code().is_none();
        check_whole(target, &self.before, &self.after);
        check_others(target.path());
        killed
    }

    /// Whether a run has come to its end, with everything written and nothing to resume.
    fn is_complete(&self, target: &Target) -> bool {
        target.bytes() == self.after && how(target).is_empty()
    }

    /// Kills runs until there were enough.
    fn kill_many(&self, seed: u64) {
        let (mut kills, mut attempt) = (0, seed);
        while kills < KILLS {
            let target = self.target();
            for _ in 0..KILLS_IN_A_ROW {
                attempt += 1;
                // The more there is already, the shorter the run.
                let left = self.after.len() - target.shards().len().min(self.after.len() - 1);
                let left = self.duration.mul_f64(left as f64 / self.after.len() as f64);
                let killed = self.kill(&target, how(&target), moment(attempt, left));
                kills += u32::from(killed);
                // Killed after its end, it has completed: one more would append all of it again.
                if !killed || self.is_complete(&target) {
                    break;
                }
            }
            if !self.is_complete(&target) {
                let mut command = target.pack(how(&target));
                run(command.args(self.options).arg(&self.source));
            }
            check_complete(&target, &self.after);
        }
    }
}

/// How a run is begun: anew if no earlier one has got as far as to say that it had begun, or if one
/// has completed, and is done.
fn how(target: &Target) -> &'static [&'static str] {
    if target.path().join(".d.lock").exists() {
        &["--resume"]
    } else {
        &[]
    }
}

/// Beside shards there are at most the lock and two temporary files: of the shard that is being
/// finished, and of the next one.
fn check_others(directory: &Path) {
    let is_shard = |name: &String| name.starts_with("d_");
    let others = entries(directory)
        .into_iter()
        .filter(|name| !is_shard(name));
    let (temporary, others): (Vec<_>, Vec<_>) =
        others.partition(|name| name.starts_with(".d_") && name.ends_with(".tmp"));
    assert!(temporary.len() <= 2, "{temporary:?}");
    assert!(others.is_empty() || others == [".d.lock"], "{others:?}");
}

#[test]
fn a_directory_that_is_packed_anew_survives_kills() {
    Case::new(0, false, &["--shard-size=16KiB"]).kill_many(0);
}

#[test]
fn an_archive_that_is_packed_anew_survives_kills() {
    Case::new(0, true, &["--shard-size=16KiB"]).kill_many(10_000);
}

#[test]
fn a_directory_that_is_appended_survives_kills() {
    Case::new(107, false, &["--shard-size=16KiB"]).kill_many(20_000);
}

#[test]
fn an_archive_that_is_appended_survives_kills() {
    Case::new(107, true, &["--shard-size=16KiB", "--no-checksums"]).kill_many(30_000);
}
