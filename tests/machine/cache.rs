//! `--cache`: whether the shards' pages stay in memory beside the mount's own copy.

use crate::support::*;
use crate::{alone, skip};
use std::io::IoSliceMut;
use std::path::Path;

/// Where a shard is before it is read.
#[derive(Clone, Copy)]
enum Before {
    InMemory,
    OnDisk,
}

/// The share of a file that is in memory, in percent.
fn resident(file: &Path) -> u64 {
    let script = r#"fincore --bytes --noheadings --raw --output RES,SIZE "$1""#;
    let printed = sh(script, &[file]);
    let mut numbers = printed
        .split_whitespace()
        .map(|n| n.parse::<u64>().expect("a number"));
    let (resident, size) = (numbers.next().expect("RES"), numbers.next().expect("SIZE"));
    100 * resident / size
}

/// Packs this many records, reads them in the order of `number(place)`, and says how much of the shard
/// is in memory then; before, it is brought there, or evicted.
fn resident_after(
    policy: &str,
    records: usize,
    size: usize,
    number: impl Fn(usize) -> usize,
    before: Before,
) -> u64 {
    let directory = temp_dir();
    let contents: Vec<Vec<u8>> = (0..records).map(|n| bytes(n as u64, size)).collect();
    let dataset = pack_records(directory.path(), "d", &contents, &[]);
    let shard = directory.path().join("d_0000.rox");
    match before {
        Before::InMemory => sh(r#"sync "$1"; cat "$1" >/dev/null"#, &[&shard]),
        Before::OnDisk => sh(
            r#"sync "$1"; dd if="$1" iflag=nocache count=0 status=none"#,
            &[&shard],
        ),
    };
    // What is stored ahead of random readers is dropped, as it is read in order.
    let options = ["--cache", policy, "--ahead", "order"];
    let mount = Mount::with(&options, &[&dataset]);
    assert_eq!(
        std::fs::read_dir(mount.join("records"))
            .expect("listed")
            .count(),
        records
    );
    for place in 0..records {
        let number = number(place);
        let content = mount.read(&format!("records/{number:06}.bin"));
        assert!(content == contents[number], "record {number}");
    }
    let share = resident(&shard);
    mount.unmount();
    share
}

/// An order without neighbours.
fn scattered(records: usize) -> impl Fn(usize) -> usize {
    move |place| place * 37 % records
}

#[test]
fn with_one_copy_large_records_leave_the_shards_memory_once_read() {
    let _alone = alone();
    let (one, two) = ("one", "two");
    let large = |policy| resident_after(policy, 128, 300_000, scattered(128), Before::InMemory);
    let (dropped, kept) = (large(one), large(two));
    assert!(dropped < 40, "{dropped} % of the shard is in memory");
    assert!(kept > 60, "{kept} % of the shard is in memory");
}

#[test]
fn with_one_copy_records_of_some_pages_do_not_enter_it() {
    let _alone = alone();
    let medium = |policy| resident_after(policy, 2000, 10_000, scattered(2000), Before::OnDisk);
    let (left, kept) = (medium("one"), medium("two"));
    if can_read_once() {
        assert!(left < 40, "{left} % of the shard is in memory");
    } else {
        skip("this kernel or file system cannot read past the page cache (Linux 6.14 can)");
    }
    assert!(kept > 60, "{kept} % of the shard is in memory");
}

/// Whether files can be read without bringing them into memory (`RWF_DONTCACHE`, Linux 6.14).
fn can_read_once() -> bool {
    let directory = temp_dir();
    let path = directory.path().join("file");
    std::fs::write(&path, b"byte").expect("written");
    let file = std::fs::File::open(&path).expect("opened");
    let flags = rustix::io::ReadWriteFlags::from_bits_retain(0x80);
    let mut bytes = [0; 4];
    rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut bytes)], 0, flags).is_ok()
}

#[test]
fn with_one_copy_small_records_read_at_random_stay() {
    let _alone = alone();
    let kept = resident_after("one", 4000, 2_000, scattered(4000), Before::InMemory);
    assert!(kept > 60, "{kept} % of the shard is in memory");
}

#[test]
fn with_one_copy_a_reader_in_order_leaves_little_behind() {
    let _alone = alone();
    let dropped = resident_after("one", 12_000, 2_000, |place| place, Before::InMemory);
    assert!(dropped < 60, "{dropped} % of the shard is in memory");
}
