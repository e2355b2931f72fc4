//! `roxfs hint`: an order from standard input to a mount, each part as soon as it comes.

mod giver;
mod input;
mod receiver;

use super::{Exit, count, say};
use crate::cli::Hint;
use crate::text::printable;
use anyhow::{Context, anyhow};
use giver::{NotTaken, OrderGiver};
use input::{InputError, Named, OrderForm, OrderInput};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use receiver::Receiver;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;

/// Read at once, in bytes.
const READ_LEN: usize = 64 << 10;
/// Stands for all givers of the user; all there are, if it is root.
const EVERY_GIVER: u64 = 0;

/// Hands an order over, or takes back what was handed over.
pub fn run(options: &Hint) -> anyhow::Result<Exit> {
    let receiver = Receiver::open(&options.mountpoint)?;
    if options.clear {
        let cleared = giver::clear(&receiver, EVERY_GIVER);
        cleared.with_context(|| printable(receiver.path()).to_string())?;
        return Ok(Exit::Done);
    }
    let form = match (options.binary, options.null) {
        (true, _) => OrderForm::Binary,
        (false, true) => OrderForm::Lines(0),
        (false, false) => OrderForm::Lines(b'\n'),
    };
    let mut handing = Handing {
        receiver: &receiver,
        input: OrderInput::new(form),
        giver: OrderGiver::new(&receiver),
    };
    if let Err(stop) = handing.all() {
        return Err(handing.explain(stop));
    }
    if !options.quiet {
        let given = handing.giver.given();
        say(format_args!("{} handed over", count(given, "record")));
    }
    Ok(Exit::Done)
}

/// Why no more is handed over.
enum Stop {
    /// The input cannot be read.
    Unreadable(io::Error),
    /// An entry of it is no record.
    NoRecord(anyhow::Error),
    /// The mount does not take more.
    NotTaken(NotTaken),
}

impl From<NotTaken> for Stop {
    fn from(reason: NotTaken) -> Stop {
        Stop::NotTaken(reason)
    }
}

struct Handing<'a> {
    receiver: &'a Receiver,
    input: OrderInput,
    giver: OrderGiver<'a>,
}

impl Handing<'_> {
    /// Hands over all of standard input. What has come is handed over before more is waited for.
    fn all(&mut self) -> Result<(), Stop> {
        let input = io::stdin().as_fd().try_clone_to_owned();
        let mut input = File::from(input.map_err(Stop::Unreadable)?);
        let mut buffer = vec![0; READ_LEN];
        loop {
            if !has_more_now(&input) {
                self.giver.give_rest()?;
            }
            let len = match input.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.map_err(Stop::Unreadable)?,
            };
            self.input.push(&buffer[..len]);
            while let Some(entry) = self.input.next_entry() {
                self.take(entry)?;
            }
            if len == 0 {
                if let Some(entry) = self.input.last_entry() {
                    self.take(entry)?;
                }
                return Ok(self.giver.give_rest()?);
            }
        }
    }

    fn take(&mut self, entry: Result<Named, InputError>) -> Result<(), Stop> {
        let record = match entry.map_err(|error| Stop::NoRecord(error.into()))? {
            Named::ByNumber(number) => self.receiver.record(number),
            Named::ByPath(path) => self.receiver.record_at(&path),
        };
        let record = record.map_err(|error| Stop::NoRecord(error.into()))?;
        Ok(self.giver.push(record)?)
    }

    /// What has happened, and what of the order stays: nothing of one that is wrong, and of one that is
    /// too long its beginning, since that is what is read next.
    fn explain(&mut self, stop: Stop) -> anyhow::Error {
        let given = count(self.giver.given(), "record");
        match stop {
            Stop::Unreadable(error) => {
                self.giver.take_back();
                anyhow!("standard input: {error}; nothing is handed over")
            }
            Stop::NoRecord(error) => {
                self.giver.take_back();
                let place = self.input.place();
                anyhow!("standard input, {place}: {error}; nothing is handed over")
            }
            Stop::NotTaken(reason @ NotTaken::Full { .. }) => {
                anyhow!("{reason}; the first {given} handed over, the others not")
            }
            Stop::NotTaken(reason) => reason.into(),
        }
    }
}

/// Whether reading would not wait.
fn has_more_now(input: &File) -> bool {
    let mut polled = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut polled, PollTimeout::ZERO) {
            Err(Errno::EINTR) => {}
            Err(_) => return true,
            Ok(ready) => return ready > 0,
        }
    }
}
