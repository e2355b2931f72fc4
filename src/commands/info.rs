//! `roxfs info`

use super::{Exit, count, size};
use crate::cli::Info;
use crate::dataset::Dataset;
use crate::sizes::{Class, Distribution};
use crate::summary::{ShardSummary, Summary};
use serde::Serialize;
use std::io::{self, BufWriter, Write};

/// Width of the longest bar of the histogram.
const BAR: u64 = 40;

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    summary: Summary,
    sizes: Option<Distribution>,
    damaged_records: u64,
}

/// Describes the dataset, and reads the whole index for the distribution of sizes.
pub fn run(options: &Info) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.shards)?;
    let damaged_records = report_damage(&dataset);
    let report = Report {
        summary: Summary::new(&dataset).with_names_left_out(&dataset),
        sizes: Distribution::new(|each| {
            dataset.for_each_extent(0..dataset.records(), &mut |_, _, extent| {
                if let Ok(extent) = extent {
                    each(extent.len());
                }
                true
            });
        }),
        damaged_records,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match options.json {
        true => {
            serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        false => print(&mut out, &report)?,
    }
    out.flush()?;
    Ok(match damaged_records {
        0 => Exit::Done,
        _ => Exit::Damaged,
    })
}

/// Says how many records have no valid place in the payload, and where the first one is.
fn report_damage(dataset: &Dataset) -> u64 {
    let mut damaged = 0;
    let mut first = None;
    dataset.for_each_extent(0..dataset.records(), &mut |_, _, extent| {
        if let Err(error) = extent {
            damaged += 1;
            first.get_or_insert(error);
        }
        true
    });
    if let Some(first) = first {
        super::say(format_args!("{first}"));
        super::say(format_args!(
            "{}, see roxfs verify",
            count(damaged, "damaged record")
        ));
    }
    damaged
}

fn print(out: &mut impl Write, report: &Report) -> io::Result<()> {
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
        writeln!(out, "{}", super::describe_left_out(&left_out))?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "{:>12} {:>12} {:>12}  {:<9} sections, path",
        "first", "records", "payload", "format"
    )?;
    for shard in &summary.shards {
        print_shard(out, shard)?;
    }
    Ok(())
}

fn print_histogram(out: &mut impl Write, classes: &[Class]) -> io::Result<()> {
    let most = classes.iter().map(|class| class.count).max().unwrap_or(1);
    for class in classes {
        let share = (u128::from(class.count) * u128::from(BAR)).div_ceil(u128::from(most.max(1)));
        let range = match class.from == class.to {
            true => size(class.from),
            false => format!("{} to {}", size(class.from), size(class.to)),
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

fn print_shard(out: &mut impl Write, shard: &ShardSummary) -> io::Result<()> {
    let mut sections = shard.sections.join(", ");
    if shard.unknown_sections > 0 {
        sections += &format!(" and {} unknown", shard.unknown_sections);
    }
    if sections.is_empty() {
        sections = "none".to_owned();
    }
    let format = match &shard.dtype {
        Some(dtype) => format!("{} {dtype}", shard.format),
        None => shard.format.to_owned(),
    };
    writeln!(
        out,
        "{:>12} {:>12} {:>12}  {format:<9} {sections}  {}",
        shard.first_record,
        shard.records,
        size(shard.payload_bytes),
        shard.path
    )
}
