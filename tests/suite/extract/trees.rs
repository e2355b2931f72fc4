//! The tree that was packed comes back, as files or as an archive.

use super::*;
use crate::support::*;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Output;

/// Names and contents of every shape: deep, long, strange, empty, many, larger than one piece.
fn write_all_shapes(directory: &Path) {
    let long = vec![b'n'; 255];
    let strange = vec![0xff; 255];
    let deep: Vec<u8> = b"deep/".repeat(100);
    let files: Vec<(Vec<u8>, Vec<u8>)> = vec![
        (b"empty".to_vec(), vec![]),
        (b"with space/and\nnewline\\".to_vec(), b"x".to_vec()),
        (b"invalid/\xff\xfe\x80".to_vec(), b"y".to_vec()),
        ([&deep[..], b"file"].concat(), b"z".to_vec()),
        (
            [&long[..], b"/", &long, b"/", &long].concat(),
            b"l".to_vec(),
        ),
        ([&strange[..], b"/", &strange].concat(), b"s".to_vec()),
        ("\u{fc}ber/\u{1f600}".into(), b"u".to_vec()),
        (b"large".to_vec(), bytes(1, (3 << 20) + 17)),
        (b"piece".to_vec(), bytes(2, 1 << 20)),
        (b".hidden/.file".to_vec(), b"h".to_vec()),
        (b"-o".to_vec(), b"option".to_vec()),
    ];
    write_tree(directory, &files);
    let many = |i: u64| {
        (
            format!("many/{:02}/{i}", i % 40),
            bytes(i, (i % 700) as usize),
        )
    };
    let many: Vec<_> = (0..2000).map(many).collect();
    write_tree(directory, &many);
}

#[test]
fn a_packed_tree_comes_back() {
    let (source, target) = (temp_dir(), temp_dir());
    write_all_shapes(source.path());
    for (name, arguments) in [("one", &[][..]), ("many", &["--shard-size", "100KB"])] {
        let dataset = pack(source.path(), target.path(), name, arguments);
        let out = target.path().join(format!("{name}.out/made/too"));
        run(&mut extract(&dataset, &out, &[]));
        assert_same_trees(source.path(), &out);
    }
}

#[test]
fn the_end_is_a_summary_unless_it_is_to_be_quiet() {
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &["ab", "c"], &[]);
    let Output { stdout, stderr, .. } =
        output(&mut extract(&dataset, &target.path().join("1"), &[]));
    let said = String::from_utf8(stderr).expect("UTF-8");
    assert!(stdout.is_empty());
    assert!(
        said.starts_with("roxfs: extracted 2 records (3 B) in "),
        "{said}"
    );
    assert!(said.ends_with("B/s\n"), "{said}");
    let output = output(&mut extract(&dataset, &target.path().join("2"), &["-q"]));
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn records_without_a_name_are_named_by_number() {
    let target = temp_dir();
    let records = ["zero", "", "two"];
    pack_records(target.path(), "a", &records, &["--plain"]);
    pack_records(target.path(), "b", &records, &["--plain"]);
    let out = target.path().join("out");
    let shards = ["a_0000.rox", "b_0000.rox"].map(|shard| target.path().join(shard));
    run(roxfs().args(["extract", "-o"]).arg(&out).args(shards));
    let expected: Vec<String> = (0..6).map(|i| format!("{i:06}.bin")).collect();
    assert_eq!(files(&out), expected);
    assert_eq!(std::fs::read(out.join("000005.bin")).expect("read"), b"two");
}

#[test]
fn a_selection_is_extracted_and_each_record_once() {
    let target = temp_dir();
    let records: Vec<String> = (0..10).map(|i| format!("record {i}")).collect();
    let dataset = pack_records(target.path(), "d", &records, &[]);
    let cases: [(&[&str], &[u64]); 5] = [
        (&["-i", "3"], &[3]),
        (&["-i", "-1", "-i", "0:2"], &[0, 1, 9]),
        (&["-i", "::-4"], &[1, 5, 9]),
        (&["-i", "0:5", "-i", "3:6", "-i", "4"], &[0, 1, 2, 3, 4, 5]),
        (&["-i", "5:2"], &[]),
    ];
    for (case, (arguments, expected)) in cases.iter().enumerate() {
        let out = target.path().join(format!("out{case}"));
        run(&mut extract(&dataset, &out, arguments));
        let expected: Vec<String> = expected.iter().map(|i| format!("{i:06}")).collect();
        assert_eq!(files(&out), expected, "{arguments:?}");
    }
    let out = target.path().join("none");
    assert_eq!(
        extract_fails(&dataset, &out, &["-i", "0", "-i", "10"], FAILED),
        ["roxfs: record 10 is out of range: there are 10 records"]
    );
    assert!(!out.exists());
}

#[test]
fn an_archive_is_the_same_tree() {
    let (source, target) = (temp_dir(), temp_dir());
    write_all_shapes(source.path());
    let dataset = pack(source.path(), target.path(), "d", &["--shard-size", "1MiB"]);
    let archive = target.path().join("d.tar");
    let out = std::fs::File::create(&archive).expect("created");
    let mut command = roxfs();
    run(command.args(["extract", "--tar"]).arg(&dataset).stdout(out));
    let tree = target.path().join("tree");
    std::fs::create_dir(&tree).expect("made");
    sh("tar -xf \"$1\" -C \"$2\"", &[&archive, &tree]);
    assert_same_trees(source.path(), &tree);
    let listed = sh("tar -tf \"$1\" --quoting-style=escape", &[&archive]);
    let long = "n".repeat(255);
    assert!(listed.contains(&format!("{long}/{long}/{long}\n")));
    assert!(listed.contains(&format!("{0}/{0}\n", "\\377".repeat(255))));
    let entry = sh(
        "tar -tvf \"$1\" --numeric-owner --full-time empty",
        &[&archive],
    );
    assert!(entry.starts_with("-rw-r--r-- 0/0 "), "{entry}");
    let shard = target.path().join("d_0000.rox").metadata().expect("shard");
    let extracted = tree.join("empty").metadata().expect("file");
    assert_eq!(extracted.mtime(), shard.mtime());
}

#[test]
fn one_of_directory_and_archive_is_needed() {
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &["x"], &[]);
    let message = fail(roxfs().arg("extract").arg(&dataset), USAGE);
    let expected = "error: the following required arguments were not provided:\n  --output <DIR>\n";
    assert!(message.starts_with(expected), "{message}");
    for more in ["--tar", "--tar --force"] {
        let arguments: Vec<&str> = more.split(' ').collect();
        fail(&mut extract(&dataset, target.path(), &arguments), USAGE);
    }
    fail(
        roxfs().args(["extract", "--tar", "--force"]).arg(&dataset),
        USAGE,
    );
}

#[test]
fn common_mistakes_are_explained() {
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &["x", "y"], &[]);
    let file = target.path().join("file");
    std::fs::write(&file, "").expect("written");
    let path = file.display();
    assert_eq!(
        extract_fails(&dataset, &file, &[], FAILED),
        [format!(
            "roxfs: {path}: it is a regular file, expected a directory"
        )]
    );
    assert_eq!(
        extract_fails(&dataset, &file.join("below"), &[], FAILED),
        [format!(
            "roxfs: {path}/below: Not a directory (os error 20)"
        )]
    );
    let missing = target.path().join("missing.rox");
    let out = target.path().join("out");
    assert_eq!(
        extract_fails(&missing, &out, &[], FAILED),
        [format!(
            "roxfs: {}: no such file, and no missing_NNNN.rox either",
            missing.display()
        )]
    );
    assert!(!out.exists());
    std::fs::create_dir(&out).expect("made");
    write_tree(&out, &[("000000/in the way", "x")]);
    let shard = target.path().join("d_0000.rox");
    assert_eq!(
        extract_fails(&dataset, &out, &["--force"], FAILED),
        [format!(
            "roxfs: {}/000000: it is a directory, expected a file or nothing (record 0 of {})",
            out.display(),
            shard.display()
        )]
    );
    assert_eq!(files(&out), ["000000/in the way", "000001"]);
}
