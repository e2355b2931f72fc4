//! `scripts/python/roxfs.py`, the Python module that hands orders over, and README's recipes. The Python half is in
//! this folder, and in `scripts/recipes.d`.

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

/// Those that need nothing but NumPy; `scripts/recipes` runs the others too.
#[test]
fn recipes_of_readme_train_with_what_was_packed() {
    let recipes = "scripts/recipes.d/run.py";
    let listed = run(script(python("0.1.0"), recipes).arg("--list"));
    let listed = String::from_utf8(listed).expect("UTF-8");
    let mut found = 0;
    for line in listed.lines() {
        let (name, needs) = line.split_once(' ').expect("two words");
        if ["-", "numpy"].contains(&needs) {
            let roxfs = env!("CARGO_BIN_EXE_roxfs");
            run(script(python("0.1.0"), recipes).args([roxfs, name]));
            found += 1;
        }
    }
    assert_eq!(found, 5, "{listed}");
    let readme = include_str!("../../../README.md");
    let section = readme.split("\n## Recipes\n").nth(1).expect("recipes");
    let section = section.split("\n## ").next().expect("their end");
    let blocks = section.matches("\n```python\n# ").count();
    assert_eq!(blocks, listed.lines().count(), "each block has its check");
}
