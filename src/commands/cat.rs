//! `roxfs cat`

use super::Exit;
use crate::cli::Cat;
use crate::dataset::Dataset;
use crate::order::{Order, OutOfRange, Selection, Union, View};
use crate::shard::allowance::Allowance;
use std::io::{self, Write};

/// Read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes the selected records one after the other.
pub fn run(options: &Cat) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.dataset)?;
    let view = options.view.clone().unwrap_or_default();
    let view = view.of(dataset.records());
    let mut out = io::stdout().lock();
    let mut buffer = vec![0; BUFFER_BYTES];
    for positions in selected(&options.index, &view)? {
        // What is asked for twice is written twice.
        let allowances = dataset.allowances();
        for record in positions.filter_map(|position| view.record_at(position)) {
            write_record(&dataset, record, &allowances, &mut out, &mut buffer)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The positions of each selection, and all where there is none. All are resolved before anything is
/// written: an error about a number must not come after half of the output.
fn selected(index: &[Selection], view: &View) -> Result<Vec<Union>, OutOfRange> {
    match index {
        [] => Ok(vec![Union::new(&[], view.len())?]),
        some => some
            .iter()
            .map(|selection| Union::new(&[*selection], view.len()))
            .collect(),
    }
}

fn write_record(
    dataset: &Dataset,
    number: u64,
    allowances: &[Allowance],
    out: &mut impl Write,
    buffer: &mut [u8],
) -> anyhow::Result<()> {
    let Some(record) = dataset.record(number).and_then(|id| dataset.get(id)) else {
        return Ok(());
    };
    let (shard, extent) = (record.shard(), record.extent()?);
    allowances[record.shard_number()].take_record(shard, record.local(), extent)?;
    shard.for_each_piece(extent, buffer, |piece| Ok(out.write_all(piece)?))
}
