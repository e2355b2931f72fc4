//! Orders that are handed over take as much of the daemon's memory as they may, and give all of it back.

use crate::alone;
use crate::growth::private_memory;
use crate::support::*;

/// What orders may take here, in kB.
const ORDER_MEMORY: u64 = 32 << 10;
/// What a daemon's memory may differ by, for other reasons.
const SPREAD: u64 = 4 << 10;

#[test]
fn orders_take_no_more_memory_than_they_may_and_give_it_back() {
    let _alone = alone();
    let (_directory, dataset) = dataset();
    let mount = Mount::with(&["--order-memory", "32MiB"], &[&dataset]);
    let daemon = mount.daemon();
    let hint = |options: &[&str]| {
        let mut command = roxfs();
        command.arg("hint").arg(mount.path()).args(options);
        command
    };
    let before = private_memory(daemon);
    // More than has room.
    let order = vec![0; 8 * (10 << 20)];
    for round in 1..=3 {
        let message = fail_with(&mut hint(&["--binary"]), &order, FAILED);
        assert!(message.contains("memory for orders is full"), "{message}");
        let full = private_memory(daemon);
        run(&mut hint(&["--clear"]));
        let after = private_memory(daemon);
        println!(
            "private memory, round {round}: {before} kB before, {full} kB full, {after} kB after"
        );
        assert!(
            full > before + ORDER_MEMORY - SPREAD,
            "{before} kB, {full} kB"
        );
        assert!(
            full < before + ORDER_MEMORY + SPREAD,
            "{before} kB, {full} kB"
        );
        assert!(after < before + SPREAD, "{before} kB, then {after} kB");
    }
    mount.unmount();
}
