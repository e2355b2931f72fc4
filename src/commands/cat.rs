//! `roxfs cat`

use super::Exit;
use crate::cli::Cat;
use crate::dataset::Dataset;
use crate::shard::allowance::Allowance;
use std::io::{self, Write};

/// Read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes the selected records one after the other.
pub fn run(options: &Cat) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.dataset)?;
    // All are resolved first: an error about a number must not come after half of the output.
    let selections = options
        .index
        .iter()
        .map(|index| index.positions(dataset.records()));
    let selections: Vec<_> = selections.collect::<Result<_, _>>()?;
    let mut out = io::stdout().lock();
    let mut buffer = vec![0; BUFFER_BYTES];
    for positions in selections {
        // What is asked for twice is written twice.
        let allowances = dataset.allowances();
        for position in positions.iter() {
            write_record(&dataset, position, &allowances, &mut out, &mut buffer)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn write_record(
    dataset: &Dataset,
    position: u64,
    allowances: &[Allowance],
    out: &mut impl Write,
    buffer: &mut [u8],
) -> anyhow::Result<()> {
    let Some(record) = dataset.record(position).and_then(|id| dataset.get(id)) else {
        return Ok(());
    };
    let (shard, extent) = (record.shard(), record.extent()?);
    allowances[record.shard_number()].take_record(shard, record.local(), extent)?;
    shard.for_each_piece(extent, buffer, |piece| Ok(out.write_all(piece)?))
}
