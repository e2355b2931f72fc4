//! The `roxfs` program: parse, log, run, exit code.

use clap::builder::Styles;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    roxfs::commands::start_panic_messages();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match roxfs::cli::Cli::of(&arguments, &Styles::styled()) {
        Ok(cli) => {
            roxfs::commands::start_log();
            roxfs::commands::run(cli).into()
        }
        Err(error) => roxfs::commands::usage(&error, &arguments),
    }
}
