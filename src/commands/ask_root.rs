//! `roxfs ask-root`, which `roxfs mount` starts.

use super::Exit;
use crate::cli::AskRoot;
use crate::session::{answer, daemon};
use crate::sys::mountinfo::MountInfo;
use anyhow::Context;
use nix::unistd::Pid;
use std::ffi::OsString;
use std::process::Command;

/// This program, to ask so.
pub fn program(parent: u32, mount: &MountInfo) -> Command {
    let mut command = super::this_program();
    command
        .arg("ask-root")
        .arg(parent.to_string())
        .arg(&mount.device)
        .arg(&mount.path);
    command
}

/// Asks.
pub fn run(options: &AskRoot) -> anyhow::Result<Exit> {
    // The mount's device above all: it must close when the daemon is killed.
    daemon::close_inherited().context("cannot close what was inherited")?;
    let mount = MountInfo {
        device: options.device.clone(),
        path: options.mountpoint.clone(),
        kind: OsString::new(),
    };
    answer::ask(Pid::from_raw(options.parent), &mount)?;
    Ok(Exit::Done)
}
