//! `raw/data`: read at random, little beside what is asked for is read from disk; read in order, little
//! is asked for at all.

use crate::requests::{answers, is_at_rest, requests};
use crate::support::*;
use crate::{alone, skip};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel reads around a page of a mapping that is missed.
const READ_AROUND: u64 = 128 << 10;
const RECORD: usize = 100_000;
const RECORDS: usize = 640;

/// 64 MB in several shards, which end anywhere in a page.
fn dataset(directory: &Path) -> (Vec<u8>, PathBuf) {
    let records: Vec<Vec<u8>> = (0..RECORDS).map(|n| bytes(n as u64, RECORD + n)).collect();
    let dataset = pack_records(directory, "d", &records, &["--shard-size", "24MB"]);
    (records.concat(), dataset)
}

fn evict(directory: &Path) {
    let script = r#"for shard in "$1"/*.rox; do sync "$shard"; dd if="$shard" iflag=nocache count=0 status=none; done"#;
    sh(script, &[directory]);
}

/// Bytes of all shards that are in memory.
fn in_memory(directory: &Path) -> u64 {
    let script = r#"fincore --bytes --noheadings --raw --output RES "$1"/*.rox"#;
    let printed = sh(script, &[directory]);
    let lines = printed.lines().map(|line| line.trim().parse::<u64>());
    lines.map(|bytes| bytes.expect("a number")).sum()
}

/// Reads samples of two KiB at places that do not follow each other, from a mapping.
const SAMPLES: &str = r#"
import mmap, sys
step, count = 1000003, int(sys.argv[2])
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
    for n in range(count):
        at = n * 7 * step % (len(data) - 2048)
        assert len(data[at:at + 2048]) == 2048
"#;

#[test]
fn samples_of_a_mapping_have_little_else_read_from_disk() {
    let _alone = alone();
    let directory = temp_dir();
    let (_, dataset) = dataset(directory.path());
    let mount = Mount::new(&dataset);
    evict(directory.path());
    let before = in_memory(directory.path());
    if before > READ_AROUND {
        return skip("files of this file system cannot be evicted");
    }
    let samples = 100;
    run(Command::new("python3")
        .args(["-c", SAMPLES])
        .arg(mount.join("raw/data"))
        .arg(samples.to_string()));
    let read = in_memory(directory.path()) - before;
    println!("{read} bytes for {samples} samples");
    assert!(read <= samples * READ_AROUND * 11 / 10, "{read} bytes");
    mount.unmount();
}

/// Stored by a thread of its own, so the number depends on who is faster.
#[test]
fn of_raw_data_and_long_records_little_is_asked_for_in_order() {
    let _alone = alone();
    let directory = temp_dir();
    let (content, dataset) = dataset(directory.path());
    let long = pack_records(
        directory.path(),
        "long",
        std::slice::from_ref(&content),
        &[],
    );
    for (dataset, path) in [(&dataset, "raw/data"), (&long, "records/000000.bin")] {
        let mount = Mount::new(dataset);
        let mut file = File::open(mount.join(path)).expect("opened");
        let asked = requests(&mount, || {
            let mut piece = vec![0; 40_000];
            for expected in content.chunks(piece.len()) {
                let piece = &mut piece[..expected.len()];
                let before = answers(mount.daemon());
                file.read_exact(piece).expect("read");
                assert!(piece == expected, "{path}");
                if answers(mount.daemon()) > before {
                    // A program does something with it meanwhile.
                    wait_until("what comes next is stored", || is_at_rest(mount.daemon()));
                }
            }
        });
        let by_itself = content.len() as u64 / READ_AROUND;
        println!("{path}: {asked} requests, {by_itself} with nothing stored");
        assert!(asked < by_itself / 2, "{path}: {asked} of {by_itself}");
        drop(file);
        mount.unmount();
    }
}
