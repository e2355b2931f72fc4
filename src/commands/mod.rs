//! The commands: the only place that prints. Results go to standard output, messages to standard
//! error.

mod cat;
mod extract;
mod faults;
mod helper;
mod hint;
mod info;
mod left_out;
mod log;
mod ls;
mod ls_files;
mod mount;
mod open;
mod output;
mod pack;
mod standard_output;
mod umount;
mod usage;
mod verify;

pub use log::{start_log, start_panic_messages};
pub use usage::usage;

use crate::cli::{Cli, Command, WrongUsage};
use crate::dataset::DatasetError;
use crate::pack::PackError;
use crate::shard::ShardError;
use open::{open, open_paths, raise_open_files};
use output::{SHOWN_FAULTS, byte_progress, count, describe_left_out, say, size};
use std::process::ExitCode;
use std::thread::available_parallelism;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Done,
    /// The system, or the arguments' content, did not allow it.
    Failed,
    /// The arguments mean nothing together.
    WrongUsage,
    /// The data is damaged.
    Damaged,
    /// With the code of a process that did the work.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::WrongUsage => 2,
            Exit::Damaged => 3,
            Exit::Code(code) => code,
        })
    }
}

impl Exit {
    /// As mount(8) documents its exit codes, which are those of its helpers: 1 for a wrong command line,
    /// and 32 for a mount that failed.
    fn for_mount(self) -> Exit {
        match self {
            Exit::WrongUsage => Exit::Code(1),
            Exit::Failed | Exit::Damaged => Exit::Code(32),
            Exit::Done | Exit::Code(_) => self,
        }
    }
}

/// Runs a command and reports its error.
pub fn run(cli: Cli) -> Exit {
    let is_by_mount = matches!(&cli.command, Command::Mount(mount) if mount.helper.is_some());
    let exit = run_command(cli);
    if is_by_mount { exit.for_mount() } else { exit }
}

fn run_command(cli: Cli) -> Exit {
    let writes_data = writes_data(&cli.command);
    if writes_data && let Err(error) = standard_output::check_open() {
        return standard_output::failed(&error);
    }
    let exit = dispatch(cli.command).unwrap_or_else(|error| report(&error, writes_data));
    log::flush();
    exit
}

fn dispatch(command: Command) -> anyhow::Result<Exit> {
    let cores = available_parallelism().map_or(1, usize::from);
    match command {
        Command::Mount(options) => mount::run(options.decide(cores)),
        Command::Umount(options) => umount::run(&options),
        Command::Pack(options) => pack::run(options.decide(cores)?),
        Command::Info(options) => info::run(&options),
        Command::Ls(options) => ls::run(&options),
        Command::Cat(options) => cat::run(&options),
        Command::Extract(options) => extract::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Hint(options) => hint::run(&options),
        Command::Helper(helper) => helper::run(helper),
    }
}

/// Whether a command has something to write to standard output. Its errors of input and output that
/// do not say what they are about are about that.
fn writes_data(command: &Command) -> bool {
    match command {
        Command::Info(_) | Command::Ls(_) | Command::Cat(_) | Command::Verify(_) => true,
        Command::Extract(options) => options.tar,
        Command::Mount(_)
        | Command::Umount(_)
        | Command::Pack(_)
        | Command::Hint(_)
        | Command::Helper(_) => false,
    }
}

fn report(error: &anyhow::Error, writes_data: bool) -> Exit {
    if standard_output::is_broken_pipe(error) {
        return Exit::Done;
    }
    if let Some(error) = error.downcast_ref().filter(|_| writes_data) {
        return standard_output::failed(error);
    }
    say(format_args!("{error:#}"));
    if error.is::<WrongUsage>() {
        Exit::WrongUsage
    } else if is_damage(error) {
        Exit::Damaged
    } else {
        Exit::Failed
    }
}

fn is_damage(error: &anyhow::Error) -> bool {
    let dataset = error.downcast_ref().is_some_and(DatasetError::is_damage);
    let shard = error.downcast_ref().is_some_and(ShardError::is_damage);
    let pack = error.downcast_ref().is_some_and(PackError::is_damage);
    dataset || shard || pack
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_documentation() {
        let documented = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::WrongUsage, 2),
            (Exit::Damaged, 3),
            (Exit::Code(7), 7),
        ];
        for (exit, code) in documented {
            let (exit, code) = (ExitCode::from(exit), ExitCode::from(code));
            assert_eq!(format!("{exit:?}"), format!("{code:?}"));
        }
    }
}
