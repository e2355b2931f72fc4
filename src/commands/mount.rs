//! `roxfs mount`

use super::{Exit, count, size, system_log};
use crate::ahead::Prepare;
use crate::cli::{Ahead, Cache, Mount};
use crate::dataset::Dataset;
use crate::dataset::names;
use crate::session::daemon::{self, Side};
use crate::session::{Serving, serve};
use crate::shard::Copies;
use crate::sys::memory;
use crate::text::{is_hidden, shown};
use crate::tree::Tree;
use crate::tree::attr::Mounter;
use anyhow::Context;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

/// Two threads answered 1.3 to 1.6 times as fast as one, even on two cores; three and four answered
/// one reader of small records 1.2 times as fast as two, and several readers of large ones 0.85 times.
/// They sleep while there is nothing to do: spinning answered one reader 1.5 times as fast, and four
/// not at all, but takes the processors from those who use what they read.
const LEAST_THREADS: usize = 2;
const MOST_THREADS: usize = 8;

/// Mounts, and returns when the mount answers.
pub fn run(options: &Mount) -> anyhow::Result<Exit> {
    if !options.foreground {
        daemon::close_inherited().context("cannot close what was inherited")?;
    }
    // A daemon is in no directory of the person's: its log, and info.json, have to name the shards all
    // the same.
    let shards = options.shards.iter().map(|path| match options.foreground {
        true => path.clone(),
        false => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
    });
    let dataset = super::open_paths(&shards.collect::<Vec<_>>())?;
    // Mapped now, so that what cannot be mapped is an error here and not of the first reader.
    for shard in dataset.shards() {
        shard.map()?;
    }
    let mounted = describe(&dataset, options);
    let copies = copies(&dataset, options.cache);
    let dataset = Arc::new(dataset.with_copies(copies));
    let warning = LeftOutWarning::new(Arc::clone(&dataset));
    let tree = tree(dataset, options, &warning)?;
    if options.foreground {
        serve_tree(tree, options, || {
            super::say(mounted);
            warning.set_serving();
            Ok(())
        })?;
        return Ok(Exit::Done);
    }
    match daemon::fork().context("cannot go into the background")? {
        Side::Parent(parent) => match parent.wait().context("waiting for the daemon")? {
            Ok(()) => {
                super::say(mounted);
                Ok(Exit::Done)
            }
            Err(Some(0)) => anyhow::bail!("it was unmounted before the mount answered"),
            Err(Some(code)) => Ok(Exit::Code(u8::try_from(code).unwrap_or(1))),
            Err(None) => anyhow::bail!("the daemon was killed before the mount answered"),
        },
        Side::Daemon(daemon) => {
            serve_tree(tree, options, || {
                system_log::flush();
                daemon.ready()?;
                system_log::go_to_background();
                warning.set_serving();
                Ok(())
            })?;
            Ok(Exit::Done)
        }
    }
}

/// How many copies are to stay in memory.
fn copies(dataset: &Dataset, cache: Cache) -> Copies {
    let two_copies = dataset
        .payload_len()
        .saturating_add(dataset.page_cache_len());
    match cache {
        Cache::Auto if memory::limit() < two_copies => Copies::One,
        Cache::One => Copies::One,
        Cache::Auto | Cache::Two => Copies::Two,
    }
}

/// The tree as it was asked for.
fn tree(
    dataset: Arc<Dataset>,
    options: &Mount,
    warning: &Arc<LeftOutWarning>,
) -> anyhow::Result<Tree> {
    let mounter = Mounter {
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
    };
    let warning = Arc::clone(warning);
    let tree =
        Tree::new(dataset, mounter, Box::new(move || warning.want())).with_extension(&options.ext);
    let Some(root) = &options.root else {
        return Ok(tree.without_waiting());
    };
    let is_named = tree.dataset().has_names();
    let hint = match root.starts_with("files") && !is_named {
        true => "; the shards have no names",
        false => "",
    };
    let tree = tree
        .with_root(root.as_os_str().as_bytes())
        .with_context(|| format!("--root {}{hint}", shown(root)))?;
    Ok(tree.without_waiting())
}

/// Says once that names are left out of `files/`, and how many, which a thread of its own counts beside
/// what is served. It waits for that: before, the process is to have one thread, and signals end it.
struct LeftOutWarning {
    dataset: Arc<Dataset>,
    is_wanted: AtomicBool,
    is_serving: AtomicBool,
    is_begun: AtomicBool,
}

impl LeftOutWarning {
    fn new(dataset: Arc<Dataset>) -> Arc<LeftOutWarning> {
        Arc::new(LeftOutWarning {
            dataset,
            is_wanted: AtomicBool::new(false),
            is_serving: AtomicBool::new(false),
            is_begun: AtomicBool::new(false),
        })
    }

    /// Names are left out.
    fn want(&self) {
        self.is_wanted.store(true, Ordering::SeqCst);
        self.begin_if_due();
    }

    /// The mount is served.
    fn set_serving(&self) {
        self.is_serving.store(true, Ordering::SeqCst);
        self.begin_if_due();
    }

    fn begin_if_due(&self) {
        let is_due =
            self.is_wanted.load(Ordering::SeqCst) && self.is_serving.load(Ordering::SeqCst);
        if !is_due || self.is_begun.swap(true, Ordering::SeqCst) {
            return;
        }
        let dataset = Arc::clone(&self.dataset);
        if let Err(error) = std::thread::Builder::new().spawn(move || warn_of_left_out(&dataset)) {
            log::warn!("some names are left out of files/; they cannot be counted: {error}");
        }
    }
}

fn warn_of_left_out(dataset: &Dataset) {
    match names::census(dataset, &mut |_, _, _| {}) {
        Ok(left_out) => log::warn!(
            "{}; the records are in records/, and roxfs verify lists them",
            super::describe_left_out(&left_out)
        ),
        Err(error) => log::warn!("names cannot be counted: {error}"),
    }
}

fn serve_tree(
    tree: Tree,
    options: &Mount,
    ready: impl FnOnce() -> io::Result<()>,
) -> anyhow::Result<()> {
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = match options.threads {
        Some(threads) => usize::from(threads),
        None => cores.clamp(LEAST_THREADS, MOST_THREADS),
    };
    let serving = Serving {
        threads,
        watchdog: super::abort_if_killed::program,
        asker: super::ask_root::program,
        ahead: match options.ahead {
            Ahead::All => Prepare::All(super::list_ahead::program),
            Ahead::Order => Prepare::NextInOrder,
            Ahead::None => Prepare::Nothing,
        },
    };
    let mount_options = options.mount_options(source(tree.dataset()));
    system_log::never_wait().context("cannot start a thread for messages")?;
    serve(
        Arc::new(tree),
        &options.mountpoint,
        &mount_options,
        &serving,
        ready,
    )?;
    Ok(())
}

/// What the listing of mounts shows: the first shard.
fn source(dataset: &Dataset) -> OsString {
    let first = dataset.shards().first().map(|shard| shard.path());
    let absolute = first.and_then(|path| std::path::absolute(path).ok());
    match absolute {
        None => OsString::from("roxfs"),
        // Listings of mounts show it as it is.
        Some(path) if path.to_string_lossy().contains(is_hidden) => shown(&path).to_string().into(),
        Some(path) => path.into(),
    }
}

fn describe(dataset: &Dataset, options: &Mount) -> String {
    format!(
        "{} ({}) in {} mounted at {}",
        count(dataset.records(), "record"),
        size(dataset.payload_len()),
        count(dataset.shards().len() as u64, "shard"),
        shown(&options.mountpoint)
    )
}
