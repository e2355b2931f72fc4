//! The dataset that is written is not packed into itself, whatever path leads to its files.

use super::named;
use crate::support::*;
use std::os::unix::fs::symlink;
use std::process::Command;

const LEFT_OUT: &str = ": it belongs to the dataset that is written, and is left out\n";

/// A directory with two records and a dataset of them.
fn packed() -> Target {
    let target = Target::new();
    write_tree(target.path(), &[("a", "1"), ("b", "22")]);
    let files = ["a", "b"].map(|name| target.path().join(name));
    run(&mut target.pack(&files));
    target
}

/// Adds what a list or arguments name; there have to be these records then, and a word on those left
/// out.
fn adds(target: &Target, pack: &mut Command, input: &str, expected: &[(&str, &str)]) {
    let message = run_with(pack.current_dir(target.path()), input.as_bytes());
    assert_eq!(message.matches(LEFT_OUT).count(), 1, "{message}");
    let skipped = " skipped: of the dataset that is written";
    assert!(message.contains(skipped), "{message}");
    let expected = [&[("a", "1"), ("b", "22")], expected].concat();
    assert_eq!(target.named_records(), named(&expected));
}

#[test]
fn what_find_prints_has_none_of_it_and_directories_are_counted() {
    let target = Target::new();
    write_tree(target.path(), &[("a", "1"), ("e/f/b", "22")]);
    let script = "cd \"$1\"; find . -print0 | sort -z | \"$2\" pack --from list0 -o d.rox 2>&1";
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_roxfs"));
    let find = || sh(script, &[target.path(), program]);
    let said = find();
    assert!(said.contains("; 3 skipped: directory"), "{said}");
    assert_eq!(target.names(), ["a", "e/f/b"]);
    std::fs::remove_file(target.path().join("a")).expect("removed");
    std::fs::rename(target.path().join("e"), target.path().join("g")).expect("renamed");
    let said = find();
    // The lock, if find has seen it, or the shard.
    assert_eq!(said.matches(LEFT_OUT).count(), 1, "{said}");
    assert!(said.contains("; 3 skipped: directory"), "{said}");
    assert_eq!(target.names(), ["a", "e/f/b", "g/f/b"]);
}

#[test]
fn a_list_may_name_the_lock_shards_and_what_a_killed_run_has_left() {
    let target = packed();
    let temporary = ".d_0001.rox.abc123.tmp";
    let list = format!(".d.lock\n.d.lock.held\nc\n./d_0000.rox\n{temporary}\nd_0000.rox\n");
    for options in [&["--from", "list"][..], &["--from", "list", "--sort"]] {
        let target = packed();
        std::fs::write(target.path().join("c"), "3").expect("written");
        std::fs::write(target.path().join(temporary), "4").expect("written");
        adds(&target, &mut target.pack(options), &list, &[("c", "3")]);
    }
    // Another dataset's are files like any other.
    std::fs::write(target.path().join(".e_0001.rox.abc123.tmp"), "4").expect("written");
    let list = "d_0000.rox\n.e_0001.rox.abc123.tmp\n";
    let mut pack = target.pack(&["--from", "list"]);
    adds(&target, &mut pack, list, &[(".e_0001.rox.abc123.tmp", "4")]);
}

#[test]
fn all_that_a_shell_finds_for_a_star_is_packed_but_the_dataset() {
    let target = packed();
    for name in ["a", "b"] {
        std::fs::remove_file(target.path().join(name)).expect("removed");
    }
    std::fs::write(target.path().join("c"), "3").expect("written");
    let mut pack = target.pack(&["c", "d_0000.rox"]);
    adds(&target, &mut pack, "", &[("c", "3")]);
}

#[test]
fn other_names_of_the_shards_are_left_out_too() {
    let (target, source) = (packed(), temp_dir());
    let shard = target.path().join("d_0000.rox");
    write_tree(source.path(), &[("c", "3")]);
    std::fs::hard_link(&shard, source.path().join("hard")).expect("linked");
    symlink(&shard, source.path().join("soft")).expect("linked");
    symlink(target.path(), source.path().join("there")).expect("linked");
    std::fs::remove_file(target.path().join("a")).expect("removed");
    std::fs::remove_file(target.path().join("b")).expect("removed");
    let mut pack = target.pack(&[source.path()]);
    adds(&target, &mut pack, "", &[("c", "3")]);
}

#[test]
fn a_bind_mount_of_the_output_in_the_source_gives_nothing_of_it() {
    need_root();
    let (target, source) = (packed(), temp_dir());
    write_tree(source.path(), &[("c", "3"), ("m/x", "")]);
    for name in ["a", "b"] {
        std::fs::remove_file(target.path().join(name)).expect("removed");
    }
    let mut pack = Command::new("unshare");
    let script = "mount --bind \"$1\" \"$2/m\"; exec \"$3\" pack -o \"$1/d.rox\" \"$2\"";
    pack.args(["-m", "bash", "-ec", script, "bash"]);
    pack.arg(target.path()).arg(source.path());
    pack.arg(env!("CARGO_BIN_EXE_roxfs"));
    adds(&target, &mut pack, "", &[("c", "3")]);
}

#[test]
fn a_dataset_is_not_appended_to_itself_as_shards_or_as_a_stream() {
    let target = packed();
    let before = target.bytes();
    for kind in ["rox", "lines", "tar", "files"] {
        let mut pack = target.pack(&["--plain", "--new-shard", "--from", kind]);
        let message = fail(pack.arg(target.path().join("d_0000.rox")), 1);
        assert!(message.contains(LEFT_OUT), "{kind}: {message}");
        assert!(message.contains("nothing to pack"), "{kind}: {message}");
        assert!(target.bytes() == before, "{kind}");
    }
}

#[test]
fn own_shards_among_those_packed_anew_are_counted_and_ask_for_no_form() {
    let (target, other) = (packed(), temp_dir());
    let typed = Target::new();
    std::fs::write(other.path().join("c"), "3").expect("written");
    let mut pack = typed.pack(&["-q", "--footer=02", "c"]);
    run(pack.current_dir(other.path()));
    let mut pack = target.pack(&["--from=rox", "--footer=02", "--new-shard"]);
    let sources = [typed.path(), target.path()].map(|path| path.join("d_0000.rox"));
    let message = said(pack.args(sources));
    assert_eq!(message.matches(LEFT_OUT).count(), 1, "{message}");
    let count = "; 1 skipped: of the dataset that is written";
    assert!(message.contains(count), "{message}");
    // What is not read asks for nothing: the shards of the dataset are of another form.
    let mut pack = target.pack(&["--from=rox", "--new-shard", "--keep-going"]);
    let sources = [typed.path(), target.path()].map(|path| path.join("d_0000.rox"));
    let message = fail(pack.args(sources), 1);
    assert!(!message.contains("say by --footer"), "{message}");
}
