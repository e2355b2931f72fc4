//! Names that break the rules, in a shard that is appended to: they stay as they are.

use super::source;
use crate::support::parts::{Parts, Section};
use crate::support::*;

const NAMES: [&[u8]; 5] = [b"a", b"../up", b"", b"c//d", b"zz/"];

/// A shard with these names and as many records.
fn shard(names: &[&[u8]]) -> Vec<u8> {
    let mut parts = Parts::plain(&vec![&b"x"[..]; names.len()]);
    let mut sorted: Vec<u32> = (0..names.len() as u32).collect();
    sorted.sort_by_key(|&record| names[record as usize]);
    parts.sections = vec![Section::names(names), Section::order(&sorted)];
    parts.bytes()
}

#[test]
fn names_that_break_the_rules_are_kept_byte_for_byte() {
    let target = Target::new();
    let first = target.path().join("d_0000.rox");
    std::fs::write(&first, shard(&NAMES)).expect("written");
    run(&mut target.pack(&[source(&["b"]).path()]));
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
    let bytes = std::fs::read(&first).expect("readable");
    let all = [&NAMES[..], &[b"b"]].concat().concat();
    let at = bytes.windows(all.len()).position(|window| window == all);
    assert!(at.is_some(), "the names are others");
    // The largest of them is one: a name that is taken is still found.
    let message = fail(&mut target.pack(&[source(&["a"]).path()]), 1);
    assert!(
        message.contains("the name \"a\" is taken already by record 0 of"),
        "{message}"
    );
}

#[test]
fn a_name_longer_than_any_is_not_dropped_but_refused() {
    let target = Target::new();
    let first = target.path().join("d_0000.rox");
    let before = shard(&[b"a", &[b'x'; 4096]]);
    std::fs::write(&first, &before).expect("written");
    let message = fail(&mut target.pack(&[source(&["b"]).path()]), 3);
    let expected = "record 1: name is 4096 bytes long, expected at most 4095";
    assert!(message.contains(expected), "{message}");
    assert_eq!(std::fs::read(&first).expect("readable"), before);
    run(target.pack(&["--new-shard"]).arg(source(&["b"]).path()));
    assert_eq!(std::fs::read(&first).expect("readable"), before);
}

#[test]
fn packing_shards_anew_says_which_names_it_leaves_out() {
    let (old, new) = (temp_dir(), Target::new());
    let first = old.path().join("old.rox");
    std::fs::write(&first, shard(&NAMES)).expect("written");
    let message = said(new.pack(&["-q", "--from", "rox"]).arg(&first));
    let expected = format!(
        "roxfs: {}: names that break the rules are left out, and their records packed without: 3; \
         the first is that of record 1\n",
        first.display()
    );
    assert_eq!(message, expected);
    assert_eq!(new.names(), ["a", "", "", "", ""]);
}
