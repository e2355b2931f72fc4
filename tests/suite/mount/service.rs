//! Mounts as services: what the service manager is told, and what `scripts/packaging` installs.

use crate::support::*;
use nix::sys::signal::Signal;
use std::fs::File;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a notification may take.
const DEADLINE: Duration = Duration::from_secs(60);

fn receive(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 200];
    let len = socket.recv(&mut buffer).expect("told in time");
    String::from_utf8_lossy(&buffer[..len]).into_owned()
}

/// A socket, as in the variable `NOTIFY_SOCKET`.
fn notified(address: &SocketAddr) -> UnixDatagram {
    let socket = UnixDatagram::bind_addr(address).expect("bound");
    socket.set_read_timeout(Some(DEADLINE)).expect("set");
    socket
}

#[test]
fn a_service_manager_is_told_when_the_mount_answers_and_when_it_stops() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let file = directory.path().join("notify");
    let name = format!("roxfs-service-{}", std::process::id());
    let addresses = [
        (SocketAddr::from_pathname(&file), file.display().to_string()),
        (SocketAddr::from_abstract_name(&name), format!("@{name}")),
    ];
    for (address, variable) in addresses {
        let socket = notified(&address.expect("an address"));
        let mut command = roxfs();
        command
            .args(["mount", "--foreground"])
            .arg(&dataset)
            .arg(&path);
        command
            .env("NOTIFY_SOCKET", &variable)
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("started");
        let ready = receive(&socket);
        assert!(ready.starts_with("READY=1\nSTATUS=20 records"), "{ready}");
        assert!(path.join("records/000019.bin").exists());
        // In use, so that it does not end at once.
        let open = File::open(path.join("records/000019.bin")).expect("opened");
        signal(child.id(), Signal::SIGTERM);
        assert_eq!(receive(&socket), "STOPPING=1");
        drop(open);
        assert!(child.wait().expect("ended").success());
    }
}

/// It may have been started by a service, of which it is not the main process.
#[test]
fn in_the_background_nobody_is_told() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let file = directory.path().join("notify");
    let socket = notified(&SocketAddr::from_pathname(&file).expect("an address"));
    run(roxfs()
        .arg("mount")
        .arg(&dataset)
        .arg(&path)
        .env("NOTIFY_SOCKET", &file));
    signal(daemon_of(&path).expect("a daemon"), Signal::SIGTERM);
    wait_until("the daemon ends", || daemon_of(&path).is_none());
    socket.set_nonblocking(true).expect("set");
    assert!(socket.recv(&mut [0; 10]).is_err());
}

#[test]
fn a_service_manager_that_does_not_listen_changes_nothing() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    for variable in ["/nowhere/notify", "vsock:2:1", ""] {
        let mut command = roxfs();
        command
            .args(["mount", "--foreground"])
            .arg(&dataset)
            .arg(&path);
        command
            .env("NOTIFY_SOCKET", variable)
            .stderr(Stdio::piped());
        let child = command.spawn().expect("started");
        wait_until("the mount answers", || path.join("records").exists());
        signal(child.id(), Signal::SIGTERM);
        let ended = child.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{said}");
        assert_eq!(
            said.contains("NOTIFY_SOCKET"),
            !variable.is_empty(),
            "{said}"
        );
    }
}

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts/packaging")
        .join(name)
}

/// `scripts/packaging/install` below a directory, with the program under test.
fn install(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new(packaging("install"));
    command.args(arguments).env("DESTDIR", directory);
    run(command
        .env("PREFIX", "/opt/x")
        .env("ROXFS", env!("CARGO_BIN_EXE_roxfs")));
}

#[test]
fn installing_makes_the_links_and_keeps_updatedb_out_and_removing_undoes_it() {
    let directory = temp_dir();
    let path = |name: &str| directory.path().join(name);
    let read = |name: &str| std::fs::read_to_string(path(name)).expect(name);
    let before = "PRUNE_BIND_MOUNTS=\"yes\"\nPRUNEFS = \"NFS afs fuse.sshfs\"\n";
    std::fs::create_dir(path("etc")).expect("directory");
    std::fs::write(path("etc/updatedb.conf"), before).expect("written");
    for _ in 0..2 {
        install(directory.path(), &[]);
        for link in ["usr/sbin/mount.roxfs", "usr/sbin/mount.fuse.roxfs"] {
            let target = std::fs::read_link(path(link)).expect(link);
            assert_eq!(target, Path::new("/opt/x/bin/roxfs"));
        }
        run(Command::new(path("opt/x/bin/roxfs")).arg("--version"));
        let pruned = before.replace("\"NFS", "\"fuse.roxfs NFS");
        assert_eq!(read("etc/updatedb.conf"), pruned);
        let unit = read("opt/x/lib/systemd/system/roxfs@.service");
        assert!(
            unit.contains("\nExecStart=/opt/x/bin/roxfs mount --foreground "),
            "{unit}"
        );
    }
    install(directory.path(), &["--remove"]);
    assert_eq!(read("etc/updatedb.conf"), before);
    let left = sh("cd \"$1\"; find . ! -type d", &[directory.path()]);
    assert_eq!(left, "./etc/updatedb.conf\n");
}

/// The command line of the unit, with values for its variables, mounts; and systemd, where it is there,
/// understands the unit.
#[test]
fn the_unit_of_the_package_is_understood() {
    let unit = std::fs::read_to_string(packaging("roxfs@.service")).expect("the unit");
    let program = env!("CARGO_BIN_EXE_roxfs");
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let line = line
        .expect("a command")
        .replace("/usr/local/bin/roxfs", "\"$0\"");
    assert!(line.contains("$OPTIONS $SHARDS ${MOUNTPOINT}"), "{line}");
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut command = Command::new("bash");
    command.args(["-c", &format!("exec {line}"), program]);
    command
        .env("OPTIONS", "--allow-other --root records")
        .env("SHARDS", &dataset);
    command.env("MOUNTPOINT", &path).stderr(Stdio::null());
    let mut child = command.spawn().expect("started");
    wait_until("it is mounted", || path.join("000019.bin").exists());
    unmount(&path);
    assert!(child.wait().expect("ended").success());

    if Path::new("/usr/bin/systemd-analyze").exists() {
        let copy = directory.path().join("roxfs@train.service");
        std::fs::write(&copy, unit.replace("/usr/local/bin/roxfs", program)).expect("written");
        run(Command::new("systemd-analyze").arg("verify").arg(copy));
    }
}

/// Each line of the example is understood by mount(8) and by roxfs.
#[test]
fn the_lines_of_the_example_of_fstab_are_understood() {
    let example = std::fs::read_to_string(packaging("fstab.example")).expect("the example");
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let link = directory.path().join("mount.fuse.roxfs");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_roxfs"), &link).expect("linked");
    let is_line = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let lines: Vec<&str> = example.lines().filter(is_line).collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((fields.len(), fields[2]), (6, "fuse.roxfs"), "{line}");
        // The records have names; --root files needs some.
        run(Command::new(&link)
            .arg(&dataset)
            .arg(&path)
            .args(["-f", "-o", fields[3]]));
    }
}
