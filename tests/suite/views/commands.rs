//! Views without a mount: `ls`, `cat` and `extract` with `--view`.

use super::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const COUNT: u64 = 20;

/// Records 0 to 19 of the names `c0/0`, `c1/1`, `c2/2`, `c0/3`, ...
fn named() -> (TempDir, PathBuf) {
    let directory = temp_dir();
    let source = directory.path().join("source");
    let path = |number: u64| format!("{:02}-c{}/{number}", number, number % 3);
    let files: Vec<(String, Vec<u8>)> = (0..COUNT).map(|n| (path(n), bytes(n, 50))).collect();
    write_tree(&source, &files);
    let dataset = pack(&source, directory.path(), "d", &["--shard-size", "400B"]);
    (directory, dataset)
}

fn roxfs_over(dataset: &Path, arguments: &[&str]) -> Vec<u8> {
    run(roxfs().args(arguments).arg(dataset))
}

#[test]
fn ls_lists_a_view_in_its_order() {
    let (_directory, dataset) = named();
    for long in [&[][..], &["--long"]] {
        let list = |view: &[&str]| {
            let printed = roxfs_over(&dataset, &[&["ls"], long, view].concat());
            String::from_utf8(printed).expect("UTF-8")
        };
        let all = list(&[]);
        let lines: Vec<&str> = all.lines().collect();
        for text in [
            "shuffle=7",
            "shuffle=7,split=1of3",
            "slice=::-1",
            "slice=5:5",
        ] {
            let order = records_of(&spec(text).of(COUNT));
            let expected = order
                .iter()
                .map(|&record| format!("{}\n", lines[record as usize]));
            assert_eq!(
                list(&["--view", text]),
                expected.collect::<String>(),
                "{text}"
            );
        }
    }
}

#[test]
fn each_form_of_a_list_has_the_lines_of_a_view_in_its_order() {
    let (_directory, dataset) = named();
    for format in ["dali", "jsonl", "tsv"] {
        let list = |view: &[&str]| {
            let arguments = [&["ls", "--format", format], view].concat();
            String::from_utf8(roxfs_over(&dataset, &arguments)).expect("UTF-8")
        };
        let all = list(&[]);
        let lines: Vec<&str> = all.lines().collect();
        assert_eq!(lines.len(), COUNT as usize);
        let order = records_of(&spec("shuffle=7,split=1of3").of(COUNT));
        let expected = order
            .iter()
            .map(|&record| format!("{}\n", lines[record as usize]));
        let found = list(&["--view", "shuffle=7,split=1of3"]);
        assert_eq!(found, expected.collect::<String>(), "{format}");
    }
}

/// Without a name, with one that comes twice, and one that is needed as a directory.
#[test]
fn records_that_are_not_in_files_are_left_out_of_a_list_and_counted() {
    let directory = temp_dir();
    let path = directory.path().join("d.rox");
    let names = [&b"a/1"[..], b"", b"a/1", b"a", b"b/2"];
    let mut parts = parts::Parts::plain(&[b"x"; 5]);
    parts.sections = vec![
        parts::Section::names(&names),
        parts::Section::order(&[1, 3, 0, 2, 4]),
    ];
    std::fs::write(&path, parts.bytes()).expect("shard");
    let output = output(
        roxfs()
            .args(["ls", "--format", "tsv", "--view", "slice=::-1"])
            .arg(path),
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "b/2\tb\t1\na/1\ta\t0\n"
    );
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        message,
        "roxfs: 3 records left out: they are not in files/\n"
    );
    assert_eq!(output.status.code(), Some(DONE));
}

#[test]
fn cat_writes_a_view_and_takes_an_index_for_a_position_in_it() {
    let (_directory, dataset) = named();
    let view = "shuffle=7,slice=:10";
    let order = records_of(&spec(view).of(COUNT));
    let content = |record: &u64| bytes(*record, 50);
    let whole: Vec<u8> = order.iter().flat_map(content).collect();
    assert!(roxfs_over(&dataset, &["cat", "--view", view]) == whole);
    let arguments = ["cat", "--view", view, "-i", "2:4", "-i", "-1", "-i", "3"];
    let some = [order[2], order[3], order[9], order[3]];
    assert!(roxfs_over(&dataset, &arguments) == some.iter().flat_map(content).collect::<Vec<_>>());
    let message = fail(
        roxfs()
            .args(["cat", "--view", view, "-i", "10"])
            .arg(&dataset),
        FAILED,
    );
    assert_eq!(
        message,
        "roxfs: record 10 is out of range: there are 10 records\n"
    );
    fail(roxfs().arg("cat").arg(&dataset), USAGE);
}

#[test]
fn extract_writes_the_records_of_a_view_by_their_names_and_an_archive_in_its_order() {
    let (directory, dataset) = named();
    let out = directory.path().join("out");
    let order = records_of(&spec("shuffle=7,slice=:6").of(COUNT));
    let name = |record: &u64| format!("{record:02}-c{}/{record}", record % 3);
    let arguments = ["extract", "--view", "shuffle=7,slice=:6", "-q"];
    run(roxfs().args(arguments).arg("-o").arg(&out).arg(&dataset));
    let found = sh(r#"cd "$1"; find * -type f"#, &[&out]);
    let mut found: Vec<&str> = found.lines().collect();
    found.sort();
    let mut expected: Vec<String> = order.iter().map(name).collect();
    expected.sort();
    assert_eq!(found, expected);
    for record in &order {
        assert!(std::fs::read(out.join(name(record))).expect("a file") == bytes(*record, 50));
    }
    let archive = directory.path().join("out.tar");
    let arguments = [&arguments[..], &["--tar", "-i", ":4"]].concat();
    std::fs::write(&archive, roxfs_over(&dataset, &arguments)).expect("written");
    let listed = sh(r#"tar -tf "$1""#, &[&archive]);
    assert!(listed.lines().eq(order[..4].iter().map(name)), "{listed}");
}

#[test]
fn a_view_that_is_none_is_wrong_usage_with_the_reason() {
    let (_directory, dataset) = named();
    for (view, reason) in [
        ("split=8of8", "split=8of8: expected IofN, such as 0of8"),
        (
            "shuffle=07",
            "a view has one name: write shuffle=07 as shuffle=7",
        ),
        (
            "shuffle=7,names",
            "names says how entries of a mounted view are called: leave it out",
        ),
    ] {
        for command in [&["ls"][..], &["cat"], &["extract", "--tar"]] {
            let message = fail(
                roxfs().args(command).args(["--view", view]).arg(&dataset),
                USAGE,
            );
            assert!(message.contains(reason), "{message}");
        }
    }
}
