//! What extended headers say, of one entry and of all.

use super::*;

#[test]
fn records_of_pax_headers_are_cut_by_their_lengths() {
    let named = |records: &[(&str, &[u8])]| vec![pax(records), file("x", "hello"), end()];
    let name = "n".repeat(150);
    check(&[
        (
            "a newline",
            &named(&[("SCHILY.xattr.user.note", b"two\nlines")]),
            Records(&[("x", b"hello")]),
        ),
        (
            "a name with a newline",
            &named(&[("path", b"two\nlines")]),
            Records(&[("two\\nlines", b"hello")]),
        ),
        (
            "a name with =",
            &named(&[("path", b"a=b=c")]),
            Records(&[("a=b=c", b"hello")]),
        ),
        (
            "a name that is not UTF-8",
            &named(&[("path", b"\xff")]),
            Records(&[("\\xff", b"hello")]),
        ),
        (
            "bytes of any kind",
            &named(&[("a.b", &[0, 10, 255, 61, 10]), ("path", b"p")]),
            Records(&[("p", b"hello")]),
        ),
        (
            "a long name",
            &named(&[("path", name.as_bytes())]),
            Records(&[(&name, b"hello")]),
        ),
        (
            "a key twice",
            &named(&[("path", b"first"), ("path", b"second")]),
            Records(&[("second", b"hello")]),
        ),
        (
            "a value that is taken back",
            &named(&[("path", b"first"), ("path", b"")]),
            Records(&[("x", b"hello")]),
        ),
        (
            "times and owners",
            &named(&[("mtime", b"-12.5"), ("uid", b"99999999999")]),
            Records(&[("x", b"hello")]),
        ),
        ("no records", &[pax(&[]), a(), end()], Records(&[HELLO])),
        (
            "two headers",
            &[pax(&[("path", b"p")]), pax(&[("path", b"q")]), a(), end()],
            Records(&[("q", b"hello")]),
        ),
        (
            "of Solaris",
            &[extended(b'X', &[("path", b"solaris")]), a(), end()],
            Records(&[("solaris", b"hello")]),
        ),
        (
            "with padding",
            &[
                Made::new("x")
                    .kind(b'x')
                    .content([&record("path", "p")[..], &[0; 20]].concat()),
                a(),
                end(),
            ],
            Records(&[("p", b"hello")]),
        ),
        (
            "what looks like a record within a value",
            &[
                file("good", "good"),
                file("evil", "evil"),
                pax(&[("comment", b"x\n17 linkpath=evil\n")]),
                Made::new("l").kind(b'1').link("good").header(),
                end(),
            ],
            Records(&[("good", b"good"), ("evil", b"evil"), ("l", b"good")]),
        ),
        (
            "a size over that of the header",
            &[
                pax(&[("size", b"5")]),
                Made::new("a").header(),
                padded(b"hello"),
                after(),
                end(),
            ],
            Records(&[HELLO, AFTER]),
        ),
        (
            "a size that is not that of a long name between",
            &[
                pax(&[("size", b"5")]),
                long(b'L', "a\0"),
                Made::new("x").header(),
                padded(b"hello"),
                after(),
                end(),
            ],
            Records(&[HELLO, AFTER]),
        ),
        (
            "damage",
            &[
                a(),
                Made::new("x").kind(b'x').content("99 path=p\n"),
                file("lost", "x"),
                after(),
                end(),
            ],
            Error(
                3,
                "entry 2 at byte 1024: a record of its extended header, 10 bytes before its end, is damaged, expected a length within the header",
            ),
        ),
    ]);
}

#[test]
fn global_headers_are_about_all_entries_behind_them() {
    let global = |key, value| extended(b'g', &[(key, value)]);
    check(&[
        (
            "a comment",
            &[global("comment", b"of git"), a(), after(), end()],
            Records(&[HELLO, AFTER]),
        ),
        (
            "two",
            &[global("comment", b"1"), global("comment", b"2"), a(), end()],
            Records(&[HELLO]),
        ),
        (
            "the last entry",
            &[a(), global("comment", b"1"), end()],
            Records(&[HELLO]),
        ),
        (
            "a name",
            &[global("path", b"p"), a(), end()],
            Records(&[("p", b"hello")]),
        ),
        (
            "a name of an entry's own",
            &[global("path", b"p"), pax(&[("path", b"q")]), a(), end()],
            Records(&[("q", b"hello")]),
        ),
    ]);
}
