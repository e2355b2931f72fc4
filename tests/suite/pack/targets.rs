//! What is packed and extracted where the target's file system lacks something, by strace: the same
//! bytes by another way, which is said once, or a word before anything is written.
//! `scripts/attack/targets` does it on real file systems.

use crate::support::*;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const OPTIONS: [&str; 3] = ["-q", "--plain", "--shard-size=2KiB"];

/// A command of which these calls fail, as strace's `inject` says it.
fn without(injects: &[&str], command: &Command) -> Command {
    let calls: Vec<&str> = injects.iter().filter_map(|i| i.split(':').next()).collect();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    strace.arg(format!("--trace={}", calls.join(",")));
    strace.args(injects.iter().map(|inject| format!("--inject={inject}")));
    strace.arg(command.get_program()).args(command.get_args());
    strace
}

/// Files for a few shards.
fn source() -> TempDir {
    let source = temp_dir();
    let file = |number| (format!("{number:02}"), bytes(number, 400));
    let files: Vec<(String, Vec<u8>)> = (0..20).map(file).collect();
    write_tree(source.path(), &files);
    source
}

/// What an undisturbed run leaves.
fn whole(source: &Path) -> Vec<Vec<u8>> {
    Target::packed(&OPTIONS, source).bytes()
}

const NO_NAMING: [&str; 2] = ["renameat2:error=EINVAL", "linkat:error=EPERM"];

#[test]
fn without_renaming_and_links_shards_are_the_same_and_it_is_said_once() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    let message = said(&mut without(&NO_NAMING, pack.arg(source.path())));
    assert!(
        message.contains("no hard links (Operation not permitted"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(target.bytes() == whole(source.path()));
    assert_eq!(entries(target.path()).len(), target.shards().len());
}

#[test]
fn a_hard_link_does_where_renaming_replaces_and_nothing_has_to_be_said() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    let message = said(&mut without(&NO_NAMING[..1], pack.arg(source.path())));
    assert_eq!(message, "");
    assert!(target.bytes() == whole(source.path()));
    assert_eq!(entries(target.path()).len(), target.shards().len());
}

#[test]
fn without_renaming_and_links_all_records_are_extracted_and_none_replaces_a_file() {
    let (source, target, out) = (source(), Target::new(), temp_dir());
    run(target.pack(&["-q"]).arg(source.path()));
    let mut extract = roxfs();
    extract
        .args(["extract", "-q", "-o"])
        .arg(out.path())
        .arg(target.dataset());
    let message = said(&mut without(&NO_NAMING, &extract));
    assert!(
        message.contains("no renaming without replacing"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
    sh("diff -r \"$1\" \"$2\"", &[source.path(), out.path()]);
    std::fs::write(out.path().join("07"), "mine").expect("written");
    let message = fail(&mut without(&NO_NAMING, &extract), 1);
    assert!(message.contains("07: it exists"), "{message}");
    assert_eq!(
        std::fs::read(out.path().join("07")).expect("there"),
        b"mine"
    );
    assert_eq!(entries(out.path()), entries(source.path()));
}

#[test]
fn records_with_one_name_are_not_lost_to_each_other_without_renaming_and_links() {
    let (source, out, shards) = (source(), temp_dir(), temp_dir());
    let one = pack(source.path(), shards.path(), "one", &["-q"]);
    let two = pack(source.path(), shards.path(), "two", &["-q"]);
    let mut extract = roxfs();
    extract
        .arg("extract")
        .arg("-o")
        .arg(out.path())
        .args([one, two]);
    let message = fail(&mut without(&NO_NAMING, &extract), 1);
    assert!(message.contains("extracted 20 records"), "{message}");
    assert!(message.contains("; 20 failed"), "{message}");
    sh("diff -r \"$1\" \"$2\"", &[source.path(), out.path()]);
}

#[test]
fn a_file_without_a_name_that_cannot_be_linked_is_written_under_one() {
    let (source, target, out) = (source(), Target::new(), temp_dir());
    run(target.pack(&["-q"]).arg(source.path()));
    let mut extract = roxfs();
    extract
        .args(["extract", "-q", "-o"])
        .arg(out.path())
        .arg(target.dataset());
    assert_eq!(said(&mut without(&["linkat:error=EPERM"], &extract)), "");
    sh("diff -r \"$1\" \"$2\"", &[source.path(), out.path()]);
}

const NO_LOCKS: [&str; 1] = ["flock:error=ENOSYS"];

#[test]
fn without_locks_a_file_keeps_others_out_and_is_gone_at_the_end() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    let message = said(&mut without(&NO_LOCKS, pack.arg(source.path())));
    assert!(
        message.contains("no locks (Function not implemented"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(target.bytes() == whole(source.path()));
    assert_eq!(entries(target.path()).len(), target.shards().len());
}

#[test]
fn without_locks_there_is_one_writer_and_one_that_was_killed_is_resumed() {
    let (source, target) = (source(), Target::new());
    // It waits for its input, with the lock and some shards.
    let mut first = target.pack(&OPTIONS);
    first.args(["--from", "lines"]);
    let mut first = without(&NO_LOCKS, &first);
    let first = first.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut first = first.spawn().expect("started");
    let held = target.path().join(".d.lock.held");
    wait_until("it says who writes", || {
        std::fs::read_to_string(&held).is_ok_and(|text| text.contains("place"))
    });
    let owner = std::fs::read_to_string(&held).expect("there");
    let process = owner.lines().next().expect("a line").to_owned();
    let mut second = target.pack(&OPTIONS);
    second.arg(source.path());
    for injects in [&NO_LOCKS[..], &[]] {
        let mut second = match injects {
            [] => fail(&mut second, 1),
            injects => fail(&mut without(injects, &second), 1),
        };
        second.retain(|char| char != '\n');
        assert!(
            second.contains(&format!("held: {process} of machine")),
            "{second}"
        );
    }
    let number = process.rsplit(' ').next().expect("a number");
    sh(&format!("kill -9 {number}"), &[]);
    first.wait().expect("ended");
    wait_until("it is gone", || {
        !Path::new(&format!("/proc/{number}")).exists()
    });
    assert!(held.exists());
    run(&mut without(&NO_LOCKS, second.arg("--resume")));
    assert!(target.bytes() == whole(source.path()));
    assert_eq!(entries(target.path()).len(), target.shards().len());
}

#[test]
fn files_that_can_only_be_written_once_are_refused_before_anything_is_written() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    pack.arg(source.path());
    let message = fail(&mut without(&["ftruncate:error=EPERM"], &pack), 1);
    assert!(message.contains("--vfs-cache-mode writes"), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_directory_in_which_nothing_can_be_removed_is_found_before_anything_is_written() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&OPTIONS);
    pack.arg(source.path());
    let message = fail(&mut without(&["unlinkat:error=EPERM"], &pack), 1);
    assert!(
        message.contains("d_0000.rox: Operation not permitted"),
        "{message}"
    );
    assert_eq!(target.shards().len(), 0);
    // What it could not remove the next run does.
    run(&mut pack);
    assert_eq!(entries(target.path()).len(), target.shards().len());
}

#[test]
fn an_append_is_no_other_shard_where_times_change_by_themselves_but_is_where_bytes_do() {
    let (source, target) = (source(), Target::new());
    run(target.pack(&["-q"]).arg(source.path()));
    let before = target.bytes();
    // While it waits for its input it has the shard open.
    for (script, changes) in [
        ("touch", false),
        ("printf X | dd conv=notrunc status=none of=", true),
    ] {
        let mut append = target.pack(&["-q", "--from", "lines"]);
        let append = append.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut append = append.spawn().expect("started");
        let input = append.stdin.take().expect("piped");
        use std::io::Write;
        (&input).write_all(b"line\n").expect("written");
        // And not the small file that comes before.
        let is_copy = |name: &String| {
            let len = std::fs::metadata(target.path().join(name)).map_or(0, |file| file.len());
            name.ends_with(".tmp") && len > 1000
        };
        wait_until("the copy is made", || {
            entries(target.path()).iter().any(is_copy)
        });
        let shard = target.path().join("d_0000.rox");
        let command = if changes {
            format!("{script}\"$1\"")
        } else {
            format!("{script} \"$1\"")
        };
        sh(&command, &[&shard]);
        drop(input);
        let output = append.wait_with_output().expect("ended");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), !changes, "{message}");
        assert_eq!(
            message.contains("another program has changed it"),
            changes,
            "{message}"
        );
    }
    assert_ne!(target.bytes(), before);
    assert_eq!(target.names().len(), 21);
}

#[test]
fn a_shard_that_is_too_large_for_the_file_system_says_what_to_do() {
    let (source, target) = (source(), Target::new());
    let mut pack = target.pack(&["-q"]);
    pack.arg(source.path());
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "bash"]);
    limited.arg(pack.get_program()).args(pack.get_args());
    let message = fail(&mut limited, 1);
    assert!(message.contains("take a smaller --shard-size"), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_single_file_and_shards_of_one_name_are_told_apart() {
    let source = source();
    for (first, second, file, advice) in [
        (
            &["--single-file"][..],
            &[][..],
            "d.rox",
            "as a single file: --single-file appends to it",
        ),
        (
            &[],
            &["--single-file"],
            "d_0000.rox",
            "as a dataset in shards: without --single-file",
        ),
    ] {
        let target = Target::new();
        run(target.pack(first).arg("-q").arg(source.path()));
        let before = (entries(target.path()), target.bytes());
        let message = fail(target.pack(second).arg(source.path()), 1);
        let expected = format!(
            "{}: it is there already, {advice}",
            target.path().join(file).display()
        );
        assert!(message.contains(&expected), "{message}");
        assert!((entries(target.path()), target.bytes()) == before);
    }
}

/// Unmounts when dropped.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = roxfs().args(["umount", "-l"]).arg(&self.0).output();
    }
}

#[test]
fn shards_without_shared_mappings_are_mounted_all_the_same() {
    let (source, target, point) = (source(), Target::new(), temp_dir());
    run(target.pack(&["-q"]).arg(source.path()));
    let mut mount = roxfs();
    mount.args(["mount", "-f", "--root", "files"]);
    mount.arg(target.dataset()).arg(point.path());
    // As of a file of FUSE that is read past the cache: private ones can be made.
    let log = temp_dir();
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-o"])
        .arg(log.path().join("log"));
    command.args(["--trace=mmap", "--inject=mmap:error=ENODEV:when=1", "-P"]);
    command.arg(target.path().join("d_0000.rox"));
    command.arg(mount.get_program()).args(mount.get_args());
    let mut daemon = command.stderr(Stdio::null()).spawn().expect("started");
    let mounted = Mounted(point.path().to_owned());
    wait_until("it is mounted", || is_mounted(point.path()));
    sh("diff -r \"$1\" \"$2\"", &[source.path(), point.path()]);
    drop(mounted);
    daemon.wait().expect("ended");
    let calls = std::fs::read_to_string(log.path().join("log")).expect("a log");
    assert!(calls.contains("(INJECTED)"), "{calls}");
}
