//! What people get wrong, or their machine does not have: each message says what to do.

use crate::support::*;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A directory with a dataset `d`, whose records have names, and a mount point `mnt`, where each command
/// is run.
struct Here {
    directory: TempDir,
    path: PathBuf,
    _unmount: Unmount,
}

impl Here {
    fn new() -> Here {
        let (source, directory) = (temp_dir(), temp_dir());
        write_tree(
            source.path(),
            &[("cat/1.txt", "meow"), ("dog/1.txt", "woof")],
        );
        pack(source.path(), directory.path(), "d", &[]);
        std::fs::create_dir(directory.path().join("other")).expect("directory");
        let (path, _unmount) = mount_point(directory.path());
        Here {
            directory,
            path,
            _unmount,
        }
    }

    fn roxfs(&self, arguments: &[&str]) -> Command {
        let mut command = roxfs();
        command.current_dir(&self.directory).args(arguments);
        command
    }

    /// What a command that has to fail says; `@` is the directory.
    fn fails(&self, arguments: &[&str], code: i32) -> String {
        let said = fail(&mut self.roxfs(arguments), code);
        assert!(!is_mounted(&self.path) || arguments[0] != "mount", "{said}");
        self.without_directory(&said)
    }

    fn without_directory(&self, said: &str) -> String {
        said.replace(self.directory.path().to_str().expect("UTF-8"), "@")
    }
}

#[test]
fn arguments_that_are_missing_or_in_the_wrong_order() {
    let here = Here::new();
    for (arguments, expected) in [
        (
            &["mount", "other", "d.rox"][..],
            "roxfs: d.rox names shards, and other is a directory: the directory to mount on comes last: \
             roxfs mount d.rox other\n",
        ),
        (
            &["mount", "d.rox", "d_0000.rox"],
            "roxfs: d_0000.rox names shards: behind it, a directory to mount on is needed\n",
        ),
    ] {
        assert_eq!(here.fails(arguments, USAGE), expected);
    }
    let said = here.fails(&["mount", "d.rox"], USAGE);
    assert!(said.contains("not provided:\n  <MOUNTPOINT>\n"), "{said}");
    let said = here.fails(&["mount", "d.rox", "missing"], FAILED);
    assert!(
        said.ends_with("; make the directory first: mkdir -p missing\n"),
        "{said}"
    );
}

#[test]
fn a_bare_name_stands_for_its_shards_and_is_completed_for_a_single_file() {
    let here = Here::new();
    run(&mut here.roxfs(&["mount", "d", "mnt"]));
    assert!(here.path.join("files/cat/1.txt").exists());
    run(&mut here.roxfs(&["umount", "mnt"]));
    let said = here.fails(&["mount", "d_0000", "mnt"], FAILED);
    assert_eq!(
        said,
        "roxfs: @/d_0000: no such file; did you mean @/d_0000.rox?\n"
    );
    let said = here.fails(&["info", "e"], FAILED);
    assert_eq!(said, "roxfs: e: no such file\n");
}

#[test]
fn a_mounted_dataset_is_no_dataset_and_nothing_is_mounted_in_it() {
    let here = Here::new();
    run(&mut here.roxfs(&["mount", "d.rox", "mnt"]));
    let hint = "it is in the mount of a dataset, and shards are needed; \"findmnt -no SOURCE @/mnt\" shows \
                where they are\n";
    let said = fail(&mut here.roxfs(&["mount", "mnt", "other"]), FAILED);
    assert_eq!(
        here.without_directory(&said),
        format!("roxfs: @/mnt: {hint}")
    );
    let said = here.fails(&["info", "mnt/records"], FAILED);
    assert_eq!(said, format!("roxfs: mnt/records: {hint}"));
    let said = fail(&mut here.roxfs(&["mount", "d.rox", "mnt/records"]), FAILED);
    let expected = "roxfs: @/mnt/records: it is in the dataset that is mounted at @/mnt; mount on a \
                    directory outside it\n";
    assert_eq!(here.without_directory(&said), expected);
    unmount(&here.path);
}

#[test]
fn a_root_that_is_in_the_tree_of_names() {
    let here = Here::new();
    let root = |root| here.fails(&["mount", "--root", root, "d.rox", "mnt"], FAILED);
    let expected = "roxfs: --root cat: no such file or directory; did you mean --root files/cat?\n";
    assert_eq!(root("cat"), expected);
    assert_eq!(
        root("cow"),
        "roxfs: --root cow: no such file or directory\n"
    );
}

#[test]
fn more_shards_than_open_files() {
    let here = Here::new();
    let shard = here.directory.path().join("d_0000.rox");
    for number in 0..30 {
        let copy = here.directory.path().join(format!("other/{number}.rox"));
        std::fs::copy(&shard, copy).expect("copied");
    }
    let mut command = Command::new("bash");
    let script = "ulimit -n 20; exec \"$1\" mount other mnt";
    command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_roxfs")]);
    let said = fail(command.current_dir(&here.directory), FAILED);
    assert!(
        said.ends_with(
            "each shard is an open file, and this process may have 20: more with \"ulimit -Hn NUMBER\" as \
             root, or LimitNOFILE=NUMBER in a unit\n"
        ),
        "{said}"
    );
}

/// What roxfs says where a directory of the machine has been replaced, in a mount namespace.
fn where_missing(here: &Here, prepare: &str, command: &str) -> String {
    let script = format!("{prepare}\nexec \"$1\" {command}");
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--mount",
        "--propagation",
        "slave",
        "bash",
        "-euc",
        &script,
        "bash",
    ]);
    unshare.arg(env!("CARGO_BIN_EXE_roxfs"));
    here.without_directory(&fail(unshare.current_dir(&here.directory), FAILED))
}

#[test]
fn no_proc() {
    let here = Here::new();
    let reason = "/proc is not mounted, and it tells what is: mount -t proc proc /proc\n";
    for command in ["mount d.rox mnt", "mount -f d.rox mnt"] {
        let said = where_missing(&here, "umount -l /proc", command);
        assert_eq!(said, format!("roxfs: {reason}"));
    }
    let said = where_missing(&here, "umount -l /proc", "umount mnt");
    assert_eq!(said, format!("roxfs: mnt: {reason}"));
}

#[test]
fn no_device() {
    let here = Here::new();
    let container = "--device /dev/fuse --cap-add SYS_ADMIN\n";
    let no_device = "mount -t tmpfs none /dev; mknod /dev/null c 1 3";
    let said = where_missing(&here, no_device, "mount d.rox mnt");
    assert!(
        said.starts_with("roxfs: /dev/fuse: No such file or directory"),
        "{said}"
    );
    assert!(
        said.contains("modprobe fuse") && said.ends_with(container),
        "{said}"
    );
    let closed = format!("{no_device}; mknod /dev/fuse c 10 229; mount -o remount,bind,nodev /dev");
    let said = where_missing(
        &here,
        &closed.replace("mknod /dev/null c 1 3", "touch /dev/null"),
        "mount d.rox mnt",
    );
    assert!(
        said.starts_with("roxfs: /dev/fuse: Permission denied"),
        "{said}"
    );
}
