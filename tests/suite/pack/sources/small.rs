//! Small archives made byte by byte of what tests of names need: files, hard links, directories.

/// Size of a header, and what contents are padded to.
const BLOCK: usize = 512;

/// An archive of these entries, with its end mark.
pub fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [&entries.concat()[..], &[0; 2 * BLOCK]].concat()
}

/// A regular file.
pub fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(b'0', name, "", content)
}

/// A hard link.
pub fn link(name: &str, target: &str) -> Vec<u8> {
    entry(b'1', name, target, b"")
}

/// A directory.
pub fn directory(name: &str) -> Vec<u8> {
    entry(b'5', &format!("{name}/"), "", b"")
}

fn entry(kind: u8, name: &str, target: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    assert!(name.len() <= 100 && target.len() <= 100, "{name} {target}");
    put(0, name);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(157, target);
    put(257, "ustar\u{0}00");
    header[156] = kind;
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let padding = content.len().next_multiple_of(BLOCK) - content.len();
    [&header[..], content, &vec![0; padding]].concat()
}
