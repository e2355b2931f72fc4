//! The `roxfs` program: parse, log, run, exit code.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    roxfs::commands::start_panic_messages();
    match roxfs::cli::Cli::try_parse() {
        Ok(cli) => {
            roxfs::commands::start_log();
            roxfs::commands::run(cli).into()
        }
        Err(error) => roxfs::commands::usage(&error),
    }
}
