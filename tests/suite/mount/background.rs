//! Mounting as a person or a script does it: in the background and the foreground, and what cannot be
//! mounted.

use crate::support::*;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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
    assert!(line.trim_end().ends_with("/a,b\\x20c.rox"), "{line}");
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
fn a_mount_point_that_cannot_be_used_is_an_error_and_nothing_stays_mounted() {
    let (directory, dataset) = dataset();
    let missing = directory.path().join("missing");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("written");
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
    let script = "findmnt -nro TARGET -S \"$1\"";
    let target = PathBuf::from(sh(script, &[&dataset]).trim());
    // Other tests, which look through the processes, use it for a moment, again and again.
    wait_until("it is unmounted", || {
        output(roxfs().arg("umount").arg(&target)).status.success()
    });
    assert!(!is_mounted(&target));
}
