//! `scripts/python/roxfs.py`, the Python module that hands orders over. The Python half is in this folder.

use crate::support::*;
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;

/// A Python script of the repository, with the module in its path.
fn script(mut python: Command, name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    python
        .arg(root.join(name))
        .env("PYTHONPATH", root.join("scripts/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// With the interpreter that has NumPy: its arrays are taken. Elsewhere it is not needed.
#[test]
fn orders_are_handed_over_as_the_protocol_says_and_training_never_notices() {
    let name = "tests/suite/python/handed_over.py";
    run(&mut script(python("0.1.0"), name));
}

#[test]
fn files_have_numbers_and_mounts_take_orders() {
    let directory = temp_dir();
    let plain = directory.path().join("plain");
    let name = |n: u64| format!("{}/{:04}", ["cat", "dog", "emu"][n as usize % 3], n / 2);
    let files: Vec<(String, Vec<u8>)> = (0..700).map(|n| (name(n), bytes(n, n as usize))).collect();
    write_tree(&plain, &files);
    let dataset = pack(&plain, directory.path(), "d", &["--shard-size", "64KiB"]);
    let options = ["--order-memory", "1MiB"];
    let [mount, other, dead] = [(); 3].map(|()| Mount::with(&options, &[&dataset]));
    signal(dead.daemon(), Signal::SIGKILL);
    let mut command = script(Command::new("python3"), "tests/suite/python/mounted.py");
    command.args([mount.path(), other.path(), &plain, dead.path()]);
    let printed = String::from_utf8(run(&mut command)).expect("UTF-8");
    assert_eq!(printed.lines().count(), 5, "{printed}");
}
