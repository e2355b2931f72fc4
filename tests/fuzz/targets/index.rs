//! A shard's tables read by brute force, to compare with.

/// What the bytes of a shard that opens say of its records.
pub struct Index {
    pub payload: Vec<u8>,
    /// Where each record lies; `None` where its offsets make no sense.
    pub extents: Vec<Option<(usize, usize)>>,
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl Index {
    /// Of a shard whose footer is known to be right.
    pub fn read(bytes: &[u8]) -> Index {
        let footer = match bytes.ends_with(b"ROXXEL02") {
            true => bytes.len() - 32,
            false => bytes.len() - 24,
        };
        let records = i64_at(bytes, footer) as usize;
        let len = i64_at(bytes, footer + 8) as usize;
        let mut start = 0i64;
        let mut extents = Vec::new();
        for number in 0..records {
            let end = i64_at(bytes, len + 8 * number);
            let is_valid = 0 <= start && start <= end && end <= len as i64;
            extents.push(is_valid.then_some((start as usize, end as usize)));
            start = end;
        }
        Index {
            payload: bytes[..len].to_vec(),
            extents,
        }
    }

    /// The content of a record.
    pub fn content(&self, number: usize) -> Option<&[u8]> {
        let (start, end) = self.extents[number]?;
        Some(&self.payload[start..end])
    }
}
