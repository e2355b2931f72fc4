//! `roxfs hint` on real mounts: every path of a record, every root, and what is no mount.

use super::*;
use nix::mount::{MntFlags, MsFlags};
use nix::sys::signal::Signal;
use std::path::PathBuf;

/// A directory mounted a second time, unmounted when dropped.
struct Bound(PathBuf);

impl Bound {
    fn new(what: &Path, directory: &Path) -> Bound {
        need_root();
        let path = directory.join("bound");
        std::fs::create_dir(&path).expect("directory");
        let nothing = None::<&str>;
        nix::mount::mount(Some(what), &path, nothing, MsFlags::MS_BIND, nothing).expect("bound");
        Bound(path)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn every_path_of_a_record_is_taken_whichever_directory_is_the_root() {
    let (_directory, mount) = mounted(&[]);
    assert!(mount.join("views/shuffle=7,names").is_dir());
    for path in [
        "records",
        "files",
        "shards/d_0000",
        "views/shuffle=7",
        "views/shuffle=7,names",
    ] {
        let found = sh(r#"find "$1" -type f | shuf"#, &[&mount.join(path)]);
        let said = run_with(&mut hint(mount.path()), found.as_bytes());
        let count = found.lines().count();
        assert_eq!(
            said,
            format!("roxfs: {count} records handed over\n"),
            "{path}"
        );
        assert!(count > 100, "{path}");
    }
    assert_eq!(used(&mount), 5 * CHUNK);
    for root in [
        "files",
        "records",
        "views/shuffle=7,split=1of2,names",
        "shards/d_0000",
    ] {
        let (_directory, mount) = mounted(&["--root", root]);
        let order = sh(r#"cd "$1"; find . -type f -print0"#, &[mount.path()]);
        let said = run_with(hint(mount.path()).arg("-0"), order.as_bytes());
        let count = order.split_terminator('\0').count();
        assert_eq!(
            said,
            format!("roxfs: {count} records handed over\n"),
            "{root}"
        );
        assert_eq!(used(&mount), CHUNK);
    }
}

#[test]
fn what_is_no_record_is_said_with_its_line() {
    let (directory, mount) = mounted(&[]);
    let at = mount.path().display();
    let outside = directory.path().join("d_0000.rox");
    let outside = outside.to_str().expect("UTF-8");
    let missing = format!(
        "No such file or directory (os error 2); expected the path of a record in {at}, or its number"
    );
    let cases = [
        (
            "1\n300\n",
            "line 2: 300 is no record: expected a number below 300".to_owned(),
        ),
        (
            "1\n99999999999999999999999\n",
            format!(
                "line 2: {} is no record: expected a number below 300",
                u64::MAX
            ),
        ),
        (
            "1\n\n",
            "line 2: it is empty: expected the number of a record, or its path".to_owned(),
        ),
        ("files/x\n", format!("line 1: files/x: {missing}")),
        ("-1\n", format!("line 1: -1: {missing}")),
        (
            "1\n2\nfiles",
            "line 3: files: a directory; expected the path of a record, or its number".to_owned(),
        ),
        (
            "raw/data\n",
            "line 1: raw/data: a file, but no record; expected the path of a record, or its number"
                .to_owned(),
        ),
        (
            outside,
            format!(
                "line 1: {outside}: not in {at}; expected the path of a record there, or its number"
            ),
        ),
        ("a\u{1b}[2J\n", format!("line 1: a\\x1b[2J: {missing}")),
    ];
    for (order, expected) in cases {
        let message = fail_with(&mut hint(mount.path()), order.as_bytes(), FAILED);
        let expected = format!("roxfs: standard input, {expected}; nothing is handed over\n");
        assert_eq!(message, expected);
    }
    let message = fail_with(hint(mount.path()).arg("--binary"), &[0; 15], FAILED);
    assert!(
        message.contains("number 2: the input ends within it"),
        "{message}"
    );
    let message = fail_with(hint(mount.path()).arg("-0"), b"1\x002\x00x", FAILED);
    assert!(message.contains("entry 3: x: "), "{message}");
    assert_eq!(used(&mount), 0);
    assert_eq!(
        run_with(&mut hint(mount.path()), b""),
        "roxfs: 0 records handed over\n"
    );
    assert_eq!(used(&mount), 0);
}

#[test]
fn a_mount_that_is_bound_elsewhere_takes_orders_and_a_directory_of_it_does_not() {
    let (directory, mount) = mounted(&[]);
    let bound = Bound::new(mount.path(), directory.path());
    let order = format!(
        "{0}/records/1.bin\n{1}/files/000002\n",
        bound.0.display(),
        mount.path().display()
    );
    for path in [mount.path(), &bound.0] {
        run_with(&mut hint(path), order.as_bytes());
    }
    drop(bound);
    std::fs::remove_dir(directory.path().join("bound")).expect("removed");
    let bound = Bound::new(&mount.join("files"), directory.path());
    for path in [&mount.join("files"), &bound.0] {
        let message = fail_with(&mut hint(path), b"1\n", FAILED);
        let expected = format!(
            "roxfs: {}: a directory in a mount, not its root; expected {}\n",
            path.display(),
            mount.path().display()
        );
        assert_eq!(message, expected);
    }
    // Paths there are of the mount all the same.
    let order = format!("{}/000007\n", bound.0.display());
    run_with(&mut hint(mount.path()), order.as_bytes());
    assert_eq!(used(&mount), 3 * CHUNK);
}

#[test]
fn orders_come_from_other_namespaces() {
    let (_directory, mount) = mounted(&[]);
    let mut inside = Command::new("unshare");
    inside
        .args(["--user", "--map-root-user", "--mount"])
        .arg(env!("CARGO_BIN_EXE_roxfs"));
    run_with(inside.arg("hint").arg(mount.path()), b"records/1.bin\n2\n");
    assert_eq!(used(&mount), CHUNK);
}

#[test]
fn what_is_no_mount_of_roxfs_is_said_to_be_none() {
    let (directory, mount) = mounted(&[]);
    let directory = directory.path();
    let expected = "expected a directory on which roxfs has mounted a dataset";
    let case = |path: &Path, what: &str| {
        let message = fail_with(&mut hint(path), b"1\n", FAILED);
        assert_eq!(
            message,
            format!("roxfs: {}: {what}; {expected}\n", path.display())
        );
    };
    case(directory, "no roxfs mount is there");
    case(Path::new("/proc"), "no roxfs mount is there (but proc)");
    let not_opened = |reason| format!("cannot be opened: {reason}");
    case(
        &directory.join("x"),
        &not_opened("No such file or directory (os error 2)"),
    );
    case(
        &directory.join("d_0000.rox"),
        &not_opened("Not a directory (os error 20)"),
    );
    case(
        &mount.join("records/0.bin"),
        &not_opened("Not a directory (os error 20)"),
    );
    let path = mount.path().to_owned();
    unmount(&path);
    case(&path, "no roxfs mount is there");
}

#[test]
fn a_mount_that_ends_meanwhile_is_said_to_have_ended() {
    let (_directory, mount) = mounted(&[]);
    let mut running = Running::start(&mut hint(mount.path()));
    running.write(b"1\n");
    wait_until("it is handed over", || used(&mount) == CHUNK);
    let daemon = mount.daemon();
    signal(daemon, Signal::SIGKILL);
    wait_until("it has ended", || {
        !Path::new(&format!("/proc/{daemon}/exe")).exists()
    });
    running.write(b"2\n");
    let (code, message) = running.end();
    let path = mount.path().display();
    let expected = format!("roxfs: {path}: the mount has ended\n");
    assert_eq!((code, message), (Some(FAILED), expected));
    let message = fail_with(&mut hint(mount.path()), b"1\n", FAILED);
    let expected = format!(
        "roxfs: {path}: the mount has ended; `roxfs umount {path}` removes what is left, and then it can be \
         mounted again\n"
    );
    assert_eq!(message, expected);
}
