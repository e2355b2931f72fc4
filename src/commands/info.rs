//! `roxfs info`

use super::{Exit, count, describe_left_out, say, size};
use crate::cli::Info;
use crate::dataset::Dataset;
use crate::dataset::sizes::{Class, Distribution};
use crate::dataset::summary::{ShardSummary, Summary};
use crate::shard::{Location, Shard, ShardError};
use crate::text::json;
use serde::Serialize;
use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

/// Width of the histogram's longest bar, in characters.
const LONGEST_BAR: u64 = 40;

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    summary: Summary,
    sizes: Option<Distribution>,
    damaged_records: u64,
}

/// Describes the dataset, and reads the whole index for the distribution of sizes. Says what cannot be
/// read, and describes the rest.
pub fn run(options: &Info) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.dataset)?;
    let mut faults = TableFaults::default();
    faults.find(&dataset);
    let mut summary = Summary::new(&dataset);
    if let Err(error) = summary.count_names_left_out(&dataset) {
        faults.unreadable |= !error.is_damage();
        faults.damaged_names |= error.is_damage();
        say(format_args!("names cannot be counted: {error}"));
    }
    let sizes = faults.sizes(&dataset);
    let report = Report {
        summary,
        sizes,
        damaged_records: faults.damaged_records,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    if options.json {
        let json = json(&report, true).map_err(io::Error::from)?;
        writeln!(out, "{json}")?;
    } else {
        print(&mut out, &report, dataset.shards())?;
    }
    out.flush()?;
    Ok(faults.exit())
}

/// What is wrong with a dataset's tables.
#[derive(Default)]
struct TableFaults {
    /// Records without a valid place in the payload.
    damaged_records: u64,
    damaged_names: bool,
    /// Whether some of the tables could not be read.
    unreadable: bool,
}

impl TableFaults {
    /// Walks over the index: says how many records have no valid place in the payload, where the
    /// first one is, and what could not be read.
    fn find(&mut self, dataset: &Dataset) {
        let (mut first_damage, mut first_failure) = (None, None);
        dataset.for_each_extent(0..dataset.records(), &mut |_, _, extent| {
            match extent {
                Ok(_) => {}
                Err(error) if error.is_damage() => {
                    self.damaged_records += 1;
                    first_damage.get_or_insert(error);
                }
                // It stands for all that is left of the shard.
                Err(error) => _ = first_failure.get_or_insert(error),
            }
            ControlFlow::Continue(())
        });
        if let Some(failure) = first_failure {
            self.cannot_read(&failure);
        }
        if let Some(damage) = first_damage {
            say(damage);
            let records = count(self.damaged_records, "damaged record");
            say(format_args!("{records}, see roxfs verify"));
        }
    }

    /// The distribution of sizes, unless it would be that of a part alone.
    fn sizes(&mut self, dataset: &Dataset) -> Option<Distribution> {
        if self.unreadable {
            return None;
        }
        // The index is read several times.
        let failure = RefCell::new(None);
        let sizes = Distribution::new(|each| {
            dataset.for_each_extent(0..dataset.records(), &mut |_, _, extent| {
                match extent {
                    Ok(extent) => each(extent.len()),
                    Err(error) if error.is_damage() => {}
                    Err(error) => _ = failure.borrow_mut().get_or_insert(error),
                }
                ControlFlow::Continue(())
            });
        });
        match failure.into_inner() {
            None => sizes,
            Some(failure) => {
                self.cannot_read(&failure);
                None
            }
        }
    }

    fn cannot_read(&mut self, failure: &ShardError) {
        self.unreadable = true;
        say(format_args!("{failure}; sizes are not shown"));
    }

    fn exit(&self) -> Exit {
        if self.damaged_records > 0 || self.damaged_names {
            Exit::Damaged
        } else if self.unreadable {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

fn print(out: &mut impl Write, report: &Report, shards: &[Shard]) -> io::Result<()> {
    let summary = &report.summary;
    writeln!(
        out,
        "{} in {}; {} of payload, {} in all",
        count(summary.records, "record"),
        count(summary.shards.len() as u64, "shard"),
        size(summary.payload_bytes),
        size(summary.file_bytes),
    )?;
    if let Some(sizes) = &report.sizes {
        writeln!(
            out,
            "sizes: min {}, median {}, p99 {}, max {}; mean {}",
            size(sizes.min),
            size(sizes.median),
            size(sizes.p99),
            size(sizes.max),
            size(sizes.total / sizes.count),
        )?;
        writeln!(out)?;
        print_histogram(out, &sizes.histogram)?;
    }
    if let Some(left_out) = summary
        .names_left_out
        .filter(|left_out| left_out.total() > 0)
    {
        writeln!(out)?;
        writeln!(out, "{}", describe_left_out(&left_out))?;
    }
    writeln!(out)?;
    let form = |shard: &Shard| shard.version().to_string();
    let width = shards.iter().map(|shard| form(shard).len()).max();
    let width = width.unwrap_or(0);
    writeln!(
        out,
        "{:>12} {:>12} {:>12}  {:<width$}  sections, path",
        "first", "records", "payload", "format"
    )?;
    for (summary, shard) in summary.shards.iter().zip(shards) {
        print_shard(out, summary, &form(shard), width, shard.location())?;
    }
    Ok(())
}

fn print_histogram(out: &mut impl Write, classes: &[Class]) -> io::Result<()> {
    let most = classes.iter().map(|class| class.count).max().unwrap_or(1);
    for class in classes {
        let share =
            (u128::from(class.count) * u128::from(LONGEST_BAR)).div_ceil(u128::from(most.max(1)));
        let range = if class.from == class.to {
            size(class.from)
        } else {
            format!("{} to {}", size(class.from), size(class.to))
        };
        let bar = "#".repeat(share as usize);
        writeln!(
            out,
            "{range:>26} {:>12}  {bar}",
            indicatif::HumanCount(class.count).to_string()
        )?;
    }
    Ok(())
}

/// Prints a shard's line, its form padded to `width`.
fn print_shard(
    out: &mut impl Write,
    shard: &ShardSummary,
    form: &str,
    width: usize,
    location: &Location,
) -> io::Result<()> {
    let mut sections = shard.sections.join(", ");
    if shard.unknown_sections > 0 {
        sections += &format!(" and {} unknown", shard.unknown_sections);
    }
    if sections.is_empty() {
        sections = "none".to_owned();
    }
    writeln!(
        out,
        "{:>12} {:>12} {:>12}  {form:<width$}  {sections}  {}",
        shard.first_record,
        shard.records,
        size(shard.payload_bytes),
        location
    )
}
