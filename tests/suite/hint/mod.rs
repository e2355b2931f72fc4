//! Orders handed over: by `roxfs hint`, by bare requests, from Python, by several users at once, and with
//! whatever else can be asked.

mod attack;
mod command;
mod fake;
mod mounted;
mod requests;
mod users;

use crate::support::*;
use nix::errno::Errno;
use roxfs::order::handed::{self, Hello, Part};
use roxfs::sys::ioctl;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// How many records the datasets here have.
const COUNT: u64 = 300;
/// Bytes of memory that an order takes that has any records.
const CHUNK: u64 = 64 << 10;

/// A mounted dataset of small records.
fn mounted(options: &[&str]) -> (TempDir, Mount) {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..COUNT).map(|n| bytes(n, n as usize * 7)).collect();
    let dataset = pack_records(directory.path(), "d", &records, &["--shard-size", "64KiB"]);
    let mount = Mount::with(options, &[&dataset]);
    (directory, mount)
}

/// `roxfs hint` on a mount.
fn hint(mount: &Path) -> Command {
    let mut command = roxfs();
    command.arg("hint").arg(mount);
    command
}

fn root_of(mount: &Mount) -> File {
    File::open(mount.path()).expect("opened")
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().expect("of the system"))
}

fn send(file: &File, number: u32, bytes: &[u8]) -> Result<(), Errno> {
    ioctl::send(file, number, bytes).map_err(|error| errno(&error))
}

fn begin(root: &File, giver: u64, numbers: &[u64]) -> Result<(), Errno> {
    let part = Part {
        giver,
        start: 0,
        begins: true,
        numbers: numbers.to_vec(),
    };
    send(root, handed::GIVE, &part.to_bytes())
}

fn give(root: &File, giver: u64, start: u64, numbers: &[u64]) -> Result<(), Errno> {
    let part = Part {
        giver,
        start,
        begins: false,
        numbers: numbers.to_vec(),
    };
    send(root, handed::GIVE, &part.to_bytes())
}

fn clear(root: &File, giver: u64) -> Result<(), Errno> {
    send(root, handed::CLEAR, &giver.to_le_bytes())
}

fn hello(root: &File) -> Hello {
    let answer = ioctl::receive(root, handed::HELLO).expect("answered");
    Hello::parse(&answer).expect("understood")
}

/// How much memory all orders of a mount take.
fn used(mount: &Mount) -> u64 {
    hello(&root_of(mount)).used
}
