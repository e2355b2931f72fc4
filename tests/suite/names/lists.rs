//! Lists of files for programs that take one.

use super::*;

fn list(dataset: &Path, format: &str) -> String {
    let printed = run(roxfs().args(["ls", "--format", format]).arg(dataset));
    String::from_utf8(printed).expect("UTF-8")
}

/// Class directories whose byte order differs from that of the paths below them.
const FILES: &[&str] = &[
    "a/2.jpg",
    "a/1.jpg",
    "a-b/x y.jpg",
    "c/deep/er/1.jpg",
    "c/1.jpg",
];

#[test]
fn each_form_lists_the_files_with_the_labels_of_sorted_directories() {
    let directory = temp_dir();
    let names: Vec<&[u8]> = FILES.iter().map(|name| name.as_bytes()).collect();
    let dataset = write_shards(directory.path(), &[&names[..2], &names[2..]]);
    assert_eq!(
        list(&dataset, "dali"),
        "a-b/x y.jpg 1\na/1.jpg 0\na/2.jpg 0\nc/1.jpg 2\nc/deep/er/1.jpg 2\n"
    );
    assert_eq!(
        list(&dataset, "tsv"),
        "a-b/x y.jpg\ta-b\t1\na/1.jpg\ta\t0\na/2.jpg\ta\t0\nc/1.jpg\tc\t2\nc/deep/er/1.jpg\tc\t2\n"
    );
    assert_eq!(
        list(&dataset, "null"),
        "a-b/x y.jpg\0a/1.jpg\0a/2.jpg\0c/1.jpg\0c/deep/er/1.jpg\0"
    );
    let lines = list(&dataset, "jsonl");
    let first: serde_json::Value =
        serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    let expected = serde_json::json!({"file_name": "a-b/x y.jpg", "label": "a-b"});
    assert_eq!(first, expected);
    assert_eq!(lines.lines().count(), FILES.len());
}

#[test]
fn the_list_is_what_find_finds() {
    let directory = temp_dir();
    let source = directory.path().join("source");
    let content = |number: usize| (format!("{}/{}/{number}", number % 7, number % 31), "x");
    let files: Vec<(String, &str)> = (0..3000).map(content).collect();
    write_tree(&source, &files);
    let arguments = ["--shuffle", "3", "--shard-size", "30KiB"];
    let dataset = pack(&source, directory.path(), "d", &arguments);
    let list = directory.path().join("list");
    std::fs::write(&list, self::list(&dataset, "null")).expect("written");
    let script = r#"cmp <(sort -z "$1") <(cd "$2"; find * -type f -print0 | sort -z)"#;
    sh(script, &[&list, &source]);
}

#[test]
fn what_a_form_cannot_write_is_left_out_and_said() {
    let directory = temp_dir();
    let names: &[&[u8]] = &[b"README", b"a/new\nline", b"a/ok", b"b/\xff", b"b/end "];
    let dataset = write_shards(directory.path(), &[&names[..2], &names[2..]]);
    let command = |format: &str| {
        let mut command = roxfs();
        command.args(["ls", "--format", format]).arg(&dataset);
        output(&mut command)
    };
    let dali = command("dali");
    assert_eq!(dali.status.code(), Some(1));
    assert_eq!(dali.stdout, b"a/ok 0\nb/\xff 1\n");
    let message = String::from_utf8_lossy(&dali.stderr).into_owned();
    assert!(
        message.contains("1 file in no directory, so without a label"),
        "{message}"
    );
    assert!(
        message.contains("2 files left out: this form has no way"),
        "{message}"
    );
    let jsonl = command("jsonl");
    assert_eq!(jsonl.status.code(), Some(1));
    let lines = String::from_utf8(jsonl.stdout).expect("UTF-8");
    assert_eq!(lines.lines().next(), Some(r#"{"file_name":"README"}"#));
    assert_eq!(lines.lines().count(), 4);
    let tsv = String::from_utf8(command("tsv").stdout).expect("UTF-8");
    assert_eq!(
        tsv,
        "README\t\t\na/new\\nline\ta\t0\na/ok\ta\t0\nb/end \tb\t1\nb/\\xff\tb\t1\n"
    );
    let plain = directory.path().join("plain.rox");
    std::fs::write(&plain, Parts::plain(&[b"x"]).bytes()).expect("written");
    let message = fail(roxfs().args(["ls", "--format", "null"]).arg(&plain), 1);
    assert!(
        message.contains("the shards have no names to list"),
        "{message}"
    );
}

/// As deep as names can be: no walk may use the stack for each level.
#[test]
fn the_deepest_names_are_listed() {
    let directory = temp_dir();
    let deep = format!("{}x", "d/".repeat(2047));
    let names: &[&[u8]] = &[deep.as_bytes(), b"a/1", b"z/2"];
    let dataset = write_shards(directory.path(), &[&names[..2], &names[2..]]);
    assert_eq!(list(&dataset, "null"), format!("a/1\0{deep}\0z/2\0"));
}
