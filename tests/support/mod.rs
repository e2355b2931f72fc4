//! What the tests share: running the program, mounting with a sure unmount, waiting, data.

pub mod packing;
pub mod parts;
pub mod zips;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a condition may take to come true. Never how long a test takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// The program under test.
pub fn roxfs() -> Command {
    Command::new(env!("CARGO_BIN_EXE_roxfs"))
}

/// Fails a test that another user than root cannot run, rather than pass without having tested.
pub fn need_root() {
    let is_root = nix::unistd::geteuid().is_root();
    assert!(is_root, "this test needs root");
}

/// Copies the program under test, in a process of its own: what this one has open for writing, another
/// test's new process has open for a moment too, and then the copy cannot be executed.
pub fn copy_program(to: &Path) {
    sh(
        "cp \"$1\" \"$2\"",
        &[Path::new(env!("CARGO_BIN_EXE_roxfs")), to],
    );
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a command that has to succeed, and returns its standard output.
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Runs a program by name with arguments; it has to succeed.
pub fn sh(script: &str, arguments: &[&Path]) -> String {
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script, "bash"])
        .args(arguments);
    String::from_utf8(run(&mut command)).expect("UTF-8 output")
}

/// Runs a command that has to fail with `code`, and returns what it said on standard error.
pub fn fail(command: &mut Command, code: i32) -> String {
    let output = output(command);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {message}");
    message
}

/// Waits until `condition` holds; fails the test after a minute.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A new directory, removed at the end of the test.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("roxfs-test-")
        .tempdir()
        .expect("temporary directory")
}

/// Bytes that look random and are the same every time.
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Writes files into `directory`, and the directories that they need.
pub fn write_tree<N: AsRef<[u8]>, C: AsRef<[u8]>>(directory: &Path, files: &[(N, C)]) {
    for (name, content) in files {
        let path = directory.join(OsStr::from_bytes(name.as_ref()));
        std::fs::create_dir_all(path.parent().expect("has a parent")).expect("directories");
        std::fs::write(&path, content).expect("file");
    }
}

/// Packs `source` as `directory/name.rox`, with more arguments, and returns the argument that
/// names the dataset.
pub fn pack(source: &Path, directory: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let dataset = directory.join(format!("{name}.rox"));
    run(roxfs()
        .arg("pack")
        .arg("-o")
        .arg(&dataset)
        .args(arguments)
        .arg(source));
    dataset
}

/// Packs records `000000`, `000001`, ... of these contents.
pub fn pack_records<C: AsRef<[u8]>>(
    directory: &Path,
    name: &str,
    records: &[C],
    arguments: &[&str],
) -> PathBuf {
    let source = temp_dir();
    let name_of = |number: usize| format!("{number:06}");
    let files: Vec<(String, &[u8])> = records
        .iter()
        .enumerate()
        .map(|(i, record)| (name_of(i), record.as_ref()))
        .collect();
    write_tree(source.path(), &files);
    pack(source.path(), directory, name, arguments)
}

/// A mounted dataset, unmounted when dropped, also when the test fails.
pub struct Mount {
    path: PathBuf,
    _directory: TempDir,
}

impl Mount {
    /// Mounts `dataset` in a new directory.
    pub fn new(dataset: &Path) -> Mount {
        Mount::with(&[], &[dataset])
    }

    /// Mounts several shard arguments with options.
    pub fn with(options: &[&str], shards: &[&Path]) -> Mount {
        let directory = temp_dir();
        let path = directory.path().join("mnt");
        std::fs::create_dir(&path).expect("mount point");
        // From here on the guard unmounts, even if mounting fails half way.
        let mount = Mount {
            path,
            _directory: directory,
        };
        run(roxfs()
            .arg("mount")
            .args(options)
            .args(shards)
            .arg(&mount.path));
        mount
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in the mount.
    pub fn join(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Reads a whole file of the mount.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let path = self.join(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The number of the process that serves it.
    pub fn daemon(&self) -> u32 {
        daemon_of(&self.path).expect("a daemon serves the mount")
    }

    /// Unmounts it in the ordinary way, which has to work, and waits for the daemon's end. It may
    /// be in use for a moment: a process that another test starts has, until it becomes another
    /// program, what this one has open.
    pub fn unmount(self) {
        wait_until("it is not in use and unmounted", || {
            output(roxfs().arg("umount").arg(&self.path))
                .status
                .success()
        });
        wait_until("the daemon ends", || daemon_of(&self.path).is_none());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if is_mounted(&self.path) {
            let _ = roxfs().args(["umount", "-l"]).arg(&self.path).output();
        }
    }
}

/// Whether anything is mounted at `path`.
pub fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let path = path.to_str().expect("UTF-8 path");
    mounts
        .lines()
        .any(|line| line.split(' ').nth(4) == Some(path))
}

/// The living process that was started to mount at `path`.
pub fn daemon_of(path: &Path) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").expect("proc");
    let mut numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.find(|number: &u32| {
        let name = std::fs::read(format!("/proc/{number}/comm")).unwrap_or_default();
        if name != b"roxfs\n" {
            return false;
        }
        // Empty for a process that has ended and was not waited for.
        let command = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = command.split(|&byte| byte == 0).collect();
        let is_roxfs = arguments
            .first()
            .is_some_and(|program| program.ends_with(b"roxfs"));
        is_roxfs && arguments.contains(&path.as_os_str().as_bytes())
    })
}

/// The interpreter of the virtual environment with this version of the reference package, which
/// `scripts/test` makes.
pub fn python(roxxel: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(format!("target/venv/roxxel-{roxxel}/bin/python"));
    assert!(
        python.exists(),
        "{} is missing: run scripts/test",
        python.display()
    );
    let mut command = Command::new(python);
    if roxxel == "0.9.14" {
        // Empty modules for those that it imports and only training uses.
        command.env("PYTHONPATH", root.join("tests/suite/reference/without_jax"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
    }
    command
}
