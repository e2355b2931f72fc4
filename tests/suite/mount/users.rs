//! Mounts of ordinary users, by fusermount3, and whom a shard keeps out.

use crate::support::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

#[test]
fn an_access_control_list_that_refuses_someone_is_not_undone_by_the_mount() {
    let (directory, dataset) = dataset();
    let shard = directory.path().join("d_0000.rox");
    sh("chmod 644 \"$1\"; setfacl -m u:nobody:- \"$1\"", &[&shard]);
    let mount = Mount::new(&dataset);
    let mode = |path: &str| {
        mount
            .join(path)
            .metadata()
            .expect("stat")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("records/000000.bin"), 0o400);
    assert_eq!(mode("records/000019.bin"), 0o444);
    assert_eq!(mode("raw/data"), 0o400);
    mount.unmount();
}

/// A dataset, a mount point of the ordinary user's, and the program where this user reaches it.
struct UserSetup {
    _directory: TempDir,
    dataset: PathBuf,
    path: PathBuf,
    program: PathBuf,
    _unmount: Unmount,
    _device: OpenDevice,
}

fn user_setup(dataset_name: &str) -> UserSetup {
    let directory = temp_dir();
    let dataset = pack_records(directory.path(), dataset_name, &records(100), &[]);
    let (path, unmount) = mount_point(directory.path());
    let nobody = nix::unistd::User::from_name("nobody")
        .expect("users")
        .expect("nobody");
    nix::unistd::chown(&path, Some(nobody.uid), Some(nobody.gid)).expect("chown");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).expect("chmod");
    let program = roxfs_in(directory.path());
    UserSetup {
        _directory: directory,
        dataset,
        path,
        program,
        _unmount: unmount,
        _device: OpenDevice::new(),
    }
}

#[test]
fn an_ordinary_user_mounts_reads_and_unmounts() {
    let user = user_setup("d");
    let path = &user.path;
    run(as_nobody(&user.program)
        .args(["mount", "-o", "fsname=x"])
        .arg(&user.dataset)
        .arg(path));
    let listed = sh("findmnt -nro FSTYPE,SOURCE \"$1\"", &[path]);
    assert_eq!(listed, "fuse.roxfs x\n");
    let copy = run(as_nobody("cat").arg(path.join("records/000007.bin")));
    assert_eq!(copy, bytes(7, 7 * 37));
    run(as_nobody(&user.program).arg("umount").arg(path));
    assert!(!is_mounted(path));
    wait_until("the daemon ends", || daemon_of(path).is_none());
}

/// An ordinary user may not copy a mount, but in a user namespace, where the system allows those.
#[test]
fn an_ordinary_users_names_are_listed_ahead() {
    let user = user_setup("d");
    let path = &user.path;
    let log = user.dataset.with_extension("log");
    let mut daemon = as_nobody(&user.program)
        .args(["mount", "--foreground"])
        .arg(&user.dataset)
        .arg(path)
        .env("ROXFS_LOG", "debug")
        .stderr(std::fs::File::create(&log).expect("log"))
        .spawn()
        .expect("started");
    let said = |what: &str| std::fs::read_to_string(&log).expect("log").contains(what);
    wait_until("it is mounted", || said("mounted at"));
    for number in 0..100 {
        let name = format!("records/{number:06}.bin");
        run(as_nobody("test").arg("-f").arg(path.join(name)));
    }
    let mut namespace = as_nobody("unshare");
    let is_allowed = output(namespace.args(["--user", "--mount", "true"]));
    let expected = if is_allowed.status.success() {
        "listed ahead in"
    } else {
        "cannot be listed ahead: "
    };
    wait_until("names are listed", || said(expected));
    run(as_nobody(&user.program).arg("umount").arg(path));
    assert!(daemon.wait().expect("ended").success());
}

#[test]
fn an_ordinary_users_mount_in_use_is_unmounted_only_lazily() {
    let user = user_setup("d");
    run(as_nobody(&user.program)
        .arg("mount")
        .arg(&user.dataset)
        .arg(&user.path));
    let script = "cd \"$1\"; exec sleep 1000";
    let mut holder = as_nobody("bash");
    let mut holder = holder
        .args(["-c", script, "bash"])
        .arg(&user.path)
        .spawn()
        .expect("started");
    let cwd = format!("/proc/{}/cwd", holder.id());
    wait_until("it is in the mount", || {
        std::fs::read_link(&cwd).is_ok_and(|cwd| cwd == user.path)
    });
    let message = fail(as_nobody(&user.program).arg("umount").arg(&user.path), 1);
    run(as_nobody(&user.program)
        .args(["umount", "-l"])
        .arg(&user.path));
    holder.kill().expect("killed");
    holder.wait().expect("ended");
    assert!(message.contains(": in use; "), "{message}");
    assert!(!is_mounted(&user.path));
}

#[test]
fn an_ordinary_users_commas_and_backslashes_stay_in_the_source() {
    let user = user_setup(r"a,allow_other\b");
    run(as_nobody(&user.program)
        .arg("mount")
        .arg(&user.dataset)
        .arg(&user.path));
    let options = sh("findmnt -nro OPTIONS \"$1\"", &[&user.path]);
    assert!(!options.contains("allow_other"), "{options}");
    let source = sh("findmnt -nro SOURCE \"$1\"", &[&user.path]);
    assert!(source.ends_with("/a,allow_other\\x5cb.rox\n"), "{source}");
    run(as_nobody(&user.program).arg("umount").arg(&user.path));
}

#[test]
fn an_ordinary_user_is_told_why_mounting_is_refused() {
    let user = user_setup("d");
    std::os::unix::fs::chown(&user.path, Some(0), Some(0)).expect("chown");
    let message = fail(
        as_nobody(&user.program)
            .arg("mount")
            .arg(&user.dataset)
            .arg(&user.path),
        1,
    );
    let expected = format!(
        "roxfs: {}: fusermount3: user has no write access",
        user.path.display()
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(message.lines().count(), 1);
    assert!(!is_mounted(&user.path));
}
