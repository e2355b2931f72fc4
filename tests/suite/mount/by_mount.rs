//! mount(8) and umount(8): fstab, the helper's options, and users whom fstab lets mount.

use crate::support::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A directory with a dataset `d.rox` and mount points `1`, `2` and `3`; mount(8) finds helpers there.
struct Fstab {
    directory: TempDir,
    _device: OpenDevice,
}

/// Run before a test's script: in a mount namespace of its own, so that nobody else sees what is put into
/// the place of fstab and the directory of helpers. Daemons keep a namespace, so they have to end.
const PREPARE: &str = r#"
cd "$1"
trap 'for path in 1 2 3; do ! mountpoint -q $path || umount -l $path; done' EXIT
sbin=$(realpath /sbin)
mkdir helpers all
mount --bind "$sbin" all
ln -s -t helpers "$PWD"/all/*
ln -sf "$PWD/roxfs" helpers/mount.roxfs
ln -sf "$PWD/roxfs" helpers/mount.fuse.roxfs
mount --bind helpers "$sbin"
[ ! -e fstab ] || mount --bind fstab /etc/fstab
as_nobody="setpriv --reuid=nobody --regid=nogroup --clear-groups"
"#;

impl Fstab {
    /// With these lines, in which `@` is the directory.
    fn new(lines: &str) -> Fstab {
        let (directory, _dataset) = dataset();
        let path = directory.path();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("mode");
        for name in ["1", "2", "3"] {
            std::fs::create_dir(path.join(name)).expect("mount point");
        }
        roxfs_in(path);
        let lines = lines.replace('@', path.to_str().expect("UTF-8"));
        std::fs::write(path.join("fstab"), lines).expect("fstab");
        Fstab {
            directory,
            _device: OpenDevice::new(),
        }
    }

    /// Runs a script with `-eu`, in the directory; `@` is the directory in what it prints.
    fn run(&self, script: &str) -> String {
        let mut command = Command::new("timeout");
        command
            .args([
                "--signal=KILL",
                "60",
                "unshare",
                "--mount",
                "--propagation",
                "slave",
            ])
            .args(["bash", "-euc", &format!("{PREPARE}{script}"), "bash"])
            .arg(self.directory.path());
        let Output {
            status,
            stdout,
            stderr,
        } = output(&mut command);
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{status}: {said}");
        let path = self.directory.path().to_str().expect("UTF-8");
        String::from_utf8(stdout).expect("UTF-8").replace(path, "@")
    }
}

#[test]
fn what_fstab_has_is_mounted_once_however_often_it_is_asked_for() {
    let fstab = Fstab::new(
        "@/d.rox @/1 fuse.roxfs nofail,_netdev,allow_other,comment=mine,x-systemd.automount 0 0\n\
         @/sp\\040ace @/2 roxfs defaults,noexec 0 0\n\
         @/d_*.rox @/3 fuse.roxfs ro,root=\"views/shuffle=7,names\",noauto 0 0\n",
    );
    let spaced = fstab.directory.path().join("sp ace");
    std::fs::create_dir(&spaced).expect("directory");
    let shard = fstab.directory.path().join("d_0000.rox");
    std::fs::copy(shard, spaced.join("other.rox")).expect("copied");
    let said = fstab.run(
        "mount -a 2>&1; mount 3 2>&1
        mount -a -v | grep -c 'already mounted'
        findmnt -rno TARGET,SOURCE,FSTYPE,OPTIONS | grep \"^$1/[123] \"
        wc -c < 1/records/000007.bin; ls 3 | head -n 1 | cut -c 1-8
        cat /proc/$(pgrep -f \"mount.fuse.roxfs $1/d.rox\")/comm
        umount 1; umount \"$1/2\"; umount 3",
    );
    let kept = "user_id=0,group_id=0,default_permissions";
    let expected = format!(
        "2\n\
        @/1 @/d.rox fuse.roxfs ro,nosuid,nodev,relatime,{kept},allow_other\n\
        @/2 @/sp\\x20ace fuse.roxfs ro,nosuid,nodev,noexec,relatime,{kept}\n\
        @/3 @/d_*.rox fuse.roxfs ro,nosuid,nodev,relatime,{kept}\n\
        259\n000000__\nroxfs\n"
    );
    assert_eq!(said, expected);
}

#[test]
fn what_cannot_be_mounted_is_said_with_the_exit_codes_of_mount_8() {
    let fstab = Fstab::new("");
    std::fs::write(fstab.directory.path().join("bad.rox"), "no shard").expect("written");
    let said = fstab.run(
        "try() { echo \"$*\"; mount \"$@\" 2>&1 | head -n 1; echo ${PIPESTATUS[0]}; }
        try -t roxfs -o rw,thread=2 d.rox 1
        try -t fuse.roxfs -o remount d.rox 1
        try -t roxfs none.rox 1
        try -t roxfs bad.rox 1
        mount -t roxfs d.rox 1
        try -t roxfs d.rox 1
        umount 1",
    );
    let expected = "-t roxfs -o rw,thread=2 d.rox 1\n\
        error: unknown mount option \"thread\"; did you mean \"threads\"?\n1\n\
        -t fuse.roxfs -o remount d.rox 1\n\
        error: remount: what is mounted cannot be changed; unmount it, and mount it again\n1\n\
        -t roxfs none.rox 1\n\
        roxfs: @/none.rox: no such file, and no none_NNNN.rox either\n32\n\
        -t roxfs bad.rox 1\n\
        roxfs: @/bad.rox: file size is 8 bytes, expected at least 24 bytes (a footer)\n32\n\
        -t roxfs d.rox 1\n\
        roxfs: @/1: a dataset is mounted there already; unmount it first: roxfs umount @/1\n32\n";
    assert_eq!(said, expected);
}

#[test]
fn fake_mounts_nothing_sloppy_ignores_what_is_unknown_and_verbose_says_what_was_mounted() {
    let fstab = Fstab::new("");
    let said = fstab.run(
        "mount -f -t roxfs -o root=files d.rox 1 2>&1
        mountpoint -q 1 || echo none
        ! mount -f -t roxfs -o root=nowhere d.rox 1 2>&1
        ! mount -f -t roxfs d.rox fstab 2>&1
        mount -s -n -t roxfs -o nosuchoption,root=files d.rox 1 2>&1
        ls 1 | wc -l
        umount 1
        mount -v -t roxfs d.rox 1 2>&1 | tail -n 1
        umount 1",
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "none");
    assert!(
        lines[1].starts_with("roxfs: --root nowhere: no such file"),
        "{said}"
    );
    assert!(
        lines[2].ends_with("Not a directory (os error 20)"),
        "{said}"
    );
    assert_eq!(lines[3], "20");
    assert!(lines[4].ends_with(" in 2 shards mounted at @/1"), "{said}");
    assert_eq!(lines.len(), 5, "{said}");
}

#[test]
fn users_mount_and_unmount_what_fstab_lets_them() {
    let fstab = Fstab::new(
        "@/d.rox @/1 fuse.roxfs noauto,user 0 0\n\
         @/d.rox @/2 fuse.roxfs noauto,users,exec 0 0\n\
         @/d.rox @/3 fuse.roxfs noauto,users 0 0\n",
    );
    let said = fstab.run(
        "chown nobody 1 2
        $as_nobody mount 1; $as_nobody mount \"$1/2\"
        ! $as_nobody mount 3 2>&1 | sed 's/.*: //'
        findmnt -rno TARGET,SOURCE,OPTIONS | grep \"^$1/[123]\"
        $as_nobody cat 1/records/000007.bin | wc -c
        $as_nobody umount 1; $as_nobody umount 2
        mount 3; $as_nobody umount 3
        mount 1; ! $as_nobody umount 1 2> said; grep -c 'must be superuser' said; umount 1",
    );
    let nobody = nix::unistd::User::from_name("nobody");
    let nobody = nobody.expect("users").expect("nobody");
    let (user, group) = (nobody.uid, nobody.gid);
    let kept = format!("relatime,user_id={user},group_id={group},default_permissions");
    let expected = format!(
        "user has no write access to mountpoint @/3\n\
        @/1 @/d.rox ro,nosuid,nodev,noexec,{kept}\n\
        @/2 @/d.rox ro,nosuid,nodev,{kept}\n\
        259\n1\n"
    );
    assert_eq!(said, expected);
}

/// Without a link of its name, mount(8) runs mount.fuse, and this one a shell.
#[test]
fn mount_fuse_finds_the_program_by_the_type() {
    let fstab = Fstab::new("");
    let said = fstab.run(
        "export PATH=$PWD:$PATH
        mount.fuse3 \"$1/d.rox\" \"$1/1\" -o rw,nofail,x-systemd.automount,ext=txt -t fuse.roxfs
        findmnt -rno SOURCE,FSTYPE --mountpoint 1
        wc -c < 1/records/000007.txt
        umount 1",
    );
    assert_eq!(said, "@/d.rox fuse.roxfs\n259\n");
}

#[test]
fn a_mount_is_made_in_the_namespace_that_mount_8_was_given() {
    let fstab = Fstab::new("");
    let said = fstab.run(
        "unshare --mount sleep 1000 & other=$!
        until [ \"$(cat /proc/$other/comm)\" = sleep ]; do sleep 0.01; done
        mount -N $other -t roxfs \"$1/d.rox\" \"$1/1\"
        mountpoint -q 1 || echo none
        nsenter --mount=/proc/$other/ns/mnt findmnt -rno SOURCE --mountpoint \"$1/1\"
        nsenter --mount=/proc/$other/ns/mnt umount \"$1/1\"
        kill $other",
    );
    assert_eq!(said, "none\n@/d.rox\n");
}

/// systemd and automount(8) hold up everybody but themselves until a mount that somebody waits for is made.
#[test]
fn a_mount_is_made_for_those_who_wait_in_an_automount_and_is_not_made_again_when_it_ends() {
    let fstab = Fstab::new("");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/mount/automount.py");
    let script = script.display();
    let said = fstab.run(&format!(
        "for how in \"mount -t roxfs\" ./roxfs\\ mount; do
            python3 {script} \"$1/1\" records/000007.bin $how \"$1/d.rox\" \"$1/1\" | wc -c
            while pgrep -f \"roxfs.* $1/1\" > pids; do sleep 0.01; done
            mountpoint -q 1 || echo none
        done"
    ));
    assert_eq!(said, "259\nnone\n259\nnone\n");
}

#[test]
fn the_names_of_links_tell_what_they_are() {
    let directory = temp_dir();
    for name in ["mount.roxfs", "mount.fuse.roxfs"] {
        let link = directory.path().join(name);
        symlink(env!("CARGO_BIN_EXE_roxfs"), &link).expect("linked");
        let help = String::from_utf8(run(Command::new(&link).arg("--help"))).expect("UTF-8");
        assert!(help.contains("/etc/fstab"), "{help}");
        let said = fail(Command::new(&link).arg("d.rox"), 1);
        assert!(said.contains("<DIR>"), "{said}");
    }
}
