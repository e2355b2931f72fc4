//! What the parser of the command line has to say: help, or what is wrong.

use super::{Exit, standard_output};
use crate::cli::Cli;
use crate::text::{Visible, is_hidden};
use clap::CommandFactory;
use clap::builder::Styles;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Shows it. It repeats arguments as they were given; where some would command the terminal, all is
/// said without colours and they are shown escaped.
pub fn usage(error: &clap::Error) -> ExitCode {
    let is_strange = |argument: OsString| argument.to_string_lossy().contains(is_hidden);
    let written = if std::env::args_os().any(is_strange) {
        write_escaped(error)
    } else {
        error.print()
    };
    if error.use_stderr() {
        return Exit::WrongUsage.into();
    }
    let written = written.and_then(|()| io::stdout().flush());
    match written.and_then(|()| standard_output::check_open()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            standard_output::failed(&error).into()
        }
        _ => Exit::Done.into(),
    }
}

fn write_escaped(error: &clap::Error) -> io::Result<()> {
    let plain = Cli::command().styles(Styles::plain());
    let again = plain.try_get_matches().err();
    let text = again.as_ref().unwrap_or(error).render().ansi().to_string();
    let lines = text.lines().map(|line| format!("{}\n", Visible(line)));
    let escaped: String = lines.collect();
    if error.use_stderr() {
        io::stderr().write_all(escaped.as_bytes())
    } else {
        io::stdout().write_all(escaped.as_bytes())
    }
}
