//! Views, and orders handed over: what their readers have to ask for.

use crate::alone;
use crate::cache::{Data, in_memory};
use crate::requests::{answers, is_at_rest};
use crate::support::*;
use std::path::PathBuf;

const RECORDS: usize = 3000;
const LEN: usize = 10_000;

/// The files of a view that nobody has listed, by position.
fn file(mount: &Mount, spec: &str, position: usize) -> PathBuf {
    mount.join(&format!("views/{spec}/{position:06}.bin"))
}

/// Reads these positions of a view, and returns how many of them took a request.
fn asked(mount: &Mount, spec: &str, positions: impl IntoIterator<Item = usize>) -> usize {
    let daemon = mount.daemon();
    let asked = positions.into_iter().filter(|&position| {
        let before = answers(daemon);
        std::fs::read(file(mount, spec, position)).expect("read");
        let is_asked = answers(daemon) > before;
        if is_asked {
            // A loader decodes meanwhile.
            wait_until("what comes next is there", || is_at_rest(daemon));
        }
        is_asked
    });
    asked.count()
}

/// Positions in turn of so many workers, each of which reads a batch.
fn in_batches(workers: usize, len: usize) -> impl Iterator<Item = usize> {
    let rounds = (0..RECORDS).step_by(workers * len);
    let positions = rounds.flat_map(move |round| {
        let places = (0..len).flat_map(move |n| (0..workers).map(move |worker| worker * len + n));
        places.map(move |place| round + place)
    });
    positions.filter(|&position| position < RECORDS)
}

#[test]
fn of_a_view_that_nobody_has_listed_little_is_asked_for() {
    let _alone = alone();
    let data = Data::new(RECORDS, LEN);
    let mount = data.mount(&[]);
    let one = asked(&mount, "shuffle=1", 0..RECORDS);
    println!("one reader: {one} of {RECORDS} asked for");
    assert!(one < RECORDS / 10, "{one}");
    mount.unmount();
    let mount = data.mount(&[]);
    let four = asked(&mount, "shuffle=1", in_batches(4, 64));
    println!("four that take turns with batches: {four}");
    assert!(four < RECORDS / 10, "{four}");
    mount.unmount();
    let mount = data.mount(&[]);
    let parts =
        (0..RECORDS).map(|n| asked(&mount, &format!("shuffle=1,split={}of3", n % 3), [n / 3]));
    let parts: usize = parts.sum();
    println!("three parts at the same time: {parts}");
    assert!(parts < RECORDS / 7, "{parts}");
    mount.unmount();
}

/// Hands an order over, and returns how many of its records, read in that order, took a request.
fn asked_of_list(data: &Data, mount: &Mount, path: &str, order: &[usize]) -> usize {
    let list: String = order.iter().map(|number| format!("{number}\n")).collect();
    run_with(roxfs().arg("hint").arg(mount.path()), list.as_bytes());
    wait_until("its beginning is there", || is_at_rest(mount.daemon()));
    let asked = order.iter().filter(|&&number| {
        let before = answers(mount.daemon());
        assert!(data.asked(mount, path, &[number]) <= 1);
        let is_asked = answers(mount.daemon()) > before;
        if is_asked {
            wait_until("what comes next is there", || is_at_rest(mount.daemon()));
        }
        is_asked
    });
    asked.count()
}

#[test]
fn of_an_order_that_was_handed_over_little_is_asked_for() {
    let _alone = alone();
    let data = Data::new(RECORDS, LEN);
    for path in ["records", "files"] {
        let mount = data.mount(&[]);
        let names = entries(&mount.join(path));
        assert_eq!(names.len(), RECORDS);
        let asked = asked_of_list(&data, &mount, path, &data.at_random(5));
        println!("{path}: {asked} of {RECORDS} asked for");
        assert!(asked < RECORDS / 10, "{path}: {asked}");
        mount.unmount();
    }
}

#[test]
fn names_that_the_kernel_has_forgotten_are_listed_again() {
    let _alone = alone();
    let data = Data::new(RECORDS, LEN);
    let mount = data.mount(&[]);
    asked(&mount, "shuffle=1", 0..RECORDS);
    sh("sync; echo 2 > /proc/sys/vm/drop_caches", &[]);
    let again = asked(&mount, "shuffle=1", 0..RECORDS);
    println!("{again} of {RECORDS} asked for again");
    // What the kernel has let go of by itself is known only when it is asked for.
    assert!(again < RECORDS / 2, "{again}");
    mount.unmount();
}

#[test]
fn the_next_epoch_is_begun_before_anybody_asks_for_it() {
    let _alone = alone();
    let data = Data::new(RECORDS, LEN);
    let mount = data.mount(&[]);
    // The kernel knows them all, and after an epoch it has half of them.
    let known = mount.join("records").read_dir().expect("listed");
    assert_eq!(known.count(), RECORDS);
    asked(&mount, "shuffle=2,split=0of2", 0..RECORDS / 2);
    let next = (0..100).map(|n| file(&mount, "shuffle=3,split=0of2", n));
    let there = next.filter(|path| in_memory(path) > 0).count();
    println!("{there} of the first 100 are there");
    assert!(there > 95, "{there}");
    mount.unmount();
}
