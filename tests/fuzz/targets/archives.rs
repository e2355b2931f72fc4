//! Tar archives out of choices: whole ones whose files are known, and such with damage in any field.

use super::build::{damage, name};
use super::choices::Choices;
use super::sources::give;
use roxfs::format::name::Name;
use roxfs::pack::source::SourceKind;
use tar::{EntryType, Header};

/// A header with these fields, and what follows it, padded.
fn entry(kind: EntryType, name: &[u8], link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let (name, link) = (&name[..name.len().min(100)], &link[..link.len().min(100)]);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = [header.as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// An attribute of a PAX header; its length counts itself.
fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut total = rest + rest.to_string().len();
    total = rest + total.to_string().len();
    [format!("{total} {key}=").as_bytes(), value, b"\n"].concat()
}

/// What is in a whole archive is what the source gives.
pub fn archive(choices: &mut Choices) {
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    let mut failed = 0;
    let mut exact = true;
    for _ in 0..choices.below(7) {
        let name = name(choices, false);
        let len = match choices.one_in(8) {
            true => 500 + choices.below(40),
            false => choices.below(20),
        };
        let content = choices.bytes(len).to_vec();
        // Headers end names at a NUL, and take a slash at the end for a directory's.
        exact &=
            !name.contains(&0) && !name.ends_with(b"/") && !name.is_empty() && name.len() <= 100;
        // A link to what is passed over is passed over too.
        exact &= relative(&name) != b"t";
        let mut record = Some(content.clone());
        match choices.below(12) {
            0 => {
                bytes.extend(entry(EntryType::Directory, &name, b"", b""));
                record = None;
            }
            1 => {
                bytes.extend(entry(EntryType::Symlink, &name, b"x", b""));
                record = None;
            }
            2 => {
                bytes.extend(entry(EntryType::Link, &name, b"t", b""));
                record = Some(b"=t".to_vec());
            }
            3 => {
                let long = [&name[..], b"\0"].concat();
                bytes.extend(entry(EntryType::GNULongName, b"././@LongLink", b"", &long));
                bytes.extend(entry(EntryType::Regular, b"short", b"", &content));
            }
            4 => {
                bytes.extend(entry(
                    EntryType::XHeader,
                    b"pax",
                    b"",
                    &attribute("path", &name),
                ));
                bytes.extend(entry(EntryType::Regular, b"short", b"", &content));
            }
            5 => {
                exact = false;
                sparse(choices, &mut bytes, &name, &content);
            }
            6 => {
                exact = false;
                let kind = EntryType::new(choices.byte());
                bytes.extend(entry(kind, &name, b"y", &content));
            }
            _ => bytes.extend(entry(EntryType::Regular, &name, b"", &content)),
        }
        if let Some(content) = record {
            match Name::new(&relative(&name)) {
                Ok(name) => expected.push((Some(name.as_bytes().to_vec()), Some(content))),
                Err(_) => failed += 1,
            }
        }
    }
    bytes.extend([0; 1024]);
    if choices.one_in(3) {
        exact = false;
        damage(choices, &mut bytes);
        if choices.one_in(2) {
            fix_checksums(&mut bytes);
        }
    }
    let given = give(SourceKind::Tar, &bytes);
    if !given.stopped {
        super::zip::compressed(choices, &bytes, &given);
    }
    if exact {
        assert!(given.error.is_none(), "{:?}", given.error);
        assert_eq!((given.records, given.failed), (expected, failed));
    }
}

/// A path as tar makes it relative.
pub fn relative(path: &[u8]) -> Vec<u8> {
    let components = path.split(|&byte| byte == b'/');
    let kept = components.filter(|component| !component.is_empty() && component != b".");
    kept.collect::<Vec<_>>().join(&b'/')
}

/// A sparse file in one of its forms, with numbers that may make no sense.
fn sparse(choices: &mut Choices, bytes: &mut Vec<u8>, name: &[u8], content: &[u8]) {
    let number = |choices: &mut Choices| match choices.one_in(8) {
        true => choices.field() as u64,
        false => u64::from(choices.byte()),
    };
    let size = number(choices).to_string();
    let pieces: Vec<String> = (0..2 * choices.below(4))
        .map(|_| number(choices).to_string())
        .collect();
    let mut fields = Vec::new();
    match choices.below(4) {
        0 => {
            fields.extend(attribute("GNU.sparse.major", b"1"));
            fields.extend(attribute("GNU.sparse.realsize", size.as_bytes()));
            let mut map = format!("{}\n{}\n", pieces.len() / 2, pieces.join("\n")).into_bytes();
            map.resize(map.len().next_multiple_of(512), 0);
            bytes.extend(entry(EntryType::XHeader, b"pax", b"", &fields));
            bytes.extend(entry(
                EntryType::Regular,
                name,
                b"",
                &[&map[..], content].concat(),
            ));
        }
        1 => {
            fields.extend(attribute("GNU.sparse.size", size.as_bytes()));
            fields.extend(attribute("GNU.sparse.map", pieces.join(",").as_bytes()));
            bytes.extend(entry(EntryType::XHeader, b"pax", b"", &fields));
            bytes.extend(entry(EntryType::Regular, name, b"", content));
        }
        2 => {
            fields.extend(attribute("GNU.sparse.size", size.as_bytes()));
            for pair in pieces.chunks(2) {
                fields.extend(attribute("GNU.sparse.offset", pair[0].as_bytes()));
                fields.extend(attribute("GNU.sparse.numbytes", pair[1].as_bytes()));
            }
            bytes.extend(entry(EntryType::XHeader, b"pax", b"", &fields));
            bytes.extend(entry(EntryType::Regular, name, b"", content));
        }
        _ => {
            let start = bytes.len();
            bytes.extend(entry(EntryType::GNUSparse, name, b"", content));
            for at in 386..483 {
                bytes[start + at] = match choices.one_in(3) {
                    true => choices.byte(),
                    false => b'0' + choices.byte() / 32,
                };
            }
            bytes[start + 482] = u8::from(choices.one_in(2));
            fix_checksums(&mut bytes[start..]);
        }
    }
}

/// Makes the checksum of each block right that looks like a header.
fn fix_checksums(bytes: &mut [u8]) {
    for block in bytes
        .chunks_exact_mut(512)
        .filter(|block| block[257..].starts_with(b"ustar"))
    {
        let mut header = Header::new_gnu();
        header.as_mut_bytes().copy_from_slice(block);
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
    }
}
