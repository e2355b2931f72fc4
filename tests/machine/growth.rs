//! The daemon's memory does not grow with use. The full measurement, over a million records, is
//! `scripts/bench/growth`.

use crate::alone;
use crate::support::parts::Parts;
use crate::support::*;

const RECORDS: u64 = 100_000;

/// Private memory of a process in kB; mapped pages of the shard belong to the page cache.
pub fn private_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("status");
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .expect("RssAnon");
    line.split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number")
}

#[test]
pub fn private_memory_is_small_and_a_second_round_adds_nothing() {
    let _alone = alone();
    let directory = temp_dir();
    let shard = directory.path().join("d.rox");
    let record = |number: u64| vec![number as u8; (number % 97) as usize];
    let records: Vec<Vec<u8>> = (0..RECORDS).map(record).collect();
    std::fs::write(&shard, Parts::plain(&records).bytes()).expect("written");
    let mount = Mount::new(&shard);
    let round = || {
        let mut bytes = 0;
        for entry in std::fs::read_dir(mount.join("records")).expect("listed") {
            bytes += entry.expect("entry").metadata().expect("stat").len();
        }
        for number in (0..RECORDS).step_by(5) {
            assert_eq!(
                mount.read(&format!("records/{number}.bin")).len() as u64,
                number % 97
            );
        }
        (bytes, private_memory(mount.daemon()))
    };
    let (first, second) = (round(), round());
    println!(
        "private memory: {} kB after the first round, {} kB after the second",
        first.1, second.1
    );
    assert_eq!(first.0, (0..RECORDS).map(|number| number % 97).sum::<u64>());
    assert!(second.1 < 16 << 10, "{} kB", second.1);
    assert!(
        second.1 < first.1 + 1024,
        "{} kB, then {} kB",
        first.1,
        second.1
    );
    mount.unmount();
}
