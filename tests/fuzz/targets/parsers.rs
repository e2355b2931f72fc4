//! Everything that turns bytes or texts from outside into types, each compared with something
//! simpler where there is such a thing.

use super::choices::Choices;
use super::scratch;
use super::selections::{selections, views};
use clap::Parser;
use roxfs::cli::Cli;
use roxfs::dataset;
use roxfs::dataset::numbered::{EXTENSION, NumberedNames};
use roxfs::format::footer::{Footer, Version};
use roxfs::format::name::Name;
use roxfs::format::section::{FOOTER_LEN, SectionWalk};
use roxfs::order::Shuffle;
use roxfs::order::handed::{CLEAR, GIVE, GIVE_LEN, HELLO, Request};
use roxfs::pack::{Directory, Target};
use roxfs::sys::{acl, mountinfo};
use roxfs::text::{Visible, escaped, is_hidden, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.below(14) {
        0 => footer(&mut choices),
        1 => sections(&mut choices),
        2 => name(choices.rest()),
        3 => list_of_access(&mut choices),
        4 => mounts(choices.rest()),
        5 => selections(&mut choices),
        6 => command_line(&mut choices),
        7 => numbered(&mut choices),
        8 => text(choices.rest()),
        9 => lock_file(&mut choices),
        10 => shard_number(choices.rest()),
        11 => views(&mut choices),
        12 => shuffle(&mut choices),
        _ => request_about_orders(&mut choices),
    }
}

fn tail(choices: &mut Choices) -> Vec<u8> {
    let before = 8 * choices.below(2);
    let mut tail = choices.bytes(before).to_vec();
    tail.extend(choices.field().to_le_bytes());
    tail.extend(choices.field().to_le_bytes());
    match choices.below(3) {
        0 => tail.extend(b"ROXXEL01"),
        1 => {
            let dtype = match choices.one_in(2) {
                true => b"uint8\0\0\0",
                false => choices.bytes(8),
            };
            tail.extend(dtype);
            tail.extend(b"ROXXEL02");
        }
        _ => tail.extend(choices.bytes(16)),
    }
    tail
}

fn footer(choices: &mut Choices) {
    let tail = tail(choices);
    let len = choices.field() as u64;
    let Ok(footer) = Footer::parse(&tail, len) else {
        return;
    };
    assert_eq!(footer.file_len(), len);
    assert!(footer.payload_len() <= footer.index_end() && footer.index_end() <= footer.start());
    assert_eq!(
        footer.index_end() - footer.payload_len(),
        8 * footer.records()
    );
    assert!(footer.start() < len);
    let encoded = Footer::encode(footer.version(), footer.records(), footer.payload_len());
    assert!(tail.ends_with(&encoded), "it is written as it was read");
    let dtype = footer.version().dtype().unwrap_or_default();
    assert!(dtype.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}

/// The sections never overlap, lie between index and footer, and are as long as their counts say.
fn sections(choices: &mut Choices) {
    let records = choices.below(4) as u64;
    let mut file = vec![0; 8 * records as usize];
    let start = file.len();
    for _ in 0..choices.below(5) {
        let len = match choices.one_in(3) {
            true => choices.field(),
            false => (records * choices.pick(&[4, 8, 0])) as i64,
        };
        let count = match choices.one_in(4) {
            true => choices.field(),
            false => records as i64,
        };
        let body = usize::try_from(len)
            .ok()
            .filter(|&len| len < 300)
            .unwrap_or(9);
        file.extend(vec![0; body]);
        file.extend(count.to_le_bytes());
        file.extend(len.to_le_bytes());
        file.extend(choices.pick(&[b"ROXNAMES", b"ROXCRC32", b"ROXORDER", b"ROXOTHER"]));
    }
    file.extend(Footer::encode(&Version::V01, records, 0));
    let Ok(footer) = Footer::parse(&file[file.len() - 24..], file.len() as u64) else {
        return;
    };
    let mut walk = SectionWalk::new(&footer);
    let mut below = footer.start();
    while let Ok(Some(at)) = walk.next_at() {
        assert!(at >= start as u64 && at + FOOTER_LEN <= below);
        below = at;
        let bytes = file[at as usize..][..FOOTER_LEN as usize]
            .try_into()
            .unwrap();
        if walk.take(&bytes).is_err() {
            return;
        }
    }
    let Ok(sections) = walk.finish() else { return };
    for table in [sections.order, sections.crc32c].into_iter().flatten() {
        assert!(table.at >= start as u64 && table.at + 4 * table.count <= footer.start());
    }
    if let Some(names) = sections.names {
        assert_eq!(names.ends.count(), records);
        assert!(names.at >= start as u64);
        assert!(names.at + names.ends.limit() + 8 * records <= footer.start());
    }
}

fn name(bytes: &[u8]) {
    let component =
        |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && part.len() <= 255;
    let expected =
        bytes.len() <= 4095 && !bytes.contains(&0) && bytes.split(|&b| b == b'/').all(component);
    let found = Name::new(bytes);
    assert_eq!(found.is_ok(), expected);
    if let Ok(name) = found {
        let (directory, last) = name.split();
        let joined = match directory {
            b"" => last.to_vec(),
            _ => [directory, b"/", last].concat(),
        };
        assert_eq!(joined, bytes);
    }
}

/// A list can only take permissions away.
fn list_of_access(choices: &mut Choices) {
    let mode = u32::from(choices.byte()) << 4 | u32::from(choices.byte());
    let mut list = vec![2, 0, 0, 0];
    for _ in 0..choices.below(7) {
        list.extend(choices.pick(&[1u16, 2, 4, 8, 16, 32, 64]).to_le_bytes());
        list.extend(u16::from(choices.byte() / 32).to_le_bytes());
        list.extend(u32::from(choices.byte() / 64).to_le_bytes());
    }
    if choices.one_in(3) {
        super::build::damage(choices, &mut list);
    }
    let left = acl::restrict(mode, &list);
    assert_eq!(left & !mode, 0, "{mode:o} became {left:o}");
}

fn mounts(line: &[u8]) {
    if let Some(mount) = mountinfo::parse(line) {
        assert!(mount.path.as_os_str().len() <= line.len());
    }
    // Any path comes back that is written as the kernel writes it.
    let path: Vec<u8> = line.iter().copied().filter(|&byte| byte != 0).collect();
    let written: Vec<u8> = path
        .iter()
        .flat_map(|&byte| match byte {
            b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
            byte => vec![byte],
        })
        .collect();
    let line = [b"36 35 0:98 / ", &written[..], b" ro - fuse.roxfs x ro"].concat();
    let mount = mountinfo::parse(&line).unwrap();
    assert_eq!(mount.path.as_os_str().as_encoded_bytes(), path);
    assert_eq!(mount.device, "0:98");
}

fn command_line(choices: &mut Choices) {
    let text = String::from_utf8_lossy(choices.bytes(12)).into_owned();
    let number = choices.field().to_string();
    let value = match choices.below(6) {
        0 => text,
        1 => format!("fixed:{number}"),
        2 => format!(
            "{number}{}",
            choices.pick(&["KB", "MiB", "GiB", "EiB", "kB ", ".5GB"])
        ),
        3 => format!("fsname={text},ro"),
        4 => format!("{text},noexec"),
        _ => number,
    };
    let all: [&[&str]; 6] = [
        &["roxfs", "pack", "-o", "x.rox", "--shard-size", &value, "y"],
        &["roxfs", "pack", "-o", "x.rox", "--from", &value],
        &["roxfs", "pack", "-o", &value, "y"],
        &["roxfs", "mount", "-o", &value, "x", "y"],
        &["roxfs", "mount", "--ext", &value, "x", "y"],
        &["roxfs", "cat", "-i", &value, "x"],
    ];
    if let Err(error) = Cli::try_parse_from(choices.pick(&all)) {
        assert!(!error.render().to_string().is_empty());
    }
}

fn numbered(choices: &mut Choices) {
    let count = (choices.field() as u64) >> 9;
    let names = NumberedNames::new(count, EXTENSION);
    let number = choices.field() as u64;
    if number < count {
        let mut name = Vec::new();
        names.write(number, &mut name);
        assert_eq!(names.parse(&name), Some(number));
    }
    if let Some(number) = names.parse(choices.rest()) {
        assert!(number < count);
    }
}

/// What is shown is one line without hidden characters, and can be read back.
fn text(bytes: &[u8]) {
    let shown = escaped(bytes).to_string();
    assert!(!shown.contains(is_hidden));
    assert_eq!(unescaped(&shown), bytes);
    let lossy = String::from_utf8_lossy(bytes);
    assert!(!Visible(&lossy).to_string().contains(is_hidden));
    assert_eq!(Visible(&shown).to_string(), shown);
    let json = json(&lossy, false).unwrap();
    assert!(!json.contains(is_hidden));
    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), lossy);
}

fn unescaped(shown: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = shown;
    while let Some(char) = rest.chars().next() {
        let len = char.len_utf8();
        if char != '\\' {
            bytes.extend(&rest.as_bytes()[..len]);
            rest = &rest[len..];
            continue;
        }
        let (byte, used) = match rest.as_bytes()[1] {
            b'n' => (b'\n', 2),
            b't' => (b'\t', 2),
            b'r' => (b'\r', 2),
            b'x' => (u8::from_str_radix(&rest[2..4], 16).unwrap(), 4),
            _ => (b'\\', 2),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    bytes
}

/// Whatever the lock file of an earlier run says, it is understood or refused.
fn lock_file(choices: &mut Choices) {
    thread_local!(static DIRECTORY: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) });
    DIRECTORY.with_borrow_mut(|directory| {
        let path = directory.get_or_insert_with(scratch).path();
        let content = match choices.below(3) {
            0 => choices.rest().to_vec(),
            1 => format!("first record {}\n", choices.field()).into_bytes(),
            _ => [b"first record 3\n", choices.rest()].concat(),
        };
        std::fs::write(path.join(".d.lock"), content).unwrap();
        let target = Target::new(&path.join("d.rox"), false);
        let directory = Arc::new(Directory::of(target.base()).unwrap());
        if let Ok(mut lock) = target.lock(&directory) {
            if let Ok(first) = lock.begin(5, true) {
                assert!(first <= 5);
            }
            lock.end(false, false);
        }
    });
}

fn shard_number(bytes: &[u8]) {
    let name = [b"d_", bytes, b".rox"].concat();
    if let Some(number) = dataset::shard_number(&name, b"d") {
        let digits = std::str::from_utf8(bytes).unwrap();
        assert!(digits.len() >= 4);
        assert_eq!(
            digits.trim_start_matches('0'),
            number.to_string().trim_start_matches('0')
        );
    }
}

fn shuffle(choices: &mut Choices) {
    let (seed, len) = (choices.field() as u64, choices.below(256) as u64);
    let shuffle = Shuffle::new(seed, len);
    let found: BTreeSet<u64> = (0..len).map(|position| shuffle.at(position)).collect();
    assert!(found.into_iter().eq(0..len));
}

fn request_about_orders(choices: &mut Choices) {
    let other = choices.field() as u32;
    let number = choices.pick(&[HELLO, GIVE, GIVE, CLEAR, other]);
    let mut bytes = choices.rest().to_vec();
    if number == GIVE && !bytes.is_empty() {
        bytes.resize(GIVE_LEN, 0);
    }
    if let Ok(Request::Give(part)) = Request::parse(number, &bytes) {
        let written = part.to_bytes();
        let len = 24 + 8 * part.numbers.len();
        assert!(written[..len] == bytes[..len] && written.len() == GIVE_LEN);
    }
}
