//! A short run of what is fuzzed: the same inputs each time, from a generator with fixed seeds.
//! `scripts/attack/fuzz` runs the same targets as long as one likes, guided by coverage.

mod targets;

use std::time::{Duration, Instant};

/// The longest input; every choice takes a byte or two of it.
const LONGEST: u64 = 600;
/// Where it ends on a machine that is busy, whatever the number of inputs.
const LONG: Duration = Duration::from_secs(20);

/// The splitmix64 generator.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn input(&mut self) -> Vec<u8> {
        let len = self.next() % LONGEST;
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }
}

/// Says which input it was, when a target panics.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("the input was, in hexadecimal: {hex}");
        }
    }
}

fn run(target: fn(&[u8]), inputs: u64) {
    let start = Instant::now();
    let mut done = 0;
    for seed in 0..inputs {
        let input = Generator(seed).input();
        let _shown = Shown(&input);
        target(&input);
        done += 1;
        if start.elapsed() > LONG {
            break;
        }
    }
    assert!(
        done >= inputs / 100,
        "{done} of {inputs} inputs in {LONG:?}"
    );
}

#[test]
fn shards_and_the_tree_over_them_are_the_models() {
    run(targets::shard::run, 3_000);
}

#[test]
fn extraction_stays_inside_and_within_what_there_is() {
    run(targets::extract::run, 3_000);
}

#[test]
fn archives_and_streams_give_their_records_or_an_error() {
    run(targets::sources::run, 40_000);
}

#[test]
fn parsers_understand_or_refuse() {
    run(targets::parsers::run, 100_000);
}
