//! Every field of both footers, and what the footer's claims need of the index.

use super::*;

#[test]
fn a_bad_footer_of_a_plain_shard_is_refused() {
    refused(
        &plain(),
        &[
            (
                |p| p.records = -1,
                "footer record count is -1, expected 0 or more",
            ),
            (
                |p| p.records = i64::MIN,
                "footer record count is -9223372036854775808, expected 0 or more",
            ),
            (
                |p| p.records = i64::MAX,
                "footer record count is 9223372036854775807, expected at most 3 (in a file of 55 bytes)",
            ),
            (
                |p| p.records = 4,
                "footer record count is 4, expected at most 3 (in a file of 55 bytes)",
            ),
            (
                |p| p.records = 2,
                "gap after the index is 8 bytes, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.records = 0,
                "footer payload length is 7 bytes, expected 0 bytes (there are 0 records)",
            ),
            (
                |p| p.payload_len = -1,
                "footer payload length is -1, expected 0 or more",
            ),
            (
                |p| p.payload_len = i64::MIN,
                "footer payload length is -9223372036854775808, expected 0 or more",
            ),
            (
                |p| p.payload_len = i64::MAX,
                "footer payload length is 9223372036854775807 bytes, expected at most 7 (with 3 records in a file of 55 bytes)",
            ),
            (
                |p| p.payload_len = 8,
                "footer payload length is 8 bytes, expected at most 7 (with 3 records in a file of 55 bytes)",
            ),
            (
                |p| p.payload_len = 6,
                "gap after the index is 1 byte, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.payload_len = 0,
                "gap after the index is 7 bytes, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.magic = *b"ROXXEL00",
                "footer magic is \"ROXXEL00\", expected \"ROXXEL01\" or \"ROXXEL02\"",
            ),
            (
                |p| p.magic = *b"ROXXEL02",
                "footer dtype is \"\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00\", expected printable ASCII padded with NUL",
            ),
            (
                |p| p.magic = *b"roxxel01",
                "footer magic is \"roxxel01\", expected \"ROXXEL01\" or \"ROXXEL02\"",
            ),
            (
                |p| p.magic = [0; 8],
                "footer magic is \"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\", expected \"ROXXEL01\" or \"ROXXEL02\"",
            ),
            (
                |p| p.magic = *b"\xff\n\"\\\x1b[1m",
                "footer magic is \"\\xff\\n\\\"\\\\\\x1b[1m\", expected \"ROXXEL01\" or \"ROXXEL02\"",
            ),
        ],
    );
}

#[test]
fn a_bad_footer_of_a_typed_shard_is_refused() {
    refused(
        &typed(),
        &[
            (
                |p| p.records = -1,
                "footer record count is -1, expected 0 or more",
            ),
            (
                |p| p.records = i64::MAX,
                "footer record count is 9223372036854775807, expected at most 4 (in a file of 64 bytes)",
            ),
            (
                |p| p.records = 4,
                "footer payload length is 8 bytes, expected at most 0 (with 4 records in a file of 64 bytes)",
            ),
            (
                |p| p.records = 2,
                "gap after the index is 8 bytes, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.payload_len = -1,
                "footer payload length is -1, expected 0 or more",
            ),
            (
                |p| p.payload_len = i64::MAX,
                "footer payload length is 9223372036854775807 bytes, expected at most 8 (with 3 records in a file of 64 bytes)",
            ),
            (
                |p| p.payload_len = 9,
                "footer payload length is 9 bytes, expected at most 8 (with 3 records in a file of 64 bytes)",
            ),
            (
                |p| p.payload_len = 7,
                "gap after the index is 1 byte, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.dtype = Some(*b"\xffint16\0\0"),
                "footer dtype is \"\\xffint16\\x00\\x00\", expected printable ASCII padded with NUL",
            ),
            (
                |p| p.dtype = Some(*b"uint16\0x"),
                "footer dtype is \"uint16\\x00x\", expected printable ASCII padded with NUL",
            ),
            (
                |p| p.dtype = Some(*b"\x1b[1mu2\0\0"),
                "footer dtype is \"\\x1b[1mu2\\x00\\x00\", expected printable ASCII padded with NUL",
            ),
            (
                |p| p.dtype = Some(*b"\0uint16\0"),
                "footer dtype is \"\\x00uint16\\x00\", expected printable ASCII padded with NUL",
            ),
            (
                |p| p.dtype = Some(*b"uint16\x7f\0"),
                "footer dtype is \"uint16\\x7f\\x00\", expected printable ASCII padded with NUL",
            ),
            (
                |p| p.dtype = Some(*b"uint16\n\0"),
                "footer dtype is \"uint16\\n\\x00\", expected printable ASCII padded with NUL",
            ),
            (
                |p| p.magic = *b"ROXXEL01",
                "footer record count is 8, expected at most 5 (in a file of 64 bytes)",
            ),
            (
                |p| p.magic = *b"ROXXEL03",
                "footer magic is \"ROXXEL03\", expected \"ROXXEL01\" or \"ROXXEL02\"",
            ),
            (
                |p| p.dtype = None,
                "footer dtype is \"\\x08\\x00\\x00\\x00\\x00\\x00\\x00\\x00\", expected printable ASCII padded with NUL",
            ),
        ],
    );
}

#[test]
fn a_bad_footer_of_a_shard_with_sections_is_refused() {
    refused(
        &full(),
        &[
            (
                |p| p.records = 4,
                "section \"ROXCRC32\": count is 3, expected 4 (the shard's records)",
            ),
            (
                |p| p.records = 2,
                "section \"ROXCRC32\": count is 3, expected 2 (the shard's records)",
            ),
            (
                |p| p.records = 0,
                "footer payload length is 7 bytes, expected 0 bytes (there are 0 records)",
            ),
            (
                |p| p.records = i64::MAX,
                "footer record count is 9223372036854775807, expected at most 19 (in a file of 182 bytes)",
            ),
            (
                |p| p.payload_len = 8,
                "section \"ROXNAMES\": body length is 31 bytes, expected at most 30 (what lies between it and the index)",
            ),
            (
                |p| p.payload_len = 6,
                "gap after the index is 1 byte, expected 0 bytes, or at least 24 (a section footer)",
            ),
            (
                |p| p.payload_len = i64::MAX,
                "footer payload length is 9223372036854775807 bytes, expected at most 134 (with 3 records in a file of 182 bytes)",
            ),
        ],
    );
}

#[test]
fn a_file_too_small_for_its_footer_is_refused() {
    let only = |magic: &[u8; 8], len: usize| [vec![0; len - 8], magic.to_vec()].concat();
    let cases = [
        (
            Vec::new(),
            "file size is 0 bytes, expected at least 24 bytes (a footer)",
        ),
        (
            b"x".to_vec(),
            "file size is 1 byte, expected at least 24 bytes (a footer)",
        ),
        (
            only(b"ROXXEL01", 8),
            "file size is 8 bytes, expected at least 24 bytes (a footer)",
        ),
        (
            only(b"ROXXEL01", 23),
            "file size is 23 bytes, expected at least 24 bytes (a footer)",
        ),
        (
            only(b"ROXXEL02", 24),
            "file size is 24 bytes, expected at least 32 bytes (a ROXXEL02 footer)",
        ),
        (
            only(b"ROXXEL02", 31),
            "file size is 31 bytes, expected at least 32 bytes (a ROXXEL02 footer)",
        ),
    ];
    for (bytes, expected) in cases {
        refused_bytes(&bytes, expected);
    }
}

#[test]
fn a_file_of_another_kind_is_refused() {
    refused_bytes(
        b"Not a shard, only a text that is long enough.\n",
        "footer magic is \"enough.\\n\", expected \"ROXXEL01\" or \"ROXXEL02\"",
    );
}

#[test]
fn a_last_end_offset_that_is_not_the_payload_length_is_refused() {
    refused(
        &plain(),
        &[
            (
                |p| p.ends[2] = 6,
                "last end offset is 6, expected 7 (the payload length)",
            ),
            (
                |p| p.ends[2] = 8,
                "record 2: end offset is 8, expected at most 7 (the payload length)",
            ),
            (
                |p| p.ends[2] = 2,
                "record 2: end offset is 2, expected 3 or more (where the one before it ends)",
            ),
            (
                |p| p.ends[2] = -1,
                "record 2: end offset is -1, expected 0 or more",
            ),
            (
                |p| p.ends[2] = i64::MIN,
                "record 2: end offset is -9223372036854775808, expected 0 or more",
            ),
            (
                |p| p.ends[2] = i64::MAX,
                "record 2: end offset is 9223372036854775807, expected at most 7 (the payload length)",
            ),
            (
                |p| p.ends[1] = 8,
                "record 2: end offset is 7, expected 8 or more (where the one before it ends)",
            ),
            (
                |p| p.ends[1] = -1,
                "record 2: start offset is -1, expected 0 or more",
            ),
        ],
    );
}
