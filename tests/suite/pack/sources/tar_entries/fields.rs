//! Names, numbers, checksums and kinds, in all forms in which writers have put them.

use super::*;

#[test]
fn names_are_read_in_all_forms() {
    let long_name = format!("l/{}", "z".repeat(150));
    let entry = || Made::new(&long_name[..100]).magic(GNU).content("hello");
    let found: &[(&str, &[u8])] = &[(&long_name, b"hello"), AFTER];
    let hundred = "n".repeat(100);
    let (prefix, prefixed) = (
        format!("{}/{}", "p".repeat(77), "q".repeat(77)),
        "n".repeat(100),
    );
    let full = format!("{prefix}/{prefixed}");
    let star = Made::new("n")
        .put(345, b"in/here")
        .put(476, b"00000000000 00000000000 ");
    let incremental = Made::new("n")
        .magic(GNU)
        .put(345, b"14700000000\x0014700000000\0");
    let nuls = [long_name.as_bytes(), &[0; 600]].concat();
    check(&[
        (
            "long",
            &[
                long(b'L', format!("{long_name}\0")),
                entry(),
                after(),
                end(),
            ],
            Records(found),
        ),
        (
            "long, no NUL",
            &[long(b'L', &long_name), entry(), after(), end()],
            Records(found),
        ),
        (
            "long, two NULs",
            &[
                long(b'L', format!("{long_name}\0\0")),
                entry(),
                after(),
                end(),
            ],
            Records(found),
        ),
        (
            "long, many NULs",
            &[long(b'L', nuls), entry(), after(), end()],
            Records(found),
        ),
        (
            "long twice",
            &[
                long(b'L', "first\0"),
                long(b'L', &long_name),
                entry(),
                after(),
                end(),
            ],
            Records(found),
        ),
        (
            "a long link",
            &[
                file(&long_name[..100], "hello"),
                long(b'K', &long_name[..100]),
                Made::new("b").magic(GNU).kind(b'1').link("x").header(),
                end(),
            ],
            Records(&[(&long_name[..100], b"hello"), ("b", b"hello")]),
        ),
        (
            "100 bytes",
            &[file(&hundred, "x"), end()],
            Records(&[(&hundred, b"x")]),
        ),
        (
            "a prefix",
            &[
                Made::new(&prefixed)
                    .put(345, prefix.as_bytes())
                    .content("x"),
                end(),
            ],
            Records(&[(&full, b"x")]),
        ),
        (
            "star's prefix",
            &[star.put(508, b"tar\0").content("x"), end()],
            Records(&[("in/here/n", b"x")]),
        ),
        (
            "GNU tar's times",
            &[incremental.content("x"), end()],
            Records(&[("n", b"x")]),
        ),
        (
            "not UTF-8",
            &[file(b"\xff\xfe", "x"), end()],
            Records(&[("\\xff\\xfe", b"x")]),
        ),
        (
            "components that change nothing",
            &[
                file("d//a", "1"),
                file("d/./b", "2"),
                file(".//./d/c", "3"),
                file("/d/e", "4"),
                end(),
            ],
            Records(&[("d/a", b"1"), ("d/b", b"2"), ("d/c", b"3"), ("d/e", b"4")]),
        ),
        (
            "a link with them",
            &[
                file("d/a", "1"),
                Made::new("./b").kind(b'1').link("d//./a").header(),
                end(),
            ],
            Records(&[("d/a", b"1"), ("b", b"1")]),
        ),
    ]);
}

#[test]
fn numbers_and_checksums_are_read_in_all_forms() {
    let sized = |field: &[u8]| [Made::new("a").put(124, field).header(), padded(b"hello")].concat();
    let both: &[(&str, &[u8])] = &[HELLO, AFTER];
    let latin = Made::new(b"na\xefve.txt")
        .magic(OLD)
        .size(3)
        .header_of(true);
    let large = Made::new("a")
        .magic(GNU)
        .put(108, b"\x80\0\0\x01\0\0\0\0")
        .put(136, &[0xff; 12]);
    check(&[
        (
            "NULs",
            &[Made::new("e").put(124, &[0; 12]).header(), after(), end()],
            Records(&[("e", b""), AFTER]),
        ),
        (
            "blanks",
            &[
                Made::new("e").put(124, &[b' '; 12]).header(),
                after(),
                end(),
            ],
            Records(&[("e", b""), AFTER]),
        ),
        (
            "after blanks",
            &[sized(b"          5 "), after(), end()],
            Records(both),
        ),
        (
            "12 digits",
            &[sized(b"000000000005"), after(), end()],
            Records(both),
        ),
        (
            "bits",
            &[sized(b"\x80\0\0\0\0\0\0\0\0\0\0\x05"), after(), end()],
            Records(both),
        ),
        (
            "owner and time in bits",
            &[large.content("hello"), after(), end()],
            Records(both),
        ),
        (
            "a negative size",
            &[a(), sized(&[0xff; 12]), after(), end()],
            Error(
                3,
                "entry 2 at byte 1024: the size in its header is \"\\xff\\xff",
            ),
        ),
        (
            "letters",
            &[a(), sized(b"letters here"), after(), end()],
            Error(3, "is \"letters here\", expected a number of bytes"),
        ),
        (
            "more than there is",
            &[sized(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")],
            Error(3, "expected 9223372036854776320 bytes or more"),
        ),
        (
            "a checksum of signed bytes",
            &[latin, padded(b"one"), after(), end()],
            Records(&[("na\\xefve.txt", b"one"), AFTER]),
        ),
    ]);
}

#[test]
fn each_kind_of_entry_is_a_record_or_passed_over() {
    let of = |kind| Made::new("u").kind(kind).content("hello");
    let found: &[(&str, &[u8])] = &[("u", b"hello"), AFTER];
    let gnu = |kind| Made::new("u").magic(GNU).kind(kind);
    check(&[
        ("NUL", &[of(0), after(), end()], Records(found)),
        ("contiguous", &[of(b'7'), after(), end()], Records(found)),
        (
            "of a later standard",
            &[of(b'9'), after(), end()],
            Records(found),
        ),
        (
            "of some vendor",
            &[of(b'Z'), after(), end()],
            Records(found),
        ),
        (
            "that of sparse files, without a map",
            &[of(b'S'), after(), end()],
            Records(found),
        ),
        (
            "a label",
            &[label(), a(), end()],
            Said(&[HELLO], "1 skipped: not a file"),
        ),
        (
            "a label within",
            &[a(), label(), after(), end()],
            Said(&[HELLO, AFTER], "1 skipped: not a file"),
        ),
        (
            "a directory of a backup",
            &[gnu(b'D').content("Yf\0\0"), a(), end()],
            Said(&[HELLO], "; 1 empty directory: "),
        ),
        (
            "an access control list",
            &[of(b'A'), a(), end()],
            Records(&[HELLO]),
        ),
        (
            "the rest of a file of an earlier volume",
            &[a(), gnu(b'M').content("rest"), end()],
            Error(
                3,
                "entry 2 at byte 1024: \"u\" is the rest of a file that begins in an earlier volume, expected an archive of one volume",
            ),
        ),
    ]);
}
