//! Requests on open files, by ioctl(2), whose bytes go one way, as many as the request's number says.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Where the number has how many bytes there are: `_IOC_SIZESHIFT` of the kernel, and a mask for
/// `_IOC_SIZEBITS`.
const LEN_SHIFT: u32 = 16;
const LEN_MASK: u32 = (1 << 14) - 1;

/// Sends the bytes of a request.
pub fn send(file: impl AsFd, number: u32, bytes: &[u8]) -> io::Result<()> {
    let mut bytes = bytes.to_vec();
    request(file, number, &mut bytes)
}

/// Receives the bytes of a request's answer.
pub fn receive<const LEN: usize>(file: impl AsFd, number: u32) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    request(file, number, &mut bytes)?;
    Ok(bytes)
}

fn request(file: impl AsFd, number: u32, bytes: &mut [u8]) -> io::Result<()> {
    if (number >> LEN_SHIFT & LEN_MASK) as usize != bytes.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = file.as_fd().as_raw_fd();
    #[expect(unsafe_code, reason = "no library has these requests")]
    // SAFETY: whatever driver has a request of this number reads or writes as many bytes as it says.
    let result = unsafe { libc::ioctl(file, number as _, bytes.as_mut_ptr()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
