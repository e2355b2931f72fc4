//! Running the program and others, and waiting for what they do.

use super::signal;
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program's exit codes: it is done, it failed, it was called wrongly, the data is damaged.
pub const DONE: i32 = 0;
pub const FAILED: i32 = 1;
pub const USAGE: i32 = 2;
pub const DAMAGED: i32 = 3;

/// The program under test.
pub fn roxfs() -> Command {
    Command::new(env!("CARGO_BIN_EXE_roxfs"))
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| {
        panic!("{command:?}: {error}; scripts/test installs what the tests need")
    })
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

/// Runs a command that has to succeed, and returns its standard error.
pub fn said(command: &mut Command) -> String {
    let output = output(command);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {message}");
    message
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
        signal(self.0.id(), Signal::SIGINT);
        self.wait()
    }

    /// Ends its standard input, and waits for its end: its exit code and standard error.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.0.stdin.take());
        self.wait()
    }

    fn wait(&mut self) -> (Option<i32>, String) {
        let mut message = String::new();
        let error = self.0.stderr.as_mut().expect("piped");
        error.read_to_string(&mut message).expect("UTF-8");
        (self.0.wait().expect("ended").code(), message)
    }
}

/// How long a condition may take to come true. Never how long a test takes.
const DEADLINE: Duration = Duration::from_secs(60);

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
