//! Shuffles, held to the same bounds as NumPy's permutations.

use super::*;
use std::path::Path;

/// Shuffles of these lengths, this many of each, with seeds that count from 0.
const LENGTHS: [(u64, u64); 5] = [
    (5, 20_000),
    (16, 5_000),
    (289, 1_000),
    (1_000, 300),
    (65_537, 10),
];

/// `statistics.py` says what is measured, and what the bounds are.
#[test]
fn shuffles_are_as_random_as_permutations_of_numpy() {
    let directory = temp_dir();
    for (length, seeds) in LENGTHS {
        let path = directory.path().join("shuffles");
        let orders = (0..seeds).flat_map(|seed| {
            let shuffle = spec(&format!("shuffle={seed}")).of(length);
            records_of(&shuffle).into_iter().flat_map(u64::to_le_bytes)
        });
        std::fs::write(&path, orders.collect::<Vec<u8>>()).expect("written");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/views/statistics.py");
        run(python("0.1.0")
            .arg(script)
            .arg(&path)
            .arg(length.to_string()));
    }
}
