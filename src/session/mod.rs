//! A mounted tree from its beginning to its end: mount, serve, signals, unmount.

pub mod answer;
mod connection;
pub mod daemon;
mod fusermount;
mod mount;
mod signals;
mod threads;
mod unmount;
pub mod watchdog;

pub use mount::{MountError, MountOptions};
pub use unmount::by_path as unmount;

use crate::ahead::{self, Ahead, Prepare};
use crate::fuse::{MAX_REQUEST, RoxFs};
use crate::kernel_cache::Access;
use crate::kernel_cache::stale::Stale;
use crate::text::shown;
use crate::tree::Tree;
use nix::errno::Errno;
use std::io;
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
        /// The mount point.
        path: String,
        /// What failed.
        step: &'static str,
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

fn hint(reason: &io::Error) -> &'static str {
    match reason.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN) => " (a limit on threads or processes: ulimit -u)",
        Some(Errno::EMFILE) => " (ulimit -n)",
        _ => "",
    }
}

/// How a mount is served.
#[derive(Debug, Clone, Copy)]
pub struct Serving {
    /// How many threads answer requests; fewer where not as many can be started.
    pub threads: usize,
    /// What asks whether the mount answers.
    pub asker: answer::Program,
    /// What is prepared before it is asked for.
    pub ahead: Prepare,
    /// What ends the mount's connection if this process is killed while it waits for a page.
    pub watchdog: watchdog::Program,
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
    let failed = |step| {
        let path = path.clone();
        move |reason| SessionError::Start { path, step, reason }
    };
    let prepares_ahead = !matches!(serving.ahead, Prepare::Nothing);
    let threads = threads::startable(serving.threads, prepares_ahead)
        .map_err(failed("threads cannot be started"))?;
    // Before any thread starts, so that all of them leave these to the thread that waits.
    let signals = signals::block().map_err(failed("signals"))?;
    let mut watchdog = Watchdog::start(serving.watchdog).map_err(failed("the watching process"))?;
    let (device, mounted) = mount::mount(mountpoint, options)?;
    let told = watchdog.watch(mounted.info());
    told.map_err(failed("the watching process"))?;
    let mounted = Arc::new(mounted);
    let access = Access::new(Arc::clone(mounted.device()));
    let stale = Stale::start(Arc::clone(&tree), access.clone());
    let stale = stale.map_err(failed("threads cannot be started"))?;
    let ahead = Ahead::start(
        &ahead::Mount {
            tree: &tree,
            info: mounted.info(),
            access: &access,
            stale: &stale,
        },
        serving.ahead,
    )
    .map_err(failed("threads cannot be started"))?;
    let mut config = fuser::Config::default();
    config.n_threads = Some(threads);
    // A queue of its own for each thread: no slower on two cores, and nothing to share on more.
    config.clone_fd = threads::can_have_devices(&device, threads);
    // The kernel decides who may enter (allow_other, default_permissions); fuser's own check on
    // top of it would refuse requests that the kernel sends on its own behalf.
    let acl = fuser::SessionACL::All;
    let fs = RoxFs::new(tree, stale, ahead);
    let deferred = fs.deferred();
    let session = fuser::Session::from_fd(fs, device, acl, config);
    let session = session.map_err(failed("the kernel's first request"))?;
    let session = session.spawn();
    let session = session.map_err(failed("threads cannot be started"))?;
    mounted.raise_readahead(MAX_REQUEST);
    let has_ended = || session.guard.is_finished();
    let answered = answer::wait_for_answer(&mounted, serving.asker, has_ended);
    if has_ended() || (answered.is_err() && !mounted.is_connected()) {
        // From outside, if without an error.
        return session.join().map_err(failed("serving ended at once"));
    }
    answered.map_err(failed("it does not answer"))?;
    // From here on a signal unmounts what works; one that came before has waited.
    signals::unmount_on(signals, &mounted, deferred)
        .map_err(failed("threads cannot be started"))?;
    ready().map_err(failed("going into the background"))?;
    access.set_ready();
    session
        .join()
        .map_err(|reason| SessionError::Ended { path, reason })
}
