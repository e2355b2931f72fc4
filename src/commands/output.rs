//! How results and messages are put into words and bars.

use super::log;
use crate::dataset::names::LeftOut;
use crate::text::Visible;
use indicatif::{BinaryBytes, HumanCount, ProgressBar, ProgressStyle};
use std::fmt::Display;

/// Faults and failures of one kind that are shown one by one; the others are counted, because a damaged
/// shard may have as many as it has records.
pub const SHOWN_FAULTS: u64 = 20;

/// Says one line to the person. If nobody reads it, the work continues.
pub fn say(message: impl Display) {
    log::write_line(format!("roxfs: {}\n", Visible(message)).as_bytes());
}

/// A size for a person: 1.5 MiB.
pub fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

/// A count with its noun: 1 shard, 2 shards.
pub fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", HumanCount(count))
}

/// A bar over bytes, on a terminal; nothing elsewhere. While no total is known, it only counts.
pub fn byte_progress(total: Option<u64>) -> ProgressBar {
    match total {
        Some(total) => ProgressBar::new(total).with_style(bar_style()),
        None => ProgressBar::no_length().with_style(style(
            "{msg} {binary_bytes} {binary_bytes_per_sec} {elapsed}",
        )),
    }
}

/// The look of a bar whose end is known.
pub fn bar_style() -> ProgressStyle {
    let template =
        "{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
    style(template).progress_chars("=> ")
}

/// Templates are constants that have been tried.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar())
}

/// Which names the tree of names leaves out: 3 names left out of files/: 2 duplicate, 1 invalid.
pub fn describe_left_out(left_out: &LeftOut) -> String {
    let kinds = [
        (left_out.invalid, "invalid"),
        (left_out.duplicate, "duplicate"),
        (left_out.file_and_directory, "a file's and a directory's"),
        (left_out.out_of_order, "out of order"),
    ];
    let kinds = kinds.iter().filter(|(number, _)| *number > 0);
    let kinds: Vec<String> = kinds
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    format!(
        "{} left out of files/: {}",
        count(left_out.total(), "name"),
        kinds.join(", ")
    )
}
