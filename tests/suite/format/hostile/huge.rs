//! Huge claims, true as far as the file's size goes: sparse files make them cost nothing. No sum
//! of them overflows, and what opens is opened at once.

use super::*;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The largest size of a file, which is the largest offset.
const MOST: u64 = i64::MAX as u64;
/// Bytes of a `ROXXEL01` footer, and of that of a section.
const FOOTER: u64 = 24;
/// The most records that inode numbers have room for.
const MOST_RECORDS: u64 = 1 << 55;
const TIB: u64 = 1 << 40;

/// A shard that is a hole but for its last end offset and its footers.
#[derive(Clone, Copy)]
struct Claim {
    /// All but the last one are empty.
    records: u64,
    payload_len: u64,
    /// Body of a section of unknown kind, if it is not 0.
    section_len: u64,
}

const EMPTY: Claim = Claim {
    records: 0,
    payload_len: 0,
    section_len: 0,
};

impl Claim {
    fn write(self, path: &Path) {
        let file = File::create(path).expect("shard");
        let index_end = self.payload_len + 8 * self.records;
        let mut tail = Vec::new();
        if self.section_len > 0 {
            tail.extend([0, self.section_len].map(u64::to_le_bytes).concat());
            tail.extend(b"NEWTHING");
        }
        tail.extend(
            [self.records, self.payload_len]
                .map(u64::to_le_bytes)
                .concat(),
        );
        tail.extend(b"ROXXEL01");
        let tail_at = index_end + self.section_len;
        // The last byte may lie at the largest offset: no write may end beyond it, so this has
        // to be exact.
        file.write_all_at(&tail, tail_at).expect("footers");
        if self.records > 0 {
            let last = self.payload_len.to_le_bytes();
            file.write_all_at(&last, index_end - 8)
                .expect("last end offset");
        }
    }
}

/// A directory where sparse files may have any size.
fn roomy_dir() -> TempDir {
    let bases = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
    let directories = bases.iter().map(|base| {
        let prefix = "roxfs-test-";
        tempfile::Builder::new().prefix(prefix).tempdir_in(base)
    });
    let takes_any_size = |directory: &TempDir| {
        let file = File::create(directory.path().join("size")).expect("file");
        let taken = file.set_len(MOST).is_ok();
        std::fs::remove_file(directory.path().join("size")).expect("removed");
        taken
    };
    let mut directories = directories.filter_map(Result::ok);
    let found = directories.find(takes_any_size);
    found.unwrap_or_else(|| panic!("no file of {MOST} bytes in any of {bases:?}"))
}

/// Writes a dataset of such shards, `0.rox`, `1.rox` and so on.
fn dataset(claims: &[Claim]) -> TempDir {
    let directory = roomy_dir();
    for (number, claim) in claims.iter().enumerate() {
        claim.write(&directory.path().join(format!("{number}.rox")));
    }
    directory
}

#[test]
fn a_payload_of_terabytes_is_mounted_and_read() {
    let claim = Claim {
        records: 3,
        payload_len: 8 * TIB,
        ..EMPTY
    };
    let directory = dataset(&[claim]);
    let mount = Mount::new(directory.path());
    for (path, size) in [
        ("records/1.bin", 0),
        ("records/2.bin", 8 * TIB),
        ("raw/data", 8 * TIB),
    ] {
        let file = File::open(mount.join(path)).expect(path);
        assert_eq!(file.metadata().expect(path).len(), size, "{path}");
        let mut end = [1; 16];
        let read = file.read_at(&mut end, size.saturating_sub(8)).expect(path);
        assert_eq!(end[..read], vec![0; size.min(8) as usize], "{path}");
    }
}

#[test]
fn mounting_takes_no_time_that_grows_with_the_records() {
    let claim = Claim {
        records: MOST_RECORDS,
        payload_len: 5,
        ..EMPTY
    };
    let directory = dataset(&[claim]);
    let mount = Mount::new(directory.path());
    let last = MOST_RECORDS - 1;
    assert_eq!(mount.read(&format!("records/{last}.bin")), [0; 5]);
    assert_eq!(mount.read("records/0.bin"), b"");
    let beyond = std::fs::read(mount.join(&format!("records/{MOST_RECORDS}.bin")));
    assert_eq!(
        beyond.expect_err("no such record").raw_os_error(),
        Some(libc::ENOENT)
    );
}

#[test]
fn the_largest_payload_cannot_be_mapped_and_is_read() {
    let claim = Claim {
        records: 1,
        payload_len: MOST - FOOTER - 8,
        ..EMPTY
    };
    let directory = dataset(&[claim]);
    let path = directory.path();
    assert_eq!(message(roxfs().arg("info").arg(path), path, DONE), "");
    assert_eq!(message(roxfs().arg("verify").arg(path), path, DONE), "");
    let mount = Mount::new(path);
    let record = mount.join("records/000000.bin");
    assert_eq!(record.metadata().expect("there").len(), claim.payload_len);
    let file = File::open(record).expect("opened");
    let mut bytes = [1; 100];
    file.read_exact_at(&mut bytes, claim.payload_len - 100)
        .expect("read");
    assert_eq!(bytes, [0; 100]);
    drop(file);
    mount.unmount();
}

#[test]
fn sums_that_no_offset_can_say_are_refused() {
    let half = Claim {
        records: 1,
        payload_len: MOST / 2,
        ..EMPTY
    };
    let largest = Claim {
        records: 1,
        payload_len: MOST - FOOTER - 8,
        ..EMPTY
    };
    let one = Claim {
        records: 1,
        payload_len: 1,
        ..EMPTY
    };
    let many = Claim {
        records: MOST_RECORDS,
        ..EMPTY
    };
    let more = Claim {
        records: MOST_RECORDS + 1,
        ..EMPTY
    };
    let cases: [(&[Claim], &str); 6] = [
        (
            &[half, half, one, one],
            "3.rox: sum of payload bytes up to this shard is 9223372036854775808, expected at most 9223372036854775807",
        ),
        (
            &[largest, largest],
            "1.rox: sum of payload bytes up to this shard is 18446744073709551550, expected at most 9223372036854775807",
        ),
        (
            &[largest, largest, largest],
            "1.rox: sum of payload bytes up to this shard is 18446744073709551550, expected at most 9223372036854775807",
        ),
        (
            &[more],
            "0.rox: sum of records up to this shard is 36028797018963969, expected at most 36028797018963968",
        ),
        (
            &[many, one],
            "1.rox: sum of records up to this shard is 36028797018963969, expected at most 36028797018963968",
        ),
        (
            &[one, many],
            "1.rox: sum of records up to this shard is 36028797018963969, expected at most 36028797018963968",
        ),
    ];
    for (claims, expected) in cases {
        let directory = dataset(claims);
        for command in ["info", "ls"] {
            let found = message(
                roxfs().arg(command).arg(directory.path()),
                directory.path(),
                DAMAGED,
            );
            assert_eq!(found, format!("roxfs: PATH/{expected}\n"), "{command}");
        }
    }
}

#[test]
fn nothing_is_appended_to_more_records_than_can_be_numbered() {
    let many = Claim {
        records: 1 << 58,
        ..EMPTY
    };
    let directory = roomy_dir();
    // Their sum would be 0 again.
    for number in 0..64 {
        many.write(&directory.path().join(format!("d_{number:04}.rox")));
    }
    let mut pack = roxfs();
    pack.args(["pack", "--plain", "--new-shard", "-o"]);
    pack.arg(directory.path().join("d.rox"))
        .arg("/proc/version");
    let found = message(&mut pack, directory.path(), DAMAGED);
    let expected = "PATH/d_0000.rox: sum of records up to this shard is 288230376151711744, expected at most 36028797018963968";
    assert_eq!(found, format!("roxfs: {expected}\n"));
}

#[test]
fn sums_at_the_limit_are_accepted() {
    let half = Claim {
        records: 1,
        payload_len: MOST / 2,
        ..EMPTY
    };
    let one = Claim {
        records: 1,
        payload_len: 1,
        ..EMPTY
    };
    let directory = dataset(&[half, EMPTY, half, one, EMPTY]);
    let path = directory.path();
    assert_eq!(message(roxfs().arg("info").arg(path), path, DONE), "");
    assert_eq!(message(roxfs().arg("ls").arg(path), path, DONE), "");
}

/// Each shard is checked by itself, so what they come to together is no reason to fail.
#[test]
fn verify_adds_up_payloads_that_no_offset_can_say() {
    let largest = Claim {
        records: 1,
        payload_len: MOST - FOOTER - 8,
        ..EMPTY
    };
    let directory = dataset(&[largest; 3]);
    let path = directory.path();
    assert_eq!(message(roxfs().arg("verify").arg(path), path, DONE), "");
}

/// The files together are larger than a `u64` says, their payloads are not.
#[test]
fn huge_sections_of_unknown_kind_are_counted_without_overflow() {
    let claim = Claim {
        records: 1,
        payload_len: 1,
        section_len: MOST - 2 * FOOTER - 9,
    };
    let directory = dataset(&[claim; 3]);
    let path = directory.path();
    for command in ["info", "ls", "verify"] {
        assert_eq!(
            message(roxfs().arg(command).arg(path), path, DONE),
            "",
            "{command}"
        );
    }
    assert_eq!(
        message(roxfs().args(["info", "--json"]).arg(path), path, DONE),
        ""
    );
    let mount = Mount::new(path);
    assert_eq!(mount.read("raw/data"), [0; 3]);
}
