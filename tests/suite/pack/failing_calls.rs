//! Single system calls that fail, by strace: threads that cannot be started, directories that cannot
//! be synced, locks that cannot be removed. `scripts/attack/inject` lets all of them fail.

use crate::support::*;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A command of which some calls fail, as strace's `inject` says it, where they concern `path`.
fn failing(inject: &str, path: Option<&Path>, command: &Command) -> Command {
    let call = inject.split(':').next().expect("a name");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    strace.arg(format!("--trace={call}"));
    strace.arg(format!("--inject={inject}"));
    if let Some(path) = path {
        strace.arg("-P").arg(path);
    }
    strace.arg(command.get_program()).args(command.get_args());
    strace
}

/// Files for a few shards, and a large one.
fn source() -> TempDir {
    let source = temp_dir();
    let size = |number: u64| if number == 7 { 300_000 } else { 400 };
    let file = |number| (format!("{number:02}"), bytes(number, size(number)));
    let files: Vec<(String, Vec<u8>)> = (0..20).map(file).collect();
    write_tree(source.path(), &files);
    source
}

const OPTIONS: [&str; 3] = ["-q", "--plain", "--shard-size=2KiB"];

/// What an undisturbed run leaves.
fn whole(source: &Path) -> Vec<Vec<u8>> {
    Target::packed(&OPTIONS, source).bytes()
}

/// Runs a command of which a call fails with `EIO` from the time on that it is made for the
/// `position`-th time, by whichever thread; it has to fail. Returns what it said.
fn failing_from(call: &str, position: u32, command: &Command) -> String {
    need_root();
    let made = temp_dir();
    let [fail_call, report] = ["fail_call", "report"].map(|name| made.path().join(name));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/attack/fail_call.c");
    sh("gcc -O2 -o \"$1\" \"$2\"", &[&fail_call, &source]);
    let mut failing = Command::new(&fail_call);
    failing.arg(&report).args([call, &libc::EIO.to_string()]);
    failing.arg(format!("{position}+"));
    failing.arg(command.get_program()).args(command.get_args());
    let message = said(&mut failing);
    let report = std::fs::read_to_string(report).expect("a report");
    assert!(report.starts_with("exit 1\n"), "{report}{message}");
    message
}

#[test]
fn a_directory_that_can_never_be_synced_is_found_before_anything_is_written() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    pack.arg(source.path());
    let inject = "fsync:error=EIO";
    let message = fail(&mut failing(inject, Some(target.path()), &pack), 1);
    let expected = format!("roxfs: {}: Input/output error", target.path().display());
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_directory_that_cannot_be_synced_leaves_the_lock_and_the_run_is_resumed() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    pack.arg(source.path());
    // After the first time, which is before anything is written.
    let message = failing_from("fsyncdir", 2, &pack);
    let expected = format!("roxfs: {}: Input/output error", target.path().display());
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(entries(target.path()), [".d.lock", "d_0000.rox"]);
    let message = fail(&mut pack, 1);
    assert!(
        message.contains("an earlier run was interrupted"),
        "{message}"
    );
    run(pack.arg("--resume"));
    assert!(target.bytes() == whole(source.path()));
    assert_eq!(entries(target.path()).len(), target.shards().len());
}

#[test]
fn a_resumed_run_syncs_the_last_name_though_it_writes_nothing() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&["-q", "--plain"]);
    pack.arg(source.path());
    for resume in [false, true] {
        if resume {
            pack.arg("--resume");
        }
        failing_from("fsyncdir", 2, &pack);
        assert_eq!(entries(target.path()), [".d.lock", "d_0000.rox"]);
    }
    run(&mut pack);
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
    assert_eq!(target.names().len(), 20);
}

#[test]
fn a_file_system_that_cannot_sync_directories_is_said_once() {
    let source = source();
    for error in ["EINVAL", "EOPNOTSUPP"] {
        let target = Target::new();
        let mut pack = target.pack(&OPTIONS);
        let inject = format!("fsync:error={error}");
        pack.arg(source.path());
        let message = said(&mut failing(&inject, Some(target.path()), &pack));
        let expected = ": this file system cannot sync directories (";
        assert!(message.contains(expected), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(target.bytes() == whole(source.path()));
    }
}

#[test]
fn a_lock_that_cannot_be_removed_is_an_error_and_packs_nothing_twice() {
    let (source, target) = (source(), Target::new());
    let whole = whole(source.path());
    let mut pack = target.pack(&OPTIONS);
    pack.arg(source.path());
    let message = fail(&mut failing("unlinkat:error=EIO:when=2+", None, &pack), 1);
    let lock = target.path().join(".d.lock");
    let expected = format!(
        "roxfs: {}: everything is packed, but this file",
        lock.display()
    );
    assert!(message.starts_with(&expected), "{message}");
    assert!(target.bytes() == whole);
    fail(&mut pack, 1);
    run(pack.arg("--resume"));
    assert!(target.bytes() == whole);
    assert!(!lock.exists());
}

#[test]
fn without_threads_packing_takes_fewer_or_says_which_it_needs() {
    let source = source();
    let whole = whole(source.path());
    // The main thread starts those for signals and the source first, then those that read files and
    // that finish shards.
    for from in 3..7 {
        let target = Target::new();
        let mut pack = target.pack(&OPTIONS);
        let inject = format!("clone3,clone:error=EAGAIN:when={from}+");
        run(&mut failing(&inject, None, pack.arg(source.path())));
        assert!(target.bytes() == whole, "from {from}");
        assert_eq!(entries(target.path()).len(), whole.len());
    }
    for from in [1, 2] {
        let target = Target::new();
        let mut pack = target.pack(&OPTIONS);
        let inject = format!("clone3,clone:error=EAGAIN:when={from}+");
        let message = fail(&mut failing(&inject, None, pack.arg(source.path())), 1);
        let expected = "roxfs: a thread for the source cannot be started: Resource temporarily";
        assert!(message.contains(expected), "{message}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
}

#[test]
fn without_threads_extracting_takes_longer_and_nothing_else() {
    let (source, target, into) = (source(), Target::new(), temp_dir());
    run(target.pack(&["-q"]).arg(source.path()));
    let mut extract = roxfs();
    extract.args(["extract", "-q", "-o"]).arg(into.path());
    let inject = "clone3,clone:error=EAGAIN";
    run(&mut failing(inject, None, extract.arg(target.dataset())));
    assert_eq!(entries(into.path()), entries(source.path()));
}

#[test]
fn a_lock_that_cannot_be_given_back_is_given_back_by_the_end() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    run(&mut failing(
        "flock:error=EIO:when=2+",
        None,
        pack.arg(source.path()),
    ));
    assert!(target.bytes() == whole(source.path()));
    assert_eq!(entries(target.path()).len(), target.shards().len());
}

#[test]
fn an_archive_that_cannot_be_looked_at_is_not_packed_as_a_file() {
    let (source, target) = (source(), Target::new());
    let archive = source.path().join("x.tar");
    sh("tar -C \"$1\" -cf \"$2\" 01 02", &[source.path(), &archive]);
    let mut pack = target.pack(&["-q"]);
    let command = failing("statx:error=EIO", Some(&archive), pack.arg(&archive));
    let message = fail(&mut { command }, 1);
    assert!(message.contains("x.tar: Input/output error"), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}
