//! Sources that are files of a special kind: leased by other programs, made up by the kernel, pipes of
//! a shell, directories in circles, and a great many of them.

use super::named;
use crate::support::*;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program that has a lease on a file, and gives it up when told.
struct Leased(Child);

impl Leased {
    fn on(path: &Path) -> Leased {
        let script = "import fcntl, os, signal, sys
signal.signal(signal.SIGIO, lambda *_: None)
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('ready', flush=True)
sys.stdin.readline()
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
sys.stdin.readline()
";
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(path);
        python.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("started");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("read");
        assert_eq!(line, "ready\n");
        Leased(child)
    }

    fn give_up(&mut self) {
        let stdin = self.0.stdin.as_mut().expect("piped");
        stdin.write_all(b"\n").expect("told");
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const WAITING: &str = ": another program has a lease on it; waiting until it is given up\n";

/// Runs a command that has to wait for the lease, and then ends well.
fn waits(command: &mut Command, leased: &mut Leased) {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("started");
    let mut messages = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    messages.read_line(&mut line).expect("read");
    let is_running = child.try_wait().expect("a child").is_none();
    leased.give_up();
    let status = child.wait().expect("ended");
    assert!(is_running && line.ends_with(WAITING), "{line}");
    assert!(status.success(), "{command:?}");
}

#[test]
fn a_file_with_a_lease_is_waited_for() {
    need_root();
    // Small ones are read ahead, large ones by the writer.
    for size in [10, 1 << 20] {
        let (source, target) = (temp_dir(), Target::new());
        let files = [("a", bytes(1, 10)), ("b", bytes(2, size))];
        write_tree(source.path(), &files);
        let mut leased = Leased::on(&source.path().join("b"));
        waits(target.pack(&["-q"]).arg(source.path()), &mut leased);
        drop(leased);
        assert_eq!(target.named_records(), named(&files));
    }
}

#[test]
fn archives_lists_streams_and_shards_with_a_lease_are_waited_for() {
    need_root();
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1\n")]);
    let path = source.path();
    sh("cd \"$1\"; tar -cf x.tar a; echo a > list", &[path]);
    let dataset = pack(&path.join("a"), path, "x", &[]);
    let kinds = [
        ("tar", "x.tar"),
        ("list", "list"),
        ("lines", "a"),
        ("rox", "x_0000.rox"),
    ];
    for (kind, file) in kinds {
        let mut leased = Leased::on(&path.join(file));
        let mut pack = target.pack(&["-q", "--plain", "--from", kind, file]);
        waits(pack.current_dir(path), &mut leased);
    }
    assert_eq!(target.records().len(), kinds.len());
    let mut leased = Leased::on(&target.shards()[0]);
    waits(
        &mut target.pack(&["-q", "--plain", "/proc/version"]),
        &mut leased,
    );
    assert_eq!(target.records().len(), kinds.len() + 1);
    let mut leased = Leased::on(&path.join("x_0000.rox"));
    waits(
        roxfs().arg("info").arg(&dataset).stdout(Stdio::null()),
        &mut leased,
    );
}

#[test]
fn waiting_for_a_lease_ends_with_an_interrupt() {
    need_root();
    for size in [10, 1 << 20] {
        let (source, target) = (temp_dir(), Target::new());
        write_tree(source.path(), &[("b", bytes(2, size))]);
        let leased = Leased::on(&source.path().join("b"));
        let running = Running::start(target.pack(&["-q"]).arg(source.path()));
        wait_until("it has begun", || !entries(target.path()).is_empty());
        let (code, message) = running.interrupt();
        assert_eq!(code, Some(1), "{message}");
        assert!(message.contains("interrupted: packed 0"), "{message}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
        drop(leased);
    }
}

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

/// Sources of each kind, `count` of them, in a directory.
fn many(directory: &Path, count: usize) {
    let script = "import io, os, sys, tarfile
os.chdir(sys.argv[1])
for number in range(int(sys.argv[2])):
    name = f'{number:05}'
    open(name, 'w').write(name + '\\n')
    open(name + '.list', 'w').write(name + '\\n')
    with tarfile.open(name + '.tar', 'w') as archive:
        archive.add(name)
";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(directory);
    run(python.arg(count.to_string()));
}

/// A command with little memory and few descriptors.
fn bounded(command: &Command) -> Command {
    let mut bounded = Command::new("bash");
    let limits = "ulimit -n 64; ulimit -v 1000000; exec \"$@\"";
    bounded.args(["-c", limits, "bash"]);
    bounded.arg(command.get_program()).args(command.get_args());
    bounded
}

#[test]
fn a_great_many_archives_lists_and_streams_are_open_one_at_a_time() {
    const COUNT: usize = 1200;
    let source = temp_dir();
    many(source.path(), COUNT);
    for (options, suffix) in [
        (&[][..], ".tar"),
        (&["--from=tar"], ".tar"),
        (&["--from=list"], ".list"),
        (&["--from=lines"], ""),
        (&["--from=length32"], ".missing"),
    ] {
        let target = Target::new();
        let mut pack = target.pack(options);
        pack.args((0..COUNT).map(|number| format!("{number:05}{suffix}")));
        let mut pack = bounded(&pack);
        pack.current_dir(source.path());
        if suffix == ".missing" {
            fail(&mut pack, 1);
            continue;
        }
        run(&mut pack);
        let listed = run(roxfs().arg("ls").arg(target.dataset()));
        assert_eq!(listed.split(|&byte| byte == b'\n').count() - 1, COUNT);
    }
}

#[test]
fn a_dataset_of_more_shards_than_may_be_open_works_or_says_in_one_line_what_it_needs() {
    let (source, target) = (temp_dir(), Target::new());
    let file = |number| (format!("{number:04}"), bytes(number, 9));
    let files: Vec<(String, Vec<u8>)> = (0..1200).map(file).collect();
    write_tree(source.path(), &files);
    run(target.pack(&["-q", "--shard-size=1"]).arg(source.path()));
    assert_eq!(target.shards().len(), files.len());
    let limited = |limit: &str, command: &[&str]| {
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("ulimit {limit}; exec \"$@\""), "bash"]);
        bash.arg(env!("CARGO_BIN_EXE_roxfs")).args(command);
        bash.current_dir(target.path());
        bash
    };
    let commands = [
        &["info", "d.rox"][..],
        &["ls", "d.rox"],
        &["cat", "-i", "-1", "d.rox"],
        &["verify", "d.rox"],
        &["extract", "-q", "--force", "-o", "extracted", "d.rox"],
        &["pack", "-q", "--new-shard", "-o", "d.rox", "/proc/version"],
    ];
    // What must not exceed the hard limit makes do with it, or says so.
    for command in commands {
        let message = fail(&mut limited("-n 256", command), 1);
        let expected = ": Too many open files (os error 24); each shard is an open file, and `ulimit -n` says how many there may be\n";
        assert!(message.contains(expected), "{command:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{command:?}: {message}");
    }
    let message = fail(&mut limited("-n 256", &["mount", "d.rox", "."]), 1);
    assert_eq!(message.lines().count(), 1, "{message}");
    let mut again = limited(
        "-n 256",
        &["pack", "-q", "--from", "rox", "-o", "again.rox"],
    );
    run(again.arg("d.rox"));
    for command in commands {
        run(&mut limited("-Sn 256", command));
    }
    let mounted = Mount::new(&target.dataset());
    assert_eq!(entries(&mounted.join("records")).len(), files.len() + 1);
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
