//! Recognizes an input of the wrong kind by its first bytes, for messages: users pass whatever a tool
//! has downloaded or written, and need to know what it is and what to do with it.

use super::tar::is_tar_header;

/// Bytes from the beginning that are asked for: a tar header, which the longest magic is in.
pub const HEAD_BYTES: usize = 512;

/// The offset of a magic, the magic, what it means, and advice, as the rest of that sentence.
type Magic = (usize, &'static [u8], &'static str, &'static str);

/// What to do with data that may have a tar archive in them.
const IN_TAR: &str = "; --from tar reads a tar archive in it";

/// The first that fits counts. From file's magic database, and the formats' own descriptions.
const MAGICS: [Magic; 47] = [
    (
        0,
        b"PK\x03\x04",
        "a zip archive",
        ", which --from zip reads",
    ),
    (
        0,
        b"PK\x05\x06",
        "a zip archive without entries",
        ", which --from zip reads",
    ),
    (
        0,
        b"PK\x07\x08",
        "a part of a zip archive in several files",
        "; join them: zip -s 0 FILE.zip --out whole.zip",
    ),
    (0, b"\x1f\x8b", "data compressed by gzip", IN_TAR),
    (0, b"\x28\xb5\x2f\xfd", "data compressed by zstd", IN_TAR),
    (0, b"\xfd7zXZ\0", "data compressed by xz", IN_TAR),
    (0, b"BZh", "data compressed by bzip2", IN_TAR),
    (
        0,
        b"\x04\x22\x4d\x18",
        "data compressed by lz4",
        "; decompress it: lz4 -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"\x02\x21\x4c\x18",
        "data compressed by lz4",
        "; decompress it: lz4 -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"LZIP",
        "data compressed by lzip",
        "; decompress it: lzip -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"\x1f\x9d",
        "data compressed by compress (.Z)",
        "; decompress it: gzip -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"\x1f\xa0",
        "data compressed by compress (.Z)",
        "; decompress it: gzip -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"\x1f\x1e",
        "data compressed by pack (.z)",
        "; decompress it: gzip -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"\x5d\0\0",
        "data compressed by lzma",
        "; decompress it: xz -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"\x89LZO\0\r\n\x1a\n",
        "data compressed by lzop",
        "; decompress it: lzop -dc FILE | roxfs pack --from tar ...",
    ),
    (
        0,
        b"LRZI",
        "data compressed by lrzip",
        "; decompress it: lrzip -d FILE",
    ),
    (
        0,
        b"\xff\x06\0\0sNaPpY",
        "data compressed by snappy",
        "; decompress it first",
    ),
    (
        0,
        b"7z\xbc\xaf\x27\x1c",
        "a 7-Zip archive",
        "; unpack it: 7z x FILE",
    ),
    (
        0,
        b"Rar!\x1a\x07",
        "a RAR archive",
        "; unpack it: unrar x FILE, or bsdtar -xf FILE",
    ),
    (
        0,
        b"070701",
        "a cpio archive",
        "; unpack it: cpio -id < FILE, or bsdtar -xf FILE",
    ),
    (
        0,
        b"070702",
        "a cpio archive",
        "; unpack it: cpio -id < FILE, or bsdtar -xf FILE",
    ),
    (
        0,
        b"070707",
        "a cpio archive",
        "; unpack it: cpio -id < FILE, or bsdtar -xf FILE",
    ),
    (
        0,
        b"\xc7\x71",
        "a cpio archive",
        "; unpack it: cpio -id < FILE, or bsdtar -xf FILE",
    ),
    (
        0,
        b"\x71\xc7",
        "a cpio archive",
        "; unpack it: cpio -id < FILE, or bsdtar -xf FILE",
    ),
    (
        0,
        b"!<arch>\ndebian-binary",
        "a Debian package",
        "; unpack it: dpkg-deb --fsys-tarfile FILE | roxfs pack --from tar ...",
    ),
    (0, b"!<arch>\n", "an ar archive", "; unpack it: ar x FILE"),
    (
        0,
        b"\xed\xab\xee\xdb",
        "an RPM package",
        "; unpack it: rpm2cpio FILE | cpio -id",
    ),
    (
        0,
        b"hsqs",
        "a squashfs image",
        "; mount it, or unpack it: unsquashfs FILE",
    ),
    (
        0,
        b"sqsh",
        "a squashfs image",
        "; mount it, or unpack it: unsquashfs FILE",
    ),
    (
        0,
        b"DWARFS",
        "a DwarFS image",
        "; mount it, or unpack it: dwarfsextract -i FILE",
    ),
    (
        0,
        b"MSCF",
        "a cabinet archive",
        "; unpack it: bsdtar -xf FILE",
    ),
    (0, b"xar!", "a xar archive", "; unpack it: bsdtar -xf FILE"),
    (
        0,
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file",
        ", whose samples a program has to write out",
    ),
    (
        512,
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file",
        ", whose samples a program has to write out",
    ),
    (
        0,
        b"PAR1",
        "a Parquet file",
        ", whose rows a program has to write out",
    ),
    (
        0,
        b"ARROW1\0\0",
        "an Arrow file",
        ", whose rows a program has to write out",
    ),
    (
        0,
        b"\x93NUMPY",
        "a NumPy array",
        "; for rows of one size: --from fixed:N without its header",
    ),
    (
        0,
        b"SQLite format 3\0",
        "an SQLite database",
        ", whose rows a program has to write out",
    ),
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer and not the file itself",
        "; fetch it: git lfs pull",
    ),
    (
        0,
        b"<!DOCTYPE html",
        "a web page",
        "; perhaps the download needs a login",
    ),
    (
        0,
        b"<!doctype html",
        "a web page",
        "; perhaps the download needs a login",
    ),
    (
        0,
        b"<html",
        "a web page",
        "; perhaps the download needs a login",
    ),
    (
        0,
        b"<?xml",
        "an XML text",
        "; perhaps the download has failed",
    ),
    (0, b"%PDF-", "a PDF document", ""),
    (0, b"\xff\xd8\xff", "a JPEG image", ""),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image", ""),
    (0, b"\x7fELF", "a program", ""),
];

/// What an input looks like, and what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    what: &'static str,
    advice: &'static str,
}

impl Looks {
    /// What an input that begins with these bytes looks like; `None` if it looks like nothing that is
    /// known here. For an input that is not what it should be: a whole tar archive may well begin with
    /// a file named `Rar!`, which [`is_tar_header`] tells apart.
    pub fn of(head: &[u8]) -> Option<Looks> {
        if is_tar_header(head) {
            return Some(Looks {
                what: "a tar archive",
                advice: ", which --from tar reads",
            });
        }
        let fits = |&&(offset, magic, ..): &&Magic| {
            head.get(offset..)
                .is_some_and(|rest| rest.starts_with(magic))
        };
        let &(_, _, what, advice) = MAGICS.iter().find(fits)?;
        Some(Looks { what, advice })
    }

    pub fn sentence(self) -> String {
        format!("it looks like {}{}", self.what, self.advice)
    }

    /// The same where reading tar archives has refused it.
    pub fn refused_as_tar(self) -> String {
        match self.advice {
            // What the magic alone says is not enough for being read.
            IN_TAR => format!("it begins like {}, but what follows is not", self.what),
            _ => self.sentence(),
        }
    }

    /// The same of the compressed content of an input. There is no such file yet.
    pub fn inside(self) -> String {
        format!(
            "what is in it looks like {}; decompress it first",
            self.what
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_their_first_bytes() {
        let cases: [(&[u8], &str); 9] = [
            (b"PK\x03\x04 and more", "a zip archive"),
            (b"\x1f\x9d\x90", "data compressed by compress"),
            (b"!<arch>\ndebian-binary   ", "a Debian package"),
            (b"!<arch>\nfoo.o/", "an ar archive"),
            (b"\x5d\0\0\x80\0\xff\xff\xff\xff", "data compressed by lzma"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive"),
            (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
            (b"hsqs\x07", "a squashfs image"),
            (b"PAR1\x15", "a Parquet file"),
        ];
        for (head, expected) in cases {
            let found = Looks::of(head).expect("known").what;
            assert!(found.starts_with(expected), "{head:?}: {found}");
        }
        for head in [&b""[..], b"P", b"hello", &[0; 512]] {
            assert_eq!(Looks::of(head), None, "{head:?}");
        }
    }

    #[test]
    fn advice_is_not_what_has_just_been_tried() {
        assert_eq!(
            Looks::of(b"BZh9hello")
                .map(Looks::refused_as_tar)
                .as_deref(),
            Some("it begins like data compressed by bzip2, but what follows is not")
        );
        for head in [
            &b"\x1f\x8b\x08"[..],
            b"PK\x03\x04",
            b"Rar!\x1a\x07",
            b"hsqs",
        ] {
            let inside = Looks::of(head).expect("known").inside();
            assert!(inside.ends_with("; decompress it first"), "{inside}");
            assert!(!inside.contains("--from"), "{inside}");
        }
    }

    #[test]
    fn a_tar_header_is_one_whatever_its_first_file_is_named() {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..6].copy_from_slice(b"Rar!\x1a\x07");
        header.set_size(0);
        header.set_cksum();
        assert!(is_tar_header(header.as_bytes()));
        let looks = Looks::of(header.as_bytes()).map(Looks::sentence);
        assert_eq!(
            looks.as_deref(),
            Some("it looks like a tar archive, which --from tar reads")
        );
        let mut damaged = *header.as_bytes();
        damaged[20] ^= 1;
        assert!(!is_tar_header(&damaged));
        assert!(!is_tar_header(&damaged[..511]));
        assert!(!is_tar_header(&[0; 512]));
    }
}
