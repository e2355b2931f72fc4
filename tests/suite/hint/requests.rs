//! The requests themselves, as the page specifies them.

use super::*;
use roxfs::order::handed::{CLEAR, GIVE, GIVE_LEN, HELLO, MOST_NUMBERS};

const PAGE: &str = include_str!("../../../src/order/handed.md");

#[test]
fn an_order_is_begun_continued_and_refused_as_the_page_says() {
    let (_directory, mount) = mounted(&[]);
    let root = root_of(&mount);
    let expected = Hello {
        records: COUNT,
        memory: 64 << 20,
        used: 0,
    };
    assert_eq!(hello(&root), expected);
    assert_eq!(give(&root, 5, 0, &[1]), Err(Errno::ESTALE));
    assert_eq!(begin(&root, 5, &[1, 2, 1]), Ok(()));
    assert_eq!(hello(&root).used, CHUNK);
    assert_eq!(give(&root, 5, 3, &[COUNT - 1]), Ok(()));
    for start in [0, 3, 5] {
        assert_eq!(give(&root, 5, start, &[1]), Err(Errno::EINVAL), "{start}");
    }
    assert_eq!(give(&root, 5, 4, &[1, COUNT]), Err(Errno::ERANGE));
    assert_eq!(give(&root, 5, 4, &[1]), Ok(()), "nothing of that was taken");
    assert_eq!(give(&root, 5, 5, &[]), Ok(()));
    assert_eq!(begin(&root, 5, &[u64::MAX]), Err(Errno::ERANGE));
    assert_eq!(give(&root, 5, 5, &[1]), Ok(()), "nor anything forgotten");
    assert_eq!(begin(&root, 5, &vec![7; MOST_NUMBERS]), Ok(()));
    assert_eq!(give(&root, 5, MOST_NUMBERS as u64, &[1]), Ok(()));
    assert_eq!(begin(&root, 0, &[1]), Err(Errno::EINVAL));
    assert_eq!(clear(&root, 6), Ok(()), "there is none");
    assert_eq!(hello(&root).used, CHUNK);
    assert_eq!(clear(&root, 5), Ok(()));
    assert_eq!(give(&root, 5, 0, &[1]), Err(Errno::ESTALE));
    assert_eq!(hello(&root), expected);
}

#[test]
fn several_orders_stay_apart_and_places_for_them_end() {
    let (_directory, mount) = mounted(&[]);
    let root = root_of(&mount);
    for giver in 1..=64 {
        assert_eq!(begin(&root, giver, &[giver]), Ok(()));
    }
    for giver in 1..=64 {
        assert_eq!(give(&root, giver, 1, &[giver, 0]), Ok(()));
    }
    assert_eq!(begin(&root, 65, &[1]), Err(Errno::EUSERS));
    assert_eq!(give(&root, 65, 0, &[1]), Err(Errno::ESTALE));
    assert_eq!(hello(&root).used, 64 * CHUNK);
    let message = fail_with(&mut hint(mount.path()), b"1\n", FAILED);
    assert!(message.contains("too many orders"), "{message}");
    assert_eq!(clear(&root, 64), Ok(()));
    assert_eq!(begin(&root, 65, &[1]), Ok(()));
    run(hint(mount.path()).arg("--clear"));
    assert_eq!(hello(&root).used, 0);
}

#[test]
fn memory_for_orders_ends_where_the_option_says_and_comes_back() {
    let (_directory, mount) = mounted(&["--order-memory", "128KiB"]);
    let root = root_of(&mount);
    let part = vec![1; MOST_NUMBERS];
    let fill = |giver: u64| {
        let mut given = 0;
        loop {
            let answer = match given {
                0 => begin(&root, giver, &part),
                given => give(&root, giver, given, &part),
            };
            match answer {
                Ok(()) => given += MOST_NUMBERS as u64,
                Err(errno) => return (given, errno),
            }
        }
    };
    // As many whole parts as have room at 4 bytes a number.
    assert_eq!(fill(1), (32_000, Errno::ENOSPC));
    assert_eq!(hello(&root).used, 2 * CHUNK);
    assert_eq!(fill(2), (0, Errno::ENOSPC));
    assert_eq!(
        give(&root, 1, 32_000, &[1]),
        Ok(()),
        "there is room for a few"
    );
    assert_eq!(fill(1), (32_000, Errno::ENOSPC), "begun anew");
    assert_eq!(clear(&root, 1), Ok(()));
    assert_eq!(fill(2), (32_000, Errno::ENOSPC));
    let (_directory, mount) = mounted(&["--order-memory", "0"]);
    assert_eq!(begin(&root_of(&mount), 1, &[1]), Err(Errno::ENOSPC));
    assert_eq!(begin(&root_of(&mount), 1, &[]), Ok(()));
}

#[test]
fn requests_are_for_the_root_alone_and_others_are_unknown_everywhere() {
    let (_directory, mount) = mounted(&[]);
    let (hello, clear) = ([0; 64], [0; 8]);
    for path in [
        "records",
        "files",
        "views",
        "shards/d_0000",
        "records/0.bin",
        "raw/data",
        ".roxfs",
    ] {
        let file = File::open(mount.join(path)).expect("opened");
        for (number, bytes) in [(HELLO, &hello[..]), (GIVE, &[0; GIVE_LEN]), (CLEAR, &clear)] {
            assert_eq!(send(&file, number, bytes), Err(Errno::ENOTTY), "{path}");
        }
    }
    let root = root_of(&mount);
    // TCGETS, by which programs find out whether a file is a terminal.
    assert_eq!(send(&root, 0x5401, &[]), Err(Errno::ENOTTY));
    assert!(!std::io::IsTerminal::is_terminal(&root));
}

/// Every direction and many sizes of our own type; other types; and what else a number can be.
#[test]
fn garbage_is_refused_whatever_its_number_and_size() {
    let (_directory, mount) = mounted(&[]);
    let root = root_of(&mount);
    let sizes = (0..16_384_usize)
        .step_by(251)
        .chain([8, 64, GIVE_LEN, 16_383]);
    for size in sizes {
        let garbage = bytes(size as u64, size);
        for direction in 0..4_u32 {
            for number in [0, 1, 2, 3, 255] {
                let request = direction << 30 | (size as u32) << 16 | 0x9A << 8 | number;
                let expected = match number {
                    _ if [HELLO, GIVE, CLEAR].contains(&request) => continue,
                    0..=2 => Errno::EINVAL,
                    _ => Errno::ENOTTY,
                };
                assert_eq!(
                    send(&root, request, &garbage),
                    Err(expected),
                    "{request:#x}"
                );
            }
            let other = direction << 30 | (size as u32) << 16 | 0xF7 << 8 | 1;
            assert_eq!(send(&root, other, &garbage), Err(Errno::ENOTTY));
        }
    }
    for seed in 0..2000 {
        let answer = send(&root, GIVE, &bytes(seed, GIVE_LEN));
        assert_eq!(answer, Err(Errno::EINVAL));
        assert_eq!(send(&root, CLEAR, &bytes(seed, 8)), Ok(()));
    }
    assert_eq!(used(&mount), 0);
    // The mount is as it was.
    assert_eq!(mount.read("records/1.bin"), bytes(1, 7));
}

#[test]
fn the_python_code_of_the_page_hands_an_order_over_by_itself() {
    let code = PAGE.split("```python\n").nth(1).expect("Python code");
    let code = code.split("```").next().expect("its end");
    let driver = r#"
import errno, sys
order = Order(sys.argv[1])
assert (order.records, order.memory, order.used) == (300, 64 << 20, 0), vars(order)
order.give([n * 7 % 300 for n in range(4500)])
order.give([1])
assert order.count == 4501
assert Order(sys.argv[1]).used == 65536
other = Order(sys.argv[1])
other.give(range(300))
assert Order(sys.argv[1]).used == 2 * 65536
for wrong, number in [([300], errno.ERANGE), ([-1], None)]:
    try:
        order.give(wrong)
    except OSError as error:
        assert error.errno == number, error
    except struct.error:
        assert number is None
    else:
        raise AssertionError(wrong)
order.give([299])
order.clear()
assert Order(sys.argv[1]).used == 65536
order.give([5])
order.clear(), other.clear()
assert Order(sys.argv[1]).used == 0
try:
    Order("/proc")
except OSError as error:
    assert error.errno == errno.ENOTTY, error
print("done")
"#;
    let (_directory, mount) = mounted(&[]);
    let mut python = Command::new("python3");
    python
        .arg("-c")
        .arg([code, driver].concat())
        .arg(mount.path());
    assert_eq!(run(&mut python), b"done\n");
}
