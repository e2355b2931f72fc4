//! Sources on which another program has a lease are waited for.

use super::named;
use crate::support::*;
use std::io::{BufRead, BufReader, Write};
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
