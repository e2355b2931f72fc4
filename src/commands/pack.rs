//! `roxfs pack`

use super::output::bar_style;
use super::{Exit, byte_progress, count, say, size};
use crate::cli::PackPlan;
use crate::dataset::expand;
use crate::pack::source::{self, Files, Input, Skipped, SourceKind};
use crate::pack::{Form, PackError, PackOutcome, Progress, pack};
use indicatif::{HumanCount, ProgressBar};
use nix::sys::signal::{SigSet, Signal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder};
use std::time::Instant;

/// Packs, and says what was packed.
pub fn run(plan: PackPlan) -> anyhow::Result<Exit> {
    let PackPlan {
        mut input,
        mut options,
        quiet,
    } = plan;
    warn_of_unknown_type(&options.form);
    super::raise_open_files();
    // Before any thread starts, so that all of them leave the signals to the one that waits.
    let interrupt = interrupt_by_signals()?;
    let start = Instant::now();
    let reads_shards = input.kind == SourceKind::Rox;
    if reads_shards {
        input.sources = expand(&input.sources)?;
    }
    let source = source::open(&input, &options.target)?;
    if reads_shards {
        let shards = source::shards_to_read(&input, &options.target)?;
        options.form = options.form.of_shards(&shards)?;
    }
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        byte_progress(None).with_message("packing")
    };
    if !bar.is_hidden() {
        measure_in_background(&input, bar.clone());
    }
    let mut progress = PackProgress(bar);
    let packed = pack(source, &options, &mut progress, &interrupt);
    progress.0.finish_and_clear();
    let outcome = packed?;
    if !quiet || outcome.interrupted {
        say(describe(&outcome, start.elapsed().as_secs_f64()));
    }
    Ok(exit(&outcome))
}

fn exit(outcome: &PackOutcome) -> Exit {
    if outcome.interrupted {
        Exit::Failed
    } else if outcome.is_damaged {
        Exit::Damaged
    } else if outcome.failed > 0 {
        Exit::Failed
    } else {
        Exit::Done
    }
}

fn warn_of_unknown_type(form: &Form) {
    if let Form::Typed(dtype) = form
        && !dtype.is_known()
    {
        say(format_args!(
            "--dtype {dtype}: NumPy has no such type, as far as is known; roxxel reads the records, \
             but streams no arrays of it"
        ));
    }
}

/// Becomes true at the first SIGINT or SIGTERM; the second ends the process as usual.
fn interrupt_by_signals() -> nix::Result<Arc<AtomicBool>> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    let interrupt = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupt);
    let wait = move || {
        if signals.wait().is_ok() {
            flag.store(true, Ordering::Relaxed);
            let _ = signals.thread_unblock();
        }
        loop {
            thread::park();
        }
    };
    if let Err(error) = Builder::new().name("signals".to_owned()).spawn(wait) {
        // The run is as safe as one that is killed.
        log::info!(
            "a thread for signals cannot be started, so that they end the run at once: {error}"
        );
        signals.thread_unblock()?;
    }
    Ok(interrupt)
}

struct PackProgress(ProgressBar);

impl Progress for PackProgress {
    fn done(&mut self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn failed(&mut self, error: &PackError) {
        self.0.suspend(|| say(format_args!("left out: {error}")));
    }
}

/// Finds the bar's length while packing has begun, where that takes no reading of the content.
fn measure_in_background(input: &Input, bar: ProgressBar) {
    let is_walked = matches!(input.kind, SourceKind::Paths | SourceKind::Files);
    if !is_walked || input.sources.iter().any(|source| source.is_file()) {
        return;
    }
    let files = Files::new(input.sources.clone(), input.links);
    let files = files.without(input.naming.exclude.clone());
    // Without a thread to spare there is no length.
    let _ = Builder::new().name("measure".to_owned()).spawn(move || {
        let sizes = files.filter_map(Result::ok).map(|record| record.size);
        let total = sizes.fold(0, u64::saturating_add);
        bar.set_style(bar_style());
        bar.set_length(total);
    });
}

fn describe(outcome: &PackOutcome, seconds: f64) -> String {
    let rate = outcome.bytes as f64 / seconds.max(0.001);
    let interrupted = if outcome.interrupted {
        "interrupted: "
    } else {
        ""
    };
    let mut parts = vec![format!(
        "{interrupted}packed {} ({}) into {} in {seconds:.1} s ({}/s)",
        count(outcome.records, "record"),
        size(outcome.bytes),
        count(outcome.shards.len() as u64, "shard"),
        size(rate as u64),
    )];
    let more = [
        (outcome.resumed, "kept from the interrupted run"),
        (outcome.empty, "empty, left out"),
        (outcome.failed, "failed and left out"),
        (outcome.skipped.special, "skipped: not a file"),
        (outcome.skipped.links, "skipped: symbolic link"),
        (outcome.skipped.directories, "skipped: directory"),
        (
            outcome.skipped.own,
            "skipped: of the dataset that is written",
        ),
    ];
    for (number, what) in more.iter().filter(|(number, _)| *number > 0) {
        parts.push(format!("{number} {what}"));
    }
    parts.extend(describe_names(&outcome.skipped));
    if outcome.interrupted {
        parts.push("whole shards stay; continue with --resume".to_owned());
    }
    parts.join("; ")
}

/// What was left out because of its name, and directories that leave no name.
fn describe_names(skipped: &Skipped) -> Vec<String> {
    let plural = |number: u64, one: &str, more: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{} {more}", HumanCount(number)),
    };
    let parts = [
        (skipped.excluded, "excluded", "excluded"),
        (
            skipped.excluded_directories,
            "directory excluded with all below it",
            "directories excluded with all below them",
        ),
        (skipped.short, "left out by --strip", "left out by --strip"),
        (
            skipped.duplicates,
            "duplicate left out",
            "duplicates left out",
        ),
        (
            skipped.empty_directories,
            "empty directory: it has no place in a dataset",
            "empty directories: they have no place in a dataset",
        ),
    ];
    let parts = parts.iter().filter(|(number, ..)| *number > 0);
    parts
        .map(|(number, one, more)| plural(*number, one, more))
        .collect()
}
