//! Shards that cannot be mapped, or only for one process alone: they are read, give the same bytes, and
//! an error where the file has been cut.

use crate::support::parts::Parts;
use crate::support::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Of less than a page to more than a request.
const LENS: [usize; 8] = [5000, 1, 0, 300_000, 4096, 2_500_000, 17, 70_000];
const GIB: u64 = 1 << 30;
/// Too little address space for any payload, as some is left for other things.
const NO_MAPPINGS: u64 = 620 << 20;

fn records(seed: u64) -> Vec<Vec<u8>> {
    let record = |(number, &len)| bytes(seed + number as u64, len);
    LENS.iter().enumerate().map(record).collect()
}

/// A file system without shared mappings, with one shard.
struct Direct {
    directory: TempDir,
    server: Child,
}

impl Direct {
    fn new() -> Direct {
        let directory = temp_dir();
        let path = |name: &str| directory.path().join(name);
        pack_records(directory.path(), "source", &records(0), &["--single-file"]);
        std::fs::create_dir(path("direct")).expect("mount point");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/attack/slow_file.c");
        sh(
            "gcc -O2 -pthread -o \"$1\" \"$2\"",
            &[&path("slow_file"), &source],
        );
        let server = Command::new(path("slow_file"))
            .args([path("source.rox"), path("direct")])
            .args(["0", "direct"])
            .stdout(Stdio::null())
            .spawn()
            .expect("started");
        let direct = Direct { directory, server };
        wait_until("it is mounted", || direct.shard().exists());
        direct
    }

    fn shard(&self) -> PathBuf {
        self.directory.path().join("direct/d.rox")
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        let path = self.directory.path().join("direct");
        let _ = Command::new("umount").arg("-l").arg(path).output();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Mounts with this much address space; returns what it said.
fn mount_within(limit: Option<u64>, shards: &[&Path], path: &Path) -> String {
    let mut command = Command::new("prlimit");
    command.args(limit.map(|bytes| format!("--as={bytes}")));
    command.arg("--").arg(env!("CARGO_BIN_EXE_roxfs"));
    said(command.arg("mount").args(shards).arg(path))
}

/// Compares everything that the mount of these records shows.
fn compare(mount: &Path, records: &[Vec<u8>]) {
    let read = |path: &str| std::fs::read(mount.join(path)).expect("read");
    for round in 0..2 {
        for (number, record) in records.iter().enumerate() {
            assert!(
                read(&format!("records/{number:06}.bin")) == *record,
                "{number}, {round}"
            );
            assert!(
                read(&format!("files/{number:06}")) == *record,
                "{number}, {round}"
            );
        }
        assert!(read("raw/data") == records.concat(), "{round}");
    }
}

/// Reads what is not in the kernel's cache: an error, and the daemon lives.
fn is_refused_after_a_cut(shard: &Path, mount: &Path) {
    let file = File::options().write(true).open(shard).expect("opened");
    file.set_len(100_000).expect("cut");
    let daemon = daemon_of(mount).expect("a daemon serves the mount");
    let error = std::fs::read(mount.join("records/000005.bin")).expect_err("cut");
    assert_eq!(error.raw_os_error(), Some(libc::EIO), "{error}");
    assert_eq!(daemon_of(mount), Some(daemon));
}

#[test]
fn a_file_system_without_shared_mappings_gives_the_same_bytes() {
    for limit in [None, Some(NO_MAPPINGS)] {
        for is_cut in [false, true] {
            let direct = Direct::new();
            let (path, guard) = mount_point(direct.directory.path());
            let said = mount_within(limit, &[&direct.shard()], &path);
            assert_eq!(said.contains("cannot be mapped"), limit.is_some(), "{said}");
            if is_cut {
                is_refused_after_a_cut(&direct.directory.path().join("source.rox"), &path);
            } else {
                compare(&path, &records(0));
            }
            drop(guard);
            wait_until("the daemon ends", || daemon_of(&path).is_none());
        }
    }
}

#[test]
fn without_addresses_for_mappings_the_same_bytes_are_read() {
    for is_cut in [false, true] {
        let directory = temp_dir();
        let dataset = pack_records(directory.path(), "d", &records(7), &["--single-file"]);
        let (path, guard) = mount_point(directory.path());
        let said = mount_within(Some(NO_MAPPINGS), &[&dataset], &path);
        assert!(said.contains("1 of 1 shards are read instead"), "{said}");
        if is_cut {
            is_refused_after_a_cut(&dataset, &path);
        } else {
            compare(&path, &records(7));
        }
        drop(guard);
        wait_until("the daemon ends", || daemon_of(&path).is_none());
    }
}

/// A shard of one record, which is a hole but for its last bytes.
fn huge(path: &Path, len: u64, end: &[u8]) {
    let file = File::create(path).expect("created");
    let write = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at).expect("written");
    write(len - end.len() as u64, end);
    let numbers = [len, 1, len].map(u64::to_le_bytes).concat();
    write(len, &numbers);
    write(len + numbers.len() as u64, b"ROXXEL01");
}

#[test]
fn of_several_shards_those_that_cannot_be_mapped_are_read() {
    let directory = temp_dir();
    let shard = |number: u64| directory.path().join(format!("x_{number:04}.rox"));
    for number in [0, 2] {
        std::fs::write(shard(number), Parts::plain(&records(number)).bytes()).expect("written");
    }
    let (len, end) = (8 * GIB, bytes(5, 3000));
    huge(&shard(1), len, &end);
    let (path, guard) = mount_point(directory.path());
    let said = mount_within(Some(4 * GIB), &[&directory.path().join("x.rox")], &path);
    assert!(said.contains("1 of 3 shards are read instead"), "{said}");
    let numbered = |number: usize| path.join(format!("records/{number:06}.bin"));
    for (first, seed) in [(0, 0), (LENS.len() + 1, 2)] {
        for (number, record) in records(seed).iter().enumerate() {
            let read = std::fs::read(numbered(first + number)).expect("read");
            assert!(read == *record, "{number} of {seed}");
        }
    }
    let middle = File::open(numbered(LENS.len())).expect("opened");
    let mut piece = vec![1; 1 << 20];
    middle.read_exact_at(&mut piece, len / 2).expect("read");
    assert!(piece.iter().all(|&byte| byte == 0));
    // From the hole over both borders of shards into the last one.
    let first = records(0).concat();
    let expected = [&end[..], &records(2).concat()].concat();
    let mut last = vec![0; expected.len()];
    let raw = File::open(path.join("raw/data")).expect("opened");
    let start = first.len() as u64 + len - end.len() as u64;
    raw.read_exact_at(&mut last, start).expect("read");
    assert!(last == expected);
    let mut border = vec![1; first.len() + 5000];
    raw.read_exact_at(&mut border, 0).expect("read");
    assert!(border[..first.len()] == first && border[first.len()..] == [0; 5000]);
    drop((raw, middle));
    drop(guard);
    wait_until("the daemon ends", || daemon_of(&path).is_none());
}
