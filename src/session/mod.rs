//! A mounted tree from its beginning to its end: mount, serve, signals, unmount.

pub mod daemon;
mod mount;
mod mountinfo;

pub use mount::{MountError, MountOptions, UnmountError, unmount};

use crate::fuse::{MAX_REQUEST, RoxFs};
use crate::tree::Tree;
use mount::Mounted;
use nix::sys::signal::{SigSet, Signal};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// Why a mount did not come up, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It could not be mounted.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The kernel and roxfs did not agree, or the mount does not answer.
    #[error("{path}: mounted, but it does not work: {reason}")]
    Start {
        /// The mount point.
        path: String,
        /// What happened.
        reason: io::Error,
    },
    /// Reading requests from the kernel failed.
    #[error("{path}: the mount ended: {reason}")]
    Ended {
        /// The mount point.
        path: String,
        /// What happened.
        reason: io::Error,
    },
}

/// Mounts `tree` at `mountpoint`, calls `ready` when the mount answers, and serves it with
/// `threads` threads until it is unmounted or a signal ends it. On any error nothing stays mounted.
pub fn serve(
    tree: Tree,
    mountpoint: &Path,
    options: &MountOptions,
    threads: usize,
    ready: impl FnOnce(),
) -> Result<(), SessionError> {
    let path = mountpoint.display().to_string();
    let start = |reason| SessionError::Start {
        path: path.clone(),
        reason,
    };
    // Before any thread starts, so that all of them leave these to the thread that waits.
    let signals = block_signals().map_err(|error| start(error.into()))?;
    let (device, mounted) = mount::mount(mountpoint, options)?;
    let mounted = Arc::new(mounted);
    let mut config = fuser::Config::default();
    config.n_threads = Some(threads);
    config.clone_fd = can_clone_device();
    // The kernel decides who may enter (allow_other, default_permissions); fuser's own check on
    // top of it would refuse requests that the kernel sends on its own behalf.
    let acl = fuser::SessionACL::All;
    let session = fuser::Session::from_fd(RoxFs::new(tree), device, acl, config).map_err(start)?;
    let session = session.spawn().map_err(start)?;
    mounted.raise_readahead(MAX_REQUEST);
    check_answers(mountpoint).map_err(start)?;
    let waiting = Arc::clone(&mounted);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || unmount_on_signal(&signals, &waiting))
        .map_err(start)?;
    ready();
    session
        .join()
        .map_err(|reason| SessionError::Ended { path, reason })
}

fn block_signals() -> nix::Result<SigSet> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block()?;
    Ok(signals)
}

/// Each thread reads requests through its own descriptor where the device may be opened.
fn can_clone_device() -> bool {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .is_ok()
}

/// Asks for the root's attributes as any user of the mount would.
fn check_answers(mountpoint: &Path) -> io::Result<()> {
    let root = std::fs::metadata(mountpoint)?;
    match root.is_dir() && root.ino() == 1 {
        true => Ok(()),
        false => Err(io::Error::other("another file system covers it")),
    }
}

/// The first signal unmounts. If files are open the mount is detached: its name is gone at once,
/// and the files are served until they are closed, or until the next signal.
fn unmount_on_signal(signals: &SigSet, mounted: &Mounted) {
    loop {
        let Ok(signal) = signals.wait() else { continue };
        match mounted.unmount(false) {
            Ok(()) => return,
            Err(UnmountError::Busy { path }) => {
                log::warn!(
                    "{signal}: {} is in use: detached, open files are served until they are \
                     closed; a second signal ends it at once",
                    path.display()
                );
                if let Err(error) = mounted.unmount(true) {
                    log::error!("{error}");
                }
                let _ = signals.wait();
                std::process::exit(1);
            }
            Err(error) => {
                log::error!("{error}");
                std::process::exit(1);
            }
        }
    }
}
