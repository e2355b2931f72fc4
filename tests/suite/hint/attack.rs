//! Many at once, and programs that are killed: readers get every byte, and what is abandoned goes.

use super::*;
use nix::sys::signal::Signal;
use roxfs::order::handed::{GIVE, GIVE_LEN, MOST_NUMBERS};
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

/// Numbers without end.
fn endless(mount: &Mount) -> Running {
    let mut command = hint(mount.path());
    command
        .arg("--binary")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = Running(command.spawn().expect("started"));
    let mut input = running.0.stdin.take().expect("piped");
    std::thread::spawn(move || {
        let part: Vec<u8> = (0..COUNT).flat_map(|number| number.to_le_bytes()).collect();
        while input.write_all(&part).is_ok() {}
    });
    running
}

/// 2^40 numbers would be 8 TiB of input: it is refused as soon as memory is full.
#[test]
fn an_order_without_end_is_refused_when_memory_is_full() {
    let (_directory, mount) = mounted(&["--order-memory", "2MiB"]);
    let (code, message) = endless(&mount).end();
    assert_eq!(code, Some(FAILED));
    let begin = "roxfs: memory for orders is full (2.00 MiB; `roxfs mount --order-memory` gives more); the first ";
    let rest = message.strip_prefix(begin).expect(&message);
    let given = rest.strip_suffix(" records handed over, the others not\n");
    let given: u64 = given
        .expect(&message)
        .replace(',', "")
        .parse()
        .expect("a number");
    // 4 bytes each; the part after them has no room, of 2,000 or fewer where the input has paused.
    let room = (2 << 20) / 4;
    assert!((room - 1999..=room).contains(&given), "{message}");
    assert_eq!(used(&mount), 2 << 20);
    run(hint(mount.path()).arg("--clear"));
    assert_eq!(used(&mount), 0);
}

#[test]
fn readers_get_every_byte_while_many_give_clear_and_send_garbage() {
    let (_directory, mount) = mounted(&["--order-memory", "1MiB"]);
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for giver in 1..=6_u64 {
            let (mount, ends) = (&mount, &ends);
            scope.spawn(move || {
                let root = root_of(mount);
                let numbers: Vec<u64> = (0..MOST_NUMBERS as u64)
                    .map(|n| n * giver % COUNT)
                    .collect();
                let mut start = 0;
                while !ends.load(Ordering::Relaxed) {
                    let answer = match start {
                        0 => begin(&root, giver, &numbers),
                        start => give(&root, giver, start, &numbers),
                    };
                    match answer {
                        Ok(()) => start += numbers.len() as u64,
                        // Begun anew by another thread, which clears everything, or full.
                        Err(Errno::ESTALE | Errno::ENOSPC) => start = 0,
                        Err(errno) => panic!("{errno}"),
                    }
                    let garbage = bytes(start, GIVE_LEN);
                    assert_eq!(send(&root, GIVE, &garbage), Err(Errno::EINVAL));
                    if start % 50_000 == 0 {
                        clear(&root, giver % 2 * giver).expect("cleared");
                    }
                }
            });
        }
        let readers: Vec<_> = (0..2_u64)
            .map(|reader| {
                let mount = &mount;
                scope.spawn(move || {
                    for n in 0..3 * COUNT {
                        let record = (n * 7 + reader) % COUNT;
                        let content = mount.read(&format!("records/{record}.bin"));
                        assert!(content == bytes(record, record as usize * 7), "{record}");
                    }
                })
            })
            .collect();
        let read: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        ends.store(true, Ordering::Relaxed);
        assert!(read.iter().all(Result::is_ok));
    });
    assert!(used(&mount) <= 1 << 20);
    run(hint(mount.path()).arg("--clear"));
    assert_eq!(used(&mount), 0);
}

#[test]
fn programs_that_are_killed_leave_orders_that_can_be_taken_back_and_others_continue() {
    let (_directory, mount) = mounted(&["--order-memory", "16MiB"]);
    for round in 0..5 {
        let several = [(); 4].map(|()| endless(&mount));
        wait_until("they have begun", || used(&mount) >= 4 * CHUNK);
        let [first, second, rest @ ..] = several;
        for mut killed in [first, second] {
            signal(killed.0.id(), Signal::SIGKILL);
            killed.0.wait().expect("ended");
        }
        assert_eq!(mount.read("records/1.bin"), bytes(1, 7));
        for others in rest {
            let (code, message) = others.end();
            assert_eq!(code, Some(FAILED), "{round}: {message}");
            assert!(message.contains("memory for orders is full"), "{message}");
        }
        assert_eq!(used(&mount), 16 << 20);
        run(hint(mount.path()).arg("--clear"));
        assert_eq!(used(&mount), 0);
    }
    run_with(&mut hint(mount.path()), b"1\n");
}
