//! Who may read a shard that is appended to: nobody who could not before, at no moment.
//! `scripts/attack/append-rights` tries random cases against the kernel.

use super::source;
use crate::support::*;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("there").mode() & 0o7777
}

/// A dataset of one shard, in a directory that all may write into.
fn target() -> (Target, PathBuf) {
    let target = Target::new();
    run(&mut target.pack(&[source(&["a"]).path()]));
    set_mode(target.path(), 0o777);
    let shard = target.shards()[0].clone();
    (target, shard)
}

fn acl(path: &Path) -> String {
    sh("getfacl -n -c -p \"$1\"", &[path])
}

/// Sets attributes of a file, each to its name.
fn set_attributes(path: &Path, names: &[&str]) {
    let set = "import os, sys\n\
               for name in sys.argv[2:]: os.setxattr(sys.argv[1], name, name.encode())";
    let names: Vec<&Path> = names.iter().map(Path::new).collect();
    let script = "python3 -c \"$1\" \"${@:2}\"";
    sh(script, &[&[Path::new(set), path], &names[..]].concat());
}

/// The attributes of a file: names and values.
fn attributes(path: &Path) -> String {
    let get = "import os, sys\n\
               for name in sorted(os.listxattr(sys.argv[1])): \
               print(name, os.getxattr(sys.argv[1], name).decode())";
    sh("python3 -c \"$1\" \"$2\"", &[Path::new(get), path])
}

/// Appends as an ordinary user, who is in these groups: what is said.
fn append_as(uid: u32, groups: &str, target: &Target) -> String {
    let source = source(&["b"]);
    set_mode(source.path(), 0o755);
    let program = temp_dir();
    set_mode(program.path(), 0o755);
    let program = roxfs_in(program.path());
    let mut command = as_user(&uid.to_string(), "61000", groups, program);
    command.args(["pack", "-q", "-o"]).arg(target.dataset());
    said(command.arg(source.path()))
}

#[test]
fn the_copy_is_for_its_owner_alone_until_it_is_whole() {
    let (target, shard) = target();
    for old in [0o600, 0o644] {
        set_mode(&shard, old);
        let mut running = Running::start(&mut target.pack(&["--from", "lines"]));
        running.write(b"one\n");
        let copy = || {
            let names = entries(target.path()).into_iter();
            let mut copies = names.filter(|name| name.ends_with(".tmp"));
            copies.next().map(|name| target.path().join(name))
        };
        wait_until("the copy has begun", || copy().is_some());
        assert_eq!(mode(&copy().expect("there")), 0o600);
        drop(running.0.stdin.take());
        wait_until("the copy is whole", || copy().is_none());
        assert!(running.0.wait().expect("ended").success());
        assert_eq!(mode(&shard), old);
    }
}

#[test]
fn an_access_control_list_is_kept() {
    let (target, shard) = target();
    let lists = [
        "u:65533:r,g::-,m::r,o::-",
        "g:65533:rw,g::r,m::rw,o::-",
        "u:65533:-,g::r,o::r",
    ];
    for (list, name) in lists.iter().zip(["x", "y", "z"]) {
        sh("setfacl -b -m \"$2\" \"$1\"", &[&shard, Path::new(list)]);
        let (before, bits) = (acl(&shard), mode(&shard));
        let message = said(target.pack(&["-q"]).arg(source(&[name]).path()));
        assert_eq!(message, "");
        assert_eq!((acl(&shard), mode(&shard)), (before, bits), "{list}");
    }
}

#[test]
fn a_list_that_the_directory_gives_to_new_files_lets_nobody_into_the_copy() {
    let (target, shard) = target();
    sh(
        "setfacl -d -m u:65533:rw,g:65532:r \"$1\"",
        &[target.path()],
    );
    set_mode(&shard, 0o640);
    let before = acl(&shard);
    run(target.pack(&["-q"]).arg(source(&["b"]).path()));
    assert_eq!((acl(&shard), mode(&shard)), (before, 0o640));
}

#[test]
fn a_user_may_keep_a_group_that_it_is_in() {
    need_root();
    let (target, shard) = target();
    chown(&shard, Some(61001), Some(61005)).expect("chown");
    set_mode(&shard, 0o640);
    assert_eq!(append_as(61001, "61005", &target), "");
    let after = shard.metadata().expect("there");
    assert_eq!(
        (after.uid(), after.gid(), mode(&shard)),
        (61001, 61005, 0o640)
    );
}

#[test]
fn a_group_that_cannot_be_kept_takes_its_rights_with_it_and_is_said() {
    need_root();
    for (old, new) in [
        (0o640, 0o600),
        (0o644, 0o644),
        (0o664, 0o644),
        (0o604, 0o600),
    ] {
        let (target, shard) = target();
        chown(&shard, Some(61001), Some(61005)).expect("chown");
        set_mode(&shard, old);
        let message = append_as(61001, "61009", &target);
        let expected = format!(
            "{}: what could not be kept of its access rights: its group (Operation not permitted",
            shard.display()
        );
        assert!(message.contains(&expected), "{message}");
        let after = shard.metadata().expect("there");
        assert_eq!(
            (after.uid(), after.gid(), mode(&shard)),
            (61001, 61000, new)
        );
    }
}

#[test]
fn the_shard_of_another_user_keeps_group_and_mode_and_the_new_owner_is_said() {
    need_root();
    let (target, shard) = target();
    chown(&shard, Some(61001), Some(61005)).expect("chown");
    set_mode(&shard, 0o640);
    let message = append_as(61002, "61005", &target);
    let expected =
        "it had user 61001, group 61005, mode 0640, and has user 61002, group 61005, mode 0640 now";
    assert!(message.contains(expected), "{message}");
    assert!(
        message.contains("its owner (Operation not permitted"),
        "{message}"
    );
    // The old owner could not read it, and would be one of the group now.
    chown(&shard, Some(61001), None).expect("chown");
    set_mode(&shard, 0o040);
    append_as(61002, "61005", &target_again(&target));
    assert_eq!(mode(&shard), 0o000);
}

/// The same dataset without the name that has been appended.
fn target_again(target: &Target) -> Target {
    let shard = target.shards()[0].clone();
    let rights = shard.metadata().expect("there");
    std::fs::remove_file(&shard).expect("removed");
    run(&mut target.pack(&[source(&["a"]).path()]));
    chown(&shard, Some(rights.uid()), Some(rights.gid())).expect("chown");
    set_mode(&shard, rights.mode() & 0o7777);
    Target::on(target.path())
}

#[test]
fn attributes_of_the_user_and_labels_are_copied_and_others_are_not() {
    need_root();
    let (target, shard) = target();
    let names = ["user.origin", "security.selinux", "trusted.other"];
    set_attributes(&shard, &names);
    run(target.pack(&["-q"]).arg(source(&["b"]).path()));
    let expected = "security.selinux security.selinux\nuser.origin user.origin\n";
    assert_eq!(attributes(&shard), expected);
}

#[test]
fn an_ordinary_user_keeps_the_attributes_of_a_shard_that_may_not_be_written() {
    need_root();
    for bits in [0o444, 0o400, 0o644] {
        let (target, shard) = target();
        set_attributes(&shard, &["user.note"]);
        chown(&shard, Some(61001), Some(61005)).expect("chown");
        set_mode(&shard, bits);
        assert_eq!(append_as(61001, "61005", &target), "");
        assert_eq!(attributes(&shard), "user.note user.note\n");
        assert_eq!(mode(&shard), bits);
    }
}
