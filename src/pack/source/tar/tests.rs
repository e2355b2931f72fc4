//! Archives that a builder makes of any entries: whole, within one another, cut off and damaged.

use super::*;
use crate::pack::source::{Content, Incoming};
use proptest::prelude::*;
use std::io::Cursor;

/// A name, a content, and of a link instead where it leads.
type Given = (String, Vec<u8>, Option<String>);

/// What a source gives, and what goes wrong.
fn read(archive: &[u8], is_nested: bool) -> (Vec<Given>, Vec<String>) {
    let input = Box::new(Cursor::new(archive.to_vec()));
    let mut tar = Tar::new(input, Path::new("x.tar")).nested(is_nested.then(Exclude::default));
    let (mut given, mut errors) = (Vec::new(), Vec::new());
    // Large contents come in pieces, while the source runs.
    std::thread::scope(|scope| {
        let mut readers = Vec::new();
        let _ = tar.run(&mut |record| {
            match record {
                Ok(Incoming {
                    content: Content::Directory,
                    ..
                }) => {}
                Ok(Incoming {
                    content: Content::Failed(error),
                    ..
                }) => errors.push(error.to_string()),
                Ok(record) => {
                    let name = record.name.expect("named").to_string();
                    let size = record.size;
                    let read = move || match record.content {
                        Content::Bytes(bytes) => (bytes, None),
                        Content::Pieces(pieces) => (pieces.iter().flatten().collect(), None),
                        Content::SameAs(target) => (Vec::new(), Some(target.to_string())),
                        other => panic!("{other:?}"),
                    };
                    readers.push((name, size, scope.spawn(read)));
                }
                Err(error) => errors.push(error.to_string()),
            }
            ControlFlow::Continue(())
        });
        for (name, size, reader) in readers {
            let (content, link) = reader.join().expect("read");
            // One that is cut off is not complete, and an error.
            if content.len() as u64 == size || link.is_some() {
                given.push((name, content, link));
            }
        }
    });
    (given, errors)
}

/// A header, with a checksum.
fn header(name: &[u8], kind: u8, link: &[u8], size: usize, magic: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &name[..name.len().min(100)]);
    put(124, format!("{size:011o}\0").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &link[..link.len().min(100)]);
    put(257, magic);
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = rest.len();
    while length != length.to_string().len() + rest.len() {
        length = length.to_string().len() + rest.len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}

const POSIX: &[u8] = b"ustar\x0000";
const GNU: &[u8] = b"ustar  \0";
const END: [u8; 1024] = [0; 1024];

/// An entry of an archive.
#[derive(Debug, Clone)]
struct Made {
    name: String,
    content: Vec<u8>,
    form: TarForm,
}

/// How it is written.
#[derive(Debug, Clone, Copy)]
enum TarForm {
    Plain,
    LongName,
    Pax,
    Global,
    Sparse,
    Directory,
    Symbolic,
    Link,
}

impl Made {
    fn bytes(&self) -> Vec<u8> {
        let (name, content) = (self.name.as_bytes(), &self.content);
        let file = |name: &[u8], magic| {
            let header = header(name, b'0', b"", content.len(), magic);
            [header, padded(content)].concat()
        };
        let described = |kind: u8, description: &[u8], magic| {
            let header = header(b"description", kind, b"", description.len(), magic);
            [header, padded(description)].concat()
        };
        match self.form {
            TarForm::Plain => file(name, POSIX),
            TarForm::LongName => [described(b'L', name, GNU), file(b"short", GNU)].concat(),
            TarForm::Pax => {
                let noise = record("SCHILY.xattr.user.x", content);
                let records = [noise, record("path", name)].concat();
                [described(b'x', &records, POSIX), file(b"short", POSIX)].concat()
            }
            TarForm::Global => {
                let noise = record("comment", content);
                [described(b'g', &noise, POSIX), file(name, POSIX)].concat()
            }
            TarForm::Sparse => {
                let (size, len) = (content.len() + 1000, content.len());
                let records = [
                    record("GNU.sparse.size", size.to_string().as_bytes()),
                    record("GNU.sparse.map", format!("700,{len}").as_bytes()),
                ];
                [described(b'x', &records.concat(), POSIX), file(name, POSIX)].concat()
            }
            // A size that is not to be passed over.
            TarForm::Directory => header(name, b'5', b"", content.len(), POSIX),
            TarForm::Symbolic => header(name, b'2', b"somewhere", content.len(), POSIX),
            TarForm::Link => header(name, b'1', b"the target", content.len(), GNU),
        }
    }

    fn given(&self) -> Option<Given> {
        let content = match self.form {
            TarForm::Directory | TarForm::Symbolic => return None,
            TarForm::Link => {
                let target = Some("the target".to_owned());
                return Some((self.name.clone(), Vec::new(), target));
            }
            TarForm::Sparse => [&[0; 700][..], &self.content, &[0; 300]].concat(),
            _ => self.content.clone(),
        };
        Some((self.name.clone(), content, None))
    }
}

fn made() -> impl Strategy<Value = Vec<Made>> {
    let content = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..1500),
        1 => (500usize..530).prop_map(|len| vec![b'x'; len]),
        1 => Just(vec![7; (1 << 20) + 5]),
    ];
    let form = prop_oneof![
        Just(TarForm::Plain),
        Just(TarForm::LongName),
        Just(TarForm::Pax),
        Just(TarForm::Global),
        Just(TarForm::Sparse),
        Just(TarForm::Directory),
        Just(TarForm::Symbolic),
        Just(TarForm::Link),
    ];
    let one = ("[a-z]{1,9}(/[a-z0-9]{1,9}){0,3}", content, form);
    prop::collection::vec(one, 0..8).prop_map(|entries| {
        let entries = entries.into_iter().enumerate();
        let made = entries.map(|(number, (name, content, form))| Made {
            // Names are not compared here, but for links to what was passed over.
            name: format!("{name}.{number}"),
            content,
            form,
        });
        made.collect()
    })
}

fn joined(entries: &[Made]) -> Vec<u8> {
    entries.iter().flat_map(Made::bytes).collect()
}

fn given(entries: &[Made]) -> Vec<Given> {
    entries.iter().filter_map(Made::given).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_put_into_an_archive_comes_out(entries in made()) {
        let archive = [joined(&entries), END.to_vec()].concat();
        prop_assert_eq!(read(&archive, false), (given(&entries), Vec::new()));
    }

    #[test]
    fn archives_that_are_joined_come_out_after_each_other(first in made(), second in made(), zeros in 1usize..6) {
        let archive = [joined(&first), vec![0; zeros * 512], joined(&second), END.to_vec()].concat();
        let all = [given(&first), given(&second)].concat();
        prop_assert_eq!(read(&archive, false), (all, Vec::new()));
    }

    #[test]
    fn an_archive_in_an_archive_comes_out_below_its_name(
        before in made(), inner in made(), after in made(), is_sparse in any::<bool>(),
    ) {
        let content = [joined(&inner), END.to_vec()].concat();
        let name = "in/ner.tar".to_owned();
        let form = if is_sparse { TarForm::Pax } else { TarForm::Plain };
        let nested = Made { name, content, form };
        let archive = [joined(&before), nested.bytes(), joined(&after), END.to_vec()].concat();
        let in_it = |name: String| format!("in/ner/{name}");
        let below = given(&inner).into_iter();
        let below = below.map(|(name, content, link)| (in_it(name), content, link.map(in_it)));
        let all = [given(&before), below.collect(), given(&after)].concat();
        prop_assert_eq!(read(&archive, true), (all, Vec::new()));
        let whole = [given(&before), given(&[nested]), given(&after)].concat();
        prop_assert_eq!(read(&archive, false), (whole, Vec::new()));
    }

    #[test]
    fn of_an_archive_that_is_cut_off_all_whole_entries_come_out(entries in made(), cut in any::<prop::sample::Index>()) {
        let archive = joined(&entries);
        prop_assume!(!archive.is_empty());
        let len = cut.index(archive.len());
        let mut whole = Vec::new();
        let mut end = 0;
        for entry in &entries {
            end += entry.bytes().len();
            if end > len {
                break;
            }
            whole.push(entry.clone());
        }
        let (found, errors) = read(&archive[..len], false);
        // Of the last one all but the padding may be there.
        let expected = given(&whole);
        prop_assert_eq!(&found[..expected.len()], &expected[..]);
        prop_assert!(found.len() <= expected.len() + 1);
        let is_whole = joined(&whole).len() == len && len > 0;
        prop_assert_eq!(errors.len(), usize::from(!is_whole), "{:?}", errors);
    }

    #[test]
    fn behind_damage_all_other_entries_come_out(entries in made(), which in any::<prop::sample::Index>(), at in 0usize..512) {
        prop_assume!(!entries.is_empty());
        let which = which.index(entries.len());
        let mut damaged = entries[which].bytes();
        // Bytes beside the numbers, so that the checksum notices it.
        prop_assume!(!(148..156).contains(&at));
        damaged[at] ^= 0x55;
        let (before, after) = (&entries[..which], &entries[which + 1..]);
        let archive = [joined(before), damaged, joined(after), END.to_vec()].concat();
        let (found, errors) = read(&archive, false);
        prop_assert_eq!(errors.len(), 1, "{:?}", errors);
        let offset = joined(before).len();
        let start = format!("x.tar: entry {} at byte {offset}: the checksum of its header", which + 1);
        prop_assert!(errors[0].starts_with(&start), "{}", errors[0]);
        let (first, last) = (given(before), given(after));
        prop_assert_eq!(&found[..first.len()], &first[..]);
        prop_assert!(found.ends_with(&last));
    }

    #[test]
    fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..3000), is_nested in any::<bool>()) {
        read(&bytes, is_nested);
    }
}

#[test]
fn archives_may_lie_within_one_another_to_a_depth() {
    let mut archive = [
        header(b"f", b'0', b"", 1, POSIX),
        padded(b"x"),
        END.to_vec(),
    ]
    .concat();
    for _ in 0..10 {
        let header = header(b"a.tar", b'0', b"", archive.len(), POSIX);
        archive = [header, padded(&archive), END.to_vec()].concat();
    }
    let (given, errors) = read(&archive, true);
    assert_eq!(errors, [""; 0]);
    let names: Vec<&str> = given.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["a/a/a/a/a/a/a/a/a.tar"]);
}

#[test]
fn an_archive_in_an_archive_that_is_damaged_is_left_out_alone() {
    let file = |name: &[u8], content: &[u8]| {
        [
            header(name, b'0', b"", content.len(), POSIX),
            padded(content),
        ]
        .concat()
    };
    let cut = &file(b"a", &[1; 2000])[..1800];
    let good = [file(b"a", b"1"), file(b"b", b"2"), END.to_vec()].concat();
    let archive = [
        file(b"1.tar", &good),
        file(b"2.tar", cut),
        file(b"3.tar", b"no archive".repeat(100).as_slice()),
        file(b"4.tar", b""),
        file(b"./5.tar", &good),
        END.to_vec(),
    ];
    let (given, errors) = read(&archive.concat(), true);
    let names: Vec<&str> = given.iter().map(|(name, ..)| name.as_str()).collect();
    let expected = ["1/a", "1/b", "3.tar", "4.tar", "5/a", "5/b"];
    assert_eq!(names, expected);
    let expected = [
        "x.tar/2.tar: entry 1 at byte 0: the archive is cut off within the content: its length is 1800 bytes, expected 2560 bytes or more",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(&expected[..57]), "{error}");
    }
}

#[test]
fn a_link_to_an_entry_that_cannot_be_read_does_not_say_that_it_is_missing() {
    let records = [
        record("GNU.sparse.size", b"9"),
        record("GNU.sparse.map", b"9,9"),
    ]
    .concat();
    let archive = [
        header(b"x", b'x', b"", records.len(), POSIX),
        padded(&records),
        header(b"f", b'0', b"", 9, POSIX),
        padded(b"123456789"),
        header(b"l", b'1', b"f", 0, POSIX),
        END.to_vec(),
    ];
    let (given, errors) = read(&archive.concat(), false);
    assert_eq!(given, []);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(
        errors[1],
        "x.tar: l: a hard link to a record that was left out"
    );
}
