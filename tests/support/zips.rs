//! Zip archives byte by byte, with lies in any field; see APPNOTE.TXT 4.3.

use std::io::Write;

pub const FAT: u16 = 0;
pub const UNIX: u16 = 3 << 8;
pub const STORE: u16 = 0;
pub const DEFLATE: u16 = 8;
pub const UTF8: u16 = 1 << 11;

/// An entry; what is written of it is what the fields say.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// Its name in the local header, where that is another one.
    pub local_name: Option<Vec<u8>>,
    pub made_by: u16,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    /// As compressed.
    pub data: Vec<u8>,
    pub size: u32,
    pub mode: u32,
    pub extra: Vec<u8>,
    /// Where the directory says that it begins.
    pub offset: Option<u32>,
}

pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

pub fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A regular file from Unix, stored.
pub fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Entry {
    Entry {
        name: name.as_ref().to_vec(),
        local_name: None,
        made_by: UNIX,
        flags: 0,
        method: STORE,
        crc: crc32(content),
        data: content.to_vec(),
        size: content.len() as u32,
        mode: 0o100_644,
        extra: Vec::new(),
        offset: None,
    }
}

/// The same, compressed by a method.
pub fn compressed(name: &str, method: u16, content: &[u8], data: Vec<u8>) -> Entry {
    Entry {
        method,
        data,
        ..stored(name, content)
    }
}

/// The same, deflated.
pub fn deflated(name: &str, content: &[u8]) -> Entry {
    compressed(name, DEFLATE, content, deflate(content))
}

fn put(bytes: &mut Vec<u8>, fields: &[(u32, usize)]) {
    for &(value, width) in fields {
        bytes.extend(&value.to_le_bytes()[..width]);
    }
}

/// From the version that is needed on, both headers have these.
fn common(entry: &Entry, name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(
        &mut bytes,
        &[
            (20, 2),
            (entry.flags.into(), 2),
            (entry.method.into(), 2),
            (0, 2),
            (0x21, 2),
            (entry.crc, 4),
            (entry.data.len() as u32, 4),
            (entry.size, 4),
            (name.len() as u32, 2),
        ],
    );
    bytes
}

/// The archive, whose directory says that it has this many entries.
pub fn zip_of(entries: &[Entry], count: u16, comment: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = entry.offset.unwrap_or(bytes.len() as u32);
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(common(entry, local_name));
        put(&mut bytes, &[(0, 2)]);
        bytes.extend(local_name);
        bytes.extend(&entry.data);
        if entry.flags & 8 != 0 {
            bytes.extend(b"PK\x07\x08");
            let data = entry.data.len() as u32;
            put(&mut bytes, &[(entry.crc, 4), (data, 4), (entry.size, 4)]);
        }
        directory.extend(b"PK\x01\x02");
        put(&mut directory, &[(u32::from(entry.made_by) | 20, 2)]);
        directory.extend(common(entry, &entry.name));
        let extra = entry.extra.len() as u32;
        put(
            &mut directory,
            &[
                (extra, 2),
                (0, 2),
                (0, 2),
                (0, 2),
                (entry.mode << 16, 4),
                (offset, 4),
            ],
        );
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06");
    let sizes = [
        (0, 2),
        (0, 2),
        (count.into(), 2),
        (count.into(), 2),
        (directory.len() as u32, 4),
        (start, 4),
        (comment.len() as u32, 2),
    ];
    put(&mut bytes, &sizes);
    bytes.extend(comment);
    bytes
}

/// An archive of these entries.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    zip_of(entries, entries.len() as u16, b"")
}
