//! What would change something: a mount is read-only for everybody, root too.

use super::Sample;
use crate::support::*;
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{AccessFlags, access, mkfifo, truncate};
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::Path;

const RECORD: &str = "records/000002.bin";

/// Something that would change the mount at this path.
type Change = (&'static str, fn(&Path) -> io::Result<()>);

fn open(path: &Path, flags: i32) -> io::Result<File> {
    File::options().write(true).custom_flags(flags).open(path)
}

/// Everything is tried with names that are there, as far as it needs one, and new names.
const CHANGES: [Change; 21] = [
    ("open for writing", |mount| {
        open(&mount.join(RECORD), 0)?.write_all(b"x")
    }),
    ("open for reading and writing", |mount| {
        let file = File::options()
            .read(true)
            .write(true)
            .open(mount.join("raw/data"));
        file?.write_all(b"x")
    }),
    ("open for appending", |mount| {
        open(&mount.join(RECORD), libc::O_APPEND)?.write_all(b"x")
    }),
    ("open without the page cache for writing", |mount| {
        open(&mount.join(RECORD), libc::O_DIRECT)?.write_all(b"x")
    }),
    ("open and truncate", |mount| {
        open(&mount.join(".roxfs/info.json"), libc::O_TRUNC).map(drop)
    }),
    ("create in the root", |mount| {
        File::create_new(mount.join("new")).map(drop)
    }),
    ("create a record", |mount| {
        File::create(mount.join("records/000099.bin")).map(drop)
    }),
    ("create in a shard", |mount| {
        File::create(mount.join("shards/2/000099.bin")).map(drop)
    }),
    ("mkdir", |mount| std::fs::create_dir(mount.join("raw/new"))),
    ("mkfifo", |mount| {
        Ok(mkfifo(&mount.join("shards/new"), Mode::S_IRUSR)?)
    }),
    ("unlink", |mount| std::fs::remove_file(mount.join(RECORD))),
    ("rmdir", |mount| std::fs::remove_dir(mount.join("records"))),
    ("rename", |mount| {
        std::fs::rename(mount.join(RECORD), mount.join("records/new"))
    }),
    ("rename over another", |mount| {
        std::fs::rename(mount.join(RECORD), mount.join("records/000003.bin"))
    }),
    ("chmod", |mount| {
        std::fs::set_permissions(mount.join(RECORD), Permissions::from_mode(0o600))
    }),
    ("chown", |mount| chown(mount.join(RECORD), Some(1), Some(1))),
    ("utimensat", |mount| {
        let time = TimeSpec::new(1, 0);
        let path = mount.join("raw");
        let flags = UtimensatFlags::FollowSymlink;
        Ok(utimensat(nix::fcntl::AT_FDCWD, &path, &time, &time, flags)?)
    }),
    ("truncate", |mount| Ok(truncate(&mount.join(RECORD), 1)?)),
    ("truncate to what it is", |mount| {
        Ok(truncate(&mount.join(RECORD), 4095)?)
    }),
    ("symlink", |mount| {
        symlink("target", mount.join("records/new"))
    }),
    ("link", |mount| {
        std::fs::hard_link(mount.join(RECORD), mount.join("records/new"))
    }),
];

fn assert_refuses_changes(sample: &Sample) {
    for (what, change) in CHANGES {
        let error = change(sample.mount.path()).expect_err(what);
        assert_eq!(error.raw_os_error(), Some(libc::EROFS), "{what}: {error}");
    }
    // And nothing happened, not even in the page cache.
    sh(
        r#"diff -r "$1/records" "$2/records"; diff -r "$1/raw" "$2/raw""#,
        &sample.paths(),
    );
}

#[test]
fn every_change_is_refused_because_it_is_read_only() {
    let sample = Sample::new();
    assert_refuses_changes(&sample);
    for path in ["", "records", RECORD, "raw/data"] {
        let path = sample.mount.join(path);
        assert_eq!(access(&path, AccessFlags::W_OK), Err(Errno::EROFS));
        assert_eq!(access(&path, AccessFlags::R_OK), Ok(()));
    }
}

#[test]
fn every_change_is_refused_also_when_the_mount_was_made_writable() {
    need_root();
    let sample = Sample::new();
    let nothing = None::<&str>;
    let path = sample.mount.path();
    nix::mount::mount(nothing, path, nothing, MsFlags::MS_REMOUNT, nothing).expect("remounted");
    assert_refuses_changes(&sample);
}

#[test]
fn there_are_no_extended_attributes_and_none_can_be_set() {
    let sample = Sample::new();
    let commands = r#"
import errno, os, sys

def refusal(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return error.errno

for path in sys.argv[1:]:
    assert refusal(os.listxattr, path) in (errno.EOPNOTSUPP, []), path
    assert refusal(os.getxattr, path, "user.x") in (errno.EOPNOTSUPP, errno.ENODATA), path
    assert refusal(os.setxattr, path, "user.x", b"1") in (errno.EOPNOTSUPP, errno.EROFS), path
    assert refusal(os.removexattr, path, "user.x") in (errno.EOPNOTSUPP, errno.EROFS), path
"#;
    let paths = ["", "records", RECORD, "raw/data"].map(|path| sample.mount.join(path));
    run(python("0.1.0").arg("-c").arg(commands).args(&paths));
}
