//! A mounted tree from its beginning to its end: mount, serve, signals, unmount.

pub mod answer;
mod connection;
pub mod daemon;
mod fusermount;
mod helper;
mod mount;
mod options;
mod service;
mod signals;
mod threads;
mod unmount;
pub mod watchdog;

pub use crate::ahead::Prepare;
pub use crate::fuse::Threads;
pub use crate::resident::CacheLimit;
pub use helper::Helpers;
pub use mount::{FS_TYPE, MountError, check_mount_point};
pub use options::{Context, MountOptions};
pub use service::ServiceManager;
pub use unmount::by_path as unmount;

use crate::ahead::Ahead;
use crate::fuse::RoxFs;
use crate::kernel_cache::CacheAccess;
use crate::kernel_cache::stale::Stale;
use crate::resident::{Releaser, Residents};
use crate::text::printable;
use crate::tree::Tree;
use nix::errno::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use watchdog::Watchdog;

/// Why a mount did not come up, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It could not be mounted.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// What it needs cannot be started, the kernel and roxfs did not agree, or the mount does not
    /// answer. It has been unmounted.
    #[error("{path}: not mounted: {step}: {reason}{}", hint(reason))]
    Start {
        path: String,
        step: &'static str,
        reason: io::Error,
    },
    /// Reading requests from the kernel failed.
    #[error("{path}: the mount ended: {reason}")]
    Ended { path: String, reason: io::Error },
}

fn hint(reason: &io::Error) -> &'static str {
    match reason.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN) => " (a limit on threads or processes: ulimit -u)",
        Some(Errno::EMFILE) => " (ulimit -n)",
        _ => "",
    }
}

/// How to serve a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeOptions {
    /// Fewer answer where not as many can be started.
    pub threads: Threads,
    pub prepare: Prepare,
    pub cache: CacheLimit,
}

/// The kernel decides who may enter (allow_other, default_permissions); fuser's own check on top of it
/// would refuse requests that the kernel sends on its own behalf.
const ALLOWED: fuser::SessionACL = fuser::SessionACL::All;

/// What failed, where several steps fail alike.
const THREADS: &str = "threads cannot be started";
const WATCHDOG: &str = "the watching process";

/// Mounts `tree` at `mountpoint`, calls `ready` when the mount answers, and serves it until it is
/// unmounted or a signal ends it; then `stopping` is called first. On any error nothing stays mounted.
///
/// Each step is where it is for a reason: no thread that stays before the signals are blocked, the
/// watchdog before the mount, which may cover the program, and no signal taken before the mount
/// answers.
pub fn serve(
    tree: Arc<Tree>,
    mountpoint: &Path,
    mount_options: &MountOptions,
    options: ServeOptions,
    helpers: Helpers,
    ready: impl FnOnce() -> io::Result<()>,
    stopping: impl FnOnce() + Send + 'static,
) -> Result<(), SessionError> {
    let path = printable(mountpoint).to_string();
    let failed = |step| {
        let path = path.clone();
        move |reason| SessionError::Start { path, step, reason }
    };
    let prepares_ahead = options.prepare != Prepare::Nothing;
    let wanted = options.threads;
    let answering =
        threads::startable(wanted.answering, prepares_ahead).map_err(failed(THREADS))?;
    let threads = Threads {
        answering,
        ..wanted
    };
    // Before any thread starts, so that all of them leave these to the thread that waits.
    let signals = signals::block().map_err(failed("signals"))?;
    let mut watchdog = Watchdog::start(helpers.abort_if_killed).map_err(failed(WATCHDOG))?;
    let (device, mounted) = mount::mount(mountpoint, mount_options)?;
    watchdog.watch(mounted.info()).map_err(failed(WATCHDOG))?;
    let mounted = Arc::new(mounted);
    let access = CacheAccess::new(Arc::clone(mounted.device()));
    let stale = Stale::start(Arc::clone(&tree), access.clone()).map_err(failed(THREADS))?;
    let (info, prepare) = (mounted.info(), options.prepare);
    let releaser = Releaser::new(info.clone(), helpers.let_go);
    let residents = Residents::start(&tree, access.clone(), options.cache, releaser);
    let residents = residents.map_err(failed(THREADS))?;
    let list = helpers.list_ahead;
    let ahead = Ahead::start(&tree, info, &access, &stale, &residents, prepare, list)
        .map_err(failed(THREADS))?;
    let config = config(&device, threads.answering);
    let fs = RoxFs::new(tree, stale, residents, ahead, threads);
    let deferred = fs.deferred();
    let session = fuser::Session::from_fd(fs, device, ALLOWED, config)
        .map_err(failed("the kernel's first request"))?;
    let session = session.spawn().map_err(failed(THREADS))?;
    let has_ended = || session.guard.is_finished();
    let answered = answer::wait_for_answer(&mounted, helpers.ask_root, has_ended);
    if has_ended() || (answered.is_err() && !mounted.is_connected()) {
        // From outside, if without an error.
        return session.join().map_err(failed("serving ended at once"));
    }
    answered.map_err(failed("it does not answer"))?;
    watchdog.wait();
    // From here on a signal unmounts what works; one that came before has waited.
    signals::unmount_on(signals, &mounted, deferred, stopping).map_err(failed(THREADS))?;
    ready().map_err(failed("going into the background"))?;
    access.set_ready();
    session
        .join()
        .map_err(|reason| SessionError::Ended { path, reason })
}

/// How fuser answers requests.
fn config(device: &OwnedFd, threads: usize) -> fuser::Config {
    let mut config = fuser::Config::default();
    config.n_threads = Some(threads);
    // A queue of its own for each thread: no slower on two cores, and nothing to share on more.
    config.clone_fd = threads::can_have_devices(device, threads);
    config
}
