//! What leaves the content alone.

use super::*;
use roxfs::shard::Shard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// What people do to a shard that is in use.
const CHANGES: [&str; 9] = [
    r#"touch "$1""#,
    r#"touch -a "$1""#,
    r#"touch -d 2001-02-03 "$1""#,
    r#"chmod 0600 "$1"; chmod 0644 "$1""#,
    r#"chgrp 12345 "$1""#,
    r#"ln "$1" "$1.link""#,
    r#"mv "$1" "$1.moved""#,
    r#"rm "$1""#,
    r#"cp "$2" "$1.copy"; mv "$1.copy" "$1""#,
];

#[test]
fn a_shard_that_is_touched_moved_linked_or_protected_is_read_on() {
    for kind in [Kind::Checksums, Kind::Plain] {
        // To the kernel's events this looks like a write.
        let only_with_checksums = (kind == Kind::Checksums).then_some(r#"touch -m "$1""#);
        for change in CHANGES.into_iter().chain(only_with_checksums) {
            println!("{kind:?}: {change}");
            let dataset = Dataset::new(kind);
            let mount = Mount::with(&["--ahead", "none"], &[&dataset.argument()]);
            let half = VICTIMS.start + RECORDS / 2;
            assert_reads(&mount, VICTIMS.start..half);
            dataset.sh(change);
            assert_reads(&mount, ALL);
            dataset.sh(r#"! test -e "$1" || touch "$1""#);
            for number in VICTIMS {
                forget(&mount, &format!("records/{number:06}.bin"));
            }
            assert_reads(&mount, ALL);
            assert_raw_files_are_right(&mount);
            mount.unmount();
        }
    }
}

/// Two readers, while somebody touches the shard again and again.
#[test]
fn a_shard_that_is_touched_all_the_time_is_read_on() {
    for kind in [Kind::Checksums, Kind::Plain] {
        let dataset = Dataset::new(kind);
        let mount = Mount::new(&dataset.argument());
        let victim = dataset.victim();
        std::thread::scope(|scope| {
            let readers = [0, 1].map(|_| {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_reads(&mount, VICTIMS);
                        for number in VICTIMS {
                            forget(&mount, &format!("records/{number:06}.bin"));
                        }
                    }
                })
            });
            while readers.iter().any(|reader| !reader.is_finished()) {
                let file = std::fs::File::options()
                    .append(true)
                    .open(&victim)
                    .expect("shard");
                let now = std::time::SystemTime::now();
                let times = std::fs::FileTimes::new()
                    .set_accessed(now)
                    .set_modified(now);
                file.set_times(times).expect("touched");
            }
        });
        assert_raw_files_are_right(&mount);
        mount.unmount();
    }
}

/// Each touch's events may be told while another one is looked at.
#[test]
fn of_two_touches_at_once_none_is_taken_for_a_write() {
    let directory = temp_dir();
    let path = directory.path().join("x.rox");
    let records: Vec<Vec<u8>> = (0..10).map(|number| bytes(number, 100)).collect();
    std::fs::write(&path, Parts::plain(&records).bytes()).expect("shard");
    let shard = Shard::open(&path).expect("valid");
    let file = std::fs::File::open(&path).expect("shard");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [0, 1].map(|_| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    shard.check_unchanged()?;
                }
                shard.check_unchanged()
            })
        });
        for _ in 0..20_000 {
            for _ in 0..2 {
                let now = SystemTime::now();
                let times = std::fs::FileTimes::new()
                    .set_accessed(now)
                    .set_modified(now);
                file.set_times(times).expect("touched");
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("a reader").expect("unchanged");
        }
    });
}

/// Appending by roxfs gives the old file one link less.
#[test]
fn only_what_may_have_written_makes_a_shard_compared() {
    let never = [
        r#"chmod 0600 "$1""#,
        r#"mv "$1" "$1.moved""#,
        r#"ln "$1" "$1.link""#,
        r#"rm "$1""#,
        r#"cp "$1" "$1.copy"; mv "$1.copy" "$1""#,
    ];
    let always = [
        r#"touch "$1""#,
        r#"touch -m "$1""#,
        r#"printf x | dd of="$1" conv=notrunc status=none"#,
        r#"touch -r "$1" "$1.time"; printf x | dd of="$1" conv=notrunc status=none; touch -r "$1.time" "$1""#,
    ];
    let changes = never.map(|change| (change, false)).into_iter();
    for (change, is_compared) in changes.chain(always.map(|change| (change, true))) {
        let dataset = Dataset::new(Kind::Checksums);
        let shard = Shard::open(&dataset.victim()).expect("valid");
        dataset.sh(change);
        for _ in 0..2 {
            shard.check_unchanged().expect("compared at most");
            assert_eq!(shard.is_compared(), is_compared, "{change}");
        }
    }
}

/// Appending makes another file, and what is mounted is the old one.
#[test]
fn a_shard_that_roxfs_appends_to_is_read_as_it_was() {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..200).map(|number| bytes(number, 9000)).collect();
    for options in [&[][..], &["--plain"]] {
        let name = format!("d{}", options.len());
        let dataset = pack_records(directory.path(), &name, &records, options);
        let mount = Mount::new(&dataset);
        assert!(mount.read("records/000003.bin") == records[3]);
        let source = temp_dir();
        write_tree(source.path(), &[("more", "of it")]);
        pack(source.path(), directory.path(), &name, options);
        for (number, content) in records.iter().enumerate() {
            assert!(mount.read(&format!("records/{number:06}.bin")) == *content);
        }
        mount.unmount();
    }
}

/// Changes of the file under an overlay are unseen by inotify, as those by another machine are.
struct Elsewhere {
    mounted: TempDir,
    dataset: Dataset,
    _other: TempDir,
}

impl Elsewhere {
    fn new(kind: Kind) -> Elsewhere {
        let (mounted, other) = (temp_dir(), temp_dir());
        let dataset = Dataset::new(kind);
        let elsewhere = Elsewhere {
            mounted,
            dataset,
            _other: other,
        };
        let paths = [
            elsewhere.dataset.directory.path(),
            elsewhere._other.path(),
            elsewhere.mounted.path(),
        ];
        sh(
            r#"mount -t overlay overlay -o "lowerdir=$1:$2" "$3""#,
            &paths,
        );
        elsewhere
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        sh(r#"umount -l "$1""#, &[self.mounted.path()]);
    }
}

#[test]
fn with_checksums_a_shard_that_another_machine_touches_is_read_on() {
    let elsewhere = Elsewhere::new(Kind::Checksums);
    let mount = Mount::new(&elsewhere.mounted.path().join("x.rox"));
    for change in [r#"touch "$1""#, r#"chmod 0600 "$1""#, r#"touch "$1""#] {
        elsewhere.dataset.sh(change);
        for number in VICTIMS {
            forget(&mount, &format!("records/{number:06}.bin"));
        }
        assert_reads(&mount, ALL);
        assert_raw_files_are_right(&mount);
    }
    elsewhere
        .dataset
        .sh(r#"dd if="$2" of="$1" conv=notrunc bs=6000 count=1"#);
    forget(&mount, "records/000008.bin");
    assert_eq!(read(&mount, VICTIMS.start), Err(libc::EIO));
    for number in VICTIMS {
        wait_until("the cache is let go of", || {
            read(&mount, number).is_err() || LENS[number % RECORDS] == 0
        });
    }
    mount.unmount();
}

/// What is told of nothing is waited for only where it makes a difference.
#[test]
fn without_checksums_nobody_waits_for_why_only_the_permissions_were_changed() {
    let elsewhere = Elsewhere::new(Kind::Plain);
    let path = elsewhere.mounted.path().join(format!("x_{VICTIM:04}.rox"));
    let shard = Shard::open(&path).expect("valid");
    let took = (0..5).map(|_| {
        elsewhere.dataset.sh(r#"chmod 0600 "$1"; chmod 0644 "$1""#);
        let (began, epoch) = (std::time::Instant::now(), shard.epoch());
        shard.check_unchanged().expect("unchanged");
        assert_ne!(shard.epoch(), epoch, "nothing was noticed");
        began.elapsed()
    });
    let fastest = took.min().expect("some");
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
}

#[test]
fn without_checksums_only_the_permissions_may_be_changed_by_another_machine() {
    let elsewhere = Elsewhere::new(Kind::Plain);
    let mount = Mount::new(&elsewhere.mounted.path().join("x.rox"));
    elsewhere
        .dataset
        .sh(r#"chmod 0600 "$1"; ln "$1" "$1.link""#);
    assert_reads(&mount, ALL);
    forget(&mount, "records/000008.bin");
    elsewhere.dataset.sh(r#"touch "$1""#);
    assert_eq!(read(&mount, VICTIMS.start), Err(libc::EIO));
    assert_reads(&mount, 0..VICTIMS.start);
    mount.unmount();
}
