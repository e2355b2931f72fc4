//! `roxfs extract`

use super::{Exit, SHOWN_FAULTS, byte_progress, count, say, size};
use crate::cli::Extract;
use crate::extract::{Destination, ExtractOutcome, Extraction};
use crate::order::{Order, Union};
use anyhow::bail;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Extracts, shows what failed, and sums up.
pub fn run(options: &Extract) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.dataset)?;
    let view = options.view.clone().unwrap_or_default();
    let view = view.of(dataset.records());
    let selected = Union::new(&options.index, view.len())?;
    // How many bytes a selection has would take reading the index.
    let is_all = options.index.is_empty() && options.view.is_none();
    let total = is_all.then(|| dataset.payload_len());
    let bar = byte_progress(total).with_message("extracting");
    let (failures, hidden) = (AtomicU64::new(0), AtomicU64::new(0));
    let extraction = Extraction {
        dataset: &dataset,
        order: &view,
        selected,
        report: &|failure| match failures.fetch_add(1, Ordering::Relaxed) {
            SHOWN_FAULTS.. if !failure.ends_run() => _ = hidden.fetch_add(1, Ordering::Relaxed),
            _ => bar.suspend(|| say(failure)),
        },
        progress: &|bytes| bar.inc(bytes),
    };
    let start = Instant::now();
    let extracted = match &options.output {
        Some(directory) => {
            let destination = Destination::open(directory, options.force)?;
            Ok(extraction.into_directory(&destination))
        }
        None => extraction.into_archive(standard_output()?),
    };
    let time = start.elapsed();
    bar.finish_and_clear();
    let outcome = extracted?;
    let hidden = hidden.into_inner();
    if hidden > 0 {
        say(format_args!("{} not shown", count(hidden, "more failure")));
    }
    if !options.quiet {
        say(describe(&outcome, time));
    }
    Ok(match outcome {
        ExtractOutcome { damaged: 1.., .. } => Exit::Damaged,
        ExtractOutcome { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    })
}

/// Standard output as a file: the one of the library looks for ends of lines.
fn standard_output() -> anyhow::Result<File> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        bail!("standard output is a terminal: an archive is for a file or another program");
    }
    Ok(stdout.as_fd().try_clone_to_owned()?.into())
}

fn describe(outcome: &ExtractOutcome, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let rate = outcome.bytes as f64 / seconds.max(1e-9);
    let mut text = format!(
        "extracted {} ({}) in {seconds:.1} s, {}/s",
        count(outcome.records, "record"),
        size(outcome.bytes),
        size(rate as u64),
    );
    if outcome.failed > 0 {
        text += &format!("; {} failed", outcome.failed);
    }
    if outcome.stopped {
        text += "; stopped";
    }
    text
}
