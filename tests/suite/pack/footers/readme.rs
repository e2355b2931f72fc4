//! README's example of roxxel runs with the version that `pip install roxxel` gives.

use crate::support::*;
use std::path::Path;
use std::process::Output;

/// The commands of README's block that packs `zoneinfo.rox`: what follows `$ `, with the lines after
/// it while a quotation is open.
fn commands() -> Vec<String> {
    let readme = include_str!("../../../../README.md");
    let block = readme
        .split("```")
        .find(|block| block.contains("from roxxel import") && block.contains("zoneinfo.rox"))
        .expect("README has the example");
    let mut commands: Vec<String> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push(command.to_owned()),
            (None, Some(open)) if open.matches('"').count() % 2 == 1 => {
                *open += "\n";
                *open += line;
            }
            _ => {}
        }
    }
    commands
}

/// Runs a script in `work` with roxfs and the interpreter that has roxxel in the path.
fn sh_with_roxxel(script: &str, work: &Path, source: &Path) -> Output {
    let program = "import os, subprocess, sys\n\
                   path = f'{os.path.dirname(sys.executable)}:{sys.argv[1]}'\n\
                   os.environ['PATH'] = f'{path}:{os.environ[\"PATH\"]}'\n\
                   sys.exit(subprocess.call(['bash', '-e', '-c', sys.argv[2]]))";
    let built = Path::new(env!("CARGO_BIN_EXE_roxfs")).parent();
    let mut shell = python("0.9.14");
    shell.args(["-c", program]).arg(built.expect("a directory"));
    shell.arg(script).current_dir(work).env("SOURCE", source);
    let printed = output(&mut shell);
    let mount = work.join("mnt");
    if is_mounted(&mount) {
        run(roxfs().args(["umount", "-l"]).arg(&mount));
    }
    printed
}

#[test]
fn the_example_of_readme_runs() {
    let commands = commands();
    assert!(commands.iter().any(|command| command.starts_with("pip ")));
    let script: Vec<String> = commands
        .into_iter()
        // The interpreter has it.
        .filter(|command| !command.starts_with("pip "))
        // Time zones are not everywhere.
        .map(|command| command.replace("/usr/share/zoneinfo", "\"$SOURCE\""))
        .collect();
    let directory = temp_dir();
    let [source, work] = ["source", "work"].map(|name| directory.path().join(name));
    std::fs::create_dir(&work).expect("directory");
    let files = (0..300).map(|number| (format!("{number:03}"), bytes(number, 9000)));
    write_tree(&source, &files.collect::<Vec<_>>());
    let printed = sh_with_roxxel(&script.join("\n"), &work, &source);
    let error = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{error}");
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let lines: Vec<&str> = printed.lines().collect();
    let [memmap, roxxel] = lines[..] else {
        panic!("two lines are expected: {printed}");
    };
    // The length of raw/data, then the same number of records and the same bytes.
    assert_eq!(memmap, format!("{} {roxxel}", 300 * 9000));
    assert!(roxxel.starts_with("300 b"), "{roxxel}");
}
