//! `roxfs ls`

use super::Exit;
use super::faults::Faults;
use crate::cli::Ls;
use crate::dataset::Record;
use crate::format::name::Name;
use crate::format::offsets::Extent;
use crate::shard::allowance::Allowance;
use crate::shard::{Scan, Shard, ShardError};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

/// One line for each record. One that cannot be read is reported, and the listing continues.
pub fn run(options: &Ls) -> anyhow::Result<Exit> {
    let dataset = super::open(&options.dataset)?;
    if let Some(format) = options.format {
        return super::ls_files::run(dataset, format);
    }
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
        let line = extent.and_then(|extent| pass.line(&record, extent, options.long));
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
        self.line.clear();
        // Writing into a string does not fail.
        let _ = write!(self.line, "{}\t{}\t", record.id().get(), extent.len());
        if long {
            let _ = write!(self.line, "{}\t", extent.start());
            let _ = match self.scan.crc32c(local)? {
                Some(crc) => write!(self.line, "{crc:08x}\t"),
                None => write!(self.line, "-\t"),
            };
            let _ = write!(self.line, "{}\t", self.scan.shard().location());
        }
        let raw = self.allowance.raw_name(&mut self.scan, local)?;
        if let Some(name) = raw.and_then(|raw| Name::new(raw).ok()) {
            let _ = write!(self.line, "{name}");
        }
        self.line.push('\n');
        Ok(())
    }
}
