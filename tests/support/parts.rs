//! A shard in its parts, written down without roxfs's own encoders, so that a test can change one
//! field and leave all others as they are.

use super::temp_dir;
use std::path::PathBuf;
use tempfile::TempDir;

/// One section: its body, and the fields of its footer, which need not be right.
#[derive(Debug, Clone)]
pub struct Section {
    pub body: Vec<u8>,
    pub count: i64,
    pub len: i64,
    pub magic: [u8; 8],
}

impl Section {
    /// A section with the length that its body has.
    pub fn new(magic: &[u8; 8], count: i64, body: Vec<u8>) -> Section {
        Section {
            count,
            len: body.len() as i64,
            magic: *magic,
            body,
        }
    }

    /// Names with their end offsets.
    pub fn names(names: &[&[u8]]) -> Section {
        let body = [names.concat(), i64s(&ends(names))].concat();
        Section::new(b"ROXNAMES", names.len() as i64, body)
    }

    /// Checksums of records.
    pub fn checksums<R: AsRef<[u8]>>(records: &[R]) -> Section {
        let sums = records
            .iter()
            .flat_map(|record| crc32c::crc32c(record.as_ref()).to_le_bytes());
        Section::new(b"ROXCRC32", records.len() as i64, sums.collect())
    }

    /// The byte order of names; without entries they are in order already.
    pub fn order(entries: &[u32]) -> Section {
        let body = entries.iter().flat_map(|entry| entry.to_le_bytes());
        Section::new(b"ROXORDER", entries.len() as i64, body.collect())
    }

    /// Overwrites the body's 8 bytes from `at` on.
    pub fn set_i64(&mut self, at: usize, value: i64) {
        self.body[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

/// A whole shard, in the order of the file.
#[derive(Debug, Clone)]
pub struct Parts {
    pub payload: Vec<u8>,
    pub ends: Vec<i64>,
    pub sections: Vec<Section>,
    pub records: i64,
    pub payload_len: i64,
    pub dtype: Option<[u8; 8]>,
    pub magic: [u8; 8],
}

impl Parts {
    /// A valid `ROXXEL01` shard without sections.
    pub fn plain<R: AsRef<[u8]>>(records: &[R]) -> Parts {
        let records: Vec<&[u8]> = records.iter().map(AsRef::as_ref).collect();
        let payload = records.concat();
        Parts {
            ends: ends(&records),
            records: records.len() as i64,
            payload_len: payload.len() as i64,
            payload,
            sections: Vec::new(),
            dtype: None,
            magic: *b"ROXXEL01",
        }
    }

    /// The same in the form with an element type.
    pub fn typed<R: AsRef<[u8]>>(records: &[R], dtype: &[u8; 8]) -> Parts {
        Parts {
            dtype: Some(*dtype),
            magic: *b"ROXXEL02",
            ..Parts::plain(records)
        }
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.payload.clone();
        bytes.extend(i64s(&self.ends));
        for section in &self.sections {
            bytes.extend(&section.body);
            bytes.extend(i64s(&[section.count, section.len]));
            bytes.extend(section.magic);
        }
        bytes.extend(i64s(&[self.records, self.payload_len]));
        bytes.extend(self.dtype.iter().flatten());
        bytes.extend(self.magic);
        bytes
    }
}

/// Writes a shard, or what is to be one, into a directory of its own.
pub fn write_shard(bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = temp_dir();
    let path = directory.path().join("x.rox");
    std::fs::write(&path, bytes).expect("shard");
    (directory, path)
}

/// Where each piece ends when all are joined.
fn ends<R: AsRef<[u8]>>(pieces: &[R]) -> Vec<i64> {
    let lens = pieces.iter().map(|piece| piece.as_ref().len() as i64);
    lens.scan(0, |end, len| {
        *end += len;
        Some(*end)
    })
    .collect()
}

fn i64s(values: &[i64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
