//! What the tests of packing share: running it, and reading back what it has written.

use crate::support::*;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory to pack into, with one dataset `d.rox`, or `d_0000.rox` and so on.
pub struct Target {
    path: PathBuf,
    _directory: Option<TempDir>,
}

impl Target {
    /// An empty one.
    pub fn new() -> Target {
        let directory = temp_dir();
        Target {
            path: directory.path().to_owned(),
            _directory: Some(directory),
        }
    }

    /// A directory that is there already.
    pub fn on(path: &Path) -> Target {
        Target {
            path: path.to_owned(),
            _directory: None,
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The argument that names the dataset.
    pub fn dataset(&self) -> PathBuf {
        self.path().join("d.rox")
    }

    /// `roxfs pack` into the dataset, with more arguments.
    pub fn pack<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = roxfs();
        command.arg("pack").arg("-o").arg(self.dataset());
        command.args(arguments);
        command
    }

    /// The shards of the dataset, in byte order.
    pub fn shards(&self) -> Vec<PathBuf> {
        let names = entries(self.path()).into_iter();
        let shards = names.filter(|name| name.starts_with('d') && name.ends_with(".rox"));
        shards.map(|name| self.path().join(name)).collect()
    }

    /// The bytes of each shard.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let read = |path: &PathBuf| std::fs::read(path).expect("readable");
        self.shards().iter().map(read).collect()
    }

    /// The names of all records, as `roxfs ls` shows them.
    pub fn names(&self) -> Vec<String> {
        let listed = run(roxfs().arg("ls").arg(self.dataset()));
        let listed = String::from_utf8(listed).expect("UTF-8");
        let name = |line: &str| line.split('\t').nth(2).unwrap_or("").to_owned();
        listed.lines().map(name).collect()
    }

    /// The contents of all records, read through a mount. Also verifies the dataset, and that
    /// `extract` gives the same.
    pub fn records(&self) -> Vec<Vec<u8>> {
        run(roxfs().arg("verify").arg(self.dataset()));
        let mount = Mount::new(&self.dataset());
        let files = entries(&mount.join("records")).into_iter();
        let records: Vec<Vec<u8>> = files
            .map(|name| mount.read(&format!("records/{name}")))
            .collect();
        self.check_extracted(&records);
        records
    }

    fn check_extracted(&self, records: &[Vec<u8>]) {
        let directory = temp_dir();
        let mut command = roxfs();
        command.args(["extract", "-q", "-o"]).arg(directory.path());
        run(command.arg(self.dataset()));
        for (number, (name, record)) in self.names().into_iter().zip(records).enumerate() {
            let file = match name.as_str() {
                "" => format!("{number:06}.bin"),
                // Shown with escapes; the tests of extract have such names.
                escaped if escaped.contains('\\') => continue,
                name => name.to_owned(),
            };
            let found = std::fs::read(directory.path().join(&file));
            let found = found.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(found == *record, "{file} is not what the mount has");
        }
    }

    /// Names and contents of all records.
    pub fn named_records(&self) -> Vec<(String, Vec<u8>)> {
        let (names, records) = (self.names(), self.records());
        assert_eq!(names.len(), records.len(), "records listed and mounted");
        names.into_iter().zip(records).collect()
    }
}

/// The names in a directory, in byte order.
pub fn entries(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("entry").file_name();
        name.into_string().expect("UTF-8")
    };
    let mut names: Vec<String> = directory.read_dir().expect("listed").map(name).collect();
    names.sort();
    names
}

/// Runs a command with this standard input; the command need not read all of it.
pub fn feed(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Fails when the command ends before it has read everything.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("ended")
    })
}

/// Runs a command that has to succeed with this standard input; returns its standard error.
pub fn run_with(command: &mut Command, input: &[u8]) -> String {
    let output = feed(command, input);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {message}");
    message
}

/// Runs a command that has to fail with `code` with this standard input; returns its standard
/// error.
pub fn fail_with(command: &mut Command, input: &[u8], code: i32) -> String {
    let output = feed(command, input);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {message}");
    message
}

/// Runs a command that has to succeed, and returns its standard error.
pub fn said(command: &mut Command) -> String {
    let output = output(command);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {message}");
    message
}

/// roxfs, copied to where every user can run it.
pub fn as_user(directory: &Path) -> Command {
    let program = directory.join("roxfs");
    if !program.exists() {
        // By another process: were it open for writing here, a program that another test starts
        // meanwhile would have it open too, and it could not be run.
        let built = env!("CARGO_BIN_EXE_roxfs");
        run(Command::new("cp").arg(built).arg(&program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(program);
    command
}

/// A run of a program that the test goes on beside; killed when dropped.
pub struct Running(pub std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts it, with pipes for standard input and standard error.
    pub fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().expect("started"))
    }

    /// Writes to its standard input.
    pub fn write(&mut self, bytes: &[u8]) {
        let input = self.0.stdin.as_mut().expect("piped");
        input.write_all(bytes).expect("written");
    }

    /// Sends SIGINT to it alone, and waits for its end: its exit code and standard error.
    pub fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = nix::unistd::Pid::from_raw(self.0.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("signalled");
        let mut message = String::new();
        let error = self.0.stderr.as_mut().expect("piped");
        std::io::Read::read_to_string(error, &mut message).expect("UTF-8");
        (self.0.wait().expect("ended").code(), message)
    }
}
