//! Whether standard output was closed when the program was started.
//!
//! The runtime of Rust opens /dev/null in its place before `main`, so that writing there succeeds, and
//! what is written is lost without an error. So it is asked before, as C programs do things before
//! `main`: by a function in the section `.init_array` of the program.

use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::stdout;
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

/// Whether it was.
pub fn was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
