//! `roxfs verify`

use super::{Exit, SHOWN_FAULTS, byte_progress, count, describe_left_out, say, size};
use crate::cli::Verify;
use crate::dataset::names::{self, Reason};
use crate::dataset::{Dataset, expand};
use crate::shard::verify::{VerifyOutcome, verify};
use crate::shard::{Location, Shard, ShardError};
use crate::sys::files::is_out_of_descriptors;
use crate::text::escaped;
use std::io::{self, Write};
use std::path::PathBuf;

/// Checks everything, shows what is wrong, and sums up.
pub fn run(options: &Verify) -> anyhow::Result<Exit> {
    super::raise_open_files();
    let paths = expand(&options.dataset.shards)?;
    let sizes = paths
        .iter()
        .filter_map(|path| Some(path.metadata().ok()?.len()));
    let total = sizes.fold(0, u64::saturating_add);
    let bar = byte_progress(Some(total)).with_message("verifying");
    let mut printer = FaultPrinter::default();
    let outcome = verify(
        &paths,
        &mut |fault| bar.suspend(|| printer.show(&fault)),
        &mut |bytes| bar.inc(bytes),
    );
    bar.finish_and_clear();
    printer.finish();
    let all_read = report_left_out(&paths, outcome.unreadable > 0);
    // What was found counts, even if nobody reads it.
    let exit = match (outcome.damaged, outcome.unreadable) {
        (0, 0) if all_read => Exit::Done,
        (0, _) => Exit::Failed,
        _ => Exit::Damaged,
    };
    match writeln!(io::stdout(), "{}", describe(&outcome)) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit),
    }
}

/// Says which names the tree of names leaves out, over all shards together. The data is not at
/// fault: the records are there by number. Whether all that could be read before was read again.
fn report_left_out(paths: &[PathBuf], some_unreadable: bool) -> bool {
    // Shards that are damaged have been reported, and so has what else keeps one from opening, unless
    // it has come up since.
    let mut all_read = true;
    let mut shards = Vec::new();
    for path in paths {
        match Shard::open(path) {
            Ok(shard) => shards.push(shard),
            Err(error) if error.is_damage() || some_unreadable => {}
            Err(error) => {
                say(format_args!("names cannot be compared: {error}"));
                all_read = false;
                // None of those after it could be opened either.
                if matches!(&error, ShardError::Io { reason, .. } if is_out_of_descriptors(reason))
                {
                    return false;
                }
            }
        }
    }
    let Ok(dataset) = Dataset::new(shards) else {
        return all_read;
    };
    let mut told = 0;
    let left_out = names::clashes(&dataset, &mut |record, name, reason| {
        // Names that break the rules have been reported as damage.
        if !matches!(reason, Reason::Invalid(_)) && told < SHOWN_FAULTS {
            told += 1;
            say(format_args!(
                "record {}: its name \"{}\" is left out of files/: {reason}",
                record.get(),
                escaped(name)
            ));
        }
    });
    match left_out {
        Ok(left_out) if left_out.total() > 0 => say(describe_left_out(&left_out)),
        Ok(_) => {}
        Err(error) => {
            all_read &= error.is_damage();
            say(format_args!("names cannot be compared: {error}"));
        }
    }
    all_read
}

fn describe(outcome: &VerifyOutcome) -> String {
    let verdict = match (outcome.damaged, outcome.unreadable) {
        (0, 0) => "ok".to_owned(),
        (0, unreadable) => count(unreadable, "unreadable shard"),
        (damaged, _) => count(damaged, "fault"),
    };
    let checksums = match outcome.checksums {
        0 => "no checksums".to_owned(),
        checked if checked == outcome.records => "all checksums compared".to_owned(),
        checked => format!("{} compared", count(checked, "checksum")),
    };
    let unknown = match outcome.unknown_sections {
        0 => String::new(),
        unknown => format!("; {}", count(unknown, "section of unknown kind")),
    };
    format!(
        "{verdict}: {}, {}, {}; {checksums}{unknown}",
        count(outcome.shards, "shard"),
        count(outcome.records, "record"),
        size(outcome.bytes),
    )
}

/// Shows the first faults of each shard, and counts the others.
#[derive(Default)]
struct FaultPrinter {
    shard: Option<Location>,
    faults: u64,
}

impl FaultPrinter {
    fn show(&mut self, fault: &ShardError) {
        if self.shard.as_ref() != Some(fault.location()) {
            self.finish();
            self.shard = Some(fault.location().clone());
        }
        self.faults += 1;
        if self.faults <= SHOWN_FAULTS {
            say(fault);
        }
    }

    fn finish(&mut self) {
        if let Some(shard) = &self.shard
            && let Some(more) = self
                .faults
                .checked_sub(SHOWN_FAULTS)
                .filter(|more| *more > 0)
        {
            let faults = count(more, "more fault");
            say(format_args!("{shard}: {faults} not shown"));
        }
        self.faults = 0;
    }
}
