//! What the parser of the command line has to say: help, or what is wrong.

use super::{Exit, standard_output};
use crate::cli::{self, Cli};
use crate::text::{Visible, is_hidden};
use clap::builder::Styles;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Shows it, for this command line. It repeats arguments as they were given; where some would command the terminal, all is
/// said without colours and they are shown escaped.
pub fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let is_strange = |argument: &OsString| argument.to_string_lossy().contains(is_hidden);
    let written = if arguments.iter().any(is_strange) {
        write_escaped(error, arguments)
    } else {
        error.print()
    };
    if error.use_stderr() && cli::is_by_mount(arguments) {
        return Exit::WrongUsage.for_mount().into();
    }
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

fn write_escaped(error: &clap::Error, arguments: &[OsString]) -> io::Result<()> {
    let again = Cli::of(arguments, &Styles::plain()).err();
    let text = again.as_ref().unwrap_or(error).render().ansi().to_string();
    let lines = text.lines().map(|line| format!("{}\n", Visible(line)));
    let escaped: String = lines.collect();
    if error.use_stderr() {
        io::stderr().write_all(escaped.as_bytes())
    } else {
        io::stdout().write_all(escaped.as_bytes())
    }
}
