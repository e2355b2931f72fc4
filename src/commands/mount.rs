//! `roxfs mount`

use super::left_out::LeftOutWarning;
use super::{Exit, count, helper, say, size};
use crate::cli::{AsHelper, MountPlan, TreeOptions, WrongUsage};
use crate::dataset::summary::Summary;
use crate::dataset::{self, Dataset};
use crate::session::daemon::{self, Parent, Server, Side, Started};
use crate::session::{ServiceManager, check_mount_point, serve};
use crate::shard::Shard;
use crate::sys::mountinfo::MountTable;
use crate::text::{is_hidden, json, printable};
use crate::tree::{Mounter, Tree};
use anyhow::{Context, bail};
use nix::sys::prctl::set_name;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

/// Mounts, and returns when the mount answers; in the foreground, when it has ended.
pub fn run(mut plan: MountPlan) -> anyhow::Result<Exit> {
    // Before any file is opened, and what is missing where there is no /proc is said here.
    let _ = MountTable::open()?;
    if !plan.foreground {
        daemon::close_inherited().context("cannot close what was inherited")?;
    }
    check_order(&plan)?;
    let dataset = Arc::new(open(&plan)?);
    let is_quiet = plan.helper.as_ref().is_some_and(|helper| !helper.verbose);
    let mounted = (!is_quiet).then(|| describe(&dataset, &plan.mountpoint));
    if plan.mount.source.is_none() {
        plan.mount.source = source(&plan);
    }
    let warning = LeftOutWarning::new(Arc::clone(&dataset));
    let tree = tree(dataset, &plan.tree, &warning)?;
    if let Some(helper) = &plan.helper {
        become_helper(helper)?;
        if helper.fake {
            check_mount_point(&plan.mountpoint)?;
            return Ok(Exit::Done);
        }
    }
    let started = daemon::start(plan.foreground).context("cannot go into the background")?;
    let server = match started {
        Side::Parent(parent) => return wait_for(parent, mounted),
        Side::Server(server) => server,
    };
    super::log::never_wait().context("cannot start a thread for messages")?;
    let manager = match server {
        Server::Foreground => ServiceManager::from_environment(),
        Server::Background(_) => ServiceManager::default(),
    };
    let stopping = manager.clone();
    let ready = || {
        match server {
            Server::Foreground => {
                mounted.iter().for_each(say);
                manager.ready(mounted.as_deref().unwrap_or_default());
            }
            Server::Background(daemon) => {
                super::log::flush();
                daemon.ready()?;
                super::log::go_to_background();
            }
        }
        warning.set_serving();
        Ok(())
    };
    serve(
        Arc::new(tree),
        &plan.mountpoint,
        &plan.mount,
        plan.serve,
        helper::HELPERS,
        ready,
        move || stopping.stopping(),
    )?;
    Ok(Exit::Done)
}

/// What the names of shards end in.
const SHARD_EXTENSION: &str = "rox";

/// Says so where the last argument is not a directory to mount on, but names shards.
fn check_order(plan: &MountPlan) -> anyhow::Result<()> {
    let last = &plan.mountpoint;
    let may_name_shards = last
        .extension()
        .is_some_and(|extension| extension == SHARD_EXTENSION);
    if !may_name_shards || last.is_dir() || dataset::expand(slice::from_ref(last)).is_err() {
        return Ok(());
    }
    let last = printable(last);
    Err(match &plan.shards[..] {
        [first] if first.is_dir() => {
            let first = printable(first);
            WrongUsage(format!(
                "{last} names shards, and {first} is a directory: the directory to mount on comes last: \
                 roxfs mount {last} {first}"
            ))
        }
        _ => WrongUsage(format!(
            "{last} names shards: behind it, a directory to mount on is needed"
        )),
    }
    .into())
}

fn become_helper(helper: &AsHelper) -> anyhow::Result<()> {
    // The name of a link says less to those who look for the daemon.
    set_name(c"roxfs")?;
    if let Some(namespace) = &helper.namespace {
        daemon::enter_namespace(namespace).with_context(|| printable(namespace).to_string())?;
    }
    Ok(())
}

fn open(plan: &MountPlan) -> anyhow::Result<Dataset> {
    // A daemon is in no directory of the person's: its log, and info.json, have to name the shards all
    // the same.
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let dataset = if plan.foreground {
        super::open_paths(&plan.shards)?
    } else {
        super::open_paths(&plan.shards.iter().map(absolute).collect::<Vec<_>>())?
    };
    warn_of_unmapped(&dataset);
    Ok(dataset)
}

/// Maps all shards now, so that what cannot be mapped is said here and not to nobody.
fn warn_of_unmapped(dataset: &Dataset) {
    let shards = dataset.shards();
    let failed = |shard: &Shard| {
        let error = shard.map().err()?;
        Some(format!("{}: {error}", shard.location()))
    };
    let mut unmapped = shards.iter().filter_map(failed);
    if let Some(first) = unmapped.next() {
        log::warn!(
            "{first}: cannot be mapped; {} of {} shards are read instead, which takes a little longer",
            1 + unmapped.count(),
            shards.len()
        );
    }
}

/// The tree as it was asked for.
fn tree(
    dataset: Arc<Dataset>,
    options: &TreeOptions,
    warning: &Arc<LeftOutWarning>,
) -> anyhow::Result<Tree> {
    let mounter = Mounter {
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
    };
    let warning = Arc::clone(warning);
    let described = Arc::clone(&dataset);
    let mut tree = Tree::new(dataset, mounter, Box::new(move || warning.want()))
        .with_info(Box::new(move || info_json(&described)))
        .with_extension(&options.extension)
        .with_order_memory(options.order_memory);
    if let Some(root) = &options.root {
        let name = root.as_os_str().as_bytes();
        if let Err(error) = tree.find_directory(name) {
            let hint = root_hint(&tree, root);
            bail!("--root {}: {error}{hint}", printable(root));
        }
        tree = tree.with_root(name)?;
    }
    Ok(tree.without_waiting())
}

/// What may help where this is no directory of the tree.
fn root_hint(tree: &Tree, root: &Path) -> String {
    let named = Path::new("files").join(root);
    if root.starts_with("files") && !tree.dataset().has_names() {
        return "; the shards have no names".to_owned();
    }
    if root.is_relative() && tree.find_directory(named.as_os_str().as_bytes()).is_ok() {
        return format!("; did you mean --root {}?", printable(&named));
    }
    String::new()
}

/// `.roxfs/info.json`; reads all names, to count those that are left out.
fn info_json(dataset: &Dataset) -> Vec<u8> {
    let summary = Summary::new(dataset)
        .with_absolute_paths(dataset)
        .with_names_left_out(dataset);
    // Strings and numbers in vectors always serialize.
    let mut info = json(&summary, true).unwrap_or_default().into_bytes();
    info.push(b'\n');
    info
}

fn wait_for(daemon: Parent, mounted: Option<String>) -> anyhow::Result<Exit> {
    match daemon.wait().context("waiting for the daemon")? {
        Started::Ready => {
            mounted.into_iter().for_each(say);
            Ok(Exit::Done)
        }
        Started::Exited(0) => bail!("it was unmounted before the mount answered"),
        // It has said why.
        Started::Exited(code) => Ok(Exit::Code(u8::try_from(code).unwrap_or(1))),
        Started::Killed => bail!("the daemon was killed before the mount answered"),
    }
}

/// What the listing of mounts shows where nothing is said: the first of the arguments that name shards.
/// mount(8) compares it with what it has given to its helper, to know what is mounted already.
fn source(plan: &MountPlan) -> Option<OsString> {
    let given = plan.shards.first()?;
    let path = if plan.helper.is_some() {
        given.clone()
    } else {
        std::path::absolute(given).ok()?
    };
    // Listings of mounts show it as it is.
    if path.to_string_lossy().contains(is_hidden) {
        Some(printable(&path).to_string().into())
    } else {
        Some(path.into())
    }
}

fn describe(dataset: &Dataset, mountpoint: &Path) -> String {
    format!(
        "{} ({}) in {} mounted at {}",
        count(dataset.records(), "record"),
        size(dataset.payload_len()),
        count(dataset.shards().len() as u64, "shard"),
        printable(mountpoint)
    )
}
