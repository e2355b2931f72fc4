//! Where the log goes: to standard error, until the process is in the background; then to the
//! system's log, through the socket that syslog daemons and journald listen on.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};

const SOCKET: &str = "/dev/log";
/// Facility "daemon" (3), severity "warning" (4), as syslog(3) codes them.
const PRIORITY: u8 = 3 << 3 | 4;

static IN_BACKGROUND: AtomicBool = AtomicBool::new(false);

/// From now on standard error is nobody's.
pub fn go_to_background() {
    IN_BACKGROUND.store(true, Ordering::Relaxed);
}

/// What the logger writes its lines to. A line that cannot be written is lost.
pub struct Output;

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match IN_BACKGROUND.load(Ordering::Relaxed) {
            false => {
                let _ = io::stderr().write_all(line);
            }
            true => {
                let _ = send(line);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn send(line: &[u8]) -> io::Result<usize> {
    let socket = UnixDatagram::unbound()?;
    // A log that is full must not hold up the mount.
    socket.set_nonblocking(true)?;
    let tag = format!("<{PRIORITY}>roxfs[{}]: ", std::process::id());
    let message = line.strip_prefix(b"roxfs: ").unwrap_or(line);
    socket.send_to(&[tag.as_bytes(), message].concat(), SOCKET)
}
