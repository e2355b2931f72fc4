//! An input that is something else than it should be is said to look like what it is.

use crate::support::*;

#[test]
fn what_is_no_archive_of_the_kind_is_called_by_its_own() {
    let mut hdf = b"\x89HDF\r\n\x1a\n".to_vec();
    hdf.resize(2000, 0);
    let kinds: [(&[u8], &str); 14] = [
        (b"\x04\x22\x4d\x18\x64\x40\xa7", "data compressed by lz4"),
        (b"LZIP\x01\x17", "data compressed by lzip"),
        (b"\x1f\x9d\x90\x61", "data compressed by compress (.Z)"),
        (
            b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0",
            "data compressed by lzma",
        ),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (b"070701000000", "a cpio archive"),
        (b"!<arch>\nx/", "an ar archive"),
        (b"!<arch>\ndebian-binary   ", "a Debian package"),
        (b"hsqs\x01", "a squashfs image"),
        (&hdf, "an HDF5 file"),
        (b"PAR1\x15\0", "a Parquet file"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer",
        ),
        (b"<!DOCTYPE html><html>", "a web page"),
    ];
    for (content, kind) in kinds {
        for (from, expected) in [("tar", "no tar archive"), ("zip", "no zip archive")] {
            let directory = temp_dir();
            let path = directory.path().join("x");
            std::fs::write(&path, content).expect("written");
            let target = Target::new();
            let message = fail(target.pack(&["--from", from]).arg(&path), 1);
            let start = format!(
                "roxfs: {}: this is {expected}: it looks like {kind}",
                path.display()
            );
            assert!(message.starts_with(&start), "{from}: {message}");
            assert_eq!(entries(target.path()), [] as [&str; 0]);
        }
    }
}

#[test]
fn what_is_compressed_and_no_tar_archive_is_named_too() {
    let directory = temp_dir();
    let script = r#"cd "$1"; printf 'Rar!\x1a\x07\x01\0' | zstd -q >x.tar.zst"#;
    sh(script, &[directory.path()]);
    let path = directory.path().join("x.tar.zst");
    let message = fail(&mut Target::new().pack(&[&path]), 1);
    let start = format!(
        "roxfs: {}: this is no tar archive compressed by zstd: what is in it looks like a RAR archive",
        path.display()
    );
    assert!(message.starts_with(&start), "{message}");
}

#[test]
fn a_tar_archive_whose_first_file_is_named_like_another_format_is_one() {
    let directory = temp_dir();
    let names = ["BZh91AY", "Rar!\u{1a}\u{7}", "070701"];
    for name in names {
        let tree = directory.path().join(format!("{name}.d"));
        write_tree(&tree, &[(name, "1")]);
        sh("cd \"$1\"; tar -cf ../x.tar -- *", &[&tree]);
        let target = Target::new();
        run(&mut target.pack(&[directory.path().join("x.tar")]));
        assert_eq!(target.records(), [b"1"]);
    }
}

#[test]
fn no_advice_is_what_has_just_been_tried() {
    let directory = temp_dir();
    let script = "cd \"$1\"; echo 1 >a; tar -cf a.tar a; gzip -c a.tar | gzip >twice.tar.gz
        zip -q a.zip a; gzip -c a.zip >zip.tar.gz; printf BZh9hello >b.tar; printf 'hello world' >no.tar
        echo short | gzip >short.tar.gz";
    sh(script, &[directory.path()]);
    for (name, expected) in [
        (
            "twice.tar.gz",
            "tar archive compressed by gzip: what is in it looks like data compressed by gzip; decompress it first",
        ),
        (
            "zip.tar.gz",
            "tar archive compressed by gzip: what is in it looks like a zip archive; decompress it first",
        ),
        (
            "b.tar",
            "tar archive: it begins like data compressed by bzip2, but what follows is not",
        ),
        (
            "no.tar",
            "tar archive: it has 11 bytes, a tar archive at least 512",
        ),
        (
            "short.tar.gz",
            "tar archive compressed by gzip: it has 6 bytes, a tar archive at least 512",
        ),
    ] {
        let path = directory.path().join(name);
        let message = fail(&mut Target::new().pack(&[&path]), 1);
        assert_eq!(
            message,
            format!("roxfs: {}: this is no {expected}\n", path.display())
        );
    }
}

#[test]
fn commands_in_advice_can_be_typed() {
    let directory = temp_dir();
    let script = "cd \"$1\"; echo 1 >a; tar -cf a.tar a; zstd -q --long=31 --zstd=wlog=31 -c <a.tar >'a b.tar.zst'";
    sh(script, &[directory.path()]);
    let path = directory.path().join("a b.tar.zst");
    let message = fail(&mut Target::new().pack(&[&path]), 1);
    let command = format!(
        ": zstd -dc --long=31 '{}' | roxfs pack --from tar ...\n",
        path.display()
    );
    assert!(message.ends_with(&command), "{message}");
    let archive = std::fs::read(&path).expect("readable");
    let message = fail_with(&mut Target::new().pack(&["--from=tar"]), &archive, 1);
    let command = ": ... | zstd -dc --long=31 | roxfs pack --from tar ...\n";
    assert!(message.ends_with(command), "{message}");
}
