//! An interrupted run is resumed in the form it has begun with.

use super::{dataset, forms};
use crate::support::*;

const SIZE: &str = "--shard-size=2000";

fn stream() -> Vec<u8> {
    (0..200).flat_map(|seed| bytes(seed, 100)).collect()
}

/// Gives a run half of the stream, and interrupts it when it has written shards.
fn interrupted(target: &Target, options: &[&str]) {
    let before = target.shards().len();
    let mut pack = target.pack(&["--from=fixed:100", SIZE]);
    let mut running = Running::start(pack.args(options));
    running.write(&stream()[..10_000]);
    wait_until("there are shards", || target.shards().len() > before + 2);
    let (code, message) = running.interrupt();
    assert_eq!(code, Some(1), "{message}");
}

#[test]
fn a_run_is_resumed_in_its_form_whether_it_is_said_again_or_not() {
    let typed = ["--footer=02", "--dtype=int32"];
    let whole = Target::new();
    run_with(
        whole.pack(&["--from=fixed:100", SIZE]).args(typed),
        &stream(),
    );
    for options in [&[][..], &typed[..1], &typed] {
        let target = Target::new();
        interrupted(&target, &typed);
        let mut resume = target.pack(&["--from=fixed:100", SIZE, "--resume"]);
        run_with(resume.args(options), &stream());
        assert!(target.bytes() == whole.bytes(), "{options:?}");
        assert_eq!(entries(target.path()), entries(whole.path()));
    }
}

#[test]
fn a_run_is_not_resumed_in_another_form_not_even_in_a_new_shard() {
    let target = dataset(&[], "a");
    interrupted(&target, &["--footer=02", "--new-shard"]);
    let before = target.bytes();
    for options in [
        &["--footer=01"][..],
        &["--footer=01", "--new-shard"],
        &["--footer=02", "--dtype=int8", "--new-shard"],
    ] {
        let mut resume = target.pack(&["--from=fixed:100", SIZE, "--resume"]);
        let said = fail_with(resume.args(options), &stream(), 1);
        let expected = "; resume as the run has begun (--footer 02 --dtype uint8)\n";
        assert!(said.ends_with(expected), "{said}");
        assert!(target.bytes() == before, "{options:?}");
    }
    let mut resume = target.pack(&["--from=fixed:100", SIZE, "--resume"]);
    run_with(&mut resume, &stream());
    let forms = forms(&target.dataset());
    assert_eq!(forms[0], "ROXXEL01");
    assert!(forms[1..].iter().all(|form| form == "ROXXEL02 uint8"));
    assert_eq!(target.records().len(), 201);
}
