//! The end of a process that this one has started, without the standard library's way, which panics
//! where a pipe cannot be read or polled.

use std::io::{self, Read};
use std::process::{Child, Output};

/// This many bytes of its standard error are kept.
const LONGEST_SAID: u64 = 1 << 16;

/// Waits until it has ended; returns how it did, and its standard error, as far as that can be read.
/// It must not write to a piped standard output.
pub fn finish(mut child: Child) -> io::Result<Output> {
    let mut stderr = Vec::new();
    if let Some(pipe) = child.stderr.take() {
        // How it ended is known without that.
        let _ = pipe.take(LONGEST_SAID).read_to_end(&mut stderr);
    }
    Ok(Output {
        status: child.wait()?,
        stdout: Vec::new(),
        stderr,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn what_was_said_is_kept_up_to_a_limit_and_the_rest_is_not_waited_for() {
        let run = |script: &str| {
            let mut command = Command::new("sh");
            let child = command.args(["-c", script]).stderr(Stdio::piped()).spawn();
            finish(child.expect("started")).expect("ended")
        };
        let short = run("echo no >&2; exit 3");
        assert_eq!(
            (short.status.code(), &short.stderr[..]),
            (Some(3), &b"no\n"[..])
        );
        assert_eq!(run("exec yes >&2").stderr.len() as u64, LONGEST_SAID);
    }
}
