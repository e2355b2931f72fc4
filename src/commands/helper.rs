//! This program as a helper process of a mount: the command lines, and what is run for them.

use super::Exit;
use crate::ahead::lister::{Listing, Part, list_all};
use crate::cli::Helper;
use crate::resident::release::let_go_all;
use crate::session::{Helpers, answer, daemon, watchdog};
use crate::sys::mountinfo::MountInfo;
use anyhow::Context;
use nix::unistd::Pid;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// What `mount` starts them with.
pub const HELPERS: Helpers = Helpers {
    abort_if_killed,
    ask_root,
    list_ahead,
    let_go,
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
        .arg(&listing.mount.device)
        .arg(&listing.mount.path)
        .arg(&listing.directory);
    if let Some(Part { offset, count }) = listing.part {
        command.args([offset, count].map(|number| number.to_string()));
    }
    command
}

fn let_go(mount: &MountInfo) -> Command {
    let mut command = this_program();
    command.arg("let-go").arg(&mount.device).arg(&mount.path);
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
            part,
        } => list_all(&Listing {
            mount: mount_at(device, mountpoint),
            directory,
            part: match part[..] {
                [offset, count] => Some(Part { offset, count }),
                _ => None,
            },
        })?,
        Helper::LetGo { device, mountpoint } => let_go_all(&mount_at(device, mountpoint))?,
        Helper::AbortIfKilled { parent } => watchdog::abort_if_killed(Pid::from_raw(parent))?,
        Helper::AskRoot {
            parent,
            device,
            mountpoint,
        } => answer::ask(Pid::from_raw(parent), &mount_at(device, mountpoint))?,
    }
    Ok(Exit::Done)
}

/// Of its type nothing is needed.
fn mount_at(device: String, path: PathBuf) -> MountInfo {
    MountInfo {
        device,
        path,
        kind: OsString::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, Cli};
    use clap::Parser;

    fn understood(command: &Command) -> Helper {
        let line = std::iter::once("roxfs".as_ref()).chain(command.get_args());
        match Cli::try_parse_from(line).expect("understood").command {
            cli::Command::Helper(helper) => helper,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_started_is_what_is_run() {
        let mount = mount_at("0:42".to_owned(), PathBuf::from("/mnt/a b"));
        let listing = Listing {
            mount: mount.clone(),
            directory: PathBuf::from("records"),
            part: None,
        };
        let part = Listing {
            directory: PathBuf::from("views/shuffle=7"),
            part: Some(Part {
                offset: 1002,
                count: 512,
            }),
            ..listing.clone()
        };
        let aborts = understood(&abort_if_killed(7));
        assert!(matches!(aborts, Helper::AbortIfKilled { parent: 7 }));
        let asks = understood(&ask_root(7, &mount));
        assert!(
            matches!(&asks, Helper::AskRoot { parent: 7, device, mountpoint }
                if *device == mount.device && *mountpoint == mount.path),
            "{asks:?}"
        );
        for (listing, numbers) in [(&listing, &[][..]), (&part, &[1002, 512])] {
            let lists = understood(&list_ahead(listing));
            assert!(
                matches!(&lists, Helper::ListAhead { device, mountpoint, directory, part }
                    if (device, mountpoint, directory, &part[..])
                        == (&mount.device, &mount.path, &listing.directory, numbers)),
                "{lists:?}"
            );
        }
        let lets_go = understood(&let_go(&mount));
        assert!(
            matches!(&lets_go, Helper::LetGo { device, mountpoint }
                if (device, mountpoint) == (&mount.device, &mount.path)),
            "{lets_go:?}"
        );
    }
}
