//! `roxfs list-ahead`, which `roxfs mount` starts.

use super::Exit;
use crate::ahead::lister::{Listing, list_all};
use crate::cli::ListAhead;
use crate::session::daemon;
use anyhow::Context;
use std::process::Command;

/// This program, to list so.
pub fn program(listing: &Listing) -> Command {
    let mut command = super::this_program();
    command
        .arg("list-ahead")
        .arg(&listing.device)
        .arg(&listing.mountpoint)
        .arg(&listing.directory);
    command
}

/// Lists.
pub fn run(options: &ListAhead) -> anyhow::Result<Exit> {
    // The mount's device above all: it must close when the daemon is killed.
    daemon::close_inherited().context("cannot close what was inherited")?;
    list_all(&Listing {
        device: options.device.clone(),
        mountpoint: options.mountpoint.clone(),
        directory: options.directory.clone(),
    })?;
    Ok(Exit::Done)
}
