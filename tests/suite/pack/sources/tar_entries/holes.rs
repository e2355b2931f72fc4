//! Sparse files, whole and with maps that make no sense.

use super::*;

/// The header of a sparse file in the old GNU form with these pieces, and a content.
pub fn old_sparse(size: usize, pieces: &[(usize, usize)], content: &[u8]) -> Vec<u8> {
    let mut made = Made::new("s").magic(GNU).kind(b'S').size(content.len());
    let number = |number: usize| format!("{number:011o}\0").into_bytes();
    for (place, (offset, len)) in pieces.iter().take(4).enumerate() {
        made = made.put(386 + 24 * place, &[number(*offset), number(*len)].concat());
    }
    let more: Vec<&[(usize, usize)]> = pieces.get(4..).unwrap_or_default().chunks(21).collect();
    let mut bytes = made
        .put(482, &[u8::from(!more.is_empty())])
        .put(483, &number(size))
        .header();
    for (place, pieces) in more.iter().enumerate() {
        let numbers = pieces
            .iter()
            .flat_map(|(offset, len)| [number(*offset), number(*len)]);
        let mut block = numbers.collect::<Vec<_>>().concat();
        block.resize(504, 0);
        block.push(u8::from(place + 1 < more.len()));
        bytes.extend(padded(&block));
    }
    bytes.extend(padded(content));
    bytes
}

#[test]
fn sparse_files_are_read_in_all_four_forms() {
    let data = bytes(1, 612);
    let mut whole = vec![0; 3000];
    whole[512..1024].copy_from_slice(&data[..512]);
    whole[2048..2148].copy_from_slice(&data[512..]);
    let found: &[(&str, &[u8])] = &[("s", &whole), AFTER];
    let fields =
        |more: &[(&str, &[u8])]| pax(&[&[("GNU.sparse.size", &b"3000"[..])], more].concat());
    let pairs: &[(&str, &[u8])] = &[
        ("GNU.sparse.offset", b"512"),
        ("GNU.sparse.numbytes", b"512"),
        ("GNU.sparse.offset", b"2048"),
        ("GNU.sparse.numbytes", b"100"),
    ];
    let one = |name: &str, map: &[u8]| {
        let before = pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", name.as_bytes()),
            ("GNU.sparse.realsize", b"3000"),
        ]);
        [
            before,
            file("GNUSparseFile.1/s", [padded(map), data.clone()].concat()),
        ]
        .concat()
    };
    let many: Vec<(usize, usize)> = (0..60).map(|piece| (piece * 1000, 10)).collect();
    let mut spread = vec![0; 60_000];
    for &(offset, len) in &many {
        spread[offset..offset + len].copy_from_slice(&data[offset / 100..][..len]);
    }
    check(&[
        (
            "old",
            &[
                old_sparse(3000, &[(512, 512), (2048, 100)], &data),
                after(),
                end(),
            ],
            Records(found),
        ),
        (
            "old, of many pieces",
            &[old_sparse(60_000, &many, &data[..600]), after(), end()],
            Records(&[("s", &spread), AFTER]),
        ),
        (
            "old, one hole",
            &[old_sparse(3000, &[(3000, 0)], b""), after(), end()],
            Records(&[("s", &[0; 3000]), AFTER]),
        ),
        (
            "0.0",
            &[fields(pairs), file("s", &data), after(), end()],
            Records(found),
        ),
        (
            "0.1",
            &[
                fields(&[
                    ("GNU.sparse.map", b"512,512,2048,100"),
                    ("GNU.sparse.name", b"s"),
                ]),
                file("x", &data),
                after(),
                end(),
            ],
            Records(found),
        ),
        (
            "1.0",
            &[one("s", b"2\n512\n512\n2048\n100\n"), after(), end()],
            Records(found),
        ),
        (
            "pieces that overlap",
            &[a(), one("s", b"2\n512\n512\n600\n100\n"), after(), end()],
            Error(
                3,
                "entry 2 at byte 1024: a piece in its map of holes is 100 bytes at 600, expected one after byte 1024 and up to 3000",
            ),
        ),
        (
            "a piece beyond the end",
            &[old_sparse(100, &[(512, 512)], &data), after(), end()],
            Error(
                3,
                "entry 1 at byte 0: a piece in its map of holes is 512 bytes at 512, expected one after byte 0 and up to 100",
            ),
        ),
        (
            "less content than pieces",
            &[
                old_sparse(3000, &[(512, 612), (2048, 100)], &data),
                after(),
                end(),
            ],
            Error(3, "its content is 612 bytes, expected 712 bytes"),
        ),
        (
            "the map of star",
            &[
                Made::new("s")
                    .kind(b'S')
                    .put(476, b"00000000000 00000000000 ")
                    .content(&data),
                after(),
                end(),
            ],
            Error(3, "its map of holes is in another form than GNU tar's"),
        ),
        (
            "more content than pieces",
            &[old_sparse(3000, &[(512, 512)], &data), after(), end()],
            Error(3, "its content is 612 bytes, expected 512 bytes"),
        ),
        (
            "no map",
            &[fields(&[]), file("s", &data), after(), end()],
            Error(3, "its content is 612 bytes, expected 0 bytes"),
        ),
        (
            "a map of too many pieces",
            &[one("s", b"99999999999\n"), after(), end()],
            Error(
                3,
                "entry 1 at byte 0: the number of pieces in its map of holes is 99999999999, expected 1048576 or fewer",
            ),
        ),
        (
            "a map longer than its content",
            &[
                pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"9")]),
                file("s", "1\n"),
                after(),
                end(),
            ],
            Error(
                3,
                "entry 1 at byte 0: its map of holes is longer than its content",
            ),
        ),
        (
            "an offset without a length",
            &[fields(&pairs[..3]), file("s", &data), end()],
            Error(
                3,
                "its map of holes is damaged, expected a length for each offset",
            ),
        ),
    ]);
}
