//! More sources, or shards, than files may be open.

use crate::support::*;
use std::path::Path;
use std::process::Command;

/// Sources of each kind, `count` of them, in a directory.
pub fn many(directory: &Path, count: usize) {
    let script = "import io, os, sys, tarfile
os.chdir(sys.argv[1])
for number in range(int(sys.argv[2])):
    name = f'{number:05}'
    open(name, 'w').write(name + '\\n')
    open(name + '.list', 'w').write(name + '\\n')
    with tarfile.open(name + '.tar', 'w') as archive:
        archive.add(name)
";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(directory);
    run(python.arg(count.to_string()));
}

/// A command with little memory and few descriptors.
fn bounded(command: &Command) -> Command {
    let mut bounded = Command::new("bash");
    let limits = "ulimit -n 64; ulimit -v 1000000; exec \"$@\"";
    bounded.args(["-c", limits, "bash"]);
    bounded.arg(command.get_program()).args(command.get_args());
    bounded
}

#[test]
fn a_great_many_archives_lists_and_streams_are_open_one_at_a_time() {
    const COUNT: usize = 1200;
    let source = temp_dir();
    many(source.path(), COUNT);
    for (options, suffix) in [
        (&[][..], ".tar"),
        (&["--from=tar"], ".tar"),
        (&["--from=list"], ".list"),
        (&["--from=lines"], ""),
        (&["--from=length32"], ".missing"),
    ] {
        let target = Target::new();
        let mut pack = target.pack(options);
        pack.args((0..COUNT).map(|number| format!("{number:05}{suffix}")));
        let mut pack = bounded(&pack);
        pack.current_dir(source.path());
        if suffix == ".missing" {
            fail(&mut pack, 1);
            continue;
        }
        run(&mut pack);
        let listed = run(roxfs().arg("ls").arg(target.dataset()));
        assert_eq!(listed.split(|&byte| byte == b'\n').count() - 1, COUNT);
    }
}

#[test]
fn a_dataset_of_more_shards_than_may_be_open_works_or_says_in_one_line_what_it_needs() {
    let (source, target) = (temp_dir(), Target::new());
    let file = |number| (format!("{number:04}"), bytes(number, 9));
    let files: Vec<(String, Vec<u8>)> = (0..1200).map(file).collect();
    write_tree(source.path(), &files);
    run(target.pack(&["-q", "--shard-size=1"]).arg(source.path()));
    assert_eq!(target.shards().len(), files.len());
    let limited = |limit: &str, command: &[&str]| {
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("ulimit {limit}; exec \"$@\""), "bash"]);
        bash.arg(env!("CARGO_BIN_EXE_roxfs")).args(command);
        bash.current_dir(target.path());
        bash
    };
    let commands = [
        &["info", "d.rox"][..],
        &["ls", "d.rox"],
        &["cat", "-i", "-1", "d.rox"],
        &["verify", "d.rox"],
        &["extract", "-q", "--force", "-o", "extracted", "d.rox"],
        &["pack", "-q", "--new-shard", "-o", "d.rox", "/proc/version"],
    ];
    // What must not exceed the hard limit makes do with it, or says so.
    for command in commands {
        let message = fail(&mut limited("-n 256", command), 1);
        let expected = ": Too many open files (os error 24); each shard is an open file, and this process may have 256: \
             more with \"ulimit -Hn NUMBER\" as root, or LimitNOFILE=NUMBER in a unit\n";
        assert!(message.contains(expected), "{command:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{command:?}: {message}");
    }
    let message = fail(&mut limited("-n 256", &["mount", "d.rox", "."]), 1);
    assert_eq!(message.lines().count(), 1, "{message}");
    let mut again = limited(
        "-n 256",
        &["pack", "-q", "--from", "rox", "-o", "again.rox"],
    );
    run(again.arg("d.rox"));
    for command in commands {
        run(&mut limited("-Sn 256", command));
    }
    let mounted = Mount::new(&target.dataset());
    assert_eq!(entries(&mounted.join("records")).len(), files.len() + 1);
}
