//! `roxfs ls`

use super::Exit;
use super::faults::Faults;
use crate::cli::Ls;
use crate::dataset::{Dataset, Record};
use crate::format::name::Name;
use crate::format::offsets::Extent;
use crate::order::{Order, View};
use crate::shard::allowance::Allowance;
use crate::shard::{Scan, Shard, ShardError};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

/// One line for each record. One that cannot be read is reported, and the listing continues.
pub fn run(options: &Ls) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.dataset)?;
    let view = options.view.as_ref();
    let view = view.map(|spec| spec.of(dataset.records()));
    if let Some(format) = options.format {
        return super::ls_files::run(dataset, format, view);
    }
    match view {
        Some(view) => list_view(&dataset, &view, options.long),
        None => list_all(&dataset, options.long),
    }
}

/// The records of a view, one by one.
fn list_view(dataset: &Dataset, view: &View, long: bool) -> anyhow::Result<Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut faults = Faults::default();
    let allowances = dataset.allowances();
    let mut line = String::new();
    for position in 0..view.len() {
        let number = view.record_at(position);
        let record = number.and_then(|number| dataset.get(dataset.record(number)?));
        let Some(record) = record else { continue };
        let allowance = &allowances[record.shard_number()];
        match view_line(&record, allowance, long, &mut line) {
            Ok(()) => out.write_all(line.as_bytes())?,
            Err(error) => faults.show(&error, error.is_damage()),
        }
    }
    out.flush()?;
    faults.finish();
    Ok(faults.exit())
}

fn view_line(
    record: &Record<'_>,
    allowance: &Allowance,
    long: bool,
    line: &mut String,
) -> Result<(), ShardError> {
    let (shard, local) = (record.shard(), record.local());
    let extent = record.extent()?;
    let crc = if long { shard.crc32c(local)? } else { None };
    write_numbers(line, record, extent, long.then_some(crc));
    if let Some(name_extent) = shard.name_extent(local)? {
        let allowed = allowance.take_name(local, name_extent);
        allowed.map_err(|damage| shard.damaged(damage))?;
        write_name(line, shard.raw_name_at(name_extent)?.as_deref());
    } else {
        write_name(line, None);
    }
    Ok(())
}

/// All records, shard by shard.
fn list_all(dataset: &Dataset, long: bool) -> anyhow::Result<Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut faults = Faults::default();
    let mut result = Ok(());
    let mut current: Option<(usize, Pass<'_>)> = None;
    dataset.for_each_extent(0..dataset.records(), &mut |record, number, extent| {
        let Some(record) = dataset.get(record) else {
            return ControlFlow::Continue(());
        };
        let pass = match &mut current {
            Some((shard, pass)) if *shard == number => pass,
            other => &mut other.insert((number, Pass::over(record.shard()))).1,
        };
        let line = extent.and_then(|extent| pass.line(&record, extent, long));
        match line {
            Ok(()) => result = out.write_all(pass.line.as_bytes()),
            Err(error) => faults.show(&error, error.is_damage()),
        }
        if result.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    result?;
    out.flush()?;
    faults.finish();
    Ok(faults.exit())
}

/// The listing of one shard.
struct Pass<'a> {
    scan: Scan<'a>,
    allowance: Allowance,
    line: String,
}

impl Pass<'_> {
    fn over(shard: &Shard) -> Pass<'_> {
        Pass {
            scan: shard.scan(),
            allowance: Allowance::of(shard),
            line: String::new(),
        }
    }

    /// Writes the line of a record into `line`.
    fn line(&mut self, record: &Record<'_>, extent: Extent, long: bool) -> Result<(), ShardError> {
        let local = record.local();
        let crc = if long { self.scan.crc32c(local)? } else { None };
        write_numbers(&mut self.line, record, extent, long.then_some(crc));
        write_name(
            &mut self.line,
            self.allowance.raw_name(&mut self.scan, local)?,
        );
        Ok(())
    }
}

/// Writes the columns but for the name over what `line` held; in a long line, with the checksum that
/// there may be.
fn write_numbers(line: &mut String, record: &Record<'_>, extent: Extent, crc: Option<Option<u32>>) {
    line.clear();
    // Writing into a string does not fail.
    let _ = write!(line, "{}\t{}\t", record.id().get(), extent.len());
    if let Some(crc) = crc {
        let _ = write!(line, "{}\t", extent.start());
        let _ = match crc {
            Some(crc) => write!(line, "{crc:08x}\t"),
            None => write!(line, "-\t"),
        };
        let _ = write!(line, "{}\t", record.shard().location());
    }
}

/// Writes the name, if it is a valid one, and the end of the line.
fn write_name(line: &mut String, raw: Option<&[u8]>) {
    if let Some(name) = raw.and_then(|raw| Name::new(raw).ok()) {
        let _ = write!(line, "{name}");
    }
    line.push('\n');
}
