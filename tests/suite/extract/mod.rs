//! Extracting as a person or a script does it: the tree that was packed comes back, nothing is
//! written outside the directory or over another file, and a killed run leaves whole files only.

use crate::support::parts::{Parts, Section, write_shard};
use crate::support::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// `roxfs extract -o directory arguments dataset`
fn extract(dataset: &Path, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = roxfs();
    command.args(["extract", "-o"]).arg(directory);
    command.args(arguments).arg(dataset);
    command
}

/// Extracts with `--quiet`, which has to fail with `code`, and returns the lines it said, sorted.
fn extract_fails(dataset: &Path, directory: &Path, arguments: &[&str], code: i32) -> Vec<String> {
    let message = fail(extract(dataset, directory, arguments).arg("--quiet"), code);
    let mut lines: Vec<String> = message.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// All files below a directory, as `find` prints them.
fn files(directory: &Path) -> Vec<String> {
    let mut found: Vec<String> = sh("cd \"$1\"; find . ! -type d -printf '%P\\n'", &[directory])
        .lines()
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

fn assert_same_trees(one: &Path, other: &Path) {
    sh("diff -r --no-dereference \"$1\" \"$2\"", &[one, other]);
}

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

/// A shard of these names and contents in a directory of its own, with checksums.
fn named(records: &[(&[u8], &[u8])]) -> (TempDir, PathBuf) {
    let contents: Vec<&[u8]> = records.iter().map(|record| record.1).collect();
    let names: Vec<&[u8]> = records.iter().map(|record| record.0).collect();
    let parts = Parts {
        sections: vec![Section::names(&names), Section::checksums(&contents)],
        ..Parts::plain(&contents)
    };
    write_shard(&parts.bytes())
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
fn an_existing_file_is_replaced_only_by_force() {
    let out = temp_dir();
    let (_directory, shard) = named(&[(b"d/a", b"new"), (b"d/b", b"other")]);
    write_tree(out.path(), &[("d/a", "old"), ("victim", "untouched")]);
    let (root, from) = (out.path().display(), shard.display());
    assert_eq!(
        extract_fails(&shard, out.path(), &[], FAILED),
        [format!(
            "roxfs: {root}/d/a: it exists; --force replaces it (record 0 of {from})"
        )]
    );
    assert_eq!(std::fs::read(out.path().join("d/a")).expect("read"), b"old");
    assert_eq!(
        std::fs::read(out.path().join("d/b")).expect("read"),
        b"other"
    );
    // A link is replaced as such, and what it points to is left alone.
    std::fs::remove_file(out.path().join("d/b")).expect("removed");
    symlink("../victim", out.path().join("d/b")).expect("link");
    std::fs::hard_link(out.path().join("d/a"), out.path().join("kept")).expect("link");
    run(&mut extract(&shard, out.path(), &["--force"]));
    let read = |name: &str| std::fs::read(out.path().join(name)).expect("read");
    assert_eq!([read("d/a"), read("d/b")], [&b"new"[..], b"other"]);
    assert_eq!([read("kept"), read("victim")], [&b"old"[..], b"untouched"]);
    assert_eq!(files(out.path()), ["d/a", "d/b", "kept", "victim"]);
}

#[test]
fn a_planted_link_is_not_followed() {
    let (outside, out) = (temp_dir(), temp_dir());
    write_tree(outside.path(), &[("file", "untouched")]);
    symlink(outside.path(), out.path().join("dir")).expect("link");
    symlink(outside.path().join("file"), out.path().join("file")).expect("link");
    symlink(outside.path().join("new"), out.path().join("dangling")).expect("link");
    std::fs::create_dir(out.path().join("real")).expect("made");
    symlink("..", out.path().join("real/up")).expect("link");
    let (_directory, shard) = named(&[
        (b"dangling", b"x"),
        (b"dir/escaped", b"x"),
        (b"file", b"x"),
        (b"real/up/up", b"x"),
        (b"sound", b"x"),
    ]);
    let (root, from) = (out.path().display(), shard.display());
    let link = "it is a symbolic link, expected a directory";
    let blocked = [
        format!("roxfs: {root}/dir: {link} (record 1 of {from})"),
        format!("roxfs: {root}/real/up: {link} (record 3 of {from})"),
    ];
    let exists = |name, number| {
        format!("roxfs: {root}/{name}: it exists; --force replaces it (record {number} of {from})")
    };
    let mut expected = [&blocked[..], &[exists("dangling", 0), exists("file", 2)]].concat();
    expected.sort();
    assert_eq!(extract_fails(&shard, out.path(), &[], FAILED), expected);
    std::fs::remove_file(out.path().join("sound")).expect("extracted");
    assert_eq!(
        extract_fails(&shard, out.path(), &["--force"], FAILED),
        blocked
    );
    assert_eq!(files(outside.path()), ["file"]);
    let file = std::fs::read(outside.path().join("file")).expect("read");
    assert_eq!(file, b"untouched");
    // The directory itself may be a link: who names it has chosen it.
    let door = temp_dir();
    symlink(outside.path(), door.path().join("door")).expect("link");
    run(&mut extract(&shard, &door.path().join("door/inner"), &[]));
    assert_eq!(files(outside.path()).len(), 6);
}

#[test]
fn hostile_names_are_reported_and_the_others_extracted() {
    let root = temp_dir();
    let out = root.path().join("a/out");
    let absolute = root.path().join("absolute");
    let long = [b'x'; 4096];
    let (_directory, shard) = named(&[
        (b"../x", b"0"),
        (absolute.as_os_str().as_bytes(), b"1"),
        (b"a/../../b", b"2"),
        (b"good", b"3"),
        (b"nul\0", b"4"),
        (&long, b"5"),
        (b"also/good", b"6"),
    ]);
    let lines = extract_fails(&shard, &out, &[], DAMAGED);
    let from = shard.display();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(
        lines[0],
        format!(
            "roxfs: {from}: record 0: name is \"../x\" (a component is \".\" or \"..\"), \
             expected a valid relative path"
        )
    );
    assert_eq!(
        lines[4],
        format!("roxfs: {from}: record 5: name is 4096 bytes long, expected at most 4095 bytes")
    );
    assert_eq!(files(root.path()), ["a/out/also/good", "a/out/good"]);
}

#[test]
fn names_that_clash_are_errors_with_and_without_force() {
    let (_directory, shard) = named(&[
        (b"twice", b"same"),
        (b"file", b"f"),
        (b"twice", b"same"),
        (b"file/below", b"b"),
        (b"dir/below", b"b"),
        (b"dir", b"d"),
    ]);
    let from = shard.display();
    let target = temp_dir();
    for (out, arguments) in [("plain", &[][..]), ("force", &["--force"])] {
        let out = target.path().join(out);
        // Which of two comes first is left to the threads.
        assert_eq!(extract_fails(&shard, &out, arguments, FAILED).len(), 3);
        assert_eq!(files(&out).len(), 3);
    }
    let tar = output(roxfs().args(["extract", "--tar", "-q"]).arg(&shard));
    assert_eq!(tar.status.code(), Some(FAILED));
    assert_eq!(
        String::from_utf8(tar.stderr).expect("UTF-8"),
        format!(
            "roxfs: record 2 of {from}: name is \"twice\", which another record has\n\
             roxfs: record 3 of {from}: name is \"file/below\", but \"file\" is another record\n\
             roxfs: record 5 of {from}: name is \"dir\", which is a directory of other records\n"
        )
    );
}

#[test]
fn a_wrong_checksum_leaves_no_file() {
    let large = bytes(5, (2 << 20) + 3);
    let records: [&[u8]; 3] = [b"sound", b"broken", &large];
    let mut parts = Parts {
        sections: vec![
            Section::names(&[b"a", b"b", b"c"]),
            Section::checksums(&records),
        ],
        ..Parts::plain(&records)
    };
    parts.payload[5] ^= 1;
    *parts.payload.last_mut().expect("not empty") ^= 1;
    let found = [1, 2].map(|record: usize| {
        let from = [0, 5, 11][record];
        crc32c::crc32c(&parts.payload[from..from + records[record].len()])
    });
    let (directory, shard) = write_shard(&parts.bytes());
    let from = shard.display();
    let line = |record: usize| {
        let expected = crc32c::crc32c(records[record]);
        let found = found[record - 1];
        format!(
            "roxfs: {from}: record {record}: checksum is {found:#010x}, expected {expected:#010x}"
        )
    };
    let out = directory.path().join("out");
    assert_eq!(
        extract_fails(&shard, &out, &[], DAMAGED),
        [line(1), line(2)]
    );
    assert_eq!(files(&out), ["a"]);
    let tar = output(roxfs().args(["extract", "--tar", "-q"]).arg(&shard));
    assert_eq!(tar.status.code(), Some(DAMAGED));
    let archive = directory.path().join("x.tar");
    std::fs::write(&archive, tar.stdout).expect("written");
    assert_eq!(sh("tar tf \"$1\"", &[&archive]), "a\n");
}

#[test]
fn many_failures_are_counted_and_not_all_shown() {
    let records: Vec<String> = (0..50).map(|i| i.to_string()).collect();
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &records, &[]);
    let out = target.path().join("out");
    run(&mut extract(&dataset, &out, &[]));
    let message = fail(&mut extract(&dataset, &out, &[]), FAILED);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 22, "{message}");
    assert_eq!(lines[20], "roxfs: 30 more failures not shown");
    assert!(lines[21].ends_with("; 50 failed"), "{message}");
}

#[test]
fn a_killed_run_leaves_whole_files_only() {
    let (source, target) = (temp_dir(), temp_dir());
    let content = |i: u64| bytes(i, 200_000);
    let many: Vec<_> = (0..150)
        .map(|i| (format!("{}/{i}", i % 7), content(i)))
        .collect();
    write_tree(source.path(), &many);
    let dataset = pack(source.path(), target.path(), "d", &[]);
    let out = target.path().join("out");
    let mut interrupted = 0;
    for moment in 0..20 {
        let mut child = extract(&dataset, &out, &["--force", "-q"])
            .spawn()
            .expect("started");
        // Numbers that look random, up to a time in which most runs are not done.
        std::thread::sleep(Duration::from_micros(bytes(moment, 4)[3] as u64 * 400));
        interrupted += u32::from(child.try_wait().expect("asked").is_none());
        child.kill().expect("killed");
        child.wait().expect("waited for");
        if !out.exists() {
            continue;
        }
        for file in files(&out) {
            // A file that was to replace another may wait under a temporary name.
            if Path::new(&file).extension() == Some(OsStr::new("tmp")) {
                assert!(file.contains("/.roxfs-extract."), "{file}");
                std::fs::remove_file(out.join(&file)).expect("removed");
                continue;
            }
            let expected = std::fs::read(source.path().join(&file)).expect("a record's name");
            assert!(
                std::fs::read(out.join(&file)).expect("read") == expected,
                "{file}"
            );
        }
    }
    assert!(interrupted > 0, "every run was done before it was killed");
    run(&mut extract(&dataset, &out, &["--force"]));
    assert_same_trees(source.path(), &out);
}

#[test]
fn a_killed_run_leaves_no_temporary_names() {
    let target = temp_dir();
    let records: Vec<_> = (0..150).map(|i| bytes(i, 200_000)).collect();
    let dataset = pack_records(target.path(), "d", &records, &[]);
    for moment in 0..10 {
        let out = target.path().join("out");
        let mut child = extract(&dataset, &out, &["-q"]).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(moment * 4));
        child.kill().expect("killed");
        child.wait().expect("waited for");
        if out.exists() {
            let found = files(&out);
            assert!(found.iter().all(|file| file.len() == 6), "{found:?}");
            std::fs::remove_dir_all(&out).expect("removed");
        }
    }
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
fn a_closed_pipe_is_silent() {
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &[bytes(1, 4 << 20)], &[]);
    let mut child = roxfs()
        .args(["extract", "--tar"])
        .arg(&dataset)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("waited for");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
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

/// A small file system of its own, unmounted when dropped.
struct Tmpfs(TempDir);

impl Tmpfs {
    fn new(options: &str) -> Tmpfs {
        let tmpfs = Tmpfs(temp_dir());
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "roxfs-test"])
            .arg(tmpfs.0.path()));
        tmpfs
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_ends_the_run_with_whole_files() {
    let target = temp_dir();
    let records: Vec<_> = (0..40).map(|i| bytes(i, 100_000)).collect();
    let dataset = pack_records(target.path(), "d", &records, &[]);
    let tmpfs = Tmpfs::new("size=1m");
    let message = fail(&mut extract(&dataset, tmpfs.0.path(), &[]), FAILED);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 2, "{message}");
    assert!(lines[0].contains("No space left on device (os error 28) (record "));
    assert!(lines[1].ends_with("; 1 failed; stopped"), "{message}");
    let left = files(tmpfs.0.path());
    assert!(left.len() >= 5, "{left:?}");
    for file in left {
        let number: usize = file.parse().expect("a record's name");
        let found = std::fs::read(tmpfs.0.path().join(file)).expect("read");
        assert!(found == records[number], "record {number}");
    }
}

#[test]
fn a_read_only_target_ends_the_run() {
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &["x"; 30], &[]);
    let tmpfs = Tmpfs::new("size=1m,ro");
    let lines = extract_fails(&dataset, tmpfs.0.path(), &[], FAILED);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains(": Read-only file system (os error 30) (record "),
        "{lines:?}"
    );
    let new = tmpfs.0.path().join("new");
    assert_eq!(
        extract_fails(&dataset, &new, &[], FAILED),
        [format!(
            "roxfs: {}: Read-only file system (os error 30)",
            new.display()
        )]
    );
}
