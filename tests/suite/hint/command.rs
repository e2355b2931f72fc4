//! What `roxfs hint` hands over, by what a file system notes that is asked instead of a mount.

use super::fake::{Came, Fake, RECORDS};
use super::hint;
use crate::support::*;
use fuser::Errno;
use roxfs::order::handed::Part;
use std::fmt::Write;

/// Lines of numbers.
fn lines(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers
        .into_iter()
        .fold(String::new(), |mut lines, number| {
            let _ = writeln!(lines, "{number}");
            lines
        })
}

/// The parts that have come, all from one giver, and the numbers in them.
fn parts(fake: &Fake) -> Vec<(u64, bool, Vec<u64>)> {
    let part = |came: Came| match came {
        Came::Part(part) => part,
        Came::Clear(_) => panic!("cleared"),
    };
    let parts: Vec<Part> = fake.came().into_iter().map(part).collect();
    let giver = parts.first().map_or(1, |part| part.giver);
    assert!(giver != 0 && parts.iter().all(|part| part.giver == giver));
    let what = |part: Part| (part.start, part.begins, part.numbers);
    parts.into_iter().map(what).collect()
}

#[test]
fn an_order_is_handed_over_in_parts_of_which_the_first_begins_it() {
    let fake = Fake::new(&[]);
    let order: Vec<u64> = (0..5001).map(|n| n * 7919 % RECORDS).collect();
    let said = run_with(&mut hint(fake.path()), lines(order.clone()).as_bytes());
    assert_eq!(said, "roxfs: 5,001 records handed over\n");
    let expected = vec![
        (0, true, order[..2000].to_vec()),
        (2000, false, order[2000..4000].to_vec()),
        (4000, false, order[4000..].to_vec()),
    ];
    assert_eq!(parts(&fake), expected);
    let binary: Vec<u8> = order
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let again = Fake::new(&[]);
    let said = run_with(hint(again.path()).args(["-q", "--binary"]), &binary);
    assert_eq!((said.as_str(), parts(&again)), ("", expected));
}

#[test]
fn each_run_is_a_giver_of_its_own() {
    let fake = Fake::new(&[]);
    (0..2).for_each(|_| drop(run_with(&mut hint(fake.path()), b"1\n")));
    let givers = fake.came().into_iter().map(|came| match came {
        Came::Part(part) => part.giver,
        Came::Clear(_) => panic!("cleared"),
    });
    let givers: Vec<u64> = givers.collect();
    assert_ne!(givers[0], givers[1]);
}

#[test]
fn paths_are_absolute_or_from_the_root_or_from_here() {
    let fake = Fake::new(&[]);
    let mount = fake.path().display();
    let order =
        format!("records/7.bin\n{mount}/records/000008.bin\n9\n./records/../records/10.bin\n");
    run_with(&mut hint(fake.path()), order.as_bytes());
    let null = b"records/1.bin\x002\x00records/3.bin";
    run_with(hint(fake.path()).arg("-0"), null);
    let mut from_here = hint(fake.path());
    from_here.current_dir(fake.path().join("records"));
    run_with(&mut from_here, b"4.bin\nrecords/5.bin\n");
    let numbers = fake.came().into_iter().flat_map(|came| match came {
        Came::Part(part) => part.numbers,
        Came::Clear(_) => panic!("cleared"),
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [7, 8, 9, 10, 1, 2, 3, 4, 5]);
}

#[test]
fn what_has_come_is_handed_over_before_more_is_waited_for() {
    let fake = Fake::new(&[]);
    let mut running = Running::start(&mut hint(fake.path()));
    let mut expected = Vec::new();
    for (written, part) in [("1\n2\n", vec![1, 2]), ("3\n", vec![3]), ("4\n5", vec![4])] {
        running.write(written.as_bytes());
        let start = expected
            .iter()
            .map(|(_, _, part): &(_, _, Vec<u64>)| part.len());
        expected.push((start.sum::<usize>() as u64, expected.is_empty(), part));
        wait_until("the part has come", || fake.came().len() == expected.len());
        assert_eq!(parts(&fake), expected);
    }
    running.write(b"0\n");
    expected.push((4, false, vec![50]));
    assert_eq!(
        running.end(),
        (Some(DONE), "roxfs: 5 records handed over\n".to_owned())
    );
    assert_eq!(parts(&fake), expected);
}

#[test]
fn an_order_that_was_forgotten_begins_anew_where_it_is() {
    let fake = Fake::new(&[None, Some(Errno::ESTALE), None]);
    run_with(&mut hint(fake.path()), lines(0..6000).as_bytes());
    let numbers = |from: u64| (from..from + 2000).collect::<Vec<u64>>();
    let expected = [
        (0, true, numbers(0)),
        (2000, false, numbers(2000)),
        (0, true, numbers(2000)),
        (2000, false, numbers(4000)),
    ];
    assert!(parts(&fake) == expected);
}

#[test]
fn of_an_order_that_is_refused_the_beginning_stays_and_the_message_says_how_much() {
    let path = |fake: &Fake| fake.path().display().to_string();
    let fake = Fake::new(&[None, None, Some(Errno::ENOSPC)]);
    let message = fail_with(&mut hint(fake.path()), lines(0..9000).as_bytes(), FAILED);
    let expected = "roxfs: memory for orders is full (1.00 MiB; `roxfs mount --order-memory` gives more); \
                    the first 4,000 records handed over, the others not\n";
    assert_eq!(message, expected);
    assert_eq!(parts(&fake).len(), 3, "and no more");
    let fake = Fake::new(&[Some(Errno::EUSERS)]);
    let message = fail_with(&mut hint(fake.path()), b"1\n", FAILED);
    let expected = format!(
        "roxfs: too many orders are handed over; `roxfs hint --clear {}` takes back yours\n",
        path(&fake)
    );
    assert_eq!(message, expected);
    let fake = Fake::new(&[Some(Errno::EIO)]);
    let message = fail_with(&mut hint(fake.path()), b"1\n", FAILED);
    assert_eq!(
        message,
        format!("roxfs: {}: Input/output error (os error 5)\n", path(&fake))
    );
}

#[test]
fn nothing_stays_of_an_order_that_is_wrong() {
    let fake = Fake::new(&[]);
    let order = lines((0..2000).chain([RECORDS]));
    let message = fail_with(&mut hint(fake.path()), order.as_bytes(), FAILED);
    let expected = "roxfs: standard input, line 2001: 10000 is no record: expected a number below 10000; \
                    nothing is handed over\n";
    assert_eq!(message, expected);
    let came = fake.came();
    let Came::Part(part) = &came[0] else {
        panic!("{came:?}");
    };
    assert_eq!(came[1..], [Came::Clear(part.giver)]);
}

#[test]
fn clear_takes_back_everything_and_reads_no_input() {
    let fake = Fake::new(&[]);
    let said = run_with(hint(fake.path()).arg("--clear"), b"1\n");
    assert_eq!((said.as_str(), fake.came()), ("", vec![Came::Clear(0)]));
    for options in [
        ["--clear", "--binary"],
        ["--clear", "-0"],
        ["--binary", "-0"],
    ] {
        fail(hint(fake.path()).args(options), USAGE);
    }
}
