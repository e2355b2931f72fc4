//! `roxfs pack`

use super::{Exit, byte_progress, count, size};
use crate::cli::Pack;
use crate::pack::source::Files;
use crate::pack::{PackOptions, PackOutcome, Target, pack};
use indicatif::ProgressBar;
use std::path::PathBuf;

/// Packs, and says what was packed.
pub fn run(options: &Pack) -> anyhow::Result<Exit> {
    let bar = byte_progress(None).with_message("packing");
    if !bar.is_hidden() {
        measure_in_background(options.sources.clone(), bar.clone());
    }
    let pack_options = PackOptions {
        target: Target::new(&options.output, options.single_file),
        shard_size: (!options.single_file).then_some(options.shard_size),
        with_sections: !options.plain,
        drop_empty: options.drop_empty,
        resume: options.resume,
    };
    let packed = pack(&options.sources, &pack_options, &mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let outcome = packed?;
    super::say(format_args!("{}", describe(&outcome)));
    Ok(Exit::Done)
}

/// Finds the bar's length while packing has begun. If it fails, packing will say why.
fn measure_in_background(sources: Vec<PathBuf>, bar: ProgressBar) {
    std::thread::spawn(move || {
        let total = Files::new(sources)
            .map_while(Result::ok)
            .map(|record| record.size)
            .sum();
        bar.set_length(total);
    });
}

fn describe(outcome: &PackOutcome) -> String {
    let mut parts = vec![format!(
        "packed {} ({}) into {}",
        count(outcome.records, "record"),
        size(outcome.bytes),
        count(outcome.shards.len() as u64, "shard"),
    )];
    let more = [
        (outcome.resumed, "kept from the interrupted run"),
        (outcome.dropped_empty, "empty, dropped"),
        (outcome.skipped.special, "skipped: FIFO, socket or device"),
        (outcome.skipped.dangling, "skipped: link to nothing"),
    ];
    for (number, what) in more.iter().filter(|(number, _)| *number > 0) {
        parts.push(format!("{number} {what}"));
    }
    parts.join("; ")
}
