//! The `roxfs` program: parse, log, run, exit code.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = roxfs::cli::Cli::parse();
    roxfs::commands::start_log();
    roxfs::commands::run(cli.command).into()
}
