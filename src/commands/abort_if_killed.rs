//! `roxfs abort-if-killed`, which `roxfs mount` starts.

use super::Exit;
use crate::cli::AbortIfKilled;
use crate::session::{daemon, watchdog};
use anyhow::Context;
use nix::unistd::Pid;
use std::process::Command;

/// This program, to wait so.
pub fn program(parent: u32) -> Command {
    let mut command = super::this_program();
    command.arg("abort-if-killed").arg(parent.to_string());
    command
}

/// Waits.
pub fn run(options: &AbortIfKilled) -> anyhow::Result<Exit> {
    daemon::close_inherited().context("cannot close what was inherited")?;
    watchdog::abort_if_killed(Pid::from_raw(options.parent))?;
    Ok(Exit::Done)
}
