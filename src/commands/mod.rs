//! The commands: the only place that prints. Results go to standard output, messages to standard
//! error.

mod abort_if_killed;
mod ask_root;
mod cat;
mod extract;
mod faults;
mod info;
mod list_ahead;
mod ls;
mod ls_files;
mod mount;
mod pack;
mod standard_output;
mod system_log;
mod umount;
mod verify;

use crate::cli::{Cli, Command, Shards};
use crate::dataset::names::LeftOut;
use crate::dataset::{self, Dataset, DatasetError};
use crate::pack::PackError;
use crate::shard::ShardError;
use crate::text::{Visible, is_hidden, shown};
use clap::CommandFactory;
use clap::builder::Styles;
use faults::{Faults, SHOWN};
use indicatif::{ProgressBar, ProgressStyle};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{self, ExitCode};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Done,
    /// The system, or the arguments' content, did not allow it.
    Failed,
    /// The data is damaged.
    Damaged,
    /// With the code of a process that did the work.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
            // 2 is wrong usage, which the parser of the command line reports.
            Exit::Damaged => ExitCode::from(3),
            Exit::Code(code) => ExitCode::from(code),
        }
    }
}

/// Has panics said like everything else: in one line, with escapes; and where they come from, if
/// `RUST_BACKTRACE` asks for that.
pub fn start_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        say(panic);
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            trace.to_string().lines().for_each(say);
        }
    }));
}

/// Sends the log to standard error, as lines `roxfs: message`, and of a process in the background
/// to the system's log. `ROXFS_LOG` sets the level.
pub fn start_log() {
    // fuser logs as an error every reply to a request that its caller has given up.
    let mut log = env_logger::Builder::new();
    log.filter_level(log::LevelFilter::Warn);
    match std::env::var("ROXFS_LOG") {
        // The parser repeats what it does not understand as it stands.
        Ok(levels) if levels.contains(is_hidden) => say("ROXFS_LOG has control characters"),
        Ok(levels) => match env_filter::Builder::new().try_parse(&levels) {
            Ok(_) => _ = log.parse_filters(&levels),
            Err(error) => say(format_args!("ROXFS_LOG is left aside: {error}")),
        },
        Err(_) => {}
    }
    log.filter_module("fuser", log::LevelFilter::Off)
        .format(|line, record| writeln!(line, "roxfs: {}", Visible(record.args())))
        .target(env_logger::Target::Pipe(Box::new(system_log::Output)))
        .init();
}

/// Runs a command and reports its error.
pub fn run(command: Command) -> Exit {
    let writes_data = writes_data(&command);
    if writes_data && standard_output::was_closed() {
        return output_failed(&Errno::EBADF.into());
    }
    let result = match command {
        Command::Mount(options) => mount::run(&options),
        Command::Umount(options) => umount::run(&options),
        Command::Pack(options) => pack::run(&options),
        Command::Info(options) => info::run(&options),
        Command::Ls(options) => ls::run(&options),
        Command::Cat(options) => cat::run(&options),
        Command::Extract(options) => extract::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::ListAhead(options) => list_ahead::run(&options),
        Command::AbortIfKilled(options) => abort_if_killed::run(&options),
        Command::AskRoot(options) => ask_root::run(&options),
    };
    let exit = result.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Exit::Done;
        }
        if let Some(error) = error.downcast_ref().filter(|_| writes_data) {
            return output_failed(error);
        }
        say(format_args!("{error:#}"));
        match is_damage(&error) {
            true => Exit::Damaged,
            false => Exit::Failed,
        }
    });
    system_log::flush();
    exit
}

/// Whether a command has something to write to standard output. Its errors of input and output that
/// do not say what they are about are about that.
fn writes_data(command: &Command) -> bool {
    match command {
        Command::Info(_) | Command::Ls(_) | Command::Cat(_) | Command::Verify(_) => true,
        Command::Extract(options) => options.tar,
        _ => false,
    }
}

/// Reports that standard output takes nothing.
fn output_failed(error: &io::Error) -> Exit {
    say(format_args!("standard output: {error}"));
    Exit::Failed
}

/// Starts this program again, also where its file has been replaced meanwhile.
fn this_program() -> process::Command {
    let mut command = process::Command::new("/proc/self/exe");
    command.arg0("roxfs");
    command
}

/// A line for the person. If nobody reads it, the work goes on.
fn say(message: impl Display) {
    system_log::say(format!("roxfs: {}\n", Visible(message)).as_bytes());
}

/// Shows what the parser of the command line has to say: help, or what is wrong. That repeats
/// arguments as they were given; where some would command the terminal, all is said without colours
/// and they are shown escaped.
pub fn usage(error: &clap::Error) -> ExitCode {
    let is_strange = |argument: OsString| argument.to_string_lossy().contains(is_hidden);
    let written = if std::env::args_os().any(is_strange) {
        let plain = Cli::command().styles(Styles::plain());
        let again = plain.try_get_matches().err();
        let text = again.as_ref().unwrap_or(error).render().ansi().to_string();
        let shown: String = text
            .lines()
            .map(|line| format!("{}\n", Visible(line)))
            .collect();
        match error.use_stderr() {
            true => io::stderr().write_all(shown.as_bytes()),
            false => io::stdout().write_all(shown.as_bytes()),
        }
    } else {
        error.print()
    };
    if error.use_stderr() {
        return ExitCode::from(2);
    }
    let is_closed = || match standard_output::was_closed() {
        true => Err(Errno::EBADF.into()),
        false => Ok(()),
    };
    match written
        .and_then(|()| io::stdout().flush())
        .and_then(|()| is_closed())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => output_failed(&error).into(),
        _ => ExitCode::SUCCESS,
    }
}

/// Who reads standard output has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn is_damage(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<DatasetError>()
        .is_some_and(DatasetError::is_damage)
        || error
            .downcast_ref::<ShardError>()
            .is_some_and(ShardError::is_damage)
        || error
            .downcast_ref::<PackError>()
            .is_some_and(PackError::is_damage)
}

/// Opens the dataset that the arguments name.
fn open(arguments: &Shards) -> Result<Dataset, DatasetError> {
    open_paths(&arguments.shards)
}

fn open_paths(arguments: &[std::path::PathBuf]) -> Result<Dataset, DatasetError> {
    raise_open_files();
    let dataset = Dataset::open(arguments)?;
    if let Some((first, second)) = dataset::out_of_numeric_order(dataset.shards()) {
        log::warn!(
            "{} comes before {}: shards are sorted by bytes, and records numbered in this order; \
             name the shards one by one for another",
            shown(first),
            shown(second)
        );
    }
    Ok(dataset)
}

/// Every shard is an open file, and the usual soft limit is 1024.
fn raise_open_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If it fails, opening too many shards will say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// A bar over bytes, on a terminal; nothing elsewhere. While no total is known, it only counts.
fn byte_progress(total: Option<u64>) -> ProgressBar {
    match total {
        Some(total) => ProgressBar::new(total).with_style(bar_style()),
        None => ProgressBar::no_length().with_style(style(
            "{msg} {binary_bytes} {binary_bytes_per_sec} {elapsed}",
        )),
    }
}

/// The look of a bar whose end is known.
fn bar_style() -> ProgressStyle {
    let template =
        "{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
    style(template).progress_chars("=> ")
}

/// Templates are constants that have been tried.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar())
}

/// A size for a person: 1.5 MiB.
fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A count with its noun: 1 shard, 2 shards.
fn count(count: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        indicatif::HumanCount(count),
        if count == 1 { "" } else { "s" }
    )
}

/// Which names the tree of names leaves out: 3 names are left out of files/: 2 duplicates, 1 ...
fn describe_left_out(left_out: &LeftOut) -> String {
    let kinds = [
        (left_out.invalid, "invalid"),
        (left_out.duplicate, "duplicate"),
        (left_out.file_and_directory, "a file's and a directory's"),
        (left_out.out_of_order, "out of order"),
    ];
    let kinds = kinds.iter().filter(|(number, _)| *number > 0);
    let kinds: Vec<String> = kinds
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    format!(
        "{} left out of files/: {}",
        count(left_out.total(), "name"),
        kinds.join(", ")
    )
}
