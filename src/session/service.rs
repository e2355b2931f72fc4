//! Telling a service manager how far a mount in the foreground is, as sd_notify(3) has it.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The variable that has the address of its socket.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// The socket of a service manager that wants to be told, if there is one.
#[derive(Debug, Clone, Default)]
pub struct ServiceManager(Option<SocketAddr>);

impl ServiceManager {
    /// The one that has started this process. An address that cannot be understood is none, and logged.
    pub fn from_environment() -> ServiceManager {
        let Some(address) = std::env::var_os(VARIABLE).filter(|address| !address.is_empty()) else {
            return ServiceManager(None);
        };
        let parsed = parse(&address);
        ServiceManager(
            parsed
                .inspect_err(|error| log::warn!("{VARIABLE}: {error}"))
                .ok(),
        )
    }

    /// The mount answers; `status` is shown to those who ask for it, and is one line.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// A signal ends the mount.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        let Some(address) = &self.0 else { return };
        let send = || {
            let socket = UnixDatagram::unbound()?;
            // A mount is served whether or not anybody listens.
            socket.set_nonblocking(true)?;
            socket.send_to_addr(state.as_bytes(), address)
        };
        if let Err(error) = send() {
            log::warn!("{VARIABLE}: the service manager is not told {state:?}: {error}");
        }
    }
}

/// A path, or a name in the abstract namespace behind `@`.
fn parse(address: &OsStr) -> io::Result<SocketAddr> {
    match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(address),
        _ => Err(io::Error::other("expected a path or a name behind @")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &SocketAddr, given: &OsStr) -> [String; 2] {
        let socket = UnixDatagram::bind_addr(address).expect("bound");
        let manager = ServiceManager(Some(parse(given).expect("an address")));
        let receive = || {
            let mut buffer = [0; 100];
            let len = socket.recv(&mut buffer).expect("received");
            String::from_utf8_lossy(&buffer[..len]).into_owned()
        };
        manager.ready("2 records");
        let ready = receive();
        manager.stopping();
        [ready, receive()]
    }

    #[test]
    fn a_socket_with_a_path_or_an_abstract_name_is_told() {
        let expected = ["READY=1\nSTATUS=2 records", "STOPPING=1"];
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("notify");
        let address = SocketAddr::from_pathname(&path).expect("an address");
        assert_eq!(told(&address, path.as_os_str()), expected);
        let name = format!("roxfs-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("an address");
        assert_eq!(told(&address, OsStr::new(&format!("@{name}"))), expected);
    }

    #[test]
    fn other_addresses_are_not_understood_and_nobody_is_told_there() {
        for bad in ["relative", "vsock:2:1234"] {
            assert!(parse(OsStr::new(bad)).is_err(), "{bad}");
        }
        ServiceManager(Some(parse(OsStr::new("/nowhere")).expect("an address"))).stopping();
        ServiceManager::default().ready("");
    }
}
