//! `roxfs umount`

use super::Exit;
use crate::cli::Umount;
use crate::session::unmount;

/// Unmounts each; one that fails does not keep the others mounted.
pub fn run(options: &Umount) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for mountpoint in &options.mountpoints {
        if let Err(error) = unmount(mountpoint, options.lazy) {
            super::say(error);
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}
