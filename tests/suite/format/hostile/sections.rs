//! Every field of the sections' footers, and the chain that they form.

use super::*;

const NAMES: usize = 0;
const ORDER: usize = 1;
const CHECKSUMS: usize = 2;

/// A section of a kind that this version does not know: skipped by its length.
fn unknown(body: &[u8]) -> Section {
    Section::new(b"NEWTHING", 99, body.to_vec())
}

#[test]
fn a_bad_names_section_is_refused() {
    refused(
        &full(),
        &[
            (
                |p| p.sections[NAMES].count = -1,
                "section \"ROXNAMES\": count is -1, expected 0 or more",
            ),
            (
                |p| p.sections[NAMES].count = i64::MIN,
                "section \"ROXNAMES\": count is -9223372036854775808, expected 0 or more",
            ),
            (
                |p| p.sections[NAMES].count = i64::MAX,
                "section \"ROXNAMES\": count is 9223372036854775807, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[NAMES].count = 4,
                "section \"ROXNAMES\": count is 4, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[NAMES].count = 2,
                "section \"ROXNAMES\": count is 2, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[NAMES].count = 0,
                "section \"ROXNAMES\": count is 0, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[NAMES].len = -1,
                "section \"ROXNAMES\": body length is -1, expected 0 or more",
            ),
            (
                |p| p.sections[NAMES].len = i64::MIN,
                "section \"ROXNAMES\": body length is -9223372036854775808, expected 0 or more",
            ),
            (
                |p| p.sections[NAMES].len = i64::MAX,
                "section \"ROXNAMES\": body length is 9223372036854775807 bytes, expected at most 31 (what lies between it and the index)",
            ),
            (
                |p| p.sections[NAMES].len += 1,
                "section \"ROXNAMES\": body length is 32 bytes, expected at most 31 (what lies between it and the index)",
            ),
            (
                |p| p.sections[NAMES].len -= 1,
                "gap after the index is 1 byte, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.sections[NAMES].len = 0,
                "section \"ROXNAMES\": body length is 0 bytes, expected at least 24 (8 for each record)",
            ),
            (
                |p| p.sections[NAMES] = Section::new(b"ROXNAMES", 3, vec![0; 23]),
                "section \"ROXNAMES\": body length is 23 bytes, expected at least 24 (8 for each record)",
            ),
            (
                |p| p.sections[NAMES] = Section::new(b"ROXNAMES", 3, vec![0; 25]),
                "last end offset of the names is 0, expected 1 (the length of all names)",
            ),
            (
                |p| p.sections[NAMES].magic = *b"ROXNAMEZ",
                "section \"ROXORDER\" is there alone, expected it only beside a section \"ROXNAMES\"",
            ),
            (
                |p| p.sections[NAMES].magic = *b"ROXCRC32",
                "section \"ROXCRC32\": body length is 31 bytes, expected 12 (4 for each entry)",
            ),
        ],
    );
}

#[test]
fn names_of_no_records_are_refused() {
    refused(
        &Parts::plain::<&[u8]>(&[]),
        &[(
            |p| p.sections = vec![Section::new(b"ROXNAMES", 0, vec![b'x'])],
            "section \"ROXNAMES\": body length is 1 byte, expected 0 (there are 0 records)",
        )],
    );
}

#[test]
fn a_last_end_offset_that_is_not_the_length_of_all_names_is_refused() {
    const LAST: usize = 7 + 16;
    const MIDDLE: usize = 7 + 8;
    refused(
        &full(),
        &[
            (
                |p| p.sections[NAMES].set_i64(LAST, 6),
                "last end offset of the names is 6, expected 7 (the length of all names)",
            ),
            (
                |p| p.sections[NAMES].set_i64(LAST, 8),
                "record 2: end offset of its name is 8, expected at most 7 (the length of all names)",
            ),
            (
                |p| p.sections[NAMES].set_i64(LAST, -1),
                "record 2: end offset of its name is -1, expected 0 or more",
            ),
            (
                |p| p.sections[NAMES].set_i64(LAST, i64::MAX),
                "record 2: end offset of its name is 9223372036854775807, expected at most 7 (the length of all names)",
            ),
            (
                |p| p.sections[NAMES].set_i64(MIDDLE, 8),
                "record 2: end offset of its name is 7, expected 8 or more (where the one before it ends)",
            ),
            (
                |p| p.sections[NAMES].set_i64(MIDDLE, -1),
                "record 2: start offset of its name is -1, expected 0 or more",
            ),
        ],
    );
}

#[test]
fn a_bad_order_section_is_refused() {
    refused(
        &full(),
        &[
            (
                |p| p.sections[ORDER].count = -1,
                "section \"ROXORDER\": count is -1, expected 0 or more",
            ),
            (
                |p| p.sections[ORDER].count = i64::MAX,
                "section \"ROXORDER\": count is 9223372036854775807, expected 3 or 0 (the shard's records)",
            ),
            (
                |p| p.sections[ORDER].count = 4,
                "section \"ROXORDER\": count is 4, expected 3 or 0 (the shard's records)",
            ),
            (
                |p| p.sections[ORDER].count = 2,
                "section \"ROXORDER\": count is 2, expected 3 or 0 (the shard's records)",
            ),
            (
                |p| p.sections[ORDER].count = 0,
                "section \"ROXORDER\": body length is 12 bytes, expected 0 (4 for each entry)",
            ),
            (
                |p| p.sections[ORDER].len = -1,
                "section \"ROXORDER\": body length is -1, expected 0 or more",
            ),
            (
                |p| p.sections[ORDER].len = i64::MAX,
                "section \"ROXORDER\": body length is 9223372036854775807 bytes, expected at most 67 (what lies between it and the index)",
            ),
            (
                |p| p.sections[ORDER].len = 13,
                "section \"ROXORDER\": body length is 13 bytes, expected 12 (4 for each entry)",
            ),
            (
                |p| p.sections[ORDER].len = 11,
                "section \"ROXORDER\": body length is 11 bytes, expected 12 (4 for each entry)",
            ),
            (
                |p| p.sections[ORDER] = Section::order(&[1, 0]),
                "section \"ROXORDER\": count is 2, expected 3 or 0 (the shard's records)",
            ),
        ],
    );
}

#[test]
fn a_bad_checksum_section_is_refused() {
    refused(
        &full(),
        &[
            (
                |p| p.sections[CHECKSUMS].count = -1,
                "section \"ROXCRC32\": count is -1, expected 0 or more",
            ),
            (
                |p| p.sections[CHECKSUMS].count = i64::MAX,
                "section \"ROXCRC32\": count is 9223372036854775807, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[CHECKSUMS].count = 4,
                "section \"ROXCRC32\": count is 4, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[CHECKSUMS].count = 2,
                "section \"ROXCRC32\": count is 2, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[CHECKSUMS].count = 0,
                "section \"ROXCRC32\": count is 0, expected 3 (the shard's records)",
            ),
            (
                |p| p.sections[CHECKSUMS].len = -1,
                "section \"ROXCRC32\": body length is -1, expected 0 or more",
            ),
            (
                |p| p.sections[CHECKSUMS].len = i64::MAX,
                "section \"ROXCRC32\": body length is 9223372036854775807 bytes, expected at most 103 (what lies between it and the index)",
            ),
            (
                |p| p.sections[CHECKSUMS].len = 13,
                "section \"ROXCRC32\": body length is 13 bytes, expected 12 (4 for each entry)",
            ),
            (
                |p| p.sections[CHECKSUMS].len = 11,
                "section \"ROXCRC32\": body length is 11 bytes, expected 12 (4 for each entry)",
            ),
            (
                |p| p.sections[CHECKSUMS].len = 0,
                "section \"ROXCRC32\": body length is 0 bytes, expected 12 (4 for each entry)",
            ),
        ],
    );
}

#[test]
fn a_bad_section_of_unknown_kind_is_refused() {
    let mut parts = full();
    parts.sections.push(unknown(b"whatever"));
    refused(
        &parts,
        &[
            (
                |p| p.sections[3].count = -1,
                "section \"NEWTHING\": count is -1, expected 0 or more",
            ),
            (
                |p| p.sections[3].len = -1,
                "section \"NEWTHING\": body length is -1, expected 0 or more",
            ),
            (
                |p| p.sections[3].len = i64::MIN,
                "section \"NEWTHING\": body length is -9223372036854775808, expected 0 or more",
            ),
            (
                |p| p.sections[3].len = i64::MAX,
                "section \"NEWTHING\": body length is 9223372036854775807 bytes, expected at most 135 (what lies between it and the index)",
            ),
            (
                |p| p.sections[3].len = 9,
                "section \"\\x00ROXCRC3\": body length is 3072 bytes, expected at most 102 (what lies between it and the index)",
            ),
            (
                |p| p.sections[3].len = 7,
                "section \"OXCRC32w\": body length is 5908722711110090752 bytes, expected at most 104 (what lies between it and the index)",
            ),
        ],
    );
}

#[test]
fn unknown_sections_are_skipped_whatever_they_count() {
    for (magic, count) in [(*b"NEWTHING", 0), ([0xff; 8], 1), ([0; 8], i64::MAX)] {
        let mut parts = full();
        let section = Section::new(&magic, count, b"whatever".to_vec());
        for place in 0..=parts.sections.len() {
            parts.sections.insert(2 * place, section.clone());
        }
        accepted(&parts);
    }
}

#[test]
fn as_many_sections_as_may_be_are_accepted() {
    let mut parts = plain();
    parts.sections = vec![unknown(b""); 64];
    accepted(&parts);
}

#[test]
fn a_broken_chain_of_sections_is_refused() {
    fn gap(parts: &mut Parts, len: usize) {
        parts.payload_len -= len as i64;
        parts.ends[2] -= len as i64;
    }
    refused(
        &plain(),
        &[
            (
                |p| p.sections = vec![Section::order(&[])],
                "section \"ROXORDER\" is there alone, expected it only beside a section \"ROXNAMES\"",
            ),
            (
                |p| p.sections = vec![unknown(b""); 65],
                "number of sections is more than 64, expected at most 64",
            ),
            (
                |p| p.sections = vec![Section::checksums(&RECORDS); 2],
                "section \"ROXCRC32\" is there twice, expected it once",
            ),
            (
                |p| gap(p, 1),
                "gap after the index is 1 byte, expected 0 bytes, or at least 24 (a section footer)",
            ),
        ],
    );
    refused(
        &full(),
        &[
            (
                |p| p.sections.push(p.sections[NAMES].clone()),
                "section \"ROXNAMES\" is there twice, expected it once",
            ),
            (
                |p| p.sections.push(p.sections[ORDER].clone()),
                "section \"ROXORDER\" is there twice, expected it once",
            ),
            (
                |p| p.sections.push(Section::order(&[])),
                "section \"ROXORDER\" is there twice, expected it once",
            ),
            (
                |p| p.sections.push(p.sections[CHECKSUMS].clone()),
                "section \"ROXCRC32\" is there twice, expected it once",
            ),
            (
                |p| drop(p.sections.remove(NAMES)),
                "section \"ROXORDER\" is there alone, expected it only beside a section \"ROXNAMES\"",
            ),
            (
                |p| p.ends.push(7),
                "gap after the index is 8 bytes, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.ends.extend([7; 3]),
                "section \"\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00\": body length is 7 bytes, expected at most 0 (what lies between it and the index)",
            ),
        ],
    );
}
