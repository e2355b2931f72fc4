//! `roxfs ls --format`: the files of the tree of names, for programs that take a list.

use super::{Exit, count, say};
use crate::cli::ListFormat;
use crate::dataset::names::NameOrder;
use crate::dataset::{Dataset, RecordId};
use crate::order::{Order, View};
use crate::shard::ShardError;
use crate::shard::allowance::Allowance;
use crate::text::{escaped, json};
use crate::tree::{FileKind, Mounter, Node, Tree, TreeError};
use anyhow::bail;
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Lists all files, or those of a view in its order. Those that a form has no way to write are left out,
/// counted, and a failure.
pub fn run(dataset: Dataset, format: ListFormat, view: Option<View>) -> anyhow::Result<Exit> {
    let nobody = Mounter { uid: 0, gid: 0 };
    let dataset = Arc::new(dataset);
    let tree = Tree::new(Arc::clone(&dataset), nobody, Box::new(|| {}));
    let classes = match tree.lookup(Node::Root, b"files") {
        Ok(_) => classes(&tree)?,
        Err(TreeError::NotFound) => bail!("the shards have no names to list"),
        Err(error) => return Err(error.into()),
    };
    let to_terminal = io::stdout().is_terminal();
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut unlabelled, mut unwritable) = (0, 0);
    let allowances = dataset.allowances();
    let write = |record, path: &[u8]| {
        take_name(&dataset, record, path, &allowances)?;
        let class = path.iter().position(|&byte| byte == b'/');
        let class = class.map(|slash| &path[..slash]);
        let label = class.and_then(|class| classes.get(class)).copied();
        match write_file(&mut out, format, path, class, label, to_terminal)? {
            Line::Written => {}
            Line::HasNoLabel => unlabelled += 1,
            Line::NotPossible => unwritable += 1,
        }
        anyhow::Ok(())
    };
    let order = tree.name_order()?;
    let mut pathless = 0;
    match view {
        None => order.for_each_file(write)?,
        Some(view) => pathless = for_each_file_of(&view, &dataset, order, write)?,
    }
    out.flush()?;
    if pathless > 0 {
        say(format_args!(
            "{} left out: they are not in files/",
            count(pathless, "record")
        ));
    }
    if unlabelled > 0 {
        say(format_args!(
            "{} in no directory, so without a label, left out",
            count(unlabelled, "file")
        ));
    }
    if unwritable > 0 {
        say(format_args!(
            "{} left out: this form has no way to write their paths",
            count(unwritable, "file")
        ));
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

/// Counts the bytes of a name that was read.
fn take_name(
    dataset: &Dataset,
    record: RecordId,
    path: &[u8],
    allowances: &[Allowance],
) -> Result<(), ShardError> {
    let Some(record) = dataset.get(record) else {
        return Ok(());
    };
    let allowance = &allowances[record.shard_number()];
    allowance.take_read_name(record.shard(), record.local(), path.len() as u64)
}

/// Calls `each` with the records of a view that are files, and their paths; returns how many are none.
fn for_each_file_of(
    view: &View,
    dataset: &Dataset,
    order: &NameOrder,
    mut each: impl FnMut(RecordId, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let mut others = 0;
    for position in 0..view.len() {
        let number = view.record_at(position);
        let Some(record) = number.and_then(|number| dataset.record(number)) else {
            continue;
        };
        match order.path_of(record)? {
            Some(path) => each(record, path.as_bytes())?,
            None => others += 1,
        }
    }
    Ok(others)
}

/// The directories in `files/`, and their positions in byte order.
fn classes(tree: &Tree) -> Result<HashMap<Vec<u8>, usize>, TreeError> {
    let mut classes = Vec::new();
    tree.list(Node::Files, 0, &mut |entry| {
        if entry.attr.kind == FileKind::Directory && !matches!(entry.name, b"." | b"..") {
            classes.push(entry.name.to_vec());
        }
        ControlFlow::Continue(())
    })?;
    classes.sort();
    Ok(classes.into_iter().zip(0..).collect())
}

/// What became of a file's line.
enum Line {
    Written,
    HasNoLabel,
    NotPossible,
}

#[derive(Serialize)]
struct Metadata<'a> {
    file_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

fn write_file(
    out: &mut impl Write,
    format: ListFormat,
    path: &[u8],
    class: Option<&[u8]>,
    label: Option<usize>,
    to_terminal: bool,
) -> io::Result<Line> {
    match format {
        ListFormat::Dali => {
            let Some(label) = label else {
                return Ok(Line::HasNoLabel);
            };
            // DALI reads a line from its end: white space, the label, white space, the path.
            let ends_in_space = path
                .last()
                .is_some_and(|byte| b" \t\r\x0b\x0c".contains(byte));
            if path.contains(&b'\n') || ends_in_space {
                return Ok(Line::NotPossible);
            }
            write_path(out, path, to_terminal)?;
            writeln!(out, " {label}")?;
        }
        ListFormat::Jsonl => {
            let class = class.map(std::str::from_utf8).transpose();
            let (Ok(file_name), Ok(label)) = (std::str::from_utf8(path), class) else {
                return Ok(Line::NotPossible);
            };
            let line = json(&Metadata { file_name, label }, false)?;
            writeln!(out, "{line}")?;
        }
        ListFormat::Tsv => {
            let class = escaped(class.unwrap_or_default());
            let label = label.map_or_else(String::new, |label| label.to_string());
            writeln!(out, "{}\t{class}\t{label}", escaped(path))?;
        }
        ListFormat::Null => {
            write_path(out, path, to_terminal)?;
            out.write_all(b"\0")?;
        }
    }
    Ok(Line::Written)
}

/// A path as it is, for programs; with escapes to a terminal, which it could command.
fn write_path(out: &mut impl Write, path: &[u8], to_terminal: bool) -> io::Result<()> {
    if to_terminal {
        write!(out, "{}", escaped(path))
    } else {
        out.write_all(path)
    }
}
