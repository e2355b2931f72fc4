//! Storage that takes its time: readers wait for it side by side, and nobody waits with them.

use crate::alone;
use crate::support::*;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const RECORDS: usize = 256;
const RECORD: usize = 9000;

fn record(number: usize) -> Vec<u8> {
    bytes(number as u64, RECORD)
}

/// A file on a slow disk (`scripts/attack/slow_file.c`); unmounted when dropped.
struct Slow {
    path: PathBuf,
    server: Child,
}

impl Slow {
    fn new(directory: &Path, file: &Path, milliseconds: u32) -> Slow {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/attack/slow_file.c");
        let program = directory.join("slow_file");
        let mut compile = Command::new("gcc");
        compile.args(["-O2", "-pthread", "-o"]).arg(&program);
        run(compile.arg(&source));
        let path = directory.join("slow");
        std::fs::create_dir(&path).expect("mount point");
        let mut server = Command::new(&program)
            .args([file, &path])
            .arg(milliseconds.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let output = server.stdout.take().expect("piped");
        let slow = Slow { path, server };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("read");
        assert_eq!(line, "ready\n");
        slow
    }

    fn file(&self) -> PathBuf {
        self.path.join("d.rox")
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The records, on storage that takes this long.
fn slow(directory: &Path, milliseconds: u32) -> Slow {
    let records: Vec<Vec<u8>> = (0..RECORDS).map(record).collect();
    let dataset = pack_records(directory, "d", &records, &["--single-file"]);
    Slow::new(directory, &dataset, milliseconds)
}

/// How many threads of this name a process has.
fn threads(process: u32, name: &str) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter();
    let names = threads
        .flatten()
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

/// How many threads of this name wait for a page of the slow file.
fn wait_for_storage(process: u32, name: &str) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter();
    let waiting = threads.flatten().flatten().filter(|thread| {
        let read = |file| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        read("comm").trim_end() == name && read("stack").contains("filemap_")
    });
    waiting.count()
}

/// Programs that each read some records, all of them different ones.
fn readers(mount: &Path, count: usize, each: usize) -> Vec<Child> {
    let reader = |first: usize| {
        let numbers = (0..each).map(|place| (first + place * count) % RECORDS);
        let files = numbers.map(|number| mount.join(format!("records/{number}.bin")));
        let mut cat = Command::new("cat");
        cat.args(files).stdout(Stdio::null()).stderr(Stdio::null());
        cat.spawn().expect("started")
    };
    (0..count).map(reader).collect()
}

fn wait_for(children: &mut [Child], what: &str) -> bool {
    let mut all_read = true;
    for child in children {
        wait_until(what, || child.try_wait().expect("its state").is_some());
        all_read &= child.wait().expect("ended").success();
    }
    all_read
}

/// Tells the daemon that storage is slow: it begins without knowing.
fn warm_up(mount: &Mount) {
    assert!(wait_for(
        &mut readers(mount.path(), 4, 4),
        "the first readers end"
    ));
}

#[test]
fn readers_wait_for_storage_side_by_side_and_what_is_in_memory_is_answered_meanwhile() {
    let _alone = alone();
    let directory = temp_dir();
    let slow = slow(directory.path(), 500);
    let mount = Mount::with(&["--ahead", "none"], &[&slow.file()]);
    warm_up(&mount);
    let daemon = mount.daemon();
    let mut waiting = readers(mount.path(), 48, 5);
    wait_until("many wait for storage at once", || {
        let (asked, calling) = ("pool", "fuser-0");
        wait_for_storage(daemon, asked) >= 24 && wait_for_storage(daemon, calling) <= 1
    });
    // By more threads than one that answer, so one of them has nothing to wait for.
    assert!(mount.join(".roxfs/info.json").exists());
    assert!(wait_for(&mut waiting, "all have read"));
    for number in (0..RECORDS).step_by(17) {
        assert!(mount.read(&format!("records/{number}.bin")) == record(number));
    }
    wait_until("the pool has shrunk", || threads(daemon, "pool") == 0);
    mount.unmount();
}

#[test]
fn the_limit_holds_and_where_no_thread_can_be_started_all_is_answered_all_the_same() {
    let _alone = alone();
    let directory = temp_dir();
    let slow = slow(directory.path(), 20);
    let mount = Mount::with(&["--ahead", "none", "--threads", "1"], &[&slow.file()]);
    let daemon = mount.daemon();
    let mut all = readers(mount.path(), 16, 8);
    wait_until("the one thread waits", || threads(daemon, "pool") == 1);
    let mut most = 0;
    wait_until("all have read", || {
        most = most.max(threads(daemon, "pool"));
        all.iter_mut()
            .all(|reader| reader.try_wait().expect("its state").is_some())
    });
    assert_eq!(most, 1);
    assert!(wait_for(&mut all, "all have read"));
    mount.unmount();
    let mount = Mount::with(&["--ahead", "none"], &[&slow.file()]);
    let daemon = mount.daemon();
    let mut failing = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=clone3,clone"])
        .args(["-e", "inject=clone3,clone:error=EAGAIN", "-p"])
        .arg(daemon.to_string())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    wait_until("no thread can be started", || {
        let status = std::fs::read_to_string(format!("/proc/{daemon}/task/{daemon}/status"));
        !status.expect("status").contains("TracerPid:\t0")
    });
    let mut all = readers(mount.path(), 16, 8);
    assert!(wait_for(&mut all, "all have read"));
    assert_eq!(threads(daemon, "pool"), 0);
    failing.kill().expect("killed");
    failing.wait().expect("ended");
    mount.unmount();
}

#[test]
fn a_daemon_that_is_killed_or_told_to_end_while_many_wait_leaves_nobody_hanging() {
    let _alone = alone();
    let directory = temp_dir();
    let slow = slow(directory.path(), 500);
    for (signal, threads) in [("-KILL", "64"), ("-KILL", "2"), ("-TERM", "2")] {
        let mount = Mount::with(&["--ahead", "none", "--threads", threads], &[&slow.file()]);
        warm_up(&mount);
        let daemon = mount.daemon();
        let mut waiting = readers(mount.path(), 40, 3);
        wait_until("some wait for storage", || {
            wait_for_storage(daemon, "pool") > 1
        });
        sh(
            r#"kill "$1" "$2""#,
            &[Path::new(signal), Path::new(&daemon.to_string())],
        );
        let all_read = wait_for(&mut waiting, "nobody waits");
        // One that is told to end serves files that are open, but no more names.
        assert!(!all_read);
        wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
    }
}

#[test]
fn a_program_that_is_killed_while_its_read_waits_in_the_queue_need_not_wait_for_its_turn() {
    let _alone = alone();
    let directory = temp_dir();
    let slow = slow(directory.path(), 1000);
    let mount = Mount::with(&["--ahead", "none", "--threads", "1"], &[&slow.file()]);
    let daemon = mount.daemon();
    let mut waiting = readers(mount.path(), 40, 1);
    wait_until("it is looked for programs that end", || {
        threads(daemon, "pool-watch") == 1
    });
    for reader in &mut waiting {
        reader.kill().expect("killed");
    }
    wait_until("nothing waits", || threads(daemon, "pool-watch") == 0);
    wait_for(&mut waiting, "all end");
    mount.unmount();
}
