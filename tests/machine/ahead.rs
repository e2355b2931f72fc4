//! Storing ahead never blocks a reader or the end of a mount. It drops the caches that other
//! tests rely on.

use crate::alone;
use crate::support::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const RECORDS: usize = 3000;

/// Reading in order and at random, storing and listing ahead, dropping caches and unmounting, all at
/// once, for a minute.
#[test]
fn storing_ahead_never_blocks() {
    let _alone = alone();
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..RECORDS)
        .map(|number| bytes(number as u64, 1 + number * 7919 % 9000))
        .collect();
    let dataset = pack_records(directory.path(), "d", &records, &["--shard-size", "4MiB"]);
    let end = Instant::now() + Duration::from_secs(60);
    let reads = AtomicU64::new(0);
    let mut rounds = 0;
    while Instant::now() < end {
        rounds += 1;
        let mount = Mount::new(&dataset);
        let stop = AtomicBool::new(false);
        let before = reads.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let (mount, stop, reads) = (&mount, &stop, &reads);
            for reader in 0..4 {
                scope.spawn(move || {
                    let listed = std::fs::read_dir(mount.join("records")).expect("listed");
                    assert_eq!(listed.filter(Result::is_ok).count(), RECORDS);
                    // Two in order, two at random: 1237 is coprime to the number of records.
                    let step = if reader % 2 == 0 { 1 } else { 1237 };
                    for number in (0..).map(|turn| (reader * 500 + turn * step) % RECORDS) {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let path = format!("records/{number:06}.bin");
                        // It fails once the mount is gone.
                        let Ok(content) = std::fs::read(mount.join(&path)) else {
                            return;
                        };
                        assert_eq!(content.len(), 1 + number * 7919 % 9000, "{path}");
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Page cache, names and inodes; only root may.
                    let _ = std::fs::write("/proc/sys/vm/drop_caches", "3");
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            wait_until("all readers go on", || {
                reads.load(Ordering::Relaxed) - before > 4 * RECORDS as u64
            });
            let unmount = output(roxfs().args(["umount", "-l"]).arg(mount.path()));
            assert!(unmount.status.success());
            stop.store(true, Ordering::Relaxed);
        });
        let path = mount.path().to_owned();
        wait_until("the daemon ends", || daemon_of(&path).is_none());
    }
    println!("{rounds} rounds, {} reads", reads.load(Ordering::Relaxed));
    assert!(rounds > 1);
}
