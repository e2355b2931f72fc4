//! What others have put under the names that roxfs is going to use: nothing is written through it,
//! nothing is taken from it, nothing waits for it.

use crate::support::*;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

/// Fails the test, and not the machine, where a command waits for ever or fills memory.
fn bounded(command: &Command) -> Command {
    let mut bounded = Command::new("bash");
    bounded.args([
        "-c",
        "ulimit -v 4000000; exec timeout -k 5 30 \"$@\"",
        "bash",
    ]);
    bounded.arg(command.get_program()).args(command.get_args());
    bounded
}

fn source() -> tempfile::TempDir {
    let source = temp_dir();
    write_tree(source.path(), &[("a", "1"), ("b", "22")]);
    source
}

/// Plants something at a path; `other` is a file of somebody else's.
type Plant = fn(&Path, &Path);

/// What may be planted, and how a message names it.
const PLANTS: [(&str, Plant); 7] = [
    ("it is a symbolic link, expected", |at, other| {
        symlink(other, at).expect("planted")
    }),
    ("it is a symbolic link, expected", |at, _| {
        symlink("nowhere", at).expect("planted")
    }),
    ("it is a symbolic link, expected", |at, _| {
        symlink("/dev/zero", at).expect("planted")
    }),
    ("it is a FIFO, expected", |at, _| {
        sh("mkfifo \"$1\"", &[at]);
    }),
    ("it is a directory, expected", |at, _| {
        std::fs::create_dir(at).expect("planted")
    }),
    ("it is a device, expected", |at, _| {
        // As `/dev/zero`.
        sh("mknod \"$1\" c 1 5", &[at]);
    }),
    ("it is a socket, expected", |at, _| {
        drop(std::os::unix::net::UnixListener::bind(at).expect("planted"))
    }),
];

#[test]
fn nothing_is_written_or_read_through_what_is_planted_under_the_names_of_packing() {
    need_root();
    let source = source();
    let victim = temp_dir();
    let other = victim.path().join("other.conf");
    for name in [".d.lock", "d_0000.rox"] {
        for (found, plant) in PLANTS {
            std::fs::write(&other, "precious").expect("written");
            let target = Target::new();
            let at = target.path().join(name);
            plant(&at, &other);
            let before = at.symlink_metadata().expect("planted").ino();
            for option in [&["-q"][..], &["--resume"], &["--plain"]] {
                let message = fail(&mut bounded(target.pack(option).arg(source.path())), 1);
                let expected = format!("roxfs: {}: {found} a ", at.display());
                assert!(message.starts_with(&expected), "{message}");
                assert_eq!(message.lines().count(), 1, "{message}");
            }
            assert_eq!(std::fs::read(&other).expect("there"), b"precious");
            assert_eq!(entries(target.path()), [name], "{found}");
            assert_eq!(at.symlink_metadata().expect("there").ino(), before);
        }
    }
}

#[test]
fn a_single_file_is_not_appended_to_through_a_link() {
    let (source, target, elsewhere) = (source(), Target::new(), Target::new());
    run(elsewhere.pack(&["--single-file"]).arg(source.path()));
    let before = elsewhere.bytes();
    symlink(elsewhere.dataset(), target.dataset()).expect("linked");
    let message = fail(target.pack(&["--single-file"]).arg(source.path()), 1);
    assert!(
        message.contains("d.rox: it is a symbolic link, expected"),
        "{message}"
    );
    assert!(elsewhere.bytes() == before);
    assert!(target.dataset().is_symlink());
    assert_eq!(entries(target.path()), ["d.rox"]);
}

#[test]
fn a_directory_may_be_named_by_a_link() {
    let (source, target) = (source(), Target::new());
    let real = target.path().join("real");
    std::fs::create_dir(&real).expect("made");
    symlink("real", target.path().join("link")).expect("linked");
    let through = Target::on(&target.path().join("link"));
    run(&mut through.pack(&[source.path()]));
    assert_eq!(entries(&real), ["d_0000.rox"]);
}

#[test]
fn a_file_with_another_name_or_other_content_is_no_lock() {
    let (source, target) = (source(), Target::new());
    let [lock, other] = [".d.lock", "other"].map(|name| target.path().join(name));
    for content in ["", "precious", "first record 0\n"] {
        std::fs::write(&other, content).expect("written");
        std::fs::hard_link(&other, &lock).expect("linked");
        let message = fail(&mut target.pack(&[source.path()]), 1);
        let expected =
            ".d.lock: it is a file with 2 hard links, expected a lock file, which has one";
        assert!(message.contains(expected), "{message}");
        assert_eq!(std::fs::read_to_string(&other).expect("there"), content);
        std::fs::remove_file(&lock).expect("removed");
    }
    std::fs::write(&lock, "precious").expect("written");
    let message = fail(target.pack(&["--resume"]).arg(source.path()), 1);
    assert!(
        message.contains(".d.lock: it is a file with something else in it"),
        "{message}"
    );
    assert_eq!(std::fs::read_to_string(&lock).expect("there"), "precious");
    assert_eq!(entries(target.path()), [".d.lock", "other"]);
}

#[test]
fn the_lock_of_another_user_is_refused_even_while_that_user_holds_it() {
    need_root();
    let (source, target) = (source(), Target::new());
    std::fs::set_permissions(source.path(), Permissions::from_mode(0o755)).expect("chmod");
    std::fs::set_permissions(target.path(), Permissions::from_mode(0o1777)).expect("chmod");
    let lock = target.path().join(".d.lock");
    for content in ["", "first record 0\n"] {
        std::fs::write(&lock, content).expect("written");
        chown(&lock, Some(65533), None).expect("chown");
        std::fs::set_permissions(&lock, Permissions::from_mode(0o666)).expect("chmod");
        let script = "exec 9<\"$1\"; flock -n 9; echo held; read -r _";
        let mut holder = as_user("65533", "65533", "", "bash");
        holder.args(["-c", script, "bash"]).arg(&lock);
        holder.stdout(std::process::Stdio::piped());
        let mut holder = Running::start(&mut holder);
        let mut held = [0; 5];
        let stdout = holder.0.stdout.as_mut().expect("piped");
        std::io::Read::read_exact(stdout, &mut held).expect("held");
        for user in [0, 65534] {
            let mut pack = match user {
                0 => roxfs(),
                _ => roxfs_as_nobody(source.path()),
            };
            pack.args(["pack", "-o"]).arg(target.dataset());
            let message = fail(bounded(&pack).arg(source.path().join("a")), 1);
            let expected = format!(".d.lock: it belongs to user 65533, expected user {user}: ");
            assert!(message.contains(&expected), "{message}");
        }
        assert_eq!(std::fs::read_to_string(&lock).expect("there"), content);
        assert_eq!(entries(target.path()), [".d.lock"]);
    }
}

#[test]
fn a_shard_of_somebody_else_in_a_directory_like_tmp_is_not_appended_to() {
    need_root();
    let (source, other, target) = (source(), temp_dir(), Target::new());
    write_tree(other.path(), &[("c", "333")]);
    run(&mut target.pack(&[source.path()]));
    let shard = &target.shards()[0];
    chown(shard, Some(65533), None).expect("chown");
    std::fs::set_permissions(target.path(), Permissions::from_mode(0o1777)).expect("chmod");
    let before = target.bytes();
    let message = fail(&mut target.pack(&[other.path()]), 1);
    let expected = "d_0000.rox: it is a file of user 65533, expected one of user 0 in a directory";
    assert!(message.contains(expected), "{message}");
    assert!(target.bytes() == before);
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
    // A shard of one's own may follow it, and in a directory without others it is appended to.
    run(target.pack(&["--new-shard"]).arg(other.path()));
    assert!(target.bytes()[0] == before[0]);
    assert_eq!(target.shards()[1].metadata().expect("there").uid(), 0);
    std::fs::remove_file(&target.shards()[1]).expect("removed");
    std::fs::set_permissions(target.path(), Permissions::from_mode(0o1755)).expect("chmod");
    run(&mut target.pack(&[other.path()]));
    assert_eq!(target.names(), ["a", "b", "c"]);
}

#[test]
fn nobody_else_can_open_the_lock_and_hold_it() {
    let target = Target::new();
    let mut running = Running::start(&mut target.pack(&["--from", "lines"]));
    let lock = target.path().join(".d.lock");
    wait_until("it is locked", || lock.exists());
    assert_eq!(lock.metadata().expect("there").mode() & 0o7777, 0o600);
    running.write(b"one\n");
    let (code, _) = running.interrupt();
    assert_eq!(code, Some(1));
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn what_is_planted_as_a_temporary_file_stays_with_a_word_and_keeps_nobody_out() {
    let (source, target) = (source(), Target::new());
    let victim = temp_dir();
    let other = victim.path().join("other");
    std::fs::write(&other, "precious").expect("written");
    let [link, directory] = ["aaaaaa", "bbbbbb"].map(|random| {
        let name = format!(".d_0000.rox.{random}.tmp");
        target.path().join(name)
    });
    symlink(&other, &link).expect("linked");
    std::fs::create_dir(&directory).expect("made");
    let message = said(&mut target.pack(&[source.path()]));
    let expected = format!(
        "{}: a temporary file cannot be removed, and stays",
        directory.display()
    );
    assert!(message.contains(&expected), "{message}");
    assert_eq!(std::fs::read(&other).expect("there"), b"precious");
    assert_eq!(
        entries(target.path()),
        [".d_0000.rox.bbbbbb.tmp", "d_0000.rox"]
    );
}

#[test]
fn a_run_that_waits_for_a_list_or_stream_from_a_fifo_can_be_interrupted() {
    for kind in ["list", "lines", "tar"] {
        let (input, target) = (temp_dir(), Target::new());
        let fifo = input.path().join("fifo");
        sh("mkfifo \"$1\"", &[&fifo]);
        let running = Running::start(target.pack(&["--from", kind]).arg(&fifo));
        // The lock is there when the signals are waited for.
        wait_until("it is locked", || !entries(target.path()).is_empty());
        let (code, message) = running.interrupt();
        assert_eq!(code, Some(1), "{message}");
        assert!(message.starts_with("roxfs: interrupted: "), "{message}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
        // Somebody who writes to it is heard.
        let script =
            "printf 'one\\ntwo\\n' > \"$2\" & \"$1\" pack -q --from lines -o \"$3\" \"$2\"; wait";
        let program = Path::new(env!("CARGO_BIN_EXE_roxfs"));
        sh(script, &[program, &fifo, &target.dataset()]);
        assert_eq!(target.names().len(), 2);
    }
}

#[test]
fn extracting_writes_through_nothing_that_is_planted() {
    need_root();
    let (source, target, victim) = (temp_dir(), Target::new(), temp_dir());
    write_tree(source.path(), &[("sub/a", "1"), ("b", "22")]);
    run(&mut target.pack(&[source.path()]));
    let other = victim.path().join("other");
    for name in ["b", "sub", "sub/a"] {
        for (found, plant) in PLANTS {
            for options in [&["-q"][..], &["-q", "--force"]] {
                std::fs::write(&other, "precious").expect("written");
                let into = temp_dir();
                let at = into.path().join(name);
                std::fs::create_dir_all(at.parent().expect("has one")).expect("made");
                plant(&at, &other);
                let mut extract = roxfs();
                extract
                    .arg("extract")
                    .args(options)
                    .arg("-o")
                    .arg(into.path());
                let done = output(&mut bounded(extract.arg(target.dataset())));
                let message = String::from_utf8_lossy(&done.stderr).into_owned();
                assert_eq!(
                    std::fs::read(&other).expect("there"),
                    b"precious",
                    "{message}"
                );
                assert_eq!(entries(victim.path()), ["other"], "{message}");
                // A directory is what `sub` has to be; a file may be replaced if that was asked for.
                let is_directory = found.contains("directory");
                let fits = match name {
                    "sub" => is_directory,
                    _ => options.len() == 2 && !is_directory,
                };
                assert_eq!(done.status.success(), fits, "{name} {found}: {message}");
                assert!(
                    fits || message.contains(&at.display().to_string()),
                    "{message}"
                );
            }
        }
    }
}

#[test]
fn a_destination_that_is_a_link_to_nothing_is_said_to_be_one() {
    let (source, target, into) = (source(), Target::new(), temp_dir());
    run(&mut target.pack(&[source.path()]));
    let link = into.path().join("link");
    symlink("nowhere", &link).expect("linked");
    let message = fail(
        roxfs()
            .args(["extract", "-o"])
            .arg(&link)
            .arg(target.dataset()),
        1,
    );
    let expected = format!(
        "roxfs: {}: it is a symbolic link to nothing, expected a directory\n",
        link.display()
    );
    assert_eq!(message, expected);
}
