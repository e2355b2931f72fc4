//! What is asked for by options, and refused as wrong usage.

use super::{dataset, forms, source};
use crate::support::parts::{Parts, Section};
use crate::support::*;
use serde_json::Value;

#[test]
fn a_new_dataset_has_the_form_that_is_asked_for() {
    for (options, form) in [
        (&[][..], "ROXXEL01"),
        (&["--footer=01"], "ROXXEL01"),
        (&["--footer=02"], "ROXXEL02 uint8"),
        (&["--footer=02", "--dtype=uint16"], "ROXXEL02 uint16"),
        (&["--footer=02", "--dtype=<u2", "--plain"], "ROXXEL02 <u2"),
        (
            &["--footer=02", "--dtype=bfloat16", "--single-file"],
            "ROXXEL02 bfloat16",
        ),
    ] {
        let target = dataset(options, "a");
        assert_eq!(forms(&target.dataset()), [form], "{options:?}");
        assert_eq!(target.records(), [bytes(1, 20)], "{options:?}");
    }
}

#[test]
fn what_is_no_element_type_is_wrong_usage_and_writes_nothing() {
    let (target, source) = (Target::new(), source("a"));
    for (options, message) in [
        (&["--dtype=uint8"][..], "--footer <FORM>"),
        (
            &["--footer=01", "--dtype=uint8"],
            "--dtype goes with --footer 02",
        ),
        (&["--footer=03"], "possible values: 01, 02"),
        (&["--footer=2"], "possible values: 01, 02"),
        (&["--footer=02", "--dtype="], "an element type has a name"),
        (
            &["--footer=02", "--dtype=complex128"],
            "the name has 10 bytes, and a footer has room for 8",
        ),
        (&["--footer=02", "--dtype=uint16\n"], "is printable ASCII"),
        (&["--footer=02", "--dtype=\u{1b}[1m"], "is printable ASCII"),
        (&["--footer=02", "--dtype=ü16"], "is printable ASCII"),
    ] {
        let said = fail(target.pack(options).arg(source.path()), 2);
        assert!(said.contains(message), "{options:?}: {said}");
        let is_shown = |c: char| c == '\n' || !c.is_control();
        assert!(said.chars().all(is_shown), "{options:?}: {said:?}");
        assert_eq!(entries(target.path()), [""; 0], "{options:?}");
    }
}

#[test]
fn a_type_that_numpy_does_not_have_is_pointed_out_and_written_all_the_same() {
    let numpy = "import numpy, sys; numpy.dtype(sys.argv[1])";
    let source = source("a");
    for (dtype, is_known) in [
        ("uint16", true),
        ("float64", true),
        ("longlong", true),
        ("half", true),
        ("<u2", true),
        ("|S5", true),
        ("uint61", false),
        ("complex6", false),
        ("uin8", false),
    ] {
        let mut ask = python("0.9.14");
        let has = output(ask.args(["-c", numpy, dtype])).status.success();
        assert_eq!(has, is_known, "{dtype}");
        let target = Target::new();
        let mut pack = target.pack(&["-q", "--footer=02", "--dtype", dtype]);
        let said = said(pack.arg(source.path()));
        let expected = if is_known {
            String::new()
        } else {
            format!(
                "roxfs: --dtype {dtype}: NumPy has no such type, as far as is known; roxxel reads \
                 the records, but streams no arrays of it\n"
            )
        };
        assert_eq!(said, expected);
        assert_eq!(forms(&target.dataset()), [format!("ROXXEL02 {dtype}")]);
    }
}

/// The same content in both forms gives the same to each command but for what is said of the form.
#[test]
fn every_command_reads_both_forms() {
    let records: [&[u8]; 3] = [b"cats", b"", b"dogs"];
    let names = [
        Section::names(&[b"b/1", b"a/2", b"c"]),
        Section::order(&[1, 0, 2]),
        Section::checksums(&records),
    ];
    let read = |mut parts: Parts| {
        let directory = temp_dir();
        let path = directory.path().join("x.rox");
        parts.sections = names.to_vec();
        std::fs::write(&path, parts.bytes()).expect("written");
        let ls = run(roxfs().args(["ls", "-l"]).arg(&path));
        let cat = run(roxfs().args(["cat", "-i", "::-1"]).arg(&path));
        let verify = run(roxfs().arg("verify").arg(&path));
        let mount = Mount::new(&path);
        let files = [
            "files/a/2",
            "files/b/1",
            "records/2.bin",
            "raw/data",
            "raw/index",
        ];
        let files = files.map(|file| mount.read(file));
        let info: Value = serde_json::from_slice(&mount.read(".roxfs/info.json")).expect("JSON");
        let form = (
            info["shards"][0]["format"].clone(),
            info["shards"][0]["dtype"].clone(),
        );
        let path = directory.path().display().to_string();
        let ls = String::from_utf8(ls).expect("UTF-8").replace(&path, "");
        ((ls, cat, verify, files), form)
    };
    let (plain, plain_form) = read(Parts::plain(&records));
    let (typed, typed_form) = read(Parts::typed(&records, b"uint16\0\0"));
    assert_eq!(plain, typed);
    assert_eq!(plain_form, ("ROXXEL01".into(), Value::Null));
    assert_eq!(typed_form, ("ROXXEL02".into(), "uint16".into()));
}

#[test]
fn an_element_type_may_fill_its_field_or_be_empty() {
    for (field, form) in [
        (b"bfloat16", "ROXXEL02 bfloat16"),
        (b"[('x', '", "ROXXEL02 [('x', '"),
        (b"\"quoted\"", "ROXXEL02 \"quoted\""),
    ] {
        let target = Target::new();
        let shard = target.path().join("d_0000.rox");
        std::fs::write(&shard, Parts::typed(&[b"one"], field).bytes()).expect("written");
        assert_eq!(forms(&target.dataset()), [form]);
        assert_eq!(target.records(), [b"one"]);
    }
    let target = Target::new();
    let shard = target.path().join("d_0000.rox");
    std::fs::write(&shard, Parts::typed(&[b"one"], &[0; 8]).bytes()).expect("written");
    let info = run(roxfs().arg("info").arg(&shard));
    let info = String::from_utf8(info).expect("UTF-8");
    assert!(
        info.contains("  ROXXEL02 without a dtype  none  "),
        "{info}"
    );
    let source = source("a");
    run(target.pack(&["--footer=02"]).arg(source.path()));
    assert!(target.bytes()[0].ends_with(b"\0\0\0\0\0\0\0\0ROXXEL02"));
    assert_eq!(target.records().len(), 2);
}
