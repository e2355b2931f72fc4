//! What writes other content over a shard and leaves its length as it was.

use super::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Ways to write a second edition (`$2`) over the shard (`$1`).
const WAYS: [&str; 6] = [
    r#"rsync --inplace --ignore-times "$2" "$1""#,
    r#"rsync --inplace --times --ignore-times "$2" "$1""#,
    r#"cat "$2" > "$1""#,
    r#"dd if="$2" of="$1" conv=notrunc bs=64k status=none"#,
    r#"python3 -c '
import mmap, sys
new = open(sys.argv[2], "rb").read()
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
    mapped[:] = new
' "$1" "$2""#,
    // As if nothing had been: the time of modification is put back.
    r#"touch -r "$1" "$1.time"; cat "$2" > "$1"; touch -r "$1.time" "$1""#,
];
/// Writes one byte into the largest record.
const FEW: &str = r#"dd if=/dev/zero of="$1" conv=notrunc bs=1 seek=400000 count=1 status=none"#;

#[test]
fn a_shard_written_to_in_place_is_an_error_and_the_others_are_read_on() {
    for kind in [Kind::Checksums, Kind::Plain] {
        for way in WAYS.into_iter().chain([FEW]) {
            println!("{kind:?}: {way}");
            let dataset = Dataset::new(kind);
            let mount = Mount::new(&dataset.argument());
            // Some are in the mount's cache before.
            assert_reads(&mount, ALL.start..VICTIMS.start + 6);
            dataset.sh(way);
            if way == FEW {
                // With checksums a reader of that record notices it.
                forget(&mount, "records/000013.bin");
                assert_eq!(read(&mount, 13), Err(libc::EIO));
            }
            for number in VICTIMS.start + 6..VICTIMS.end {
                assert_eq!(read(&mount, number), Err(libc::EIO), "record {number}");
            }
            // What was read before is let go of, and its size is not told either.
            for number in VICTIMS.filter(|number| LENS[number % RECORDS] > 0) {
                let path = mount.join(&format!("records/{number:06}.bin"));
                wait_until("nothing of it is left in the cache", || {
                    read(&mount, number) == Err(libc::EIO)
                        && path
                            .metadata()
                            .is_err_and(|e| e.raw_os_error() == Some(libc::EIO))
                });
            }
            for file in ["raw/data", "raw/index"] {
                let read = std::fs::read(mount.join(file));
                assert_eq!(
                    read.map_err(|e| e.raw_os_error()),
                    Err(Some(libc::EIO)),
                    "{file}"
                );
            }
            assert_reads(&mount, 0..VICTIMS.start);
            assert_reads(&mount, VICTIMS.end..ALL.end);
            let listed = std::fs::read_dir(mount.join("records")).expect("listed");
            assert_eq!(listed.count(), ALL.len());
            mount.unmount();
        }
    }
}

/// What is read while somebody writes two editions in turn is of the first one or an error; once there
/// was an error, all of it is.
#[test]
fn nothing_of_a_shard_stays_in_the_cache_that_was_copied_while_it_was_written() {
    for turn in 0..20 {
        let kind = [Kind::Checksums, Kind::Plain][turn % 2];
        let dataset = Dataset::new(kind);
        let editions = [shard(kind, 0, VICTIM), shard(kind, 1, VICTIM)];
        let mount = Mount::new(&dataset.argument());
        let (is_over, reads) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for reader in 0..3 {
                let (mount, reads, is_over) = (&mount, &reads, &is_over);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let number = VICTIMS.start + [3, 5, 7][reader];
                        let path = mount.join(&format!("records/{number:06}.bin"));
                        // Once it has changed, there is not even an attribute of it.
                        let Ok(file) = File::open(path) else { return };
                        let mut buffer = vec![0; LENS[number % RECORDS]];
                        let done = file.read_exact_at(&mut buffer, 0);
                        reads.fetch_add(1, Ordering::Relaxed);
                        if done.is_err() {
                            return;
                        }
                        let advice = rustix::fs::Advice::DontNeed;
                        rustix::fs::fadvise(&file, 0, None, advice).expect("advised");
                    }
                });
            }
            wait_until("there are readers", || reads.load(Ordering::Relaxed) > 30);
            let victim = File::options()
                .write(true)
                .open(dataset.victim())
                .expect("shard");
            for edition in [1, 0, 1, 0, 1] {
                victim.write_all_at(&editions[edition], 0).expect("written");
            }
            drop(victim);
            // By whoever comes next.
            let _ = read(&mount, VICTIMS.start);
            is_over.store(true, Ordering::Relaxed);
        });
        for number in VICTIMS.filter(|number| LENS[number % RECORDS] > 0) {
            wait_until(
                &format!("record {number} is not in the cache, {kind:?}"),
                || read(&mount, number) == Err(libc::EIO),
            );
        }
        mount.unmount();
    }
}

/// Commands that read a shard from its beginning to its end notice it as well.
#[test]
fn a_command_that_reads_a_shard_while_it_is_written_fails() {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..64).map(|number| bytes(number, 1 << 20)).collect();
    let dataset = pack_records(directory.path(), "d", &records, &[]);
    let shard = directory.path().join("d_0000.rox");
    let out = directory.path().join("out");
    let commands: [&[&str]; 2] = [&["cat", "-i", ":"], &["extract", "--tar"]];
    for arguments in commands {
        let mut command = roxfs();
        command.args(arguments).arg(&dataset);
        command.stdout(std::process::Stdio::piped());
        command.stderr(File::create(&out).expect("file"));
        let mut child = command.spawn().expect("started");
        // It waits for a full pipe, in the middle.
        let mut stdout = child.stdout.take().expect("piped");
        std::io::Read::read_exact(&mut stdout, &mut vec![0; 1 << 20]).expect("begun");
        let file = File::options().write(true).open(&shard).expect("shard");
        file.write_all_at(b"other", 60 << 20).expect("written");
        std::io::copy(&mut stdout, &mut std::io::sink()).expect("read");
        let status = child.wait().expect("ended");
        let said = std::fs::read_to_string(&out).expect("said");
        assert!(
            said.contains("it has changed since it was opened"),
            "{arguments:?}: {said}"
        );
        assert_eq!(status.code(), Some(3), "{arguments:?}: {said}");
        std::fs::remove_file(&shard).expect("removed");
        pack_records(directory.path(), "d", &records, &[]);
    }
}
