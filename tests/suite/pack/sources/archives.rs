//! Tar archives as GNU tar writes them.

use super::named;
use crate::support::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FORMATS: [&str; 3] = ["gnu", "pax", "ustar"];

/// Makes `x.tar` of `in`, in a directory with these files.
fn archive(files: &[(String, Vec<u8>)], arguments: &str) -> (TempDir, PathBuf) {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), files);
    let archive = tar(directory.path(), arguments);
    (directory, archive)
}

/// Makes `x.tar` in a directory, of `in` there, with more arguments.
pub fn tar(directory: &Path, arguments: &str) -> PathBuf {
    let script = format!("cd \"$1\"; tar --sort=name {arguments} -cf x.tar -C in .");
    sh(&script, &[directory]);
    directory.join("x.tar")
}

/// In the order in which tar sorts them.
fn files() -> Vec<(String, Vec<u8>)> {
    let hundred = format!("{}/{}", "d".repeat(60), "f".repeat(60));
    let names = ["a", "b/large", "b/small", "c/empty", "c/ü", &hundred];
    let content = |name: &str| match name {
        "b/large" => bytes(1, (3 << 20) + 1),
        "c/empty" => Vec::new(),
        _ => bytes(name.len() as u64, name.len() * 700),
    };
    names.map(|name| (name.to_owned(), content(name))).to_vec()
}

#[test]
fn an_archive_comes_back_from_a_mount_with_its_names() {
    for format in FORMATS {
        let (_directory, archive) = archive(&files(), &format!("--format={format}"));
        let target = Target::new();
        run(&mut target.pack(&[archive]));
        assert_eq!(target.named_records(), files(), "{format}");
    }
}

#[test]
fn an_archive_can_come_from_a_pipe_and_through_a_decompressor() {
    let (_directory, archive) = archive(&files(), "--format=gnu");
    let plain = std::fs::read(&archive).expect("readable");
    let piped = Target::new();
    run_with(&mut piped.pack(&["--from", "tar"]), &plain);
    assert_eq!(piped.named_records(), files());
    let decompressed = Target::new();
    let script = r#"gzip -c "$1" | gzip -dc | "$2" pack --from tar -o "$3/d.rox""#;
    let program = Path::new(env!("CARGO_BIN_EXE_roxfs"));
    sh(script, &[&archive, program, decompressed.path()]);
    assert!(decompressed.bytes() == piped.bytes());
}

#[test]
fn archives_and_directories_are_packed_in_the_order_given() {
    let (directory, archive) = archive(&files()[..2], "--format=pax");
    write_tree(&directory.path().join("more"), &[("m", "1")]);
    let target = Target::new();
    let more = directory.path().join("more");
    let file = directory.path().join("in/a");
    std::fs::rename(&file, directory.path().join("last")).expect("renamed");
    let last = directory.path().join("last");
    run(&mut target.pack(&[more, archive, last]));
    assert_eq!(target.names(), ["m", "a", "b/large", "last"]);
    assert_eq!(target.records()[3], files()[0].1);
}

#[test]
fn names_of_more_than_255_bytes_in_all_are_kept() {
    let deep = ["x".repeat(255), "y".repeat(200), "z".repeat(255)].join("/");
    let files = vec![(deep, b"deep".to_vec())];
    for format in ["gnu", "pax"] {
        let (_directory, archive) = archive(&files, &format!("--format={format}"));
        let target = Target::new();
        run(&mut target.pack(&[archive]));
        assert_eq!(target.named_records(), files, "{format}");
    }
}

/// A directory `in` with hard links: `a`, `b` (the same), `c` (other content, 2 MiB), `d` (the
/// same as `c`), `e` and `f` (the same, empty), `g` (the same as `a` again).
fn hard_links() -> (TempDir, Vec<(String, Vec<u8>)>) {
    let directory = temp_dir();
    let contents = [bytes(1, 700), bytes(2, 2 << 20), Vec::new()];
    let [small, large, empty] = &contents;
    write_tree(
        &directory.path().join("in"),
        &[("a", small), ("c", large), ("e", empty)],
    );
    sh(
        "cd \"$1/in\"; ln a b; ln c d; ln e f; ln a g",
        &[directory.path()],
    );
    let all = [
        ("a", small),
        ("b", small),
        ("c", large),
        ("d", large),
        ("e", empty),
        ("f", empty),
        ("g", small),
    ];
    (directory, named(&all))
}

#[test]
fn hard_links_are_records_with_the_content_of_what_they_lead_to() {
    let (directory, expected) = hard_links();
    for format in FORMATS {
        let archive = tar(directory.path(), &format!("--format={format}"));
        for options in [
            &[][..],
            // The target of a link is in an earlier shard, all but one of them whole.
            &["--shard-size=1000"],
            &["--shard-size=1000", "--no-checksums"],
        ] {
            let target = Target::new();
            run(target.pack(options).arg(&archive));
            assert_eq!(target.named_records(), expected, "{format} {options:?}");
        }
    }
}

#[test]
fn hard_links_work_without_names_and_without_empty_records() {
    let (directory, expected) = hard_links();
    let archive = tar(directory.path(), "--format=gnu");
    for shard_size in ["1GiB", "1000"] {
        let target = Target::new();
        let options = ["--plain", "--drop-empty", "--shard-size", shard_size];
        run(target.pack(&options).arg(&archive));
        let contents = expected.iter().map(|(_, content)| content.clone());
        let contents: Vec<Vec<u8>> = contents.filter(|content| !content.is_empty()).collect();
        assert_eq!(target.records(), contents, "{shard_size}");
    }
}

#[test]
fn a_hard_link_in_what_is_appended_leads_to_the_archive_and_not_to_the_dataset() {
    let (directory, expected) = hard_links();
    let archive = tar(directory.path(), "--format=gnu");
    let first = temp_dir();
    write_tree(first.path(), &[("0", "zero"), ("1", "one")]);
    for shard_size in ["1GiB", "1000"] {
        let target = Target::new();
        run(&mut target.pack(&[first.path()]));
        run(target.pack(&["--shard-size", shard_size]).arg(&archive));
        assert_eq!(target.named_records()[2..], expected, "{shard_size}");
    }
}

#[test]
fn a_hard_link_finds_its_content_after_records_that_were_left_out() {
    let (directory, expected) = hard_links();
    let archive = tar(directory.path(), "--format=gnu");
    let user = temp_dir();
    sh(
        r#"chmod 777 "$1"; chmod 755 "$2"; echo secret >"$2/secret"; chmod 0 "$2/secret""#,
        &[user.path(), directory.path()],
    );
    let secret = directory.path().join("secret");
    for shard_size in ["1GiB", "1000"] {
        let output = user.path().join(format!("{shard_size}.rox"));
        let mut pack = roxfs_as_nobody(user.path());
        pack.args(["pack", "--keep-going", "--shard-size", shard_size, "-o"]);
        let message = fail(pack.arg(&output).arg(&secret).arg(&archive), 1);
        assert!(message.contains("1 failed and left out"), "{message}");
        let all = run(roxfs().args(["cat", "-i", ":"]).arg(&output));
        let contents: Vec<&[u8]> = expected.iter().map(|(_, content)| &content[..]).collect();
        assert!(
            all == contents.concat(),
            "{shard_size}: a link has other content"
        );
    }
}

#[test]
fn a_hard_link_to_what_is_not_in_the_archive_is_an_error() {
    let (directory, _) = hard_links();
    sh(
        "cd \"$1\"; tar -cf x.tar -C in a b; tar --delete -f x.tar a",
        &[directory.path()],
    );
    let archive = directory.path().join("x.tar");
    let target = Target::new();
    let message = fail(&mut target.pack(&[&archive]), 1);
    let what = "b: a hard link to \"a\", which is not in the archive before it";
    assert_eq!(message, format!("roxfs: {}: {what}\n", archive.display()));
}

#[test]
fn what_is_no_file_is_passed_over_and_counted() {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), &[("d/a", "1")]);
    sh(
        "cd \"$1/in\"; mkdir empty; ln -s d/a link; ln -s nowhere dangling; mkfifo fifo",
        &[directory.path()],
    );
    for format in FORMATS {
        let archive = tar(directory.path(), &format!("--format={format}"));
        let target = Target::new();
        let message = said(&mut target.pack(&[archive]));
        assert_eq!(target.named_records(), named(&[("d/a", "1")]));
        let skipped = "; 1 skipped: not a file; 2 skipped: symbolic link; \
                       1 empty directory: it has no place in a dataset\n";
        assert!(message.ends_with(skipped), "{format}: {message}");
    }
}

#[test]
fn a_volume_label_is_passed_over_as_what_is_no_file() {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), &[("a", "1")]);
    for format in ["gnu", "pax"] {
        let archive = tar(directory.path(), &format!("-V label --format={format}"));
        let target = Target::new();
        run(&mut target.pack(&[archive]));
        assert_eq!(target.named_records(), named(&[("a", "1")]), "{format}");
    }
}

#[test]
fn names_that_are_not_written_need_not_differ() {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), &[("a", "1"), ("b", "2")]);
    sh(
        "cd \"$1\"; tar -cf x.tar -C in a b; tar -rf x.tar -C in a",
        &[directory.path()],
    );
    let target = Target::new();
    let archive = directory.path().join("x.tar");
    run(target.pack(&["--no-names"]).arg(archive));
    assert_eq!(target.records(), [b"1", b"2", b"1"]);
}
