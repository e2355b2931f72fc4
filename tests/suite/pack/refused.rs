//! What cannot be packed is an error that says why, and nothing is written.

use crate::support::*;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

#[test]
fn a_name_that_is_there_already_is_refused_and_the_dataset_stays_as_it_is() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1")]);
    run(&mut target.pack(&[source.path()]));
    let before = target.bytes();
    write_tree(source.path(), &[("b", "2")]);
    let message = fail(&mut target.pack(&[source.path()]), 1);
    let first = target.path().join("d_0000.rox");
    let expected = format!(
        "roxfs: {}: the name \"a\" is taken already by record 0 of {}\n",
        source.path().join("a").display(),
        first.display()
    );
    assert_eq!(message, expected);
    assert_eq!(std::fs::read(first).expect("read"), before[0]);
    assert_eq!(target.shards().len(), 1);
}

#[test]
fn sources_and_outputs_that_cannot_be_are_one_clear_line() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a/x", "1")]);
    std::fs::create_dir(source.path().join("empty")).expect("directory");
    let [here, into] = [source.path(), target.path()].map(|path| path.display().to_string());
    let cases = [
        (
            format!("{into}/d.rox"),
            "/nosuch".to_owned(),
            "/nosuch: No such file or directory",
        ),
        (
            format!("{into}/d.rox"),
            format!("{here}/empty"),
            "nothing to pack: there are no records",
        ),
        (
            format!("{into}/d.rox"),
            "/dev/null".to_owned(),
            "/dev/null: it is a device, expected a file or",
        ),
        (
            format!("{here}/a/d.rox"),
            here.clone(),
            "/a/d: the output lies in the source",
        ),
        (
            format!("{into}/no/d.rox"),
            here.clone(),
            "/no: No such file or directory",
        ),
        (
            "/proc/d.rox".to_owned(),
            here.clone(),
            "/proc/.d.lock: No such file or directory",
        ),
    ];
    for (output, from, expected) in cases {
        let message = fail(roxfs().args(["pack", "-o", &output, &from]), 1);
        assert!(message.contains(expected), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_loop_of_links_is_an_error_and_not_a_hang() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a/x", "1")]);
    symlink("..", source.path().join("a/up")).expect("link");
    let message = fail(&mut target.pack(&[source.path()]), 1);
    assert!(
        message.contains("a/up: a symbolic link leads back to"),
        "{message}"
    );
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_second_writer_is_refused_at_once() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1")]);
    let lock = target.path().join(".d.lock");
    let script = "exec 9>\"$1\"; flock -n 9; echo locked; read -r _";
    let mut holder = Command::new("bash");
    holder.args(["-c", script, "bash"]).arg(&lock);
    let mut holder = Running::start(holder.stdout(Stdio::piped()));
    let mut line = [0; 7];
    let stdout = holder.0.stdout.as_mut().expect("piped");
    stdout.read_exact(&mut line).expect("locked");
    let message = fail(&mut target.pack(&[source.path()]), 1);
    drop(holder);
    assert_eq!(
        message,
        format!(
            "roxfs: {}: another process is writing this dataset\n",
            lock.display()
        )
    );
    run(&mut target.pack(&[source.path()]));
    assert_eq!(entries(target.path()), ["d_0000.rox"], "the lock is gone");
}

#[test]
fn a_hard_link_to_a_refused_entry_does_not_get_what_had_the_name_before() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("old/a", "OLD"), ("new/a", "NEWNEW!")]);
    run(&mut target.pack(&[source.path().join("old")]));
    let script = "cd \"$1/new\"; ln a b; tar cf ../x.tar a b";
    sh(script, &[source.path()]);
    let mut append = target.pack(&["--keep-going"]);
    let message = fail(append.arg(source.path().join("x.tar")), 1);
    assert!(
        message.contains("x.tar: b: a hard link to a record that was left out"),
        "{message}"
    );
    assert_eq!(target.listed(), ["0\t3\ta"]);
}

#[test]
fn an_output_that_is_a_directory_is_wrong_usage() {
    let source = temp_dir();
    write_tree(source.path(), &[("a", "1")]);
    let target = Target::new();
    for output in ["sub/", ".", "..", "sub/.rox", "sub/.", "/"] {
        let mut command = roxfs();
        command
            .current_dir(target.path())
            .args(["pack", "-o", output])
            .arg(source.path());
        let message = fail(&mut command, 2);
        assert!(
            message.contains("a file name is needed"),
            "{output}: {message}"
        );
    }
}
