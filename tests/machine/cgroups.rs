//! What stays follows the memory limits of control groups, of the daemon and of the program that reads.

use crate::cache::{Data, in_memory, part};
use crate::requests::answers;
use crate::support::*;
use crate::{alone, skip};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A control group with a memory limit; removed when dropped, once nobody is in it.
struct Group {
    path: PathBuf,
    is_first_version: bool,
}

impl Group {
    /// `None` where this process may not make any.
    fn new(limit: u64) -> Option<Group> {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("roxfs-test-{}-{limit}", std::process::id());
        let is_first_version = root.join("memory").is_dir();
        let path = match is_first_version {
            true => root.join("memory").join(name),
            false => root.join(name),
        };
        if !is_first_version {
            std::fs::write(root.join("cgroup.subtree_control"), "+memory").ok()?;
        }
        std::fs::create_dir(&path).ok()?;
        let group = Group {
            path,
            is_first_version,
        };
        let file = group.file("memory.limit_in_bytes", "memory.max");
        std::fs::write(file, limit.to_string()).ok()?;
        Some(group)
    }

    /// A file, as the two versions call it.
    fn file(&self, first: &str, second: &str) -> PathBuf {
        self.path
            .join(if self.is_first_version { first } else { second })
    }

    /// How many times the limit was met.
    fn reclaims(&self) -> u64 {
        let file = self.file("memory.failcnt", "memory.events");
        let text = std::fs::read_to_string(file).expect("a count");
        let number = text
            .lines()
            .find_map(|line| match line.strip_prefix("max ") {
                None if self.is_first_version => Some(line),
                number => number,
            });
        number.expect("a line").trim().parse().expect("a number")
    }

    /// A program in it, with arguments to follow.
    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new("bash");
        command
            .args([
                "-c",
                r#"echo $$ > "$1/cgroup.procs" && shift && exec "$@""#,
                "bash",
            ])
            .args([&self.path, program]);
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while std::fs::remove_dir(&self.path).is_err() && std::time::Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Reads all records in the order of a seed whenever a line comes, tells how many there are, and ends.
/// `fill N` takes so many bytes of memory before; `drop` gives them back.
const READER: &str = r#"
import os, random, sys
directory, memory = sys.argv[1], None
names = sorted(os.listdir(directory))
for line in sys.stdin:
    word, number = line.split()
    if word == "fill":
        memory = b"x" * int(number) if int(number) else None
    else:
        random.Random(int(number)).shuffle(names)
        for name in names:
            file = os.open(f"{directory}/{name}", os.O_RDONLY)
            while os.read(file, 1 << 20):
                pass
            os.close(file)
    print("done", flush=True)
"#;

struct Reader {
    child: Child,
}

impl Reader {
    fn start(mut command: Command, directory: &Path) -> Reader {
        command.args(["-c", READER]).arg(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Reader {
            child: command.spawn().expect("started"),
        }
    }

    fn tell(&mut self, line: &str) {
        use std::io::{Read, Write};
        let input = self.child.stdin.as_mut().expect("piped");
        writeln!(input, "{line}").expect("told");
        let mut done = [0; 5];
        let output = self.child.stdout.as_mut().expect("piped");
        output.read_exact(&mut done).expect("it was not killed");
        assert_eq!(&done, b"done\n");
    }

    /// Reads all at random, and says how many requests that took for each of so many records.
    fn pass(&mut self, mount: &Path, seed: u64, records: usize) -> f64 {
        let daemon = daemon_of(mount).expect("a daemon");
        let before = answers(daemon);
        self.tell(&format!("read {seed}"));
        (answers(daemon) - before) as f64 / records as f64
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PYTHON: &str = "/usr/bin/python3";

/// Records that take twice the limit; what programs need of it by themselves is little beside it.
fn data() -> Data {
    Data::new(20_000, 10_000)
}

fn limit(data: &Data) -> u64 {
    data.len_in_mount() / 2
}

fn no_groups() {
    skip("no control group with a memory limit can be made");
}

/// Mounts it, with a daemon in this group.
fn mount_in(group: &Group, data: &Data, path: &Path) {
    let mut mount = group.program(Path::new(env!("CARGO_BIN_EXE_roxfs")));
    mount.args(["mount", "--ahead", "none"]);
    run(mount.arg(data.shard()).arg(path));
}

#[test]
fn within_a_limit_of_half_almost_half_is_found_again() {
    let _alone = alone();
    let data = data();
    let records = data.records.len();
    for has_daemon in [true, false] {
        let Some(group) = Group::new(limit(&data)) else {
            return no_groups();
        };
        let directory = temp_dir();
        let (path, _unmount) = mount_point(directory.path());
        match has_daemon {
            true => mount_in(&group, &data, &path),
            false => drop(run(roxfs()
                .args(["mount", "--ahead", "none"])
                .arg(data.shard())
                .arg(&path))),
        }
        let mut reader = Reader::start(group.program(Path::new(PYTHON)), &path.join("records"));
        reader.pass(&path, 1, records);
        let mut seed = 1;
        // What the programs need by themselves has to be seen first.
        wait_until(
            "what is not kept is let go of before the limit is met",
            || {
                seed += 1;
                let before = group.reclaims();
                let asked = reader.pass(&path, seed, records);
                let reclaims = group.reclaims() - before;
                println!("with daemon {has_daemon}: {asked:.2} requests each, {reclaims} reclaims");
                // Of what was let go of, attributes are asked for, too.
                asked < 1.6 && reclaims < 100
            },
        );
        drop(reader);
        unmount(&path);
    }
}

#[test]
fn a_program_that_needs_memory_gets_it_and_the_set_grows_back() {
    let _alone = alone();
    let data = data();
    let records = data.records.len();
    let Some(group) = Group::new(limit(&data)) else {
        return no_groups();
    };
    let directory = temp_dir();
    let (path, _unmount) = mount_point(directory.path());
    mount_in(&group, &data, &path);
    let python = || group.program(Path::new(PYTHON));
    let mut reader = Reader::start(python(), &path.join("records"));
    let mut hungry = Reader::start(python(), &path.join("records"));
    reader.pass(&path, 1, records);
    let kept = || part(in_memory(&path.join("records")), data.len_in_mount());
    let before = kept();
    assert!(before > 0.3, "{before}");
    std::thread::scope(|scope| {
        scope.spawn(|| reader.pass(&path, 2, records));
        hungry.tell(&format!("fill {}", limit(&data) * 6 / 10));
    });
    let mut seed = 3;
    let mut reads_until = |what: &str, reader: &mut Reader, is_so: &dyn Fn(f64) -> bool| {
        let mut last = 0.0;
        wait_until(what, || {
            seed += 1;
            reader.pass(&path, seed, records);
            last = kept();
            is_so(last)
        });
        last
    };
    let with_less = reads_until("the set shrinks", &mut reader, &|kept| kept < before * 0.6);
    hungry.tell("fill 0");
    let again = reads_until("it grows back", &mut reader, &|kept| kept > before * 0.8);
    println!("{before:.2} kept, {with_less:.2} beside the other program, {again:.2} after it");
    drop((reader, hungry));
    unmount(&path);
}
