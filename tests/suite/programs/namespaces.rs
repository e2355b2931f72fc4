//! Mounts below and inside what containers are made of: overlays and user namespaces.

use super::{Sample, errno, record_path};
use crate::support::*;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// An overlay with a mount as its lower layer, unmounted when dropped.
struct Overlay {
    path: PathBuf,
    upper: PathBuf,
    _directory: TempDir,
}

impl Overlay {
    fn over(lower: &Path) -> Overlay {
        // In memory: an upper layer cannot itself be on an overlay, as a container's /tmp may be.
        let directory = tempfile::tempdir_in("/dev/shm").expect("temporary directory");
        let [path, upper, work] = ["merged", "upper", "work"].map(|name| {
            let path = directory.path().join(name);
            std::fs::create_dir(&path).expect("directory");
            path
        });
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        let kind = Some("overlay");
        nix::mount::mount(kind, &path, kind, MsFlags::empty(), Some(options.as_str()))
            .expect("overlay mounted");
        Overlay {
            path,
            upper,
            _directory: directory,
        }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.path, MntFlags::MNT_DETACH);
    }
}

#[test]
fn an_overlay_shows_the_mount_below_it() {
    need_root();
    let sample = Sample::new();
    let overlay = Overlay::over(sample.mount.path());
    sh(
        r#"diff -r "$1/records" "$2/records"; diff -r "$1/raw" "$2/raw"
           cd "$1/records"; sha256sum * | (cd "$2/records"; sha256sum --check --quiet)"#,
        &[&overlay.path, sample.plain.path()],
    );
}

#[test]
fn an_overlay_keeps_changes_in_its_upper_layer() {
    need_root();
    let sample = Sample::new();
    let overlay = Overlay::over(sample.mount.path());
    let records = overlay.path.join("records");
    let changed = records.join("000003.bin");
    let file = std::fs::File::options().append(true).open(&changed);
    file.and_then(|mut file| file.write_all(b"more"))
        .expect("appended");
    std::fs::remove_file(records.join("000002.bin")).expect("removed");
    std::fs::write(records.join("new"), b"new").expect("created");
    std::fs::rename(records.join("000004.bin"), records.join("moved")).expect("renamed");

    let appended = [&sample.records[3][..], b"more"].concat();
    assert_eq!(std::fs::read(&changed).expect("read"), appended);
    assert_eq!(
        std::fs::read(overlay.upper.join("records/000003.bin")).expect("copied up"),
        appended
    );
    assert_eq!(
        std::fs::read(records.join("moved")).expect("read"),
        sample.records[4]
    );
    let listed = sh(r#"ls "$1""#, &[&records]);
    let kept = (0..sample.records.len()).filter(|number| ![2, 4].contains(number));
    let mut expected: Vec<String> = kept.map(|number| format!("{number:06}.bin")).collect();
    expected.extend(["moved".to_owned(), "new".to_owned()]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
    // The mount is what it was.
    sh(r#"diff -r "$1/records" "$2/records""#, &sample.paths());
}

#[test]
fn an_overlay_shows_views_of_the_mount_below_it() {
    need_root();
    let sample = Sample::new();
    let overlay = Overlay::over(sample.mount.path());
    for view in ["shuffle=7", "shuffle=7,split=1of3", "slice=::-1"] {
        let [above, below] = [overlay.path.as_path(), sample.mount.path()]
            .map(|mount| mount.join("views").join(view));
        sh(r#"diff -r "$1" "$2""#, &[&above, &below]);
        assert_eq!(entries(&above), entries(&below));
        assert!(!entries(&above).is_empty());
    }
    let missing = overlay.path.join("views/mix=7");
    assert_eq!(errno(std::fs::metadata(missing)), Some(Errno::ENOENT));
}

#[test]
fn a_view_is_used_first_from_a_mount_namespace_made_later() {
    let sample = Sample::new();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "bash", "-c"]);
    command.arg(r#"cd "$0/views/slice=::-1" && ls | wc -l && cat 000000.bin | sha256sum"#);
    let last = sample.records.len() - 1;
    let expected = sh(
        r#"ls "$2/records" | wc -l; sha256sum <"$1""#,
        &[&record_path(&sample.mount, last), sample.plain.path()],
    );
    assert_eq!(run(command.arg(sample.mount.path())), expected.as_bytes());
}

#[test]
fn a_mount_is_read_from_a_new_user_namespace() {
    let sample = Sample::new();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "diff", "-r"]);
    let directories = sample.paths().map(|path| path.join("records"));
    assert_eq!(run(command.args(directories)), b"");
}

/// Runs a script in new user, mount and process namespaces. All processes in there end with
/// the script, and with them the mounts.
fn in_namespaces(commands: &str, arguments: &[&Path]) -> String {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount"])
        .args(["--pid", "--fork", "--kill-child"])
        .args(["bash", "-euo", "pipefail", "-c", commands])
        .arg(env!("CARGO_BIN_EXE_roxfs"))
        .args(arguments);
    String::from_utf8(run(&mut command)).expect("UTF-8 output")
}

/// A sample, and a directory to mount its shards on once more.
fn sample_and_mount_point() -> (Sample, TempDir) {
    (Sample::new(), temp_dir())
}

#[test]
fn roxfs_mounts_in_a_user_namespace() {
    let (sample, point) = sample_and_mount_point();
    let found = in_namespaces(
        r#""$0" mount "$1" "$2"
           diff -r "$2/records" "$3/records"; diff -r "$2/raw" "$3/raw"
           stat -c %u "$2" "$2/records/000002.bin"
           "$0" umount "$2"
           ls "$2""#,
        &[sample.shards.path(), point.path(), sample.plain.path()],
    );
    assert_eq!(found, "0\n0\n");
    assert!(!is_mounted(point.path()));
}

#[test]
fn roxfs_mounts_in_the_foreground_of_a_user_namespace() {
    let (sample, point) = sample_and_mount_point();
    in_namespaces(
        r#""$0" mount --foreground "$1" "$2" &
           timeout 60 bash -c 'until mountpoint -q "$0"; do sleep 0.01; done' "$2"
           diff -r "$2/records" "$3/records"
           "$0" umount "$2"
           wait $!"#,
        &[sample.shards.path(), point.path(), sample.plain.path()],
    );
}

#[test]
fn a_mount_is_visible_in_a_mount_namespace_made_later() {
    let sample = Sample::new();
    let record = record_path(&sample.mount, 4);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "cat"]);
    assert!(run(command.arg(record)) == sample.records[4]);
}
