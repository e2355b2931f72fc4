//! `--cache`: what stays in memory of the mount and of its shards, and how much of it is asked for again.

use crate::requests::answers;
use crate::support::*;
use crate::{alone, skip};
use std::fs::File;
use std::io::IoSliceMut;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: u64 = 4096;

/// Records of one length in one shard.
pub struct Data {
    directory: tempfile::TempDir,
    pub records: Vec<Vec<u8>>,
}

impl Data {
    pub fn new(count: usize, len: usize) -> Data {
        let directory = temp_dir();
        let records: Vec<Vec<u8>> = (0..count).map(|n| bytes(n as u64, len)).collect();
        pack_records(directory.path(), "d", &records, &["--single-file"]);
        let data = Data { directory, records };
        sh(r#"sync "$1""#, &[&data.shard()]);
        data
    }

    pub fn shard(&self) -> PathBuf {
        self.directory.path().join("d.rox")
    }

    /// Bytes of the payload that are in memory, at most: the file's other sections may be, too.
    pub fn in_shard(&self) -> u64 {
        let len = self.shard().metadata().expect("there").len();
        let others = len - self.payload_len() + 2 * PAGE;
        in_memory(&self.shard()).saturating_sub(others)
    }

    pub fn payload_len(&self) -> u64 {
        self.records.iter().map(|record| record.len() as u64).sum()
    }

    /// What the kernel's cache of the mount takes for all, as roxfs estimates it.
    pub fn len_in_mount(&self) -> u64 {
        let records = self.records.len() as u64;
        (self.payload_len() + records * PAGE / 2).max(records * PAGE)
    }

    pub fn mount(&self, options: &[&str]) -> Mount {
        Mount::with(options, &[&self.shard()])
    }

    /// Reads these records, as they are in a directory of the mount, and returns how many of them took
    /// a request.
    pub fn asked(&self, mount: &Mount, path: &str, numbers: &[usize]) -> usize {
        let names = entries(&mount.join(path));
        let daemon = mount.daemon();
        let asked = numbers.iter().filter(|&&number| {
            let file = mount.join(path).join(&names[number]);
            let before = answers(daemon);
            let content = std::fs::read(&file).expect("read");
            let is_asked = answers(daemon) > before;
            assert!(content == self.records[number], "{}", file.display());
            is_asked
        });
        asked.count()
    }

    /// The same as a part of all records.
    pub fn part_asked(&self, mount: &Mount, path: &str, numbers: &[usize]) -> f64 {
        self.asked(mount, path, numbers) as f64 / numbers.len() as f64
    }

    pub fn in_order(&self) -> Vec<usize> {
        (0..self.records.len()).collect()
    }

    /// All records in another order for each seed.
    pub fn at_random(&self, seed: u64) -> Vec<usize> {
        let mut numbers = self.in_order();
        let mut random = bytes(seed, 8 * numbers.len()).into_iter();
        let mut key = |_: &usize| {
            let bytes: Vec<u8> = random.by_ref().take(8).collect();
            u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
        };
        numbers.sort_by_cached_key(&mut key);
        numbers
    }
}

/// Bytes that are in memory of these files, or of all files in a directory.
pub fn in_memory(path: &Path) -> u64 {
    let script = r#"find "$1" -type f -print0 |
        xargs -0 fincore --bytes --noheadings --raw --output RES | awk '{sum += $1} END {print sum}'"#;
    sh(script, &[path]).trim().parse().expect("a number")
}

/// A part of the records, for what is not measured.
pub fn part(bytes: u64, of: u64) -> f64 {
    bytes as f64 / of as f64
}

/// Whether files can be read without bringing them into memory (`RWF_DONTCACHE`, Linux 6.14).
fn can_read_once() -> bool {
    let directory = temp_dir();
    let path = directory.path().join("file");
    std::fs::write(&path, b"byte").expect("written");
    let file = File::open(&path).expect("opened");
    let flags = rustix::io::ReadWriteFlags::from_bits_retain(0x80);
    let mut bytes = [0; 4];
    rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut bytes)], 0, flags).is_ok()
}

#[test]
fn with_none_nothing_is_left_after_a_pass() {
    let _alone = alone();
    if !can_read_once() {
        skip("this kernel or file system cannot read past the page cache (Linux 6.14 can)");
    }
    for (count, len) in [(64, 300_000), (1000, 10_000), (2000, 2000)] {
        let data = Data::new(count, len);
        let mount = data.mount(&["--cache", "none"]);
        let passes = [
            ("records", data.at_random(1)),
            ("records", data.at_random(2)),
            ("records", data.in_order()),
            ("files", data.in_order()),
        ];
        for (pass, (path, order)) in passes.into_iter().enumerate() {
            let asked = data.asked(&mount, path, &order);
            assert!(
                asked == count || pass > 1,
                "records of {len} bytes: {asked}"
            );
            wait_until("the shard is let go of", || {
                data.in_shard() <= data.payload_len() / 8
            });
            let records = mount.join(path);
            wait_until("records are let go of", || {
                in_memory(&records) <= data.len_in_mount() / 8
            });
        }
        mount.unmount();
    }
}

#[test]
fn with_room_for_half_each_pass_asks_for_the_other_half() {
    let _alone = alone();
    for (count, len) in [(128, 300_000), (2000, 10_000), (2000, 5000)] {
        let data = Data::new(count, len);
        let half = (data.len_in_mount() / 2).to_string();
        let mount = data.mount(&["--cache", &half, "--ahead", "none"]);
        assert_eq!(data.asked(&mount, "records", &data.at_random(1)), count);
        let mut passes = vec![
            ("records", data.at_random(2)),
            ("records", data.at_random(3)),
        ];
        passes.extend(["records", "files"].map(|path| (path, data.in_order())));
        for (path, order) in passes {
            let part = data.part_asked(&mount, path, &order);
            println!("{len} bytes: {path}: {part:.2} asked for");
            // By chance it may be a tenth more or less of a hundred.
            let most = if count < 1000 { 0.3..0.7 } else { 0.4..0.62 };
            assert!(most.contains(&part), "{len} bytes, {path}: {part}");
        }
        wait_until("the shard is let go of", || {
            data.in_shard() <= data.payload_len() / 10
        });
        wait_until("half of the records is let go of", || {
            in_memory(&mount.join("records")) <= data.len_in_mount() * 65 / 100
        });
        mount.unmount();
    }
}

#[test]
fn with_room_for_half_what_is_not_kept_is_stored_ahead() {
    let _alone = alone();
    let data = Data::new(2000, 10_000);
    let half = (data.len_in_mount() / 2).to_string();
    let mount = data.mount(&["--cache", &half]);
    for seed in 1..4 {
        let part = data.part_asked(&mount, "records", &data.at_random(seed));
        println!("at random: {part:.2} asked for");
        assert!(part < 0.62 || seed == 1, "{part}");
    }
    for path in ["records", "files", "records"] {
        let part = data.part_asked(&mount, path, &data.in_order());
        println!("{path}: {part:.2} asked for");
        assert!(part < 0.62, "{path}: {part}");
    }
    wait_until("the shard is let go of", || {
        data.in_shard() <= data.payload_len() / 10
    });
    mount.unmount();
}

#[test]
fn records_shorter_than_pages_stay_in_the_shard_first() {
    let _alone = alone();
    let data = Data::new(20_000, 100);
    let payload = data.payload_len();
    for (size, in_shard) in [(payload / 2, 0.3..0.75), (payload * 2, 0.9..1.1)] {
        let mount = data.mount(&["--cache", &size.to_string(), "--ahead", "none"]);
        for seed in 1..3 {
            data.asked(&mount, "records", &data.at_random(seed)[..5000]);
        }
        // Whoever reads in order comes to every page.
        data.asked(&mount, "records", &data.in_order()[..5000]);
        let records = mount.join("records");
        // As many pages as fit into what the shard leaves.
        let most = size.saturating_sub(payload) * 3 / 2 + 64 * PAGE;
        wait_until("records are let go of", || in_memory(&records) <= most);
        let left = part(data.in_shard(), payload);
        println!("{size} bytes: {left:.2} of the shard stays");
        assert!(in_shard.contains(&left), "{size} bytes: {left}");
        mount.unmount();
    }
}

/// Reads `raw/data` from its beginning, or at random by so many reads, and compares it with a file.
const READ_MAPPED: &str = r#"
import mmap, random, sys
path, other, seed, step = sys.argv[1], sys.argv[2], int(sys.argv[3]), 1 << 16
with open(path, "rb") as file, open(other, "rb") as same:
    data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    same = mmap.mmap(same.fileno(), 0, prot=mmap.PROT_READ)
    places = list(range(0, len(data), step))
    if seed:
        random.Random(seed).shuffle(places)
    for at in places:
        end = min(at + step, len(data))
        assert data[at:end] == same[at:end], at
"#;

#[test]
fn half_of_raw_data_stays() {
    let _alone = alone();
    let data = Data::new(2560, 100_000);
    let payload = data.payload_len();
    let size = (data.len_in_mount() / 2).to_string();
    let mount = data.mount(&["--cache", &size]);
    let raw = mount.join("raw/data");
    let same = data.directory.path().join("same");
    std::fs::write(&same, data.records.concat()).expect("written");
    let dd = || {
        sh(
            r#"dd if="$1" bs=1M status=none | cmp - "$2""#,
            &[&raw, &same],
        )
    };
    let mapped = |seed: u64| {
        let mut python = Command::new("python3");
        python.args(["-c", READ_MAPPED]).args([&raw, &same]);
        run(python.arg(seed.to_string()));
    };
    let passes: [(&str, &dyn Fn()); 5] = [
        ("dd", &|| drop(dd())),
        ("dd again", &|| drop(dd())),
        ("mapped in order", &|| mapped(0)),
        ("mapped at random", &|| mapped(1)),
        ("mapped at random again", &|| mapped(2)),
    ];
    for (name, read) in passes {
        let before = answers(mount.daemon());
        read();
        let asked = answers(mount.daemon()) - before;
        let mut left = [0.0; 2];
        let is_left = || {
            left = [
                part(in_memory(&raw), payload),
                part(data.in_shard(), payload),
            ];
            (0.3..0.7).contains(&left[0]) && left[1] < 0.15
        };
        wait_until(name, is_left);
        println!("{name}: {asked} requests; {left:.2?} of mount and shard stay");
    }
    mount.unmount();
}

#[test]
fn of_long_records_those_that_stay_are_not_asked_for_again() {
    let _alone = alone();
    // One of them stays, or two.
    let data = Data::new(4, 24_000_000);
    let size = (data.len_in_mount() / 2).to_string();
    let mount = data.mount(&["--cache", &size]);
    for _ in 0..3 {
        data.asked(&mount, "records", &data.in_order());
    }
    let records = mount.join("records");
    wait_until("the other ones are let go of", || {
        in_memory(&records) < data.payload_len() * 8 / 10
    });
    let left = part(in_memory(&records), data.payload_len());
    let asked = data.part_asked(&mount, "records", &data.in_order());
    println!("{left:.2} stays, {asked:.2} asked for");
    assert!((0.9..1.1).contains(&(left + asked)), "{left} {asked}");
    wait_until("the shard is let go of", || {
        data.in_shard() <= data.payload_len() / 10
    });
    mount.unmount();
}

#[test]
fn with_ample_memory_everything_stays_twice() {
    let _alone = alone();
    let data = Data::new(1000, 10_000);
    let mount = data.mount(&["--ahead", "none"]);
    assert_eq!(data.asked(&mount, "records", &data.at_random(1)), 1000);
    for order in [data.at_random(2), data.in_order()] {
        let asked = data.asked(&mount, "records", &order);
        // A kernel that pages out what it takes for cold may take some of it.
        assert!(asked <= 20, "{asked}");
    }
    let most = data.payload_len() * 98 / 100;
    assert!(in_memory(&data.shard()) >= most);
    assert!(in_memory(&mount.join("records")) >= most);
    mount.unmount();
}
