//! Shard arguments that are not shards, or no dataset: each error names the file and what is wrong
//! with it, and its exit code says that no data was found damaged.

use super::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

/// What there is in a directory, the arguments below it, and the message.
type Case = (fn(&Path), &'static [&'static str], &'static str);

fn shard(path: &Path) {
    std::fs::write(path, full().bytes()).expect("shard");
}

fn directory(path: &Path) {
    std::fs::create_dir(path).expect("directory");
}

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).expect("FIFO");
}

fn permissions(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("permissions");
}

/// Checks that each command ends with code 1 and this message. The arguments are joined to a new
/// directory, which is `PATH` in the message.
fn not_opened(commands: &[&str], cases: &[Case]) {
    for (prepare, arguments, expected) in cases {
        let directory = temp_dir();
        prepare(directory.path());
        let arguments = arguments
            .iter()
            .map(|argument| directory.path().join(argument));
        let arguments: Vec<PathBuf> = arguments.collect();
        for command in commands {
            let found = message(
                roxfs().arg(command).args(&arguments),
                directory.path(),
                FAILED,
            );
            assert_eq!(found, format!("roxfs: {expected}\n"), "{command}");
        }
    }
}

const ALL: &[&str] = &["info", "ls", "verify"];

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    not_opened(
        ALL,
        &[
            (|_| {}, &["x"], "PATH/x: no such file"),
            (
                |_| {},
                &["x.rox"],
                "PATH/x.rox: no such file, and no x_NNNN.rox either",
            ),
            (
                |d| shard(&d.join("x_001.rox")),
                &["x.rox"],
                "PATH/x.rox: no such file, and no x_NNNN.rox either",
            ),
            (
                |d| shard(&d.join("x_001.rox")),
                &["x"],
                "PATH/x: no such file",
            ),
            (|_| {}, &["d/x.rox"], "PATH/d/x.rox: no such file"),
            (
                |d| shard(&d.join("d")),
                &["d/x.rox"],
                "PATH/d/x.rox: Not a directory (os error 20)",
            ),
            (
                |d| symlink("gone", d.join("x.rox")).expect("link"),
                &["x.rox"],
                "PATH/x.rox: no such file: it is a link to gone",
            ),
            (
                |d| symlink("x.rox", d.join("x.rox")).expect("link"),
                &["x.rox"],
                "PATH/x.rox: Too many levels of symbolic links (os error 40)",
            ),
            (
                |d| symlink("gone", d.join("x.rox")).expect("link"),
                &["*.rox"],
                "PATH/x.rox: No such file or directory (os error 2)",
            ),
            (
                |d| symlink("gone", d.join("x.rox")).expect("link"),
                &[""],
                "PATH/x.rox: No such file or directory (os error 2)",
            ),
            (
                |d| shard(&d.join("a.rox")),
                &["a.rox", "b.rox"],
                "PATH/b.rox: no such file, and no b_NNNN.rox either",
            ),
        ],
    );
}

#[test]
fn a_pattern_or_directory_without_shards_is_an_error() {
    not_opened(
        ALL,
        &[
            (|_| {}, &[""], "PATH/: the directory has no .rox files"),
            (
                |d| shard(&d.join("x")),
                &[""],
                "PATH/: the directory has no .rox files",
            ),
            (
                |d| shard(&d.join(".x.rox")),
                &[""],
                "PATH/: the directory has no .rox files",
            ),
            (
                |_| {},
                &["*.rox"],
                "PATH/*.rox: no file matches this pattern",
            ),
            (
                |d| shard(&d.join(".x.rox")),
                &["*"],
                "PATH/*: no file matches this pattern",
            ),
            (
                |d| shard(&d.join("x.rox")),
                &["x_[0-9].rox"],
                "PATH/x_[0-9].rox: no file matches this pattern",
            ),
        ],
    );
}

#[test]
fn what_is_not_a_regular_file_is_refused_without_opening_it() {
    not_opened(
        ALL,
        &[
            (
                |d| fifo(&d.join("x.rox")),
                &["x.rox"],
                "PATH/x.rox: it is a FIFO, expected a regular file",
            ),
            (
                |d| fifo(&d.join("x.rox")),
                &[""],
                "PATH/x.rox: it is a FIFO, expected a regular file",
            ),
            (
                |d| drop(UnixListener::bind(d.join("x.rox")).expect("socket")),
                &["x.rox"],
                "PATH/x.rox: it is a socket, expected a regular file",
            ),
            (
                |_| {},
                &["/dev/null"],
                "/dev/null: it is a device, expected a regular file",
            ),
            (
                |_| {},
                &["/dev/fuse"],
                "/dev/fuse: it is a device, expected a regular file",
            ),
            (
                |d| symlink("/dev/zero", d.join("x.rox")).expect("link"),
                &["x.rox"],
                "PATH/x.rox: it is a device, expected a regular file",
            ),
            (
                |d| directory(&d.join("x.rox")),
                &["*.rox"],
                "PATH/x.rox: it is a directory, expected a regular file",
            ),
            (
                |d| directory(&d.join("x.rox")),
                &[""],
                "PATH/x.rox: it is a directory, expected a regular file",
            ),
            (
                |d| directory(&d.join("x_0000.rox")),
                &["x.rox"],
                "PATH/x_0000.rox: it is a directory, expected a regular file",
            ),
        ],
    );
}

#[test]
fn a_shard_given_twice_is_refused_whatever_it_is_called() {
    fn linked(directory: &Path) {
        shard(&directory.join("x.rox"));
        symlink("x.rox", directory.join("soft.rox")).expect("link");
        std::fs::hard_link(directory.join("x.rox"), directory.join("hard.rox")).expect("link");
        symlink(".", directory.join("again")).expect("link");
    }
    not_opened(
        &["info", "ls"],
        &[
            (linked, &["x.rox", "x.rox"], "PATH/x.rox: it is given twice"),
            (
                linked,
                &["x.rox", ".//./x.rox"],
                "PATH/.//./x.rox: it is given twice",
            ),
            (
                linked,
                &["x.rox", "again/x.rox"],
                "PATH/again/x.rox: it is given twice, also as PATH/x.rox",
            ),
            (
                linked,
                &["x.rox", "soft.rox"],
                "PATH/soft.rox: it is given twice, also as PATH/x.rox",
            ),
            (
                linked,
                &["hard.rox", "x.rox"],
                "PATH/x.rox: it is given twice, also as PATH/hard.rox",
            ),
            (
                linked,
                &["x.ro[x]", "x.rox"],
                "PATH/x.rox: it is given twice",
            ),
            (
                linked,
                &[""],
                "PATH/soft.rox: it is given twice, also as PATH/hard.rox",
            ),
        ],
    );
}

/// Root may read everything, so this needs another user.
#[test]
fn what_may_not_be_read_is_said_to_be_so() {
    let cases: [Case; 4] = [
        (
            |d| {
                shard(&d.join("x.rox"));
                permissions(&d.join("x.rox"), 0);
            },
            &["x.rox"],
            "PATH/x.rox: Permission denied (os error 13)",
        ),
        (
            |d| {
                shard(&d.join("x_0000.rox"));
                permissions(&d.join("x_0000.rox"), 0o200);
            },
            &["x.rox"],
            "PATH/x_0000.rox: Permission denied (os error 13)",
        ),
        (
            |d| {
                directory(&d.join("d"));
                shard(&d.join("d/x.rox"));
                permissions(&d.join("d"), 0o600);
            },
            &["d/x.rox"],
            "PATH/d/x.rox: Permission denied (os error 13)",
        ),
        (
            |d| {
                directory(&d.join("d"));
                permissions(&d.join("d"), 0o300);
            },
            &["d"],
            "PATH/d: Permission denied (os error 13)",
        ),
    ];
    for (prepare, arguments, expected) in cases {
        let directory = temp_dir();
        prepare(directory.path());
        permissions(directory.path(), 0o755);
        for command in ALL {
            let mut roxfs = as_ordinary_user();
            roxfs.arg(command).args(
                arguments
                    .iter()
                    .map(|argument| directory.path().join(argument)),
            );
            let found = message(&mut roxfs, directory.path(), FAILED);
            assert_eq!(found, format!("roxfs: {expected}\n"), "{command}");
        }
    }
}

/// The program, run by someone who is not root.
fn as_ordinary_user() -> Command {
    if !nix::unistd::geteuid().is_root() {
        return roxfs();
    }
    as_nobody(roxfs().get_program())
}

#[test]
fn a_pattern_that_cannot_be_read_as_one_is_refused() {
    let cases = [
        (
            b"x[.rox".as_slice(),
            "x[.rox: not a valid pattern: a \"[\" without its \"]\"",
        ),
        (
            b"x**.rox",
            "x**.rox: not a valid pattern: \"**\" is a component of its own, as in \"a/**/b\"",
        ),
        (
            b"***",
            "***: not a valid pattern: \"**\" is a component of its own, as in \"a/**/b\"",
        ),
        (b"\xff*.rox", "\\xff*.rox: no file matches this pattern"),
    ];
    let directory = temp_dir();
    for (pattern, expected) in cases {
        let mut command = roxfs();
        command
            .current_dir(directory.path())
            .arg("info")
            .arg(OsStr::from_bytes(pattern));
        assert_eq!(fail(&mut command, FAILED), format!("roxfs: {expected}\n"));
    }
}

#[test]
fn a_pattern_matches_beside_names_that_are_not_utf_8_and_matches_these_too() {
    let directory = temp_dir();
    let name = |bytes: &[u8]| directory.path().join(OsStr::from_bytes(bytes));
    shard(&name(b"x_0000.rox"));
    shard(&name(b"x_\xff.rox"));
    std::fs::create_dir(name(b"\xfe")).expect("directory");
    shard(&name(b"\xfe/x.rox"));
    for (pattern, records) in [
        (&b"x_*.rox"[..], 6),
        (b"x_?.rox", 3),
        (b"x_[!0]*.rox", 3),
        (b"x_0*.rox", 3),
        (b"x_\xff*", 3),
        (b"*/x.rox", 3),
        (b"**/*.rox", 9),
    ] {
        let listed = run(roxfs().arg("ls").arg(name(pattern)));
        let lines = listed.split(|&byte| byte == b'\n').count() - 1;
        assert_eq!(lines, records, "{pattern:?}");
        for command in ["info", "verify"] {
            run(roxfs().arg(command).arg(name(pattern)));
        }
        run(roxfs().args(["cat", "-i", "0"]).arg(name(pattern)));
    }
    let target = temp_dir();
    let mut pack = roxfs();
    pack.args(["pack", "-q", "--plain", "--from", "rox", "-o"]);
    run(pack.arg(target.path().join("d.rox")).arg(name(b"x_*.rox")));
    let mut extract = roxfs();
    extract.args(["extract", "-q", "--tar"]);
    run(extract.arg(name(b"x_0*.rox")));
    let mount = Mount::with(&[], &[&name(b"x_*.rox")]);
    mount.unmount();
}

#[test]
fn one_damaged_shard_of_several_is_named() {
    let directory = temp_dir();
    for name in ["x_0000.rox", "x_0001.rox", "x_0002.rox"] {
        shard(&directory.path().join(name));
    }
    std::fs::write(directory.path().join("x_0001.rox"), b"").expect("empty file");
    for argument in ["", "x.rox", "x_*.rox"] {
        let mut command = roxfs();
        command.arg("info").arg(directory.path().join(argument));
        let found = message(&mut command, directory.path(), DAMAGED);
        let expected = "file size is 0 bytes, expected at least 24 bytes (a footer)";
        assert_eq!(found, format!("roxfs: PATH/x_0001.rox: {expected}\n"));
    }
}
