//! Whether a process that waits for an answer has been interrupted.
//!
//! The kernel tells a file system by a request (FUSE_INTERRUPT), but fuser refuses it. Without it no
//! signal could end a process that waits for an answer, so its state is read from /proc.

use nix::sys::signal::Signal;
use std::fs::read_to_string;
use std::time::Duration;

/// How often programs that wait are looked at for a signal.
pub const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// These end a wait also for a program that handles them: people send them to that end. Others that a
/// program handles do not: runtimes send them to themselves.
const MEANT_TO_END: u64 =
    bit(Signal::SIGHUP) | bit(Signal::SIGINT) | bit(Signal::SIGQUIT) | bit(Signal::SIGTERM);

/// These end nothing: a program that is stopped continues.
const STOPS: u64 = bit(Signal::SIGCONT)
    | bit(Signal::SIGSTOP)
    | bit(Signal::SIGTSTP)
    | bit(Signal::SIGTTIN)
    | bit(Signal::SIGTTOU);

const fn bit(signal: Signal) -> u64 {
    1 << (signal as u32 - 1)
}

/// Whether thread `pid` has a pending signal that ends it or its wait; `None` where that cannot be known,
/// as for a process of another PID namespace.
pub fn is_interrupted(pid: u32) -> Option<bool> {
    if pid == 0 {
        return None;
    }
    let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
    has_ending_signal(&status)
}

/// The same by the text of `/proc/PID/status` (proc_pid_status(5)).
fn has_ending_signal(status: &str) -> Option<bool> {
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    let pending = mask("SigPnd:")? | mask("ShdPnd:")?;
    let (blocked, ignored, handled) = (mask("SigBlk:")?, mask("SigIgn:")?, mask("SigCgt:")?);
    let ends = pending & !blocked & !ignored & !STOPS & (!handled | MEANT_TO_END);
    Some(ends != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pending: u64, shared: u64, blocked: u64, ignored: u64, handled: u64) -> String {
        format!(
            "Name:\tls\nSigQ:\t0/1\nSigPnd:\t{pending:016x}\nShdPnd:\t{shared:016x}\n\
             SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{handled:016x}\n"
        )
    }

    #[test]
    fn signals_that_end_a_program_or_are_meant_to_end_a_wait() {
        let (kill, interrupt, urgent) = (
            bit(Signal::SIGKILL),
            bit(Signal::SIGINT),
            bit(Signal::SIGURG),
        );
        let ends = |p, s, b, i, h| has_ending_signal(&status(p, s, b, i, h));
        assert_eq!(ends(0, 0, 0, 0, 0), Some(false));
        assert_eq!(ends(kill, 0, 0, 0, 0), Some(true));
        assert_eq!(ends(0, interrupt, 0, 0, 0), Some(true));
        assert_eq!(ends(0, interrupt, 0, 0, interrupt), Some(true));
        assert_eq!(ends(0, interrupt, 0, interrupt, 0), Some(false));
        assert_eq!(ends(0, interrupt, interrupt, 0, 0), Some(false));
        assert_eq!(ends(urgent, 0, 0, 0, urgent), Some(false));
        assert_eq!(ends(STOPS, STOPS, 0, 0, 0), Some(false));
        assert_eq!(has_ending_signal("Name:\tls\n"), None);
    }

    #[test]
    fn nothing_waits_for_this_thread() {
        assert_eq!(is_interrupted(std::process::id()), Some(false));
        assert_eq!(is_interrupted(0), None);
    }
}
