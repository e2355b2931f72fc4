//! What versions of roxxel do with what roxfs has packed, and the reverse.

use super::{dataset, forms, pack};
use crate::support::*;
use std::path::Path;
use std::process::Command;

/// Appends a block of 64 bytes of this element type.
fn append(version: &str, dtype: &str, dataset: &Path) -> Command {
    let script = "import roxxel, sys; roxxel.Roxxel(sys.argv[1]).write(iter([b'x' * 64]), \
                  block_size=64, separator=None, max_shard_bytes=1 << 20, \
                  dtype=sys.argv[2])";
    let mut command = python(version);
    command.args(["-c", script]).arg(dataset).arg(dtype);
    command
}

/// The number of records that it reads, and the element type.
fn read(version: &str, dataset: &Path) -> String {
    let script = "import roxxel, sys\n\
                  with roxxel.Roxxel(sys.argv[1]) as r: print(len(r), getattr(r, 'dtype', '-'))";
    let output = run(python(version).args(["-c", script]).arg(dataset));
    String::from_utf8(output).expect("UTF-8").trim().to_owned()
}

#[test]
fn each_form_is_read_by_the_versions_that_readme_names() {
    let plain = dataset(&["--single-file"], "a");
    let typed = dataset(&["--single-file", "--footer=02", "--dtype=uint16"], "a");
    let [plain, typed] = [plain, typed].map(|target| (target.dataset(), target));
    assert_eq!(read("0.1.0", &plain.0), "1 -");
    assert_eq!(read("0.4.0", &plain.0), "1 uint8");
    assert_eq!(read("0.4.0", &typed.0), "1 uint16");
    assert_eq!(read("0.9.14", &typed.0), "1 uint16");
    for (version, path) in [("0.1.0", &typed.0), ("0.9.14", &plain.0)] {
        let script = "import roxxel, sys; roxxel.Roxxel(sys.argv[1]).open()";
        let said = fail(python(version).args(["-c", script]).arg(path), 1);
        assert!(said.contains("Corrupted signature"), "{version}: {said}");
    }
}

#[test]
fn what_roxfs_has_packed_for_it_the_reference_appends_to_and_roxfs_again() {
    for version in ["0.4.0", "0.9.14"] {
        let typed = ["--footer=02", "--dtype=uint16"];
        let target = dataset(&typed, "a");
        run(&mut append(version, "uint16", &target.dataset()));
        pack(&target, &[], "bb");
        run(&mut append(version, "uint16", &target.dataset()));
        assert_eq!(forms(&target.dataset()), ["ROXXEL02 uint16"]);
        // It writes no names, and drops those there are.
        assert_eq!(target.names(), ["", "", "", ""]);
        let block = vec![b'x'; 64];
        let expected = [bytes(1, 20), block.clone(), bytes(2, 20), block];
        assert_eq!(target.records(), expected);
        let shards = target.path().join("d_0000.rox");
        assert_eq!(read(version, &shards), "4 uint16");
    }
}

/// What README warns of: a shard of the other form does not survive that some versions append to it.
#[test]
fn versions_of_one_form_overwrite_the_last_shard_of_the_other() {
    for (version, options) in [("0.9.14", &["--footer=01"]), ("0.1.0", &["--footer=02"])] {
        let target = dataset(options, "a");
        let script = "import roxxel, sys; roxxel.Roxxel(sys.argv[1]).write(iter([b'x' * 64]), \
                      max_shard_bytes=1 << 20)";
        run(python(version).args(["-c", script]).arg(target.dataset()));
        assert_eq!(entries(target.path()), ["d_0000.rox"]);
        let records = target.records();
        assert_eq!(records.len(), 1, "{version}");
        assert!(records[0].starts_with(&[b'x'; 64]), "{version}");
    }
    let target = dataset(&["--footer=01"], "a");
    run(&mut append("0.4.0", "int32", &target.dataset()));
    assert_eq!(forms(&target.dataset()), ["ROXXEL02 int32"]);
    assert_eq!(target.records().len(), 2);
}

#[test]
fn shards_of_structured_arrays_are_read_and_appended_to() {
    for version in ["0.4.0", "0.9.14"] {
        let target = Target::new();
        let script = "import numpy, roxxel, sys\n\
                      pairs = numpy.zeros(4, dtype=[('x', '<i4'), ('y', '<f4')])\n\
                      roxxel.Roxxel(sys.argv[1]).write(iter([pairs]), block_size=32, \
                      separator=None, max_shard_bytes=1 << 20)";
        run(python(version).args(["-c", script]).arg(target.dataset()));
        assert_eq!(forms(&target.dataset()), ["ROXXEL02 [('x', '"]);
        pack(&target, &["--footer=02"], "a");
        assert_eq!(forms(&target.dataset()), ["ROXXEL02 [('x', '"]);
        assert_eq!(target.records(), [vec![0; 32], bytes(1, 20)]);
    }
}

#[test]
fn empty_records_and_shards_without_a_byte_are_read_by_the_reference() {
    let target = Target::new();
    let mut pack = target.pack(&["--footer=02", "--from=length32", "--shard-size=1"]);
    run_with(
        &mut pack,
        &[&[0; 8][..], &1u32.to_le_bytes(), b"x", &[0; 4]].concat(),
    );
    assert_eq!(target.shards().len(), 4);
    let script = "import roxxel, sys\n\
                  with roxxel.Roxxel(sys.argv[1]) as r: print([bytes(each) for each in r[:]])";
    for version in ["0.4.0", "0.9.14"] {
        let pattern = target.path().join("d_*.rox");
        let output = run(python(version).args(["-c", script]).arg(pattern));
        assert_eq!(
            String::from_utf8_lossy(&output).trim(),
            "[b'', b'', b'x', b'']"
        );
    }
}
