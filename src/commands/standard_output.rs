//! Standard output: whether it was closed when the program was started, and what is said where it takes
//! nothing.
//!
//! The runtime of Rust opens /dev/null in its place before `main`, so that writing there succeeds, and
//! what is written is lost without an error. So it is asked before, as C programs do things before
//! `main`: by a function in the section `.init_array` of the program.

use super::{Exit, say};
use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::stdout;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

#[expect(
    unsafe_code,
    reason = "only a section of the program is run before main"
)]
// SAFETY: the section is an array of pointers to functions, as this is one; it is called once, with
// arguments that it does not take. It makes one system call, without the C library.
#[unsafe(link_section = ".init_array")]
#[used]
static BEFORE_MAIN: extern "C" fn() = note;

extern "C" fn note() {
    let is_closed = fcntl_getfd(stdout()) == Err(Errno::BADF);
    WAS_CLOSED.store(is_closed, Ordering::Relaxed);
}

/// The error of writing to it, if it was closed.
pub fn check_open() -> io::Result<()> {
    if WAS_CLOSED.load(Ordering::Relaxed) {
        return Err(Errno::BADF.into());
    }
    Ok(())
}

/// Reports that it takes nothing.
pub fn failed(error: &io::Error) -> Exit {
    say(format_args!("standard output: {error}"));
    Exit::Failed
}

/// Whether an error only means that the program at the other end of a pipe has read enough.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
