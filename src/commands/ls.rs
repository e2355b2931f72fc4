//! `roxfs ls`

use super::Exit;
use crate::cli::Ls;
use crate::dataset::RecordId;
use crate::format::index::Extent;
use crate::shard::Shard;
use crate::text::shown;
use std::io::{self, BufWriter, Write};

/// One line for each record. One that cannot be read is reported, and the listing goes on.
pub fn run(options: &Ls) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.shards)?;
    if let Some(format) = options.format {
        return super::ls_files::run(dataset, format);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Done;
    let mut result = Ok(());
    dataset.for_each_extent(0..dataset.records(), &mut |record, shard, extent| {
        let shard = &dataset.shards()[shard];
        let line = extent.map_err(anyhow::Error::from).and_then(|extent| {
            let local = dataset.locate(record).map(|(_, local)| local);
            let name = local.map(|local| shard.name(local)).transpose()?.flatten();
            let crc = local
                .map(|local| shard.crc32c(local))
                .transpose()?
                .flatten();
            let name = name.map_or_else(String::new, |name| name.to_string());
            Ok(match options.long {
                true => long_line(record, shard, extent, crc, &name),
                false => format!("{}\t{}\t{name}", record.get(), extent.len()),
            })
        });
        match line {
            Ok(line) => result = writeln!(out, "{line}"),
            Err(error) => {
                super::say(format_args!("{error}"));
                exit = match super::is_damage(&error) || exit == Exit::Damaged {
                    true => Exit::Damaged,
                    false => Exit::Failed,
                };
            }
        }
        result.is_ok()
    });
    result?;
    out.flush()?;
    Ok(exit)
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
