//! Generators for the properties: whole shards, ways to damage them, shards whose fields lie, and
//! what a stranger asks of a mount.

use crate::support::parts::{Parts, Section};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// One thing that happens to the bytes of a shard. What is overwritten counts from the end, where
/// the footers are.
#[derive(Debug, Clone)]
pub enum Damage {
    Flip(Index, u8),
    Overwrite(usize, i64),
    CutEnd(Index),
    CutBeginning(Index),
    Insert(Index, Vec<u8>),
    Zeros(Index, usize),
}

impl Damage {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        let place = |index: &Index| index.index(len + 1);
        match self {
            Damage::Flip(index, bit) if len > 0 => bytes[index.index(len)] ^= 1 << bit,
            Damage::Overwrite(from_end, value) if *from_end <= len => {
                let field = &mut bytes[len - from_end..];
                let written = field.len().min(8);
                field[..written].copy_from_slice(&value.to_le_bytes()[..written]);
            }
            Damage::CutEnd(index) => bytes.truncate(place(index)),
            Damage::CutBeginning(index) => drop(bytes.drain(..place(index))),
            Damage::Insert(index, more) => {
                let at = place(index);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Zeros(index, zeros) => {
                let at = place(index);
                bytes[at..len.min(at + zeros)].fill(0);
            }
            Damage::Flip(..) | Damage::Overwrite(..) => {}
        }
    }
}

/// Values at which arithmetic goes wrong, and those near the fields of small shards.
fn field() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => -2..200i64,
        1 => (i64::MAX - 64)..=i64::MAX,
        1 => i64::MIN..(i64::MIN + 64),
        1 => (0..63u32, -1..=1i64).prop_map(|(bit, off)| (1i64 << bit) + off),
        1 => any::<i64>(),
    ]
}

pub fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        4 => (1..40usize, field()).prop_map(|(at, value)| Damage::Overwrite(8 * at, value)),
        1 => (1..300usize, field()).prop_map(|(at, value)| Damage::Overwrite(at, value)),
        1 => any::<Index>().prop_map(Damage::CutEnd),
        1 => any::<Index>().prop_map(Damage::CutBeginning),
        1 => (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(at, more)| Damage::Insert(at, more)),
        1 => (any::<Index>(), 1..64usize).prop_map(|(at, zeros)| Damage::Zeros(at, zeros)),
    ]
}

/// Valid and invalid names, many of them equal or neighbours in byte order.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[ab]{0,2}(/[ab.]{1,2}){0,2}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
    ]
}

/// A valid shard, but for names that may break the rules.
pub fn shard() -> impl Strategy<Value = Parts> {
    let records = vec((vec(any::<u8>(), 0..24), name()), 0..12);
    (records, any::<[bool; 5]>()).prop_map(|(records, [typed, named, ordered, summed, more])| {
        let (records, names): (Vec<Vec<u8>>, Vec<Vec<u8>>) = records.into_iter().unzip();
        let mut parts = if typed {
            Parts::typed(&records, b"uint8\0\0\0")
        } else {
            Parts::plain(&records)
        };
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        if named {
            parts.sections.push(Section::names(&names));
        }
        if named && ordered {
            let mut order: Vec<u32> = (0..names.len() as u32).collect();
            order.sort_by_key(|&number| names[number as usize]);
            parts.sections.push(Section::order(&order));
        }
        if summed {
            parts.sections.push(Section::checksums(&records));
        }
        if more {
            parts
                .sections
                .push(Section::new(b"NEWTHING", 7, vec![7; 7]));
        }
        parts
    })
}

/// A shard whose fields say anything, most of it near the truth.
pub fn liar() -> impl Strategy<Value = Parts> {
    let section = (
        vec(any::<u8>(), 0..60),
        0..4usize,
        field(),
        proptest::option::of(field()),
    );
    let section = section.prop_map(|(body, kind, count, len)| {
        let magic = [b"ROXNAMES", b"ROXCRC32", b"ROXORDER", b"NEWTHING"][kind];
        let mut section = Section::new(magic, count, body);
        section.len = len.unwrap_or(section.len);
        section
    });
    (shard(), vec(field(), 0..12), vec(section, 0..3)).prop_map(|(mut parts, ends, sections)| {
        let kept = parts.ends.len().min(1);
        let last = parts.ends.split_off(parts.ends.len() - kept);
        let lies = ends.len().min(parts.ends.len());
        parts.ends[..lies].copy_from_slice(&ends[..lies]);
        parts.ends.extend(last);
        parts.sections.extend(sections);
        parts
    })
}

/// What a stranger asks of a mount, which need not make sense.
#[derive(Debug, Clone)]
pub struct Probe {
    pub ino: u64,
    pub name: Vec<u8>,
    pub offset: u64,
    pub len: u32,
}

pub fn probe() -> impl Strategy<Value = Probe> {
    let number = || {
        prop_oneof![
            0..40u64,
            any::<u64>(),
            (0..64u32).prop_map(|bit| 1 << bit),
            (u64::MAX - 20)..=u64::MAX,
        ]
    };
    let ino = prop_oneof![number(), (0..4u64).prop_map(|shard| 1 << 56 | shard)];
    let name = prop_oneof!["[0-9]{1,20}\\.bin".prop_map(String::into_bytes), name()];
    (ino, name, number(), any::<u32>()).prop_map(|(ino, name, offset, len)| Probe {
        ino,
        name,
        offset,
        len,
    })
}

/// Makes a shard of any bytes that opens: they end in an index whose last end offset is right.
pub fn seal(bytes: &mut Vec<u8>, records: Index) {
    let len = bytes.len();
    let records = records.index(len / 8 + 1);
    let payload_len = if records == 0 { 0 } else { len - 8 * records };
    if records == 0 {
        bytes.clear();
    } else {
        bytes[len - 8..].copy_from_slice(&(payload_len as u64).to_le_bytes());
    }
    bytes.extend(
        [records as u64, payload_len as u64]
            .map(u64::to_le_bytes)
            .concat(),
    );
    bytes.extend(b"ROXXEL01");
}
