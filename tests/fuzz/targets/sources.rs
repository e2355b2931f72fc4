//! Archives, streams and lists as sources of `pack`: what is whole gives exactly its records, what
//! is not an error, and nothing more memory than a piece.

use super::archives::archive;
use super::choices::Choices;
use super::scratch;
use super::zip;
use roxfs::format::name::Name;
use roxfs::pack::source::{Content, Framing, Incoming, Input, SourceKind, open};
use roxfs::pack::{PackError, Target};
use std::ops::ControlFlow;
use std::path::PathBuf;
use tempfile::TempDir;

/// Larger records are not read on: a header may promise any size.
const LARGEST: u64 = 2 << 20;

/// A name and a content, each where there is one.
pub type Named = (Option<Vec<u8>>, Option<Vec<u8>>);

/// What a source gave: names and contents, where these were in memory; then the error that ended it.
pub struct Given {
    pub records: Vec<Named>,
    /// Errors of single records.
    pub failed: usize,
    pub error: Option<PackError>,
    /// Whether a record was too large to read on.
    pub stopped: bool,
}

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.below(6) {
        0 => stream(&mut choices),
        1 => list(&mut choices),
        2 | 3 => zip::zip(&mut choices),
        _ => archive(&mut choices),
    }
}

/// Where inputs are written, and what lists name; gone with its thread.
fn directory() -> PathBuf {
    thread_local!(static DIRECTORY: TempDir = files());
    DIRECTORY.with(|directory| directory.path().to_owned())
}

fn files() -> TempDir {
    let directory = scratch();
    std::fs::create_dir(directory.path().join("d")).unwrap();
    for file in ["a", "b", "d/c"] {
        std::fs::write(directory.path().join(file), file).unwrap();
    }
    directory
}

/// Writes an input and reads it as a source.
pub fn give(kind: SourceKind, input: &[u8]) -> Given {
    let path = directory().join(format!("input-{:?}", std::thread::current().id()));
    std::fs::write(&path, input).unwrap();
    let input = Input::new(kind, vec![path.clone()]);
    let target = Target::new(&directory().join("out.rox"), false);
    let mut source = open(&input, &target).unwrap();
    let mut given = Given {
        records: Vec::new(),
        failed: 0,
        error: None,
        stopped: false,
    };
    let _ = source.run(&mut |record| {
        let ended = given.stopped || given.error.is_some();
        assert!(!ended, "a record after the end");
        match record {
            Ok(record) if matches!(record.content, Content::Directory) => ControlFlow::Continue(()),
            Ok(Incoming {
                content: Content::Failed(error),
                ..
            }) => {
                assert!(error.concerns_one_record());
                given.failed += 1;
                ControlFlow::Continue(())
            }
            Ok(record) => {
                let name = record.name.map(|name| name.as_bytes().to_vec());
                let content = match record.content {
                    content if content.in_memory().is_some() => {
                        let bytes = content.in_memory().unwrap_or_default();
                        assert_eq!(bytes.len() as u64, record.size);
                        Some(bytes.to_vec())
                    }
                    Content::Member(member) => {
                        let mut bytes = Vec::new();
                        let unpacked = member.unpack(&record.origin, &mut |piece| {
                            bytes.extend_from_slice(piece);
                            Ok(())
                        });
                        assert!(bytes.len() as u64 <= record.size);
                        match unpacked {
                            Ok(()) => assert_eq!(bytes.len() as u64, record.size),
                            Err(error) => {
                                assert!(error.concerns_one_record());
                                given.failed += 1;
                                return ControlFlow::Continue(());
                            }
                        }
                        Some(bytes)
                    }
                    Content::SameAs(target) => Some([b"=", target.as_bytes()].concat()),
                    _ => None,
                };
                given.records.push((name, content));
                given.stopped = record.size > LARGEST;
                match given.stopped {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            }
            Err(error) => {
                match error.concerns_one_record() {
                    true => given.failed += 1,
                    false => given.error = Some(error.into()),
                }
                ControlFlow::Continue(())
            }
        }
    });
    std::fs::remove_file(&path).unwrap();
    given
}

/// Records out of a stream are what a simple loop cuts out of it.
fn stream(choices: &mut Choices) {
    let framing = match choices.below(5) {
        0 => Framing::Terminated(b'\n'),
        1 => Framing::Terminated(0),
        2 => Framing::Length(4),
        3 => Framing::Length(8),
        _ => Framing::Fixed(1 + u64::from(choices.byte() / 16)),
    };
    let mut input = choices.rest().to_vec();
    if matches!(framing, Framing::Length(_)) {
        // Most lengths would be beyond the end.
        for byte in input.iter_mut().skip(1).filter(|byte| **byte < 100) {
            *byte = 0;
        }
    }
    let (expected, whole) = cut(&input, framing);
    let given = give(SourceKind::Stream(framing), &input);
    let found: Vec<Vec<u8>> = given
        .records
        .into_iter()
        .filter_map(|(_, content)| content)
        .collect();
    assert_eq!(found, expected);
    assert!(given.stopped || given.error.is_none() == whole);
    assert_eq!(given.failed, 0);
}

fn cut(input: &[u8], framing: Framing) -> (Vec<Vec<u8>>, bool) {
    let mut records = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let (start, end, next) = match framing {
            Framing::Terminated(byte) => match rest.iter().position(|&found| found == byte) {
                Some(end) => (0, end, end + 1),
                None => (0, rest.len(), rest.len()),
            },
            Framing::Fixed(size) => (0, size as usize, size as usize),
            Framing::Length(width) => {
                let Some(length) = rest.get(..width) else {
                    return (records, false);
                };
                let length = length
                    .iter()
                    .rev()
                    .fold(0u64, |n, &byte| n << 8 | u64::from(byte));
                let end = (length as usize).saturating_add(width);
                (width, end, end)
            }
        };
        let Some(record) = rest.get(start..end) else {
            return (records, false);
        };
        records.push(record.to_vec());
        rest = &rest[next..];
    }
    (records, true)
}

/// Paths that are files are records by their names; all else is an error or passed over.
fn list(choices: &mut Choices) {
    let separator = choices.pick(b"\n\0");
    let known: Vec<Vec<u8>> = ["a", "b", "d/c", "d", "no", "d/../a", "./a", ""]
        .iter()
        .map(|file| directory().join(file).into_os_string().into_encoded_bytes())
        .collect();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for _ in 0..choices.below(6) {
        lines.push(match choices.one_in(4) {
            true => choices.bytes(9).to_vec(),
            false => known[choices.below(known.len())].clone(),
        });
    }
    let input = lines.join(&separator);
    let given = give(SourceKind::List(separator), &input);
    let is_file = |line: &&Vec<u8>| known[..3].contains(line);
    let files = lines.iter().filter(is_file).count();
    assert!(given.records.len() >= files);
    for (name, _) in &given.records {
        assert!(name.as_ref().is_some_and(|name| Name::new(name).is_ok()));
    }
}
