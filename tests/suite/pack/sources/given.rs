//! What a source gives, without a dataset around it: fast enough for thousands of archives.

use crate::support::*;
use roxfs::pack::source::{Content, Incoming, Input, SourceKind, open};
use roxfs::pack::{PackError, Target};
use std::ops::ControlFlow;

/// Names and contents, and the errors.
#[derive(Debug, Default)]
pub struct Given {
    pub records: Vec<(String, Vec<u8>)>,
    /// Errors of single records.
    pub failed: Vec<PackError>,
    /// The error that ended it.
    pub error: Option<PackError>,
}

/// Reads a file as this kind of source. Its records have to be so small that they are in memory.
pub fn give(kind: SourceKind, bytes: &[u8]) -> Given {
    let directory = temp_dir();
    let path = directory.path().join("input");
    std::fs::write(&path, bytes).expect("written");
    let input = Input::new(kind, vec![path.clone()]);
    let target = Target::new(&path.with_extension("rox"), false);
    let mut given = Given::default();
    let mut source = match open(&input, &target) {
        Ok(source) => source,
        Err(error) => {
            given.error = Some(error);
            return given;
        }
    };
    let _ = source.run(&mut |record| {
        assert!(given.error.is_none(), "a record after the end");
        let is_directory = |record: &Incoming| matches!(record.content, Content::Directory);
        if record.as_ref().is_ok_and(is_directory) {
            return ControlFlow::Continue(());
        }
        let record = record.map_err(PackError::from).and_then(|record| {
            let mut content = Vec::new();
            match record.content {
                Content::Bytes(bytes) => content = bytes,
                Content::Member(member) => member.unpack(&record.origin, &mut |piece| {
                    content.extend_from_slice(piece);
                    Ok(())
                })?,
                Content::Failed(error) => return Err((*error).into()),
                other => panic!("{other:?}"),
            }
            assert_eq!(content.len() as u64, record.size);
            let name = record.name.expect("a name");
            Ok((name.to_string(), content))
        });
        match record {
            Ok(record) => given.records.push(record),
            Err(error) if error.concerns_one_record() => given.failed.push(error),
            Err(error) => given.error = Some(error),
        }
        ControlFlow::Continue(())
    });
    given
}
