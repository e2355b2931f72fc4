//! What the entries of a zip archive are, and how they are named: older tools than the rule that
//! names are UTF-8 have left their encodings, and Windows its separators.

use rawzip::extra_fields::ExtraFieldId;
use rawzip::{CreatorSystem, ZipFileHeaderRecord};
use rustix::fs::FileType;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    File,
    Directory,
    Link,
    /// A FIFO, socket or device.
    Special,
}

/// What an entry with this name is.
pub fn kind(entry: &ZipFileHeaderRecord<'_>, name: &[u8]) -> MemberKind {
    if name.ends_with(b"/") {
        return MemberKind::Directory;
    }
    let system = entry.version_made_by().creator_system();
    if !matches!(system, CreatorSystem::UNIX | CreatorSystem::MACOS) {
        return MemberKind::File;
    }
    match FileType::from_raw_mode(entry.external_attributes() >> 16) {
        // Many writers do not say it.
        FileType::RegularFile | FileType::Unknown => MemberKind::File,
        FileType::Directory => MemberKind::Directory,
        FileType::Symlink => MemberKind::Link,
        _ => MemberKind::Special,
    }
}

/// Info-ZIP's field with a name in UTF-8, and the checksum of the name that it belongs to.
const UNICODE_PATH: ExtraFieldId = ExtraFieldId::new(0x7075);

/// The name of an entry, as bytes of a path.
///
/// In this order: the field for a name in UTF-8; a name that is marked as UTF-8, or is UTF-8, as
/// macOS and 7-Zip write it without the mark; a name from Unix, whose encoding is nobody's
/// business; code page 437. Backslashes separate where DOS or Windows has written the archive, and
/// the name has no other separator.
pub fn name(entry: &ZipFileHeaderRecord<'_>) -> Vec<u8> {
    let raw = entry.file_path();
    let raw = raw.as_bytes();
    let system = entry.version_made_by().creator_system();
    let is_unix = matches!(system, CreatorSystem::UNIX | CreatorSystem::MACOS);
    let is_plain = is_unix || entry.flags().is_utf8() || std::str::from_utf8(raw).is_ok();
    let mut name = match unicode_path(entry, raw) {
        Some(name) => name.to_vec(),
        None if is_plain => raw.to_vec(),
        None => from_cp437(raw).into_bytes(),
    };
    if !is_unix && !name.contains(&b'/') {
        name.iter_mut()
            .filter(|byte| **byte == b'\\')
            .for_each(|byte| *byte = b'/');
    }
    name
}

/// Version 1, the checksum of the raw name, then the name; if the raw name was changed by a tool
/// that does not know the field, the checksum differs.
fn unicode_path<'a>(entry: &'a ZipFileHeaderRecord<'_>, raw: &[u8]) -> Option<&'a [u8]> {
    let mut fields = entry.extra_fields();
    let (_, field) = fields.find(|(id, _)| *id == UNICODE_PATH)?;
    let (version, rest) = field.split_first()?;
    let (sum, name) = rest.split_first_chunk()?;
    let mut crc = flate2::Crc::new();
    crc.update(raw);
    let fits = *version == 1 && u32::from_le_bytes(*sum) == crc.sum();
    (fits && !name.is_empty() && std::str::from_utf8(name).is_ok()).then_some(name)
}

/// The upper half of code page 437.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

fn from_cp437(bytes: &[u8]) -> String {
    let upper: Vec<char> = CP437.chars().collect();
    let char = |byte: &u8| match byte.checked_sub(128) {
        Some(place) => upper.get(usize::from(place)).copied().unwrap_or('?'),
        None => char::from(*byte),
    };
    bytes.iter().map(char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_page_437_has_a_character_for_each_byte() {
        assert_eq!(CP437.chars().count(), 128);
        assert_eq!(from_cp437(b"a\x81\x80\xe1\xff"), "aüÇß\u{a0}");
        assert_eq!(from_cp437(&[0xc9, 0xcd, 0xbb, 0xe0, 0xdb]), "╔═╗α█");
    }
}
