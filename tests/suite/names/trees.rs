//! Real trees, packed and mounted: programs find no difference.

use super::*;
use std::os::unix::ffi::OsStrExt;

/// Packs a tree in order and as a shuffled list, into one shard and many, mounts each, and compares
/// `files/` with the tree.
fn check_tree(files: &[(Vec<u8>, Vec<u8>)], shard_size: &str) {
    let directory = temp_dir();
    let source = directory.path().join("source");
    write_tree(&source, files);
    let list = directory.path().join("list");
    let shuffle = r#"cd "$1"; find . -type f -print0 | shuf -z --random-source=<(yes) >"$2""#;
    sh(shuffle, &[&source, &list]);
    for (number, arguments) in [&[][..], &["--shard-size", shard_size]].iter().enumerate() {
        let name = format!("ordered{number}");
        let dataset = pack(&source, directory.path(), &name, arguments);
        compare(&source, &dataset);
        let dataset = directory.path().join(format!("shuffled{number}.rox"));
        let mut command = roxfs();
        command
            .current_dir(&source)
            .args(["pack", "-o"])
            .arg(&dataset);
        run(command
            .args(*arguments)
            .args(["--from", "list0"])
            .arg(&list));
        compare(&source, &dataset);
    }
}

fn compare(source: &Path, dataset: &Path) {
    let mount = Mount::with(&["--root", "files"], &[dataset]);
    sh(
        r#"diff -r --no-dereference "$1" "$2""#,
        &[source, mount.path()],
    );
    let script = r#"rsync -rc --delete --dry-run --itemize-changes "$1/" "$2/""#;
    assert_eq!(sh(script, &[source, mount.path()]), "");
    mount.unmount();
}

fn tree(names: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let content = |name: &[u8]| bytes(name.len() as u64, 50 * name.len());
    names
        .iter()
        .map(|name| (name.to_vec(), content(name)))
        .collect()
}

#[test]
fn deep_trees() {
    let deep = |depth: usize| "d/".repeat(depth).into_bytes();
    let mut files: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for depth in [0, 1, 2, 40, 400] {
        for name in ["a", "b.bin", "z"] {
            let path = [&deep(depth)[..], name.as_bytes()].concat();
            files.push((path, bytes(depth as u64, depth * 3 + 1)));
        }
    }
    check_tree(&files, "4KiB");
}

#[test]
fn names_of_all_kinds() {
    let long = "n".repeat(255);
    let long_path = format!("{long}/{long}/{long}");
    let names: &[&[u8]] = &[
        b"a b/c d.jpg",
        b"new\nline/x\ty",
        b"\xff\xfe/\x80.bin",
        "\u{e4}\u{4f60}/\u{1f600}.png".as_bytes(),
        long.as_bytes().split_at(250).0,
        long_path.as_bytes(),
        b"back\\slash",
        b"-dash",
        b".hidden/.file",
        b"*?[x]",
    ];
    check_tree(&tree(names), "2KiB");
}

#[test]
fn names_that_sort_across_the_slash() {
    let names: &[&[u8]] = &[
        b"a-b", b"a/b", b"a.b", b"a0", b"a/b-c", b"a!", b"ab/a", b"ab-/a", b"ab.", b"b/a/a",
        b"b/a-", b"b/a.", b"b/a/b", b"b/a0/c", b"A/b", b"A-b",
    ];
    check_tree(&tree(names), "600");
}

#[test]
fn empty_files_and_one_file_only() {
    let empty = |name: &str| (name.as_bytes().to_vec(), Vec::new());
    check_tree(&["a", "b/c", "b/d"].map(empty), "100");
    check_tree(&[empty("x/y/z")], "100");
    check_tree(&tree(&[b"only"]), "100");
}

#[test]
fn a_hundred_thousand_files_in_one_directory() {
    let number = |number: u32| {
        let name = format!("all/{}.bin", number.wrapping_mul(2_654_435_761));
        (name.into_bytes(), number.to_le_bytes().to_vec())
    };
    let files: Vec<_> = (0..100_000).map(number).collect();
    let directory = temp_dir();
    let source = directory.path().join("source");
    write_tree(&source, &files);
    let dataset = pack(&source, directory.path(), "d", &["--shard-size", "1MiB"]);
    compare(&source, &dataset);
    let shuffled = ["--shuffle", "1", "--shard-size", "1MiB"];
    let dataset = pack(&source, directory.path(), "shuffled", &shuffled);
    compare(&source, &dataset);
}

#[test]
fn a_directory_can_be_the_root_and_then_has_nothing_else() {
    let directory = temp_dir();
    let source = directory.path().join("source");
    write_tree(
        &source,
        &tree(&[b"train/cat/1.jpg", b"train/dog/2.jpg", b"test/3.jpg"]),
    );
    let dataset = pack(&source, directory.path(), "d", &[]);
    let names = |mount: &Mount| {
        let entries = std::fs::read_dir(mount.path()).expect("listed");
        let mut names: Vec<Vec<u8>> = entries
            .map(|entry| entry.expect("entry").file_name().as_bytes().to_vec())
            .collect();
        names.sort();
        names
    };
    let cases: [(&str, &[&str]); 5] = [
        ("files", &["test", "train"]),
        ("files/train", &["cat", "dog"]),
        ("records", &["000000.jpg", "000001.jpg", "000002.jpg"]),
        ("raw", &["data", "index"]),
        (
            "shards/d_0000/",
            &["000000.jpg", "000001.jpg", "000002.jpg"],
        ),
    ];
    for (root, expected) in cases {
        let mount = Mount::with(&["--ext", "jpg", "--root", root], &[&dataset]);
        let expected = expected.iter().map(|name| name.as_bytes().to_vec());
        assert_eq!(names(&mount), expected.collect::<Vec<_>>(), "{root}");
        let hidden = [".roxfs", "raw", "shards"];
        assert!(
            hidden.iter().all(|name| !mount.join(name).exists()),
            "{root}"
        );
        let above = std::fs::metadata(mount.join("..")).expect("the directory above");
        let parent = mount.path().parent().expect("has a parent");
        use std::os::unix::fs::MetadataExt;
        assert_eq!(above.ino(), std::fs::metadata(parent).expect("there").ino());
        mount.unmount();
    }
    let plain = pack(&source, directory.path(), "plain", &["--plain"]);
    let refused: [(&str, &Path, &str); 4] = [
        (
            "files",
            &plain,
            "--root files: no such file or directory; the shards have no names",
        ),
        ("files/none", &dataset, "--root files/none: no such file"),
        ("raw/data", &dataset, "--root raw/data: not a directory"),
        ("records/000000.bin/x", &dataset, "not a directory"),
    ];
    let target = directory.path().join("mnt");
    std::fs::create_dir(&target).expect("mount point");
    for (root, dataset, expected) in refused {
        let mut command = roxfs();
        command
            .args(["mount", "--root", root])
            .args([dataset, &target]);
        let message = fail(&mut command, 1);
        assert!(message.contains(expected), "{message}");
        assert!(!is_mounted(&target));
    }
    let mut command = roxfs();
    command
        .args(["mount", "--ext", "a/b"])
        .args([&dataset, &target]);
    assert!(fail(&mut command, 2).contains("an extension has no"));
}

#[test]
fn python_walks_it_as_the_plain_directory() {
    let directory = temp_dir();
    let source = directory.path().join("source");
    let file = |number: usize| {
        let name = format!("class{}/sub{}/{number}.jpg", number % 10, number % 3);
        (name, bytes(number as u64, number % 5000))
    };
    let files: Vec<(String, Vec<u8>)> = (0..2000).map(file).collect();
    write_tree(&source, &files);
    let arguments = ["--shuffle", "5", "--shard-size", "1MiB"];
    let dataset = pack(&source, directory.path(), "d", &arguments);
    let mount = Mount::with(&["--root", "files"], &[&dataset]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/names/walk.py");
    let printed = run(python("0.1.0").arg(script).arg(&source).arg(mount.path()));
    let printed = String::from_utf8(printed).expect("UTF-8");
    assert!(
        printed.starts_with("by_walk 2041\nby_scandir 2040\n"),
        "{printed}"
    );
    mount.unmount();
}
