//! Sizes of entries that have no content, and hard links that may have one.

use super::*;

#[test]
fn the_size_of_an_entry_without_content_is_not_passed_over() {
    let sized = |kind, magic: &[u8]| Made::new("b").kind(kind).magic(magic).link("a").size(1000);
    let linked = [HELLO, ("b", b"hello"), AFTER];
    let only = [HELLO, AFTER];
    check(&[
        (
            "old hard link",
            &[a(), sized(b'1', OLD).header(), after(), end()],
            Records(&linked),
        ),
        (
            "GNU hard link",
            &[a(), sized(b'1', GNU).header(), after(), end()],
            Records(&linked),
        ),
        (
            "hard link",
            &[a(), sized(b'1', POSIX).header(), after(), end()],
            Records(&linked),
        ),
        (
            "hard link at the end",
            &[a(), sized(b'1', POSIX).header(), end()],
            Records(&linked[..2]),
        ),
        (
            "hard link of a PAX archive",
            &[
                pax(&[("comment", b"x")]),
                a(),
                sized(b'1', POSIX).header(),
                after(),
                end(),
            ],
            Records(&linked),
        ),
        (
            "symbolic link",
            &[a(), sized(b'2', POSIX).header(), after(), end()],
            Said(&only, "1 skipped: symbolic link"),
        ),
        (
            "character device",
            &[a(), sized(b'3', POSIX).header(), after(), end()],
            Said(&only, "1 skipped: not a file"),
        ),
        (
            "block device",
            &[a(), sized(b'4', POSIX).header(), after(), end()],
            Said(&only, "1 skipped: not a file"),
        ),
        (
            "directory",
            &[a(), sized(b'5', POSIX).header(), after(), end()],
            Said(&only, "; 1 empty directory: "),
        ),
        (
            "FIFO",
            &[a(), sized(b'6', POSIX).header(), after(), end()],
            Said(&only, "1 skipped: not a file"),
        ),
        (
            "old directory",
            &[
                Made::new("d/").kind(0).magic(OLD).size(512).header(),
                after(),
                end(),
            ],
            Said(&[AFTER], "; 1 empty directory: "),
        ),
        (
            "directory with the type of a file, and a content",
            &[Made::new("d/").content("x".repeat(600)), after(), end()],
            Said(&[AFTER], "; 1 empty directory: "),
        ),
    ]);
}

#[test]
fn a_hard_link_of_a_pax_archive_may_have_a_content_of_its_own() {
    let link = || Made::new("b").kind(b'1').link("a");
    let zeros = [0; 700];
    check(&[
        (
            "with the size in attributes",
            &[
                a(),
                pax(&[("size", b"5")]),
                link().content("hello"),
                after(),
                end(),
            ],
            Records(&[HELLO, ("b", b"hello"), AFTER]),
        ),
        (
            "with the size in the header",
            &[
                pax(&[("comment", b"x")]),
                a(),
                link().content("hello"),
                after(),
                end(),
            ],
            Records(&[HELLO, ("b", b"hello"), AFTER]),
        ),
        (
            "that begins with zeros",
            &[
                pax(&[("comment", b"x")]),
                a(),
                link().content(zeros),
                after(),
                end(),
            ],
            Records(&[HELLO, ("b", &zeros), AFTER]),
        ),
        (
            "and no target",
            &[
                pax(&[("comment", b"x")]),
                link().content("hello"),
                after(),
                end(),
            ],
            Records(&[("b", b"hello"), AFTER]),
        ),
    ]);
}

#[test]
fn hard_links_to_what_is_no_file_are_passed_over() {
    let link = |name: &str, target: &str| Made::new(name).kind(b'1').link(target).header();
    let symbolic = || Made::new("s").kind(b'2').link("a").header();
    let fifo = || Made::new("p").kind(b'6').header();
    let directory = || Made::new("d/").kind(b'5').header();
    let only: &[(&str, &[u8])] = &[HELLO, AFTER];
    check(&[
        (
            "to a symbolic link",
            &[a(), symbolic(), link("t", "./s"), after(), end()],
            Said(only, "; 2 skipped: symbolic link\n"),
        ),
        (
            "to a link to one",
            &[
                a(),
                symbolic(),
                link("t", "s"),
                link("u", "t"),
                after(),
                end(),
            ],
            Said(only, "; 3 skipped: symbolic link\n"),
        ),
        (
            "to a FIFO",
            &[a(), fifo(), link("t", "p"), after(), end()],
            Said(only, "; 2 skipped: not a file\n"),
        ),
        (
            "to a directory",
            &[a(), directory(), link("t", "d"), after(), end()],
            Said(only, "; 1 skipped: not a file; 1 empty directory: "),
        ),
        (
            "to itself",
            &[a(), link("a", "a"), after(), end()],
            Records(only),
        ),
        (
            "to itself, otherwise written",
            &[a(), link("./a", "/a"), after(), end()],
            Records(only),
        ),
        (
            "to what was a symbolic link",
            &[symbolic(), file("s", "file"), link("t", "s"), end()],
            Said(
                &[("s", b"file"), ("t", b"file")],
                "; 1 skipped: symbolic link\n",
            ),
        ),
        (
            "to nothing",
            &[a(), link("b", "c"), after(), end()],
            Error(
                1,
                "b: a hard link to \"c\", which is not in the archive before it",
            ),
        ),
        (
            "from nothing to itself",
            &[a(), link("b", "b"), after(), end()],
            Error(
                1,
                "b: a hard link to \"b\", which is not in the archive before it",
            ),
        ),
        (
            "to what cannot be a name",
            &[a(), link("b", "../a"), after(), end()],
            Error(
                1,
                "b, a hard link to ../a: this path cannot be the name of a record",
            ),
        ),
    ]);
}
