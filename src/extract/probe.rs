//! What the file system that files are written into has and lacks, found out with an empty file before
//! the first record, and reported where it matters.

use super::destination::{Destination, kind_at};
use super::writer::{create_named, create_tmpfile};
use crate::sys::filesystem::{Naming, say_checked};
use rustix::fs::{Mode, OFlags, ioctl_getflags, openat};
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;

/// `FS_CASEFOLD_FL` of include/uapi/linux/fs.h.
const CASEFOLD: u32 = 0x4000_0000;

/// What a file system has and lacks.
#[derive(Debug, Default)]
pub struct Abilities {
    /// How files get names that nothing has; `None` where that is not known.
    pub naming: Option<Naming>,
    /// Whether names that differ in the case of letters are one file.
    pub folds: bool,
    /// The bytes that it takes off at the end of names: dots, and spaces.
    pub cuts: Vec<u8>,
}

impl Abilities {
    /// Of the file system that `directory` is on. Where it has files without a name, none gets one for
    /// this: a killed run leaves nothing there. Where no file can be made in it, which the first record
    /// will show or not, nothing is known.
    pub fn probe(destination: &Destination, directory: BorrowedFd) -> Abilities {
        let supports_tmpfile = create_tmpfile(directory).is_ok();
        destination
            .supports_tmpfile
            .store(supports_tmpfile, Ordering::Relaxed);
        if supports_tmpfile {
            Abilities {
                folds: folds_by_flag(directory),
                ..Abilities::default()
            }
        } else {
            Abilities::of_named(destination, directory).unwrap_or_default()
        }
    }

    /// Of one where files are written under a name.
    pub fn of_named(
        destination: &Destination,
        directory: BorrowedFd,
    ) -> rustix::io::Result<Abilities> {
        let (file, name) = create_named(destination, directory)?;
        drop(file);
        let other = destination.temporary_name();
        let found = Naming::find(directory, &name, &other);
        let (naming, refused) = found.inspect_err(|_| destination.remove(directory, &name))?;
        if naming == Naming::Checked && !destination.replaces() {
            say_checked(destination.display(b""), "file", &refused);
        }
        Ok(Abilities::with(destination, directory, other, naming))
    }

    /// Looks what the empty file `name` is called, too, and removes it.
    fn with(
        destination: &Destination,
        directory: BorrowedFd,
        name: Vec<u8>,
        naming: Naming,
    ) -> Abilities {
        let is_called = |other: &[u8]| kind_at(directory, other).is_some();
        let folds = is_called(&name.to_ascii_uppercase());
        let cuts = b". ".iter().copied();
        let cuts = cuts.filter(|&end| is_called(&[&name[..], &[end]].concat()));
        let cuts = cuts.collect();
        destination.remove(directory, &name);
        Abilities {
            naming: Some(naming),
            folds,
            cuts,
        }
    }
}

/// Whether the directory says of itself that the case of letters does not count (`chattr +F`).
fn folds_by_flag(directory: BorrowedFd) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat(directory, ".", flags, Mode::empty());
    let flags = opened.and_then(ioctl_getflags);
    flags.is_ok_and(|flags| flags.bits() & CASEFOLD != 0)
}
