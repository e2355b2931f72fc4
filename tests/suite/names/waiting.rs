//! What takes as long as there are names keeps nobody but those who ask for it, and them only until
//! they are interrupted.

use super::*;
use nix::sys::signal::Signal;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

/// Records whose names take a long time to merge, on a disk that holds none of them.
const MANY: u64 = 1 << 26;

/// A shard of empty records; the order says over and over that of `m`, the only name.
fn write_endless(path: &Path) {
    let file = File::create(path).expect("created");
    let (names, ends) = (8 * MANY, 8 * MANY + 1);
    let order = ends + 8 * MANY;
    let footer = order + 24 + 4 * MANY;
    file.write_all_at(b"m", names).expect("written");
    for end in [0, MANY - 1] {
        let end = ends + 8 * end;
        file.write_all_at(&1u64.to_le_bytes(), end)
            .expect("written");
    }
    let section = |at: u64, body: u64, magic: &[u8; 8]| {
        let fields = [MANY.to_le_bytes(), body.to_le_bytes(), *magic].concat();
        file.write_all_at(&fields, at).expect("written");
    };
    section(order, 1 + 8 * MANY, b"ROXNAMES");
    section(footer, 4 * MANY, b"ROXORDER");
    let fields = [MANY.to_le_bytes(), 0u64.to_le_bytes(), *b"ROXXEL01"].concat();
    file.write_all_at(&fields, footer + 24).expect("written");
}

/// The names of the second shard begin before and end behind that of the first.
fn dataset(directory: &Path) -> std::path::PathBuf {
    write_endless(&directory.join("d_0000.rox"));
    let names = [b"a".to_vec(), b"z".to_vec()];
    std::fs::write(directory.join("d_0001.rox"), named_shard(&names, 0)).expect("written");
    directory.join("d.rox")
}

fn list(mount: &Mount) -> Child {
    let mut list = Command::new("ls");
    list.arg(mount.join("files"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    list.spawn().expect("started")
}

fn is_merging(daemon: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{daemon}/task")).expect("threads");
    threads.flatten().any(|thread| {
        std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name == "prepare\n")
    })
}

#[test]
fn a_merge_that_takes_long_holds_up_nobody_and_ends_with_the_mount() {
    let directory = temp_dir();
    let mount = Mount::new(&dataset(directory.path()));
    let daemon = mount.daemon();
    // More than there are threads that answer.
    for ending in [Signal::SIGINT, Signal::SIGKILL] {
        let mut waiting: Vec<Child> = (0..12).map(|_| list(&mount)).collect();
        wait_until("names are merged", || is_merging(daemon));
        let last = format!("records/{}.bin", MANY + 1);
        assert_eq!(mount.read(&last), 1u32.to_le_bytes());
        assert_eq!(mount.join("records").metadata().expect("there").len(), 0);
        for child in &mut waiting {
            assert!(child.try_wait().expect("its state").is_none(), "it waits");
            signal(child.id(), ending);
        }
        for child in &mut waiting {
            wait_until("it is let go", || {
                child.try_wait().expect("its state").is_some()
            });
        }
    }
    let mut waiting = list(&mount);
    let begun = std::fs::read_dir(mount.join("records")).expect("listed");
    signal(daemon, Signal::SIGTERM);
    wait_until("it is let go", || {
        waiting.try_wait().expect("its state").is_some()
    });
    drop(begun);
    wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
    assert!(!is_mounted(mount.path()));
}

/// A mount in the foreground, whose messages go to a file; unmounted when dropped.
struct Foreground {
    daemon: Child,
    path: std::path::PathBuf,
    log: std::path::PathBuf,
}

impl Foreground {
    fn new(directory: &Path, options: &[&str]) -> Foreground {
        let (path, log) = (directory.join("mnt"), directory.join("log"));
        std::fs::create_dir(&path).expect("mount point");
        let said = File::create(&log).expect("log");
        let mut mount = roxfs();
        mount.args(["mount", "-f"]).args(options);
        mount.arg(directory.join("d.rox")).arg(&path);
        let daemon = mount.stderr(said).spawn().expect("started");
        let mount = Foreground { daemon, path, log };
        wait_until("it is mounted", || mount.says("mounted at"));
        mount
    }

    fn says(&self, text: &str) -> bool {
        std::fs::read_to_string(&self.log)
            .expect("log")
            .contains(text)
    }

    fn has_ended(&mut self) -> Option<bool> {
        let ended = self.daemon.try_wait().expect("its state");
        ended.map(|status| status.success())
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        if is_mounted(&self.path) {
            let _ = roxfs().args(["umount", "-l"]).arg(&self.path).output();
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

#[test]
fn a_signal_unmounts_while_names_that_are_left_out_are_counted() {
    let directory = temp_dir();
    write_endless(&directory.path().join("d_0000.rox"));
    let mut mount = Foreground::new(directory.path(), &["--root", "files"]);
    signal(mount.daemon.id(), Signal::SIGTERM);
    wait_until("it ends", || mount.has_ended().is_some());
    assert_eq!(mount.has_ended(), Some(true));
    assert!(!is_mounted(&mount.path));
}

#[test]
fn a_mount_that_a_signal_could_not_remove_still_prepares_names() {
    let directory = temp_dir();
    let shards = [["a", "c"], ["b", "d"]];
    write_shards(directory.path(), &shards);
    let mut mount = Foreground::new(directory.path(), &[]);
    sh("mount -t tmpfs cover \"$1\"", &[&mount.path]);
    signal(mount.daemon.id(), Signal::SIGTERM);
    wait_until("it is refused", || mount.says("SIGTERM"));
    sh("umount \"$1\"", &[&mount.path]);
    assert_eq!(sh("ls \"$1/files\"", &[&mount.path]), "a\nb\nc\nd\n");
    unmount(&mount.path);
    wait_until("it ends", || mount.has_ended() == Some(true));
}
