//! The Python code of `src/order/views.md`, which is run as it stands there.

use super::orders::{operations, text};
use super::spec;
use crate::support::*;
use proptest::sample;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use roxfs::order::Order;
use std::fmt::Write;
use std::process::Command;

const PAGE: &str = include_str!("../../../src/order/views.md");

/// Reads lines of a specification and a number of records and of positions; prints how many records the
/// view has, what is at the positions, and where these records are.
const DRIVER: &str = "
import sys
for line in sys.stdin:
    spec, n, *positions = line.split()
    count, record_at, position_of = view(spec, int(n))
    places = [int(p) % count for p in positions] if count else []
    records = [record_at(place) for place in places]
    assert [position_of(record) for record in records] == places
    print(count, *records)
";

fn python_of_the_page() -> &'static str {
    let code = PAGE.split("```python\n").nth(1).expect("Python code");
    code.split("```").next().expect("its end")
}

#[test]
fn the_python_code_of_the_page_gives_the_same_orders() {
    let specs = [
        "names",
        "shuffle=0",
        "shuffle=7",
        "shuffle=18446744073709551615",
        "shuffle=1,shuffle=2,names",
        "split=0of1",
        "split=3of8",
        "split=4294967294of4294967295",
        "slice=:",
        "slice=::-1",
        "slice=5:-5",
        "slice=-7:3:-2",
        "slice=:-9223372036854775808",
        "slice=9223372036854775807::-9223372036854775808",
        "shuffle=7,split=3of8,slice=12:",
        "slice=::-3,shuffle=99,split=1of2,slice=1::2,shuffle=3",
        "split=1of3,split=1of3,split=1of3,split=1of3,shuffle=5,slice=::-1,shuffle=6,slice=:-2,names",
    ];
    let sizes = sizes();
    let views = specs
        .iter()
        .flat_map(|text| sizes.iter().map(move |&size| (text.to_string(), size)));
    python_gives_the_same(views);
}

/// Operations at random, of few records and of many.
#[test]
fn the_python_code_of_the_page_gives_the_same_orders_whatever_is_composed() {
    let mut runner = TestRunner::deterministic();
    let strategy = (operations(8), sample::select(sizes()));
    let views = (0..1_000).map(|_| {
        let tree = strategy.new_tree(&mut runner).expect("a view");
        let (operations, size) = tree.current();
        (text(&operations), size)
    });
    python_gives_the_same(views);
}

/// 0, 1, powers of two up to 2^40 and one beyond, squares, neighbours of both, and primes, the last one the
/// largest below 2^40.
fn sizes() -> Vec<u64> {
    let mut sizes = vec![0, 1, 5, 7, 10, 97, 240, 288, 289, 290, 10_007];
    sizes.extend([(1 << 31) - 1, (1 << 40) - 87]);
    let exponents = (1..=40).chain([55]);
    sizes.extend(exponents.flat_map(|exponent| [-1, 0, 1].map(|off| (1 << exponent) + off)));
    sizes.into_iter().map(i64::unsigned_abs).collect()
}

/// Some positions of each view, given by its name and of how many records it is, and their records.
fn python_gives_the_same(views: impl Iterator<Item = (String, u64)>) {
    let (mut input, mut expected) = (String::new(), String::new());
    for (text, size) in views {
        let view = spec(&text).of(size);
        let _ = write!(input, "{text} {size}");
        let _ = write!(expected, "{}", view.len());
        for position in (0..16).chain([u64::MAX, u64::MAX / 3, 0x0123_4567_89ab_cdef]) {
            let _ = write!(input, " {position}");
            let place = position.checked_rem(view.len());
            if let Some(record) = place.and_then(|place| view.record_at(place)) {
                let _ = write!(expected, " {record}");
            }
        }
        input.push('\n');
        expected.push('\n');
    }
    let program = [python_of_the_page(), DRIVER].concat();
    let output = feed(
        Command::new("python3").arg("-c").arg(program),
        input.as_bytes(),
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = String::from_utf8(output.stdout).expect("UTF-8");
    for ((found, expected), line) in found.lines().zip(expected.lines()).zip(input.lines()) {
        assert_eq!(found, expected, "{line}");
    }
    assert_eq!(found, expected);
}

/// The table of fixed values, and the names that the page gives as examples.
#[test]
fn the_examples_of_the_page_are_true() {
    let mut values = 0;
    for row in PAGE
        .lines()
        .filter(|line| line.contains(": ") && line.starts_with("| "))
    {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [seed, length, pairs] = cells[..] else {
            continue;
        };
        let Ok(seed) = seed.parse::<u64>() else {
            continue;
        };
        let length = match length.strip_prefix("2^") {
            Some(exponent) => 1 << exponent.parse::<u32>().expect("a number"),
            None => length.replace(',', "").parse().expect("a number"),
        };
        let view = spec(&format!("shuffle={seed}")).of(length);
        for pair in pairs.split(", ") {
            let (position, record) = pair.split_once(": ").expect("a pair");
            let [position, record] = [position, record].map(|n| n.parse().expect("a number"));
            assert_eq!(view.record_at(position), Some(record), "{row}");
            values += 1;
        }
    }
    assert_eq!(values, 18);
    let words = PAGE.split('`').skip(1).step_by(2);
    let is_name = |word: &&str| {
        word.starts_with('s')
            && word.contains('=')
            && !word.contains(|c: char| c.is_whitespace() || c.is_ascii_uppercase())
    };
    let names: Vec<&str> = words
        .filter(is_name)
        .filter(|word| *word != "split=00of8")
        .collect();
    assert!(names.len() > 10, "{names:?}");
    names.into_iter().for_each(|name| drop(spec(name)));
}
