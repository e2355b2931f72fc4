//! Mounting and unmounting as a person or a script does it: in the background and the
//! foreground, as root and as an ordinary user, with everything that can go wrong.

mod bounded;
mod rewritten;
mod start;
mod truncated;

use crate::support::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

fn records(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| bytes(i, i as usize * 37)).collect()
}

/// A dataset of 20 records in a few shards, in a directory of its own.
fn dataset() -> (TempDir, PathBuf) {
    let directory = temp_dir();
    let dataset = pack_records(
        directory.path(),
        "d",
        &records(20),
        &["--shard-size", "4KiB"],
    );
    (directory, dataset)
}

#[test]
fn a_mounted_dataset_has_its_records() {
    let directory = temp_dir();
    let records = records(50);
    let dataset = pack_records(directory.path(), "d", &records, &["--shard-size", "8KiB"]);
    let mount = Mount::new(&dataset);
    for (number, record) in records.iter().enumerate() {
        assert_eq!(&mount.read(&format!("records/{number:06}.bin")), record);
    }
    assert_eq!(mount.read("raw/data"), records.concat());
    mount.unmount();
}

#[test]
fn the_command_returns_when_the_mount_answers_and_says_what_is_mounted() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let output = output(roxfs().arg("mount").arg(&dataset).arg(&path));
    assert!(output.status.success() && output.stdout.is_empty());
    let message = String::from_utf8_lossy(&output.stderr);
    let expected = format!("in 2 shards mounted at {}\n", path.display());
    assert!(
        message.starts_with("roxfs: 20 records (") && message.ends_with(&expected),
        "{message}"
    );
    assert!(path.join("records/000019.bin").exists());
}

#[test]
fn the_daemon_holds_neither_terminal_nor_directory_nor_standard_streams() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let process = format!("/proc/{}", mount.daemon());
    let link = |name: &str| std::fs::read_link(format!("{process}/{name}")).expect(name);
    assert_eq!(link("cwd"), Path::new("/"));
    for stream in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(link(stream), Path::new("/dev/null"));
    }
    let stat = std::fs::read_to_string(format!("{process}/stat")).expect("stat");
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    assert_eq!(
        fields[3],
        mount.daemon().to_string(),
        "it leads a session of its own"
    );
    mount.unmount();
}

#[test]
fn a_shard_given_by_a_relative_path_stays_readable() {
    let (directory, _dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut command = roxfs();
    command
        .current_dir(directory.path())
        .args(["mount", "d.rox", "mnt"]);
    run(&mut command);
    assert_eq!(
        std::fs::read(path.join("records/3.bin")).expect("read"),
        bytes(3, 111)
    );
}

#[test]
fn the_mount_is_listed_with_its_type_source_and_options() {
    let directory = temp_dir();
    let dataset = pack_records(directory.path(), "a,b c", &records(2), &[]);
    let mount = Mount::with(&["-o", "noexec,noatime"], &[&dataset]);
    let line = sh("findmnt -nro FSTYPE,OPTIONS,SOURCE \"$1\"", &[mount.path()]);
    let mut fields = line.split_whitespace();
    assert_eq!(fields.next(), Some("fuse.roxfs"));
    let options: Vec<&str> = fields.next().expect("options").split(',').collect();
    for option in [
        "ro",
        "nosuid",
        "nodev",
        "noexec",
        "noatime",
        "default_permissions",
    ] {
        assert!(options.contains(&option), "{option}: {line}");
    }
    assert!(!options.contains(&"allow_other") && !options.iter().any(|o| o.starts_with("b ")));
    assert!(line.trim_end().ends_with("/a,b\\x20c_0000.rox"), "{line}");
}

#[test]
fn signals_unmount() {
    for ending in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (directory, dataset) = dataset();
        let (path, _unmount) = mount_point(directory.path());
        let mut child = foreground(&dataset, &path);
        assert_eq!(
            std::fs::read(path.join("records/1.bin")).expect("read"),
            bytes(1, 37)
        );
        signal(child.id(), ending);
        assert!(child.wait().expect("ended").success(), "{ending}");
        assert!(!is_mounted(&path));
    }
}

#[test]
fn a_signal_to_the_daemon_in_the_background_unmounts() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    signal(mount.daemon(), Signal::SIGTERM);
    wait_until("the mount is gone", || !is_mounted(mount.path()));
    wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
}

#[test]
fn a_signal_detaches_a_mount_in_use_and_open_files_are_served_on() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut child = foreground(&dataset, &path);
    let mut open = File::open(path.join("raw/data")).expect("open");
    signal(child.id(), Signal::SIGTERM);
    wait_until("the mount is gone", || !is_mounted(&path));
    let mut content = Vec::new();
    open.read_to_end(&mut content).expect("still served");
    assert_eq!(content, records(20).concat());
    drop(open);
    assert!(child.wait().expect("ended").success());
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut said)
        .expect("UTF-8");
    assert!(said.contains("is in use: detached"), "{said}");
}

#[test]
fn a_second_signal_ends_a_mount_in_use_at_once() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut child = foreground(&dataset, &path);
    let open = File::open(path.join("raw/data")).expect("open");
    signal(child.id(), Signal::SIGTERM);
    wait_until("the mount is gone", || !is_mounted(&path));
    signal(child.id(), Signal::SIGTERM);
    assert_eq!(child.wait().expect("ended").code(), Some(1));
    drop(open);
}

#[test]
fn a_mount_in_use_is_not_unmounted_unless_lazily() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let open = File::open(mount.join("raw/data")).expect("open");
    let path = mount.path().display();
    let message = fail(roxfs().arg("umount").arg(mount.path()), 1);
    assert!(
        message.starts_with(&format!("roxfs: {path}: in use; \"fuser -vm {path}\"")),
        "{message}"
    );
    run(roxfs().args(["umount", "-l"]).arg(mount.path()));
    assert!(!is_mounted(mount.path()));
    drop(open);
    wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
}

#[test]
fn a_mount_whose_daemon_was_killed_can_be_unmounted() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    signal(mount.daemon(), Signal::SIGKILL);
    wait_until("the mount is dead", || {
        mount.join("records/5.bin").metadata().is_err()
    });
    assert!(is_mounted(mount.path()));
    run(roxfs().arg("umount").arg(mount.path()));
    assert!(!is_mounted(mount.path()));
}

#[test]
fn a_daemon_that_is_told_to_end_late_leaves_the_next_mount_alone() {
    let (_directory, first) = dataset();
    let (_other, second) = dataset();
    let mount = Mount::new(&first);
    let old = mount.daemon();
    signal(old, Signal::SIGSTOP);
    run(roxfs().arg("umount").arg(mount.path()));
    run(roxfs().arg("mount").arg(&second).arg(mount.path()));
    signal(old, Signal::SIGTERM);
    signal(old, Signal::SIGCONT);
    let ended = || std::fs::read(format!("/proc/{old}/cmdline")).map_or(true, |c| c.is_empty());
    wait_until("the first daemon ends", ended);
    assert!(is_mounted(mount.path()));
    assert_eq!(mount.read("records/1.bin"), bytes(1, 37));
    mount.unmount();
}

#[test]
fn a_signal_ends_a_mount_that_was_bound_elsewhere_or_renamed() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let parent = mount.path().parent().expect("parent").to_owned();
    let bound = parent.join("bound");
    std::fs::create_dir(&bound).expect("directory");
    let _unmount = Unmount(bound.clone());
    sh("mount --bind \"$1\" \"$2\"", &[mount.path(), &bound]);
    let daemon = mount.daemon();
    signal(daemon, Signal::SIGTERM);
    wait_until("it ends", || daemon_of(mount.path()).is_none());
    assert!(!is_mounted(mount.path()) && !is_mounted(&bound));

    let inner = parent.join("inner/mnt");
    std::fs::create_dir_all(&inner).expect("directory");
    run(roxfs().arg("mount").arg(&dataset).arg(&inner));
    std::fs::rename(parent.join("inner"), parent.join("renamed")).expect("renamed");
    let _unmount = Unmount(parent.join("renamed/mnt"));
    signal(daemon_of(&inner).expect("a daemon"), Signal::SIGTERM);
    wait_until("it ends", || daemon_of(&inner).is_none());
    assert!(!is_mounted(&parent.join("renamed/mnt")));
}

#[test]
fn what_covers_a_mount_is_not_unmounted_by_a_signal() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    sh("mount -t tmpfs cover \"$1\"", &[mount.path()]);
    let daemon = mount.daemon();
    signal(daemon, Signal::SIGTERM);
    // The first one is answered, the second one ends it.
    wait_until("it ends", || {
        let _ = kill(Pid::from_raw(daemon as i32), Signal::SIGTERM);
        daemon_of(mount.path()).is_none()
    });
    let kind = sh("findmnt -nro FSTYPE \"$1\" | tail -n 1", &[mount.path()]);
    sh("umount \"$1\"", &[mount.path()]);
    assert_eq!(kind, "tmpfs\n");
}

#[test]
fn a_mount_whose_connection_was_cut_is_removed() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let open = File::open(mount.join("records/3.bin")).expect("open");
    // It is busy, but cut off all the same.
    let _ = output(Command::new("umount").arg("-f").arg(mount.path()));
    wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
    drop(open);
    assert!(!is_mounted(mount.path()));
}

#[test]
fn the_directory_that_one_is_in_can_be_mounted_on() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    run(roxfs()
        .current_dir(&path)
        .arg("mount")
        .arg(&dataset)
        .arg("."));
    assert!(path.join("records").exists());
    run(roxfs().arg("umount").arg(&path));
}

#[test]
fn a_daemon_keeps_nothing_open_that_its_caller_had() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let script = "said=$(\"$1\" mount \"$2\" \"$3\" 3>&1 2>/dev/null); echo \"ended:$said\"";
    let mut command = Command::new("timeout");
    command.args([
        "30",
        "bash",
        "-c",
        script,
        "bash",
        env!("CARGO_BIN_EXE_roxfs"),
    ]);
    assert_eq!(run(command.arg(&dataset).arg(&path)), b"ended:\n");
    run(roxfs().arg("umount").arg(&path));
}

#[test]
fn a_closed_standard_error_does_not_matter() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut command = roxfs();
    let mut child = command
        .arg("mount")
        .arg(&dataset)
        .arg(&path)
        .stderr(Stdio::piped())
        .spawn()
        .expect("run");
    drop(child.stderr.take());
    assert!(child.wait().expect("ended").success());
    run(roxfs().arg("umount").arg(&path));
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut command = Command::new("nohup");
    command
        .arg(env!("CARGO_BIN_EXE_roxfs"))
        .args(["mount", "-f"])
        .arg(&dataset)
        .arg(&path);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    wait_until("the mount answers", || path.join("records").exists());
    signal(child.id(), Signal::SIGHUP);
    assert_eq!(
        std::fs::read(path.join("records/1.bin")).expect("read"),
        bytes(1, 37)
    );
    signal(child.id(), Signal::SIGTERM);
    assert!(child.wait().expect("ended").success());
}

#[test]
fn of_mounts_at_the_same_time_and_place_one_is_made() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    for _ in 0..10 {
        let start = |_| {
            roxfs()
                .arg("mount")
                .arg(&dataset)
                .arg(&path)
                .stderr(Stdio::null())
                .spawn()
        };
        let children: Vec<Child> = (0..4).map(|n| start(n).expect("started")).collect();
        let ended = children
            .into_iter()
            .map(|mut child| child.wait().expect("ended").success());
        assert_eq!(ended.filter(|&success| success).count(), 1);
        run(roxfs().arg("umount").arg(&path));
        assert!(!is_mounted(&path), "another one was below it");
    }
}

#[test]
fn unmounting_goes_through_links_and_dots() {
    let (directory, dataset) = dataset();
    for how in ["link", "mnt/", "./mnt", "other/../mnt"] {
        let mount = Mount::new(&dataset);
        let parent = mount.path().parent().expect("parent");
        std::os::unix::fs::symlink(mount.path(), parent.join("link")).expect("link");
        std::fs::create_dir(parent.join("other")).expect("directory");
        run(roxfs().current_dir(parent).args(["umount", how]));
        assert!(!is_mounted(mount.path()), "{how}");
    }
    drop(directory);
}

#[test]
fn nothing_but_a_roxfs_mount_is_unmounted() {
    let directory = temp_dir();
    let path = directory.path().display();
    let message = fail(roxfs().arg("umount").arg(directory.path()), 1);
    assert_eq!(message, format!("roxfs: {path}: no roxfs mount is there\n"));
    let message = fail(roxfs().args(["umount", "/proc"]), 1);
    assert_eq!(
        message,
        "roxfs: /proc: no roxfs mount is there (but proc)\n"
    );
}

#[test]
fn all_are_unmounted_even_if_one_fails() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let message = fail(roxfs().args(["umount", "/nowhere"]).arg(mount.path()), 1);
    assert_eq!(message, "roxfs: /nowhere: no roxfs mount is there\n");
    assert!(!is_mounted(mount.path()));
}

#[test]
fn a_mount_point_that_cannot_be_used_is_an_error_and_nothing_stays_mounted() {
    let (directory, dataset) = dataset();
    let missing = directory.path().join("missing");
    let file = directory.path().join("d_0000.rox");
    for (path, reason) in [
        (missing, "No such file or directory"),
        (file, "Not a directory"),
    ] {
        for background in [&["mount"][..], &["mount", "-f"]] {
            let message = fail(roxfs().args(background).arg(&dataset).arg(&path), 1);
            let expected = format!("roxfs: {}: cannot be mounted on: {reason}", path.display());
            assert!(message.starts_with(&expected), "{message}");
            assert!(!is_mounted(&path));
        }
    }
}

#[test]
fn a_second_dataset_is_not_mounted_over_the_first() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let message = fail(roxfs().arg("mount").arg(&dataset).arg(mount.path()), 1);
    assert!(
        message.contains("a dataset is mounted there already"),
        "{message}"
    );
    mount.unmount();
}

#[test]
fn a_mount_over_the_daemons_own_proc_directory_does_not_hang() {
    let (_directory, dataset) = dataset();
    let mut command = Command::new("timeout");
    command.args(["60", env!("CARGO_BIN_EXE_roxfs"), "mount"]);
    run(command.arg(&dataset).arg("/proc/self"));
    let source = dataset.with_file_name("d_0000.rox");
    let script = "findmnt -nro TARGET -S \"$1\"";
    let target = PathBuf::from(sh(script, &[&source]).trim());
    // Who goes through the processes, as other tests do, uses it for a moment, again and again.
    wait_until("it is unmounted", || {
        output(roxfs().arg("umount").arg(&target)).status.success()
    });
    assert!(!is_mounted(&target));
}

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
    let expected = match is_allowed.status.success() {
        true => "listed ahead in",
        false => "cannot be listed ahead: ",
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
    assert!(
        source.ends_with("/a,allow_other\\x5cb_0000.rox\n"),
        "{source}"
    );
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
