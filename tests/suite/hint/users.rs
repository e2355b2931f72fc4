//! Other users than the one who has mounted.

use super::*;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

const USER: &str = "1234";
const OTHER: &str = "1235";

/// `roxfs hint` as an ordinary user.
fn hint_as(user: &str, programs: &Path, mount: &Mount) -> Command {
    let mut command = as_user(user, user, "", roxfs_in(programs));
    command.arg("hint").arg(mount.path());
    command
}

/// A mount, and a directory of programs, that every user comes to.
fn for_all(options: &[&str]) -> (TempDir, Mount) {
    let (directory, mount) = mounted(options);
    let parent = mount.path().parent().expect("has a parent");
    for path in [parent, directory.path()] {
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("chmod");
    }
    (directory, mount)
}

#[test]
fn whoever_may_not_open_the_root_hands_nothing_over() {
    let (directory, mount) = for_all(&[]);
    let message = fail_with(&mut hint_as(USER, directory.path(), &mount), b"1\n", FAILED);
    let expected = format!(
        "roxfs: {}: permission denied; a mount is its user's alone without `mount --allow-other`\n",
        mount.path().display()
    );
    assert_eq!(message, expected);
    assert_eq!(used(&mount), 0);
}

#[test]
fn orders_of_users_are_their_own_and_root_takes_back_all() {
    let (directory, mount) = for_all(&["--allow-other"]);
    let as_user = |user, option: &str, order: &[u8]| {
        run_with(hint_as(user, directory.path(), &mount).arg(option), order);
        used(&mount) / CHUNK
    };
    assert_eq!(as_user(USER, "-q", b"1\n"), 1);
    assert_eq!(as_user(OTHER, "-q", b"2\n"), 2);
    run_with(&mut hint(mount.path()), b"3\n");
    assert_eq!(as_user(OTHER, "-q", b"4\n"), 4);
    assert_eq!(as_user(OTHER, "--clear", b""), 2);
    assert_eq!(as_user(OTHER, "--clear", b""), 2);
    run(hint(mount.path()).arg("--clear"));
    assert_eq!(used(&mount), 0);
}

/// Numbers are no secret, and reading needs the permissions of the shard as before.
#[test]
fn who_may_not_read_a_record_may_name_it_and_still_not_read_it() {
    let (directory, mount) = {
        let (directory, mount) = for_all(&["--allow-other"]);
        mount.unmount();
        for entry in std::fs::read_dir(directory.path()).expect("listed") {
            let path = entry.expect("an entry").path();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
        }
        let mount = Mount::with(&["--allow-other"], &[&directory.path().join("d.rox")]);
        let parent = mount.path().parent().expect("has a parent");
        std::fs::set_permissions(parent, Permissions::from_mode(0o755)).expect("chmod");
        (directory, mount)
    };
    let order: String = (0..COUNT).map(|n| format!("records/{n}.bin\n")).collect();
    run_with(
        &mut hint_as(USER, directory.path(), &mount),
        order.as_bytes(),
    );
    assert_eq!(used(&mount), CHUNK);
    let record = mount.join("records/7.bin");
    let message = fail(as_user(USER, USER, "", "cat").arg(&record), 1);
    assert!(message.contains("Permission denied"), "{message}");
    assert_eq!(std::fs::read(&record).expect("read"), bytes(7, 49));
}
