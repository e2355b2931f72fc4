//! How many requests the kernel sends for what programs do: each is a round trip between two
//! processes, which is what a file costs here.

use crate::alone;
use crate::support::*;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Answers that the serving threads have written: as many as requests, but for what the kernel
/// tells without waiting for an answer.
pub fn answers(daemon: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{daemon}/task")).expect("threads");
    let mut sum = 0;
    for task in tasks {
        let task = task.expect("thread").path();
        let name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        if name.starts_with("fuser-") || name == "pool\n" {
            let io = std::fs::read_to_string(task.join("io")).expect("its I/O");
            let written = io.lines().find_map(|line| line.strip_prefix("syscw: "));
            sum += written.expect("syscw").parse::<u64>().expect("a number");
        }
    }
    sum
}

/// Whether the daemon has nothing to do: all its threads sleep.
pub fn is_at_rest(daemon: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{daemon}/task")).expect("threads");
    let mut stats = tasks.map(|task| {
        let stat = task.expect("thread").path().join("stat");
        std::fs::read_to_string(stat).unwrap_or_default()
    });
    stats.all(|stat| stat.contains(") S ")) && !is_listing(daemon)
}

/// Whether a process of the daemon's is listing names.
fn is_listing(daemon: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{daemon}/task")).expect("threads");
    tasks.flatten().any(|task| {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().any(|child| {
            let command = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            // Its beginning is the daemon's own, until it has become another program.
            let others = [&b"roxfs\0abort-if-killed\0"[..], b"roxfs\0let-go\0"];
            !others.iter().any(|other| command.starts_with(other))
        })
    })
}

/// How many requests `action` makes the kernel send.
pub fn requests(mount: &Mount, action: impl FnOnce()) -> u64 {
    let before = answers(mount.daemon());
    action();
    answers(mount.daemon()) - before
}

const RECORDS: usize = 3000;

fn dataset(directory: &Path) -> std::path::PathBuf {
    let records: Vec<Vec<u8>> = (0..RECORDS)
        .map(|number| bytes(number as u64, 1 + number * 7919 % 9000))
        .collect();
    pack_records(directory, "d", &records, &["--shard-size", "4MiB"])
}

fn read(mount: &Mount, number: usize) {
    let content = mount.read(&format!("records/{number:06}.bin"));
    assert!(
        content == bytes(number as u64, 1 + number * 7919 % 9000),
        "record {number}"
    );
}

fn list(mount: &Mount, directory: &str) -> usize {
    let entries = std::fs::read_dir(mount.join(directory)).expect("listed");
    let with_attributes = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("entry").metadata().expect("attributes");
        1
    };
    entries.map(with_attributes).sum()
}

#[test]
fn each_operation_costs_as_few_requests_as_it_can() {
    let _alone = alone();
    let directory = temp_dir();
    let mount = Mount::new(&dataset(directory.path()));
    // The first of each kind tells the kernel what it need not ask.
    read(&mount, 1500);
    assert_eq!(requests(&mount, || read(&mount, 1500)), 0, "a second read");
    let unlisted = requests(&mount, || read(&mount, 700));
    assert_eq!(unlisted, 2, "a first read: the name, and the content");
    let missing = || assert!(!mount.join("records/none.bin").exists());
    requests(&mount, missing);
    assert_eq!(
        requests(&mount, missing),
        0,
        "a name that is not there, again"
    );
    list(&mount, "records");
    let again = requests(&mount, || assert_eq!(list(&mount, "records"), RECORDS));
    assert_eq!(again, 0, "a second listing with attributes");
    assert_eq!(requests(&mount, || read(&mount, 100)), 1, "a listed record");
    let stat = || {
        assert!(
            mount
                .join("records/000200.bin")
                .metadata()
                .expect("there")
                .is_file()
        )
    };
    assert_eq!(
        requests(&mount, stat),
        0,
        "the attributes of a listed record"
    );
    let file = std::fs::File::open(mount.join("records/000100.bin")).expect("opened");
    let read_twice = || {
        let mut byte = [0];
        for offset in [0, 5] {
            file.read_exact_at(&mut byte, offset).expect("read");
        }
    };
    assert_eq!(requests(&mount, read_twice), 0, "parts of what was read");
    assert_eq!(requests(&mount, || drop(file)), 0, "closing");
    mount.unmount();
}

/// Stored ahead by a thread of its own, so the number depends on who is faster; a reader who is
/// slower than that thread asks for one record of each window.
#[test]
fn records_read_in_order_are_stored_ahead() {
    let _alone = alone();
    let directory = temp_dir();
    let dataset = dataset(directory.path());
    for path in ["records", "files", "shards/d_0001"] {
        let mount = Mount::new(&dataset);
        let listed = list(&mount, path);
        let names: Vec<_> = std::fs::read_dir(mount.join(path))
            .expect("listed")
            .map(|entry| entry.expect("entry").path())
            .collect();
        let asked = requests(&mount, || {
            for name in &names {
                let before = answers(mount.daemon());
                std::fs::read(name).expect("read");
                if answers(mount.daemon()) > before {
                    // A loader decodes meanwhile.
                    wait_until("what comes next is stored", || is_at_rest(mount.daemon()));
                }
            }
        });
        assert!(asked < listed as u64 / 10, "{path}: {asked} of {listed}");
        mount.unmount();
    }
}

/// Once a part has been read at random, names and records are prepared, as long as reading goes
/// on: in the end none is asked for.
#[test]
fn records_read_in_no_order_are_stored_ahead() {
    let _alone = alone();
    let directory = temp_dir();
    let dataset = dataset(directory.path());
    for (option, most) in [
        ("all", 400),
        ("order", 2 * RECORDS + 10),
        ("none", 2 * RECORDS + 10),
    ] {
        let mount = Mount::with(&["--ahead", option], &[&dataset]);
        let asked = requests(&mount, || {
            for place in 0..RECORDS {
                let before = answers(mount.daemon());
                // Coprime to the number of records.
                read(&mount, place * 1237 % RECORDS);
                if answers(mount.daemon()) > before {
                    wait_until("what is prepared is there", || is_at_rest(mount.daemon()));
                }
            }
        });
        println!("{option}: {asked} requests");
        assert!(asked <= most as u64, "{option}: {asked}");
        if option != "all" {
            // The directory, and of each record name and content.
            assert!(asked >= 2 * RECORDS as u64 - 10, "{option}: {asked}");
        }
        mount.unmount();
    }
}
