//! Sources that are files of a special kind: made up by the kernel, pipes of a shell, links through files,
//! directories in circles, or not what they are said to be.

use super::many::many;
use super::named;
use crate::support::*;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

#[test]
fn what_the_kernel_makes_up_is_read_to_its_end_whatever_its_size_is_said_to_be() {
    let files = [
        "/proc/version",
        "/proc/filesystems",
        "/sys/devices/system/cpu/online",
    ];
    let expected = files.map(|path| {
        let content = std::fs::read(path).expect("readable");
        assert_ne!(
            std::fs::metadata(path).expect("there").len(),
            content.len() as u64
        );
        (path.trim_start_matches('/'), content)
    });
    let target = Target::new();
    run_with(
        &mut target.pack(&["--from", "list"]),
        files.join("\n").as_bytes(),
    );
    assert_eq!(target.named_records(), named(&expected));
    for options in [&[][..], &["--shuffle", "1"], &["--plain"]] {
        let target = Target::new();
        run(target.pack(options).arg(files[0]));
        assert_eq!(target.records(), [&expected[0].1[..]]);
    }
    let target = Target::new();
    run(&mut target.pack(&["-q", "/sys/devices/system/cpu/cpu0/topology"]));
    assert!(target.records().iter().any(|record| !record.is_empty()));
}

#[test]
fn a_link_through_a_file_leads_nowhere_and_is_passed_over() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1")]);
    let long = "x".repeat(300);
    for (name, to) in [("file", "a/b"), ("none", "gone"), ("long", &long)] {
        symlink(to, source.path().join(name)).expect("linked");
    }
    let message = said(&mut target.pack(&[source.path()]));
    assert!(
        message.ends_with("; 3 skipped: symbolic link\n"),
        "{message}"
    );
    let list = Target::new();
    let mut pack = list.pack(&["--from", "list"]);
    let message = run_with(pack.current_dir(source.path()), b"a\nfile\nnone\nlong\n");
    assert!(
        message.ends_with("; 3 skipped: symbolic link\n"),
        "{message}"
    );
    for target in [target, list] {
        assert_eq!(target.named_records(), named(&[("a", "1")]));
    }
}

#[test]
fn what_a_shell_substitutes_is_read_as_from_says() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1"), ("b", "2")]);
    let script = |kind: &str, inner: &str| {
        let script = format!(
            "cd \"$1\"; \"$2\" pack -o \"$3\" --new-shard {kind} <({inner}) 2>&1 || echo \"code $?\""
        );
        let program = Path::new(env!("CARGO_BIN_EXE_roxfs"));
        sh(&script, &[source.path(), program, &target.dataset()])
    };
    for (kind, inner) in [
        ("--from tar", "tar -cf - a"),
        ("--from list", "ls b"),
        ("--from lines", "cat a"),
        ("--from lines", "cat a b"),
    ] {
        let said = script(kind, inner);
        assert!(
            said.starts_with("roxfs: packed 1 record "),
            "{kind}: {said}"
        );
    }
    assert_eq!(target.names(), ["a", "b", "", ""]);
    let said = script("", "cat a");
    let expected =
        ": it is a FIFO, expected a file or a directory; --from KIND says what comes out";
    assert!(
        said.contains(expected) && said.ends_with("code 1\n"),
        "{said}"
    );
}

#[test]
fn a_loop_is_called_what_it_is() {
    need_root();
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("in/a/b/x", "1")]);
    let path = source.path().join("in");
    let root = path.display();
    let loops = |script: &str| {
        let mut pack = Command::new("unshare");
        let script = format!("cd \"$1\"; {script}; exec \"$2\" pack -o \"$3\" \"$1\"");
        pack.args(["-m", "bash", "-ec", &script, "bash"]);
        pack.arg(&path).arg(env!("CARGO_BIN_EXE_roxfs"));
        fail(pack.arg(target.dataset()), 1)
    };
    let message = loops("mount --bind . a/b");
    assert_eq!(
        message,
        format!("roxfs: {root}/a/b: a bind mount leads back to {root}\n")
    );
    let message = loops("mount --rbind . a/b; mount --rbind a a/b/a");
    assert!(
        message.contains(": a bind mount leads back to "),
        "{message}"
    );
    let message = loops("ln -s .. a/up");
    assert_eq!(
        message,
        format!("roxfs: {root}/a/up: a symbolic link leads back to {root}\n")
    );
    let message = loops("rm a/up; ln -s ../.. a/up");
    assert!(
        message.contains(": a symbolic link leads back to "),
        "{message}"
    );
}

#[test]
fn a_source_that_is_missing_or_may_not_be_read_is_found_before_anything_is_written() {
    need_root();
    let (source, target) = (temp_dir(), Target::new());
    many(source.path(), 3);
    sh(
        "chmod 755 \"$1\"; chmod 600 \"$1\"/00002*; chmod 777 \"$2\"",
        &[source.path(), target.path()],
    );
    for (options, suffix) in [
        (&[][..], ".tar"),
        (&["--from=list"], ".list"),
        (&["--from=lines"], ""),
    ] {
        for (last, expected) in [("00002", "Permission denied"), ("00009", "No such file")] {
            let mut pack = roxfs_as_nobody(target.path());
            pack.args(["pack", "--shard-size=1", "-o"])
                .arg(target.dataset());
            pack.args(options).current_dir(source.path());
            pack.args(["00000", "00001", last].map(|name| format!("{name}{suffix}")));
            let message = fail(&mut pack, 1);
            let start = format!("roxfs: {last}{suffix}: {expected}");
            assert!(message.starts_with(&start), "{message}");
            assert_eq!(entries(target.path()), ["roxfs"], "{message}");
        }
    }
    let mut pack = target.pack(&["--from=tar", "--shard-size=1", "00000.tar", "."]);
    let message = fail(pack.current_dir(source.path()), 1);
    assert!(message.starts_with("roxfs: .: Is a directory"), "{message}");
}

#[test]
fn a_list_that_is_not_what_it_is_said_to_be_is_told_what_it_looks_like() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1")]);
    for (kind, list, expected) in [
        (
            "list",
            &b"a\r\n"[..],
            "a\\r: No such file or directory (os error 2) (it ends with a carriage return, as lines from Windows do)",
        ),
        (
            "list",
            b"\xef\xbb\xbfa\n",
            "\\xef\\xbb\\xbfa: No such file or directory (os error 2) (it begins with a byte order mark)",
        ),
        (
            "list",
            b"\xff\xfea\0\n\0",
            "\\xff\\xfea\\x00: file name contained an unexpected NUL byte (it begins with a byte order mark of UTF-16)",
        ),
        (
            "list",
            b"a\0b\0",
            "a\\x00b\\x00: file name contained an unexpected NUL byte (it has NUL bytes, as lists for --from list0 do)",
        ),
        (
            "list0",
            b"a\nb\n",
            "a\\nb\\n: No such file or directory (os error 2) (it has newlines, as lists for --from list do)",
        ),
        (
            "list",
            b"\x1b[31mb\n",
            "\\x1b[31mb: No such file or directory (os error 2)",
        ),
    ] {
        let mut pack = target.pack(&["--from", kind]);
        let message = fail_with(pack.current_dir(source.path()), list, 1);
        assert_eq!(message, format!("roxfs: {expected}\n"));
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
    std::fs::write(source.path().join("a\r"), "2").expect("written");
    let mut pack = target.pack(&["--from", "list"]);
    run_with(pack.current_dir(source.path()), b"a\r\n");
    assert_eq!(target.records(), [b"2"]);
}
