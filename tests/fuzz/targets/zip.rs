//! Zip archives and compressed tar archives out of choices: honest ones, whose records are known, and
//! such with damage in any byte, which give the same contents or an error.

use super::build::{damage, name};
use super::choices::Choices;
use super::sources::{Given, give};
use super::zips::{DEFLATE, Entry, FAT, STORE, UNIX, deflate, stored, zip_of};
use roxfs::format::name::Name;
use roxfs::pack::source::SourceKind;
use std::io::Write;

/// What is in a whole archive is what the source gives.
pub fn zip(choices: &mut Choices) {
    let mut entries = Vec::new();
    let (mut expected, mut failed) = (Vec::new(), 0);
    for _ in 0..choices.below(6) {
        let entry = entry(choices);
        // Names that end with a slash are those of directories.
        if !entry.name.ends_with(b"/") {
            match Name::new(&super::archives::relative(&entry.name)) {
                Ok(name) => expected.push((name.as_bytes().to_vec(), content(&entry))),
                Err(_) => failed += 1,
            }
        }
        entries.push(entry);
    }
    let lies = choices.one_in(2);
    if lies {
        lie(choices, &mut entries);
    }
    let comment = choices.bytes(3).to_vec();
    let mut bytes = zip_of(&entries, entries.len() as u16, &comment);
    if lies && choices.one_in(2) {
        damage(choices, &mut bytes);
    }
    let given = give(SourceKind::Zip, &bytes);
    if !lies {
        assert!(given.error.is_none(), "{:?}", given.error);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, content)| (Some(name), Some(content)))
            .collect();
        assert_eq!((given.records, given.failed), (expected, failed));
    }
}

fn entry(choices: &mut Choices) -> Entry {
    let content = choices.bytes(12).repeat(1 + choices.below(30));
    let mut entry = Entry {
        // All of these names are the same from everywhere, but for some that are no UTF-8.
        made_by: UNIX,
        flags: choices.pick(&[0, 8, 1 << 11]),
        ..stored(name(choices, false), &content)
    };
    if choices.one_in(2) {
        entry.method = DEFLATE;
        entry.data = deflate(&content);
    }
    entry
}

fn content(entry: &Entry) -> Vec<u8> {
    let mut content = Vec::new();
    match entry.method {
        STORE => content.clone_from(&entry.data),
        _ => {
            let mut decoder = flate2::write::DeflateDecoder::new(&mut content);
            decoder.write_all(&entry.data).unwrap();
            decoder.finish().unwrap();
        }
    }
    content
}

fn lie(choices: &mut Choices, entries: &mut [Entry]) {
    if entries.is_empty() {
        return;
    }
    for _ in 0..=choices.below(3) {
        let entry = &mut entries[choices.below(entries.len())];
        match choices.below(10) {
            0 => entry.size = choices.field() as u32,
            1 => entry.crc ^= 1,
            2 => entry.method = choices.pick(&[0, 8, 9, 12, 14, 20, 93, 95, 98, 99]),
            3 => entry.offset = Some(choices.field() as u32),
            4 => entry.flags = u16::from(choices.byte()) << choices.below(9),
            5 => entry.made_by = choices.pick(&[FAT, 10 << 8, 99 << 8]),
            6 => entry.mode = choices.field() as u32 & 0xffff,
            7 => entry.local_name = Some(name(choices, false)),
            8 => damage(choices, &mut entry.data),
            _ => entry.extra = choices.bytes(9).to_vec(),
        }
    }
}

/// What comes of a tar archive when it is compressed: the same, or with damage an error. Only of
/// what another format has are there contents that no checksum covers.
pub fn compressed(choices: &mut Choices, archive: &[u8], plain: &Given) {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    let (first, second) = archive.split_at(choices.below(256).min(archive.len()));
    encoder.write_all(first).unwrap();
    let mut bytes = encoder.finish().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(bytes, flate2::Compression::new(1));
    encoder.write_all(second).unwrap();
    bytes = encoder.finish().unwrap();
    let whole = bytes.len();
    let is_damaged = choices.one_in(3);
    if is_damaged {
        damage(choices, &mut bytes);
    }
    let given = give(SourceKind::Tar, &bytes);
    if given.error.is_none() && given.failed == 0 && bytes.len() >= whole {
        assert_eq!(given.records, plain.records);
    }
    if !is_damaged {
        assert_eq!(given.records, plain.records);
        assert_eq!(given.failed, plain.failed);
        assert_eq!(given.error.is_none(), plain.error.is_none());
    }
}
