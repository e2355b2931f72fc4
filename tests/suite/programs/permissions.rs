//! Who may read what: a record is for those who may read its shard, and a mount for its user
//! alone unless others are let in.

use super::{pack_shards, record_path};
use crate::support::*;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// An ordinary user with a group of the same number, and one more group.
const USER: u32 = 1234;
const GROUP: u32 = 5678;

/// Permissions, owner and group of a file.
type Access = (u32, u32, u32);

/// Shards of one record each, with these permissions and owners.
fn shards(access: &[Access]) -> (TempDir, Vec<Vec<u8>>) {
    let directory = temp_dir();
    let records = pack_shards(directory.path(), &vec![&[5000][..]; access.len()]);
    for (number, &(mode, user, group)) in access.iter().enumerate() {
        let path = directory.path().join(format!("{number}.rox"));
        chown(&path, Some(user), Some(group)).expect("chown");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
    }
    (directory, records)
}

/// Mounts for all users, and lets them come as far as the mount.
fn mount_for_all(directory: &Path) -> Mount {
    let mount = Mount::with(&["--allow-other"], &[directory]);
    open_way(&mount);
    mount
}

fn open_way(mount: &Mount) {
    let parent = mount.path().parent().expect("has a parent");
    std::fs::set_permissions(parent, Permissions::from_mode(0o755)).expect("chmod");
}

/// Runs a program with an option on a path, as the ordinary user.
fn user_runs(program: &str, path: &Path) -> Output {
    let [user, group] = [USER, GROUP].map(|number| number.to_string());
    let mut words = program.split(' ');
    let mut command = as_user(&user, &user, &group, words.next().expect("a program"));
    output(command.args(words).arg(path).env("LC_ALL", "C"))
}

fn assert_denied(program: &str, path: &Path) {
    let output = user_runs(program, path);
    let said = String::from_utf8_lossy(&output.stderr);
    let what = path.display();
    assert!(!output.status.success(), "{program} {what}: {output:?}");
    assert!(
        said.contains("Permission denied"),
        "{program} {what}: {said}"
    );
}

fn access_of(path: &Path) -> Access {
    let stat = std::fs::metadata(path).expect("stat");
    (stat.mode() & 0o7777, stat.uid(), stat.gid())
}

#[test]
fn a_record_shows_the_owner_of_its_shard_and_who_may_read_it() {
    need_root();
    let given = [
        (0o644, 0, 0),
        (0o640, USER, GROUP),
        (0o600, USER, 1),
        (0o777, 1, GROUP),
        (0o222, 2, 2),
        (0o4755, 3, 3),
    ];
    let (directory, _) = shards(&given);
    let mount = Mount::new(directory.path());
    for (number, (mode, user, group)) in given.into_iter().enumerate() {
        let expected = (mode & 0o444, user, group);
        assert_eq!(access_of(&record_path(&mount, number)), expected);
        let in_shard = mount.join(&format!("shards/{number}/000000.bin"));
        assert_eq!(access_of(&in_shard), expected);
    }
    for directory in ["", "records", "raw", "shards", "shards/2", ".roxfs"] {
        assert_eq!(access_of(&mount.join(directory)), (0o555, 0, 0));
    }
}

#[test]
fn raw_files_are_for_those_who_may_read_every_shard() {
    need_root();
    let cases: [(&[Access], Access); 5] = [
        (&[(0o644, 0, 0), (0o444, 0, 0)], (0o444, 0, 0)),
        (&[(0o644, 7, 8), (0o640, 7, 8)], (0o440, 7, 8)),
        (&[(0o600, 7, 8), (0o640, 7, 8)], (0o400, 7, 8)),
        // What the groups may each read of one shard, neither may read of both.
        (&[(0o640, 7, 8), (0o640, 7, 9)], (0o400, 7, 0)),
        // Nor the owners; the mounting user takes their place.
        (&[(0o600, 7, 8), (0o600, 9, 8)], (0o400, 0, 8)),
    ];
    for (given, expected) in cases {
        let (directory, _) = shards(given);
        let mount = Mount::new(directory.path());
        for file in ["raw/data", "raw/index"] {
            assert_eq!(access_of(&mount.join(file)), expected, "{file} {given:?}");
        }
    }
}

#[test]
fn times_are_those_of_the_shards() {
    let directory = temp_dir();
    pack_shards(directory.path(), &[&[1, 2], &[3], &[4]]);
    let epoch = SystemTime::UNIX_EPOCH;
    let times = [
        epoch + Duration::new(1_000_000_000, 123_456_789),
        epoch + Duration::new(1_700_000_000, 1),
        epoch - Duration::new(86_400, 0),
    ];
    for (number, time) in times.iter().enumerate() {
        let path = directory.path().join(format!("{number}.rox"));
        let shard = File::options().write(true).open(path).expect("shard");
        shard.set_modified(*time).expect("time set");
    }
    let mount = Mount::new(directory.path());
    let [first, newest, oldest] = times;
    for (path, expected) in [
        ("records/000000.bin", first),
        ("records/000001.bin", first),
        ("records/000002.bin", newest),
        ("records/000003.bin", oldest),
        ("shards/0/000001.bin", first),
        ("shards/2", oldest),
        ("raw/data", newest),
        ("raw/index", newest),
        ("records", newest),
    ] {
        let stat = std::fs::metadata(mount.join(path)).expect("stat");
        assert_eq!(stat.modified().ok(), Some(expected), "{path}");
    }
}

#[test]
fn other_users_read_what_they_may_read_of_the_shards() {
    need_root();
    let given = [
        ((0o644, 0, 0), true),
        ((0o600, USER, 0), true),
        ((0o640, 0, GROUP), true),
        ((0o640, 0, 0), false),
        ((0o600, 0, USER), false),
        // The group's missing permission counts, not that of all others.
        ((0o604, 0, USER), false),
        // So does the owner's.
        ((0o044, USER, USER), false),
    ];
    let (directory, records) = shards(&given.map(|(access, _)| access));
    let mount = mount_for_all(directory.path());
    for (number, (access, readable)) in given.into_iter().enumerate() {
        let path = record_path(&mount, number);
        assert!(user_runs("stat", &path).status.success(), "{access:?}");
        assert_eq!(user_runs("test -r", &path).status.success(), readable);
        if readable {
            assert_eq!(
                user_runs("cat", &path).stdout,
                records[number],
                "{access:?}"
            );
        } else {
            assert_denied("cat", &path);
        }
        // Root may read all, as it may read all shards.
        assert_eq!(std::fs::read(&path).expect("read"), records[number]);
    }
    assert_denied("cat", &mount.join("raw/data"));
    assert_denied("cat", &mount.join("raw/index"));
    let listed = user_runs("ls", &mount.join("records")).stdout;
    assert_eq!(listed.split(|&byte| byte == b'\n').count(), given.len() + 1);
    // It has the paths of all shards.
    assert_denied("cat", &mount.join(".roxfs/info.json"));
}

#[test]
fn other_users_read_raw_data_where_they_may_read_every_shard() {
    need_root();
    let (directory, records) = shards(&[(0o644, 0, 0), (0o444, USER, 7)]);
    let mount = mount_for_all(directory.path());
    let read = user_runs("cat", &mount.join("raw/data"));
    assert!(read.stdout == records.concat(), "{read:?}");
    // What one user has read into the page cache is still not for all.
    let (directory, _) = shards(&[(0o644, 0, 0), (0o400, 0, 0)]);
    let mount = mount_for_all(directory.path());
    mount.read("raw/data");
    assert_denied("cat", &mount.join("raw/data"));
}

#[test]
fn other_users_are_kept_out_unless_let_in() {
    need_root();
    let (directory, records) = shards(&[(0o644, USER, GROUP)]);
    let mount = Mount::new(directory.path());
    open_way(&mount);
    // Known to the kernel already, so that it is not only unknown names that are refused.
    assert_eq!(mount.read("records/000000.bin"), records[0]);
    for path in ["", "records", "raw"] {
        assert_denied("ls", &mount.join(path));
    }
    for path in ["records/000000.bin", "raw/data", ".roxfs/info.json"] {
        assert_denied("cat", &mount.join(path));
        assert_denied("stat", &mount.join(path));
    }
}
