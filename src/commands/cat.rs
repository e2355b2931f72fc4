//! `roxfs cat`

use super::Exit;
use crate::cli::Cat;
use crate::dataset::Dataset;
use std::io::{self, Write};

/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// Writes the selected records one after the other.
pub fn run(options: &Cat) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.shards)?;
    // All are resolved first: a number out of range must not come after half of the output.
    let selections = options
        .index
        .iter()
        .map(|index| index.positions(dataset.records()));
    let selections: Vec<_> = selections.collect::<Result<_, _>>()?;
    let mut out = io::stdout().lock();
    let mut buffer = vec![0; BUFFER];
    for position in selections.into_iter().flatten() {
        write_record(&dataset, position, &mut out, &mut buffer)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn write_record(
    dataset: &Dataset,
    position: u64,
    out: &mut impl Write,
    buffer: &mut [u8],
) -> anyhow::Result<()> {
    let Some((shard, local)) = dataset.record(position).and_then(|id| dataset.locate(id)) else {
        return Ok(());
    };
    let shard = &dataset.shards()[shard];
    let extent = shard.extent(local)?;
    let mut done = 0;
    while done < extent.len() {
        let part = extent.part(done, buffer.len() as u64);
        let bytes = &mut buffer[..part.len() as usize];
        shard.read_payload(part.start(), bytes)?;
        out.write_all(bytes)?;
        done += part.len();
    }
    Ok(())
}
