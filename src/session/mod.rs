//! A mounted tree from its beginning to its end: mount, serve, signals, unmount.

pub mod daemon;
mod mount;
pub mod watchdog;

pub use mount::{MountError, MountOptions, UnmountError, unmount};

use crate::fuse::{Ahead, Deferred, MAX_REQUEST, RoxFs};
use crate::lister::{self, Lister};
use crate::push::Pusher;
use crate::stale::Stale;
use crate::text::shown;
use crate::tree::Tree;
use mount::Mounted;
use nix::sys::signal::{SigSet, Signal};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Weak};
use watchdog::Watchdog;

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

/// How a mount is served.
#[derive(Debug, Clone, Copy)]
pub struct Serving {
    /// How many threads answer requests.
    pub threads: usize,
    /// What is prepared before it is asked for.
    pub ahead: Prepared,
    /// What ends the mount's connection if this process is killed while it prepares something.
    pub watchdog: watchdog::Program,
}

/// What is prepared before it is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Prepared {
    /// Nothing.
    Nothing,
    /// The next records in an order that is recognized.
    NextInOrder,
    /// Beside them all names and all records, for readers in no order, where there is room. The
    /// program is what lists names.
    All(lister::Program),
}

/// Mounts `tree` at `mountpoint`, calls `ready` when the mount answers, and serves it until it is
/// unmounted or a signal ends it. On any error nothing stays mounted.
pub fn serve(
    tree: Arc<Tree>,
    mountpoint: &Path,
    options: &MountOptions,
    serving: &Serving,
    ready: impl FnOnce() -> io::Result<()>,
) -> Result<(), SessionError> {
    let path = shown(mountpoint).to_string();
    let start = |reason| SessionError::Start {
        path: path.clone(),
        reason,
    };
    // Before any thread starts, so that all of them leave these to the thread that waits.
    let signals = block_signals().map_err(start)?;
    let mut watchdog = match serving.ahead {
        Prepared::Nothing => None,
        _ => Some(Watchdog::start(serving.watchdog).map_err(start)?),
    };
    let (device, mounted) = mount::mount(mountpoint, options)?;
    if let Some(watchdog) = &mut watchdog {
        watchdog.watch(mounted.info()).map_err(start)?;
    }
    let mounted = Arc::new(mounted);
    let mut config = fuser::Config::default();
    config.n_threads = Some(serving.threads);
    // A queue of its own for each thread: no slower on two cores, and nothing to share on more. The
    // number of background requests is left at fuser's 16: 4 and 64 made no clear difference.
    config.clone_fd = can_clone_device();
    // The kernel decides who may enter (allow_other, default_permissions); fuser's own check on
    // top of it would refuse requests that the kernel sends on its own behalf.
    let acl = fuser::SessionACL::All;
    let stale = device
        .try_clone()
        .and_then(|device| Stale::start(Arc::clone(&tree), device));
    let stale = stale.map_err(start)?;
    let ahead = start_ahead(serving.ahead, &tree, &device, &stale, &mounted).map_err(start)?;
    let fs = RoxFs::new(tree, stale, ahead);
    let deferred = fs.deferred();
    let session = fuser::Session::from_fd(fs, device, acl, config).map_err(start)?;
    let session = session.spawn().map_err(start)?;
    mounted.raise_readahead(MAX_REQUEST);
    check_answers(mounted.path()).map_err(start)?;
    // Weak, so that the mount is removed with this function, however it ends.
    let waiting = Arc::downgrade(&mounted);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || unmount_on_signal(&signals, &waiting, &deferred))
        .map_err(start)?;
    ready().map_err(start)?;
    session
        .join()
        .map_err(|reason| SessionError::Ended { path, reason })
}

fn start_ahead(
    prepared: Prepared,
    tree: &Arc<Tree>,
    device: &OwnedFd,
    stale: &Stale,
    mounted: &Mounted,
) -> io::Result<Option<Ahead>> {
    let lister = match prepared {
        Prepared::Nothing => return Ok(None),
        Prepared::NextInOrder => None,
        Prepared::All(program) => {
            let mount = mounted.info().clone();
            Some(Lister::start(Arc::clone(tree), mount, program)?)
        }
    };
    let is_listing = lister.as_ref().map(Lister::is_listing);
    let (device, stale) = (device.try_clone()?, stale.clone());
    let pusher = Pusher::start(Arc::clone(tree), device, stale, is_listing)?;
    Ok(Some(Ahead { pusher, lister }))
}

/// Those that end the mount; one that the process was told to ignore (as by `nohup`) stays ignored.
fn block_signals() -> io::Result<SigSet> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let is_ignored = |signal: Signal| ignored.unwrap_or(0) & 1 << (signal as i32 - 1) != 0;
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        if !is_ignored(signal) {
            signals.add(signal);
        }
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

/// The first signal unmounts, and lets go of those who wait for what takes long. If files are open the mount is detached: its name is gone at once,
/// and the files are served until they are closed. The second signal ends the process.
fn unmount_on_signal(signals: &SigSet, mounted: &Weak<Mounted>, deferred: &Deferred) {
    let Ok(signal) = signals.wait() else { return };
    deferred.end();
    if let Some(mounted) = mounted.upgrade() {
        let unmounted = match mounted.unmount(false) {
            Err(UnmountError::Busy { path }) => {
                log::warn!(
                    "{signal}: {} is in use: detached, open files are served until they are \
                     closed; a second signal ends it at once",
                    shown(&path)
                );
                mounted.unmount(true)
            }
            unmounted => unmounted,
        };
        if let Err(error) = unmounted {
            log::error!("{signal}: {error}");
        }
    }
    let _ = signals.wait();
    std::process::exit(1);
}
