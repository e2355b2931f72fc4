//! Where results and messages go cannot take them: it is closed, full, or nobody reads. Results that
//! are lost are an error, messages that are lost change nothing, and nothing panics.

use crate::support::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A dataset, and each command that writes to standard output.
fn commands() -> (TempDir, Vec<Vec<PathBuf>>) {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..10).map(|seed| bytes(seed, 100)).collect();
    let dataset = pack_records(directory.path(), "d", &records, &[]);
    let commands = [
        &["cat", "-i", "0"][..],
        &["ls"],
        &["ls", "-l"],
        &["ls", "--format", "tsv"],
        &["info"],
        &["info", "--json"],
        &["verify"],
        &["extract", "--tar", "-q"],
    ];
    let with_dataset = |command: &&[&str]| {
        let arguments = command.iter().map(PathBuf::from);
        arguments.chain([dataset.clone()]).collect()
    };
    let mut commands: Vec<Vec<PathBuf>> = commands.iter().map(with_dataset).collect();
    for help in [&["--help"][..], &["--version"], &["pack", "--help"]] {
        commands.push(help.iter().map(PathBuf::from).collect());
    }
    (directory, commands)
}

/// Runs it with a shell's redirection; its code, and what it said on standard error.
fn redirected(arguments: &[PathBuf], redirection: &str) -> (Option<i32>, String) {
    let mut bash = Command::new("bash");
    let script = format!("\"$@\" {redirection}; exit ${{PIPESTATUS[0]}}");
    bash.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_roxfs")]);
    let output = output(bash.args(arguments));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code(), said)
}

#[test]
fn results_that_are_lost_are_an_error() {
    let (_directory, commands) = commands();
    for command in &commands {
        for (redirection, reason) in [
            (">&-", "Bad file descriptor (os error 9)"),
            (">&- <&-", "Bad file descriptor (os error 9)"),
            (">/dev/full", "No space left on device (os error 28)"),
            (">/dev/full 3>&-", "No space left on device (os error 28)"),
        ] {
            let (code, said) = redirected(command, redirection);
            let expected = format!("roxfs: standard output: {reason}\n");
            assert_eq!(
                (code, said),
                (Some(1), expected),
                "{command:?} {redirection}"
            );
        }
        let (code, said) = redirected(command, ">&- 2>&-");
        assert_eq!((code, &*said), (Some(1), ""), "{command:?}");
    }
}

#[test]
fn results_that_nobody_wants_are_none() {
    let (_directory, commands) = commands();
    for command in &commands {
        for redirection in [
            ">/dev/null",
            "1<>/dev/null",
            "| true",
            "| head -c 1 >/dev/null",
        ] {
            let (code, said) = redirected(command, redirection);
            assert_eq!((code, &*said), (Some(0), ""), "{command:?} {redirection}");
        }
    }
}

#[test]
fn messages_that_are_lost_change_nothing() {
    let (directory, commands) = commands();
    let missing = directory.path().join("missing.rox");
    for redirection in ["2>&-", "2>/dev/full", "2>&- <&-"] {
        for command in &commands {
            let redirection = format!("{redirection} >/dev/null");
            let (code, _) = redirected(command, &redirection);
            assert_eq!(code, Some(0), "{command:?} {redirection}");
        }
        for (arguments, expected) in [(&["info"][..], 1), (&["no-such"], 2), (&["umount"], 1)] {
            let mut arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
            arguments.push(missing.clone());
            let (code, _) = redirected(&arguments, redirection);
            assert_eq!(code, Some(expected), "{arguments:?} {redirection}");
        }
    }
    // Packing says what it has packed, and what it has left out.
    let source = directory.path().join("in");
    write_tree(&source, &[("a", "1")]);
    for (number, redirection) in ["2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&- 2>&-"]
        .iter()
        .enumerate()
    {
        let target = directory.path().join(format!("t{number}.rox"));
        let list = directory.path().join("list");
        std::fs::write(&list, format!("{0}/a\n{0}/gone\n", source.display())).expect("written");
        let mut pack = ["pack", "--keep-going", "--from", "list", "-o"]
            .map(PathBuf::from)
            .to_vec();
        pack.extend([target.clone(), list]);
        assert_eq!(redirected(&pack, redirection), (Some(1), String::new()));
        let listed = run(roxfs().arg("ls").arg(&target));
        assert_eq!(listed.iter().filter(|&&byte| byte == b'\n').count(), 1);
    }
}

#[test]
fn levels_of_messages_that_are_no_levels_are_said_and_no_panic() {
    let (_directory, commands) = commands();
    for (levels, redirection, expected) in [
        ("a=b=c", "", "roxfs: ROXFS_LOG is ignored: "),
        ("a=b=c", "2>/dev/full", ""),
        ("a/b/c", "2>/dev/full", ""),
        ("debug", "2>/dev/full", ""),
    ] {
        let script = format!("ROXFS_LOG={levels} \"$@\" {redirection} >/dev/null");
        let mut bash = Command::new("bash");
        bash.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_roxfs")]);
        let output = output(bash.args(&commands[1]));
        assert_eq!(output.status.code(), Some(0), "{levels} {redirection}");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(said.starts_with(expected), "{said}");
    }
}

/// Every command, as a user who may start only a limited number of processes and threads.
#[test]
fn with_any_limit_on_threads_each_command_works_or_says_why_in_one_line() {
    need_root();
    let directory = temp_dir();
    let path = directory.path();
    write_tree(&path.join("in"), &[("a", "1"), ("b", "22")]);
    roxfs_in(path);
    // A user of its own, whose threads are counted.
    sh(
        "chmod 755 \"$1\"; mkdir \"$1/out\"; chown news \"$1/out\"",
        &[path],
    );
    let run_limited = |limit: u32, command: &str| {
        let mut bash = as_user("news", "news", "", "bash");
        let script = format!("ulimit -u {limit}; exec ../roxfs {command}");
        bash.args(["-c", &script]).current_dir(path.join("out"));
        output(&mut bash)
    };
    let mut failed = 0;
    for limit in 1..=8 {
        let dataset = format!("d{limit}.rox");
        let packed = run_limited(limit, &format!("pack -o {dataset} ../in"));
        let said = String::from_utf8(packed.stderr).expect("UTF-8");
        assert_eq!(said.lines().count(), 1, "{limit}: {said}");
        match packed.status.code() {
            Some(0) => {}
            code => {
                failed += 1;
                let expected = "roxfs: a thread for the source cannot be started: ";
                assert!(
                    code == Some(1) && said.starts_with(expected),
                    "{limit}: {said}"
                );
                run_limited(20, &format!("pack -q -o {dataset} ../in"));
            }
        }
        for command in [
            "info",
            "ls",
            "verify",
            "cat -i 0",
            "ls --format tsv",
            "extract --tar -q",
            &format!("extract -q -o files{limit}"),
        ] {
            let output = run_limited(limit, &format!("{command} {dataset}"));
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                (output.status.code(), &*said),
                (Some(0), ""),
                "{limit}: {command}"
            );
        }
        let content = std::fs::read(path.join(format!("out/files{limit}/b")));
        assert_eq!(content.expect("extracted"), b"22");
    }
    assert!((1..8).contains(&failed), "{failed}");
}

#[test]
fn a_file_name_that_is_not_utf_8_is_no_panic_in_any_command() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let directory = temp_dir();
    let strange = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
    let source = strange(b"\xff\x1b[1m");
    write_tree(&source, &[(b"\xfe\x9b\n", "1")]);
    let dataset = strange(b"\xfd\x1b.rox");
    run(roxfs().args(["pack", "-o"]).arg(&dataset).arg(&source));
    let out = strange(b"\xfc\x1bout");
    let arguments: [&[&Path]; 6] = [
        &[Path::new("info"), &dataset],
        &[Path::new("info"), Path::new("--json"), &dataset],
        &[Path::new("ls"), Path::new("-l"), &dataset],
        &[Path::new("ls"), Path::new("--format=jsonl"), &dataset],
        &[Path::new("verify"), &dataset],
        &[Path::new("extract"), Path::new("-o"), &out, &dataset],
    ];
    for arguments in arguments {
        let output = output(roxfs().args(arguments));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}");
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8(stream).expect("UTF-8");
            assert!(!text.contains(['\x1b', '\u{9b}']), "{text:?}");
            assert!(!text.contains("panicked"), "{text}");
        }
    }
    let back = std::fs::read(out.join(OsStr::from_bytes(b"\xfe\x9b\n")));
    assert_eq!(back.expect("extracted"), b"1");
    Mount::new(&dataset).unmount();
}
