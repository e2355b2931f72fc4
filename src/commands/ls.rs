//! `roxfs ls`

use super::{Exit, Faults};
use crate::allowance::Allowance;
use crate::cli::Ls;
use crate::dataset::RecordId;
use crate::format::index::Extent;
use crate::shard::Shard;
use crate::text::shown;
use std::io::{self, BufWriter, Write};

/// One line for each record. One that cannot be read is reported, and the listing continues.
pub fn run(options: &Ls) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.shards)?;
    if let Some(format) = options.format {
        return super::ls_files::run(dataset, format);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let allowances = Allowance::of_all(&dataset);
    let mut faults = Faults::default();
    let mut result = Ok(());
    dataset.for_each_extent(0..dataset.records(), &mut |record, number, extent| {
        let (shard, allowance) = (&dataset.shards()[number], &allowances[number]);
        let line = extent.and_then(|extent| {
            let Some((_, local)) = dataset.locate(record) else {
                return Ok(String::new());
            };
            let name = allowance.name(shard, local)?;
            let name = name.map_or_else(String::new, |name| name.to_string());
            Ok(match options.long {
                true => long_line(record, shard, extent, shard.crc32c(local)?, &name),
                false => format!("{}\t{}\t{name}", record.get(), extent.len()),
            })
        });
        match line {
            Ok(line) => result = writeln!(out, "{line}"),
            Err(error) => faults.show(&error, error.is_damage()),
        }
        result.is_ok()
    });
    result?;
    out.flush()?;
    faults.finish();
    Ok(faults.exit())
}

fn long_line(
    record: RecordId,
    shard: &Shard,
    extent: Extent,
    crc: Option<u32>,
    name: &str,
) -> String {
    let crc = crc.map_or_else(|| "-".to_owned(), |crc| format!("{crc:08x}"));
    let path = shown(shard.path());
    format!(
        "{}\t{}\t{}\t{crc}\t{path}\t{name}",
        record.get(),
        extent.len(),
        extent.start()
    )
}
