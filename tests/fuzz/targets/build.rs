//! Shards out of choices: honest ones, and such with lies in any field.

use super::choices::Choices;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// A shard, and what it would hold if nothing of it were a lie.
pub struct Built {
    pub bytes: Vec<u8>,
    pub records: Vec<Vec<u8>>,
    /// A name for each record; empty where it has none.
    pub names: Option<Vec<Vec<u8>>>,
    pub has_checksums: bool,
    pub is_honest: bool,
}

impl Built {
    pub fn write(&self, path: &Path) {
        File::create(path).unwrap().write_all(&self.bytes).unwrap();
    }
}

struct Section {
    body: Vec<u8>,
    count: i64,
    len: i64,
    magic: [u8; 8],
}

impl Section {
    fn new(magic: &[u8; 8], count: usize, body: Vec<u8>) -> Section {
        Section {
            count: count as i64,
            len: body.len() as i64,
            magic: *magic,
            body,
        }
    }
}

/// Components near each other in byte order, at the limits, and not allowed.
pub fn name(choices: &mut Choices, deep: bool) -> Vec<u8> {
    const COMPONENTS: [&[u8]; 12] = [
        b"a",
        b"b",
        b"c",
        b"ab",
        b"a-",
        b"a.b",
        b"a0",
        b"\xff",
        b"\xe2\x80\xae",
        b"n\n",
        b"...",
        b"d",
    ];
    const BAD: [&[u8]; 5] = [b"", b".", b"..", b"a\0", &[b'x'; 256]];
    let mut parts = Vec::new();
    for _ in 0..1 + choices.below(3) {
        parts.push(match choices.one_in(40) {
            true => choices.pick(&BAD),
            false => choices.pick(&COMPONENTS),
        });
    }
    if deep && choices.one_in(250) {
        // The deepest ones take long: fewer of them.
        let depth = match choices.one_in(10) {
            true => choices.pick(&[2047, 2048, 2049]),
            false => choices.pick(&[20, 300]),
        };
        parts = vec![b"p"; depth];
    }
    parts.join(&b'/')
}

fn i64s(values: &[i64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn ends(pieces: &[Vec<u8>]) -> Vec<i64> {
    let mut end = 0;
    let mut next = |piece: &Vec<u8>| {
        end += piece.len() as i64;
        end
    };
    pieces.iter().map(&mut next).collect()
}

/// The records' numbers in byte order of their names.
pub fn sorted(names: &[Vec<u8>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&number| (&names[number], number));
    order
}

fn record(choices: &mut Choices) -> Vec<u8> {
    let len = match choices.below(16) {
        0..3 => 0,
        15 => 1 + choices.below(256) * 20,
        _ => choices.below(9),
    };
    let seed = choices.byte();
    (0..len).map(|at| seed.wrapping_add(at as u8)).collect()
}

/// Decides whether to lie, and remembers whether that was done.
struct Lies {
    allowed: bool,
    told: bool,
}

impl Lies {
    fn tell(&mut self, choices: &mut Choices, once_in: u8) -> bool {
        let lie = self.allowed && choices.one_in(once_in);
        self.told |= lie;
        lie
    }
}

/// A shard of a few records; with `may_lie` it may be one that lies. With `deep` names may have as
/// many components as names can have, and more.
pub fn shard(choices: &mut Choices, may_lie: bool, deep: bool) -> Built {
    let mut lies = Lies {
        allowed: may_lie,
        told: false,
    };
    let count = match choices.one_in(12) {
        true => choices.below(90),
        false => choices.below(9),
    };
    let records: Vec<Vec<u8>> = (0..count).map(|_| record(choices)).collect();
    let flags = choices.byte();
    let names = (flags & 3 > 0 && count > 0).then(|| names(choices, count, flags & 4 > 0, deep));
    let has_checksums = flags & 8 > 0;
    let mut sections = Vec::new();
    if let Some(names) = &names {
        named(choices, names, flags & 16 == 0, &mut lies, &mut sections);
    }
    if has_checksums {
        let sums = records
            .iter()
            .map(|record| crc32c::crc32c(record).to_le_bytes());
        let body = sums.collect::<Vec<_>>().concat();
        sections.push(Section::new(b"ROXCRC32", count, body));
    }
    if flags & 32 > 0 {
        sections.push(Section::new(b"ROXOTHER", 7, choices.bytes(9).to_vec()));
    }
    Built {
        bytes: file(choices, &records, sections, flags & 64 > 0, &mut lies),
        records,
        names,
        has_checksums,
        is_honest: !lies.told,
    }
}

fn names(choices: &mut Choices, count: usize, in_order: bool, deep: bool) -> Vec<Vec<u8>> {
    let mut name = || match choices.one_in(10) {
        true => Vec::new(),
        false => name(choices, deep),
    };
    let mut names: Vec<Vec<u8>> = (0..count).map(|_| name()).collect();
    if in_order {
        names.sort();
    }
    names
}

/// The section of names, and that of their order, which names in order need not have.
fn named(
    choices: &mut Choices,
    names: &[Vec<u8>],
    always_order: bool,
    lies: &mut Lies,
    sections: &mut Vec<Section>,
) {
    let mut name_ends = ends(names);
    let order = sorted(names);
    let mut entries: Vec<u32> = order.iter().map(|&number| number as u32).collect();
    if order.is_sorted() {
        entries.clear();
    }
    if lies.tell(choices, 3) {
        lie_in_names(choices, &mut name_ends, &mut entries);
    }
    let body = [names.concat(), i64s(&name_ends)].concat();
    sections.push(Section::new(b"ROXNAMES", names.len(), body));
    if !order.is_sorted() || always_order {
        let body = entries.iter().flat_map(|entry| entry.to_le_bytes());
        sections.push(Section::new(b"ROXORDER", entries.len(), body.collect()));
    }
}

/// All parts one after the other.
fn file(
    choices: &mut Choices,
    records: &[Vec<u8>],
    mut sections: Vec<Section>,
    typed: bool,
    lies: &mut Lies,
) -> Vec<u8> {
    let mut end_offsets = ends(records);
    if lies.tell(choices, 3) {
        lie_in_offsets(choices, &mut end_offsets);
    }
    let mut bytes = records.concat();
    let (mut count, mut len) = (records.len() as i64, bytes.len() as i64);
    bytes.extend(i64s(&end_offsets));
    if lies.tell(choices, 12) {
        lie_in_sections(choices, &mut sections);
    }
    for section in &sections {
        bytes.extend(&section.body);
        bytes.extend(i64s(&[section.count, section.len]));
        bytes.extend(section.magic);
    }
    for field in [&mut count, &mut len] {
        if lies.tell(choices, 20) {
            *field = choices.field();
        }
    }
    bytes.extend(i64s(&[count, len]));
    bytes.extend(match typed {
        true => &b"uint16\0\0ROXXEL02"[..],
        false => b"ROXXEL01",
    });
    if lies.tell(choices, 12) {
        damage(choices, &mut bytes);
    }
    bytes
}

/// The last offset stays, or the shard would not open.
fn lie_in_offsets(choices: &mut Choices, ends: &mut [i64]) {
    let limit = ends.last().copied().unwrap_or(0);
    let Some(lying) = ends.len().checked_sub(1).filter(|&count| count > 0) else {
        return;
    };
    for _ in 0..=choices.below(4) {
        let at = choices.below(lying);
        ends[at] = match choices.below(4) {
            0 => 0,
            1 => limit,
            2 => choices.below(256) as i64 * limit / 256,
            _ => choices.field(),
        };
    }
    if choices.one_in(4) {
        for (at, end) in ends[..lying].iter_mut().enumerate() {
            *end = if at % 2 == 0 { limit } else { 0 };
        }
    }
}

fn lie_in_names(choices: &mut Choices, ends: &mut [i64], order: &mut Vec<u32>) {
    match choices.below(4) {
        0 => lie_in_offsets(choices, ends),
        1 => order.clear(),
        2 => {
            *order = (0..ends.len() as u32).collect();
            let (a, b) = (choices.below(ends.len()), choices.below(ends.len()));
            order.swap(a, b);
        }
        _ => {
            *order = (0..ends.len())
                .map(|_| u32::from(choices.byte() / 16))
                .collect();
            if choices.one_in(3) {
                order.fill(0);
            }
        }
    }
}

fn lie_in_sections(choices: &mut Choices, sections: &mut [Section]) {
    let Some(last) = sections.len().checked_sub(1) else {
        return;
    };
    let section = &mut sections[choices.below(last + 1)];
    match choices.below(5) {
        0 => section.count = choices.field(),
        1 => section.len = choices.field(),
        2 => section.magic[choices.below(8)] = choices.byte(),
        3 => sections.swap(0, last),
        _ => {
            let kept = choices.below(section.body.len().min(255) + 1);
            section.body.truncate(kept);
            section.len = kept as i64;
        }
    }
}

/// What happens to bytes anywhere.
pub fn damage(choices: &mut Choices, bytes: &mut Vec<u8>) {
    for _ in 0..=choices.below(3) {
        let len = bytes.len();
        let at = (choices.below(256) * 256 + choices.below(256)) % (len + 1);
        match choices.below(5) {
            0 if len > 0 => bytes[at % len] ^= 1 << choices.below(8),
            1 if len > 0 => bytes[at % len] = choices.byte(),
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at..at, choices.bytes(4).iter().copied())),
            _ => {
                let end = len.min(at + choices.below(40));
                bytes[at..end].fill(0);
            }
        }
    }
}
