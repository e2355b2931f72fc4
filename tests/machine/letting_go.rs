//! While the mount lets go of what was read: bytes are right, and nobody waits.

use crate::alone;
use crate::cache::{Data, in_memory};
use crate::support::*;
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

const READERS: u64 = 16;
const LEN: usize = 10_000;

fn data() -> Data {
    Data::new(1000, LEN)
}

/// Readers that compare all bytes, until `meanwhile` has returned and each has read all once.
fn read_beside(data: &Data, mount: &Path, meanwhile: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (stop, records) = (&stop, mount.join("records"));
        for reader in 0..READERS {
            let records = records.clone();
            scope.spawn(move || {
                let names = entries(&records);
                let mut orders = [data.in_order(), data.at_random(reader)];
                orders.rotate_left(reader as usize % 2);
                for order in orders.iter().cycle() {
                    for &number in order {
                        let content = std::fs::read(records.join(&names[number])).expect("read");
                        assert!(content == data.records[number], "record {number}");
                    }
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        meanwhile();
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn many_readers_get_the_right_bytes_of_what_nothing_is_kept_of() {
    let _alone = alone();
    let data = data();
    let mount = data.mount(&["--cache", "none"]);
    // Maps records, and looks at the second half later, when it has been let go of.
    let script = r#"
import mmap, os, sys
directory, held = sys.argv[1], []
for name in sorted(os.listdir(directory)):
    with open(f"{directory}/{name}", "rb") as file:
        content = file.read()
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    assert data[:4096] == content[:4096], name
    held.append((name, content, data))
    if len(held) > 100:
        name, content, data = held.pop(0)
        assert data[:] == content, name
"#;
    read_beside(&data, mount.path(), || {
        run(Command::new("python3")
            .args(["-c", script])
            .arg(mount.join("records")));
    });
    let records = mount.join("records");
    wait_until("records are let go of", || {
        in_memory(&records) <= data.len_in_mount() / 8
    });
    mount.unmount();
}

#[test]
fn dropped_caches_do_not_confuse_what_is_kept() {
    let _alone = alone();
    let data = data();
    let half = data.len_in_mount() / 2;
    let mount = data.mount(&["--cache", &half.to_string()]);
    read_beside(&data, mount.path(), || {
        for _ in 0..5 {
            sh("echo 3 > /proc/sys/vm/drop_caches", &[]);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    // What was kept before is kept again.
    let mut seed = 0;
    wait_until("half is found in memory", || {
        seed += 1;
        data.part_asked(&mount, "records", &data.at_random(seed)) < 0.62
    });
    mount.unmount();
}

/// Readers of a mount that ends: each has an end within the deadline.
fn readers_end(mount: Mount, end: impl FnOnce(&Mount)) {
    let script = r#"cd "$1"; while cat records/* >/dev/null; do :; done"#;
    let mut readers: Vec<_> = (0..8)
        .map(|_| {
            let mut reader = Command::new("bash");
            reader.args(["-c", script, "bash"]).arg(mount.path());
            reader.stderr(Stdio::null()).spawn().expect("started")
        })
        .collect();
    let records = mount.join("records");
    wait_until("they read", || in_memory(&records) > 0);
    end(&mount);
    wait_until("the readers end", || {
        let mut readers = readers.iter_mut();
        readers.all(|reader| reader.try_wait().expect("its state").is_some())
    });
}

#[test]
fn a_daemon_that_is_killed_while_it_lets_go_leaves_nobody_waiting() {
    let _alone = alone();
    let data = data();
    for options in [&["--cache", "none"], &["--cache", "6MB"]] {
        readers_end(data.mount(options), |mount| {
            signal(mount.daemon(), Signal::SIGKILL);
        });
    }
}

#[test]
fn a_cut_shard_is_let_go_of_like_any_other() {
    let _alone = alone();
    let data = data();
    let mount = data.mount(&["--cache", "none"]);
    let daemon = mount.daemon();
    readers_end(mount, |mount| {
        let shard = std::fs::File::options().write(true).open(data.shard());
        shard
            .expect("opened")
            .set_len(data.payload_len() / 2)
            .expect("cut");
        assert_eq!(daemon_of(mount.path()), Some(daemon));
        wait_until("reading fails", || {
            std::fs::read(mount.join("records/000999.bin")).is_err()
        });
        assert_eq!(daemon_of(mount.path()), Some(daemon), "it serves on");
    });
}

#[test]
fn a_mount_ends_while_much_is_let_go_of() {
    let _alone = alone();
    let data = Data::new(20_000, 1000);
    for _ in 0..5 {
        // Its first look, at the first read, finds no room.
        let mount = data.mount(&["--cache", "none"]);
        data.asked(&mount, "records", &data.in_order()[..2000]);
        mount.unmount();
    }
}
