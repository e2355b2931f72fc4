//! This program as a helper process of a mount: the command lines, and what is run for them.

use super::Exit;
use crate::ahead::lister::{Listing, list_all};
use crate::cli::Helper;
use crate::session::{Helpers, answer, daemon, watchdog};
use crate::sys::mountinfo::MountInfo;
use anyhow::Context;
use nix::unistd::Pid;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What `mount` starts them with.
pub const HELPERS: Helpers = Helpers {
    abort_if_killed,
    ask_root,
    list_ahead,
};

fn abort_if_killed(parent: u32) -> Command {
    let mut command = this_program();
    command.arg("abort-if-killed").arg(parent.to_string());
    command
}

fn ask_root(parent: u32, mount: &MountInfo) -> Command {
    let mut command = this_program();
    command
        .arg("ask-root")
        .arg(parent.to_string())
        .arg(&mount.device)
        .arg(&mount.path);
    command
}

fn list_ahead(listing: &Listing) -> Command {
    let mut command = this_program();
    command
        .arg("list-ahead")
        .arg(&listing.device)
        .arg(&listing.mountpoint)
        .arg(&listing.directory);
    command
}

/// Starts this program again, also where its file has been replaced meanwhile.
fn this_program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("roxfs");
    command
}

/// Is the helper process.
pub fn run(helper: Helper) -> anyhow::Result<Exit> {
    // The mount's device above all: it must close when the daemon is killed.
    daemon::close_inherited().context("cannot close what was inherited")?;
    match helper {
        Helper::ListAhead {
            device,
            mountpoint,
            directory,
        } => list_all(&Listing {
            device,
            mountpoint,
            directory,
        })?,
        Helper::AbortIfKilled { parent } => watchdog::abort_if_killed(Pid::from_raw(parent))?,
        Helper::AskRoot {
            parent,
            device,
            mountpoint,
        } => {
            let mount = MountInfo {
                device,
                path: mountpoint,
                kind: OsString::new(),
            };
            answer::ask(Pid::from_raw(parent), &mount)?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, Cli};
    use clap::Parser;
    use std::path::PathBuf;

    fn understood(command: &Command) -> Helper {
        let line = std::iter::once("roxfs".as_ref()).chain(command.get_args());
        match Cli::try_parse_from(line).expect("understood").command {
            cli::Command::Helper(helper) => helper,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_started_is_what_is_run() {
        let mount = MountInfo {
            device: "0:42".to_owned(),
            path: PathBuf::from("/mnt/a b"),
            kind: OsString::new(),
        };
        let listing = Listing {
            device: mount.device.clone(),
            mountpoint: mount.path.clone(),
            directory: PathBuf::from("records"),
        };
        let aborts = understood(&abort_if_killed(7));
        assert!(matches!(aborts, Helper::AbortIfKilled { parent: 7 }));
        let asks = understood(&ask_root(7, &mount));
        assert!(
            matches!(&asks, Helper::AskRoot { parent: 7, device, mountpoint }
                if *device == mount.device && *mountpoint == mount.path),
            "{asks:?}"
        );
        let lists = understood(&list_ahead(&listing));
        assert!(
            matches!(&lists, Helper::ListAhead { device, mountpoint, directory }
                if (device, mountpoint, directory)
                    == (&listing.device, &listing.mountpoint, &listing.directory)),
            "{lists:?}"
        );
    }
}
