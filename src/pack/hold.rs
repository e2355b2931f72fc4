//! One writer at a time where the file system has no locks: the writer creates a file beside the lock,
//! which fails if the file exists, and removes it at the end.
//!
//! A killed run leaves it behind. It names its maker: the process, the machine, its boot, and the
//! namespaces. If machine, boot and namespaces are those of this process and the maker has ended, the
//! file is taken over. Only processes that see the same processes can find that out, so the name of an
//! abstract socket, which one of them can have at a time, keeps them apart. Anything else is for a
//! person to decide: the processes of another machine cannot be seen.

use super::PackError;
use super::directory::Directory;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::read_link;
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::sync::Arc;

/// It is of no use to others.
const FILE_MODE: u32 = 0o600;
/// This much of it is read: more than is ever written.
const MOST_BYTES: u64 = 1024;

/// Held while a dataset is written; removed when dropped.
#[derive(Debug)]
pub struct Hold {
    directory: Arc<Directory>,
    name: OsString,
    owner: Option<Holder>,
}

/// The process that holds, as the file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    process: u32,
    /// When it was started, in ticks since the machine was.
    started: String,
    machine: String,
    /// Of this boot, and of the namespaces of processes and of the network.
    place: String,
}

/// The name of the file that holds beside the lock `lock`.
pub fn name_beside(lock: &OsStr) -> OsString {
    let mut name = lock.to_owned();
    name.push(".held");
    name
}

impl Hold {
    /// Makes the file, or fails where another process has.
    pub fn take(directory: &Arc<Directory>, lock: &OsStr) -> Result<Hold, PackError> {
        let name = name_beside(lock);
        check(directory, lock)?;
        let io = |errno: Errno| PackError::io(&directory.join(&name), errno.into());
        let mut file = match directory.create(&name, FILE_MODE) {
            Ok(file) => file,
            Err(Errno::EXIST) => return Err(held(directory, &name, None)),
            Err(errno) => return Err(io(errno)),
        };
        let hold = Hold {
            directory: Arc::clone(directory),
            name,
            owner: Holder::here(),
        };
        // Without a word in it, it is for a person to remove.
        let said = hold.owner.as_ref().map_or(String::new(), Holder::to_string);
        let written = file.write_all(said.as_bytes());
        let written = written.and_then(|()| directory.synced(file.sync_all()));
        match written {
            Ok(()) => Ok(hold),
            Err(error) => Err(PackError::io(&directory.join(&hold.name), error)),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A person may have removed it, and another run may have made its own.
        let found = owner(&self.directory, &self.name).ok().flatten();
        if found.is_some_and(|found| found.is_some() && found != self.owner) {
            return;
        }
        match self.directory.remove(&self.name) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => self.directory.warn_left(&self.name, errno),
        }
    }
}

/// Fails where another process holds; removes what one has left that has surely ended.
pub fn check(directory: &Arc<Directory>, lock: &OsStr) -> Result<(), PackError> {
    let name = name_beside(lock);
    let Some(owner) = owner(directory, &name)? else {
        return Ok(());
    };
    let Some(owner) = owner.filter(Holder::has_ended) else {
        return Err(held(directory, &name, owner_of(directory, &name)));
    };
    let alone = owner.alone();
    // Another one may have taken it over meanwhile.
    let now = owner_of(directory, &name);
    if alone.is_ok() && now.as_ref() == Some(&owner) {
        let removed = directory.remove(&name);
        removed.map_err(|errno| PackError::io(&directory.join(&name), errno.into()))
    } else {
        Err(held(directory, &name, now))
    }
}

fn held(directory: &Directory, name: &OsStr, owner: Option<Holder>) -> PackError {
    PackError::Held {
        path: directory.join(name),
        owner: owner.map_or("another process".to_owned(), |owner| {
            let machine = crate::text::escaped(owner.machine.as_bytes());
            format!("process {} of machine {machine}", owner.process)
        }),
    }
}

fn owner_of(directory: &Arc<Directory>, name: &OsStr) -> Option<Holder> {
    owner(directory, name).ok().flatten().flatten()
}

/// What the file says, where there is one.
fn owner(directory: &Arc<Directory>, name: &OsStr) -> Result<Option<Option<Holder>>, PackError> {
    match directory.stat(name) {
        Err(Errno::NOENT) => return Ok(None),
        done => done.map_err(|errno| PackError::io(&directory.join(name), errno.into()))?,
    };
    let file = directory.open(name, OFlags::RDONLY, "a file that says who is writing")?;
    let mut text = String::new();
    let read = file.take(MOST_BYTES).read_to_string(&mut text);
    Ok(Some(read.ok().and_then(|_| Holder::parse(&text))))
}

impl Holder {
    /// This process; `None` where the system does not tell enough.
    fn here() -> Option<Holder> {
        let process = std::process::id();
        let of_process = |namespace: &str| read_link(format!("/proc/self/ns/{namespace}")).ok();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let (processes, network) = (of_process("pid")?, of_process("net")?);
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        let place = [boot.trim().as_ref(), processes.as_path(), network.as_path()];
        Some(Holder {
            process,
            started: started(process)?,
            machine: machine.trim().to_owned(),
            place: place.map(Path::to_string_lossy).join(" "),
        })
    }

    fn parse(text: &str) -> Option<Holder> {
        let mut lines = text.lines();
        let mut next = |what: &str| lines.next()?.strip_prefix(what).map(str::to_owned);
        Some(Holder {
            process: next("process ")?.parse().ok()?,
            started: next("started ")?,
            machine: next("machine ")?,
            place: next("place ")?,
        })
    }

    /// Whether its process was one of those that this one sees, and is none of them any more.
    fn has_ended(&self) -> bool {
        let here = Holder::here().filter(|here| here.place == self.place);
        here.is_some_and(|here| {
            here.machine == self.machine && started(self.process).as_ref() != Some(&self.started)
        })
    }

    /// Makes this process the only one that takes its file over, while what is returned is kept.
    fn alone(&self) -> std::io::Result<UnixListener> {
        let name = format!("roxfs {} {} {}", self.process, self.started, self.place);
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Holder {
            process,
            started,
            machine,
            place,
        } = self;
        write!(
            f,
            "process {process}\nstarted {started}\nmachine {machine}\nplace {place}\n"
        )
    }
}

/// When a process was started (field 22 of proc_pid_stat(5)); the second field may have spaces.
fn started(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = ".d.lock";

    fn take(path: &Path) -> Result<Hold, PackError> {
        let directory = Directory::of(&path.join("d.rox")).expect("opened");
        Hold::take(&Arc::new(directory), OsStr::new(LOCK))
    }

    #[test]
    fn there_is_one_at_a_time_and_nothing_is_left() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let hold = take(temporary.path()).expect("free");
        let message = take(temporary.path()).expect_err("held").to_string();
        let own = format!("process {} of machine", std::process::id());
        assert!(message.contains(&own), "{message}");
        drop(hold);
        drop(take(temporary.path()).expect("free again"));
        let left = temporary.path().read_dir().expect("listed").count();
        assert_eq!(left, 0);
    }

    #[test]
    fn only_what_an_ended_process_of_this_machine_has_left_is_taken_over() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let path = temporary.path().join(name_beside(OsStr::new(LOCK)));
        let here = Holder::here().expect("known");
        let ended = Holder {
            started: "1".to_owned(),
            ..here.clone()
        };
        assert_eq!(Holder::parse(&ended.to_string()), Some(ended.clone()));
        let elsewhere = Holder {
            machine: "elsewhere".to_owned(),
            ..ended.clone()
        };
        let before = Holder {
            place: "another boot".to_owned(),
            ..ended.clone()
        };
        for other in [here, elsewhere, before].map(|owner| owner.to_string()) {
            std::fs::write(&path, &other).expect("written");
            let error = take(temporary.path()).expect_err("held");
            assert!(matches!(error, PackError::Held { .. }), "{error}");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), other);
        }
        std::fs::write(&path, "").expect("written");
        take(temporary.path()).expect_err("nobody knows by whom");
        std::fs::write(&path, ended.to_string()).expect("written");
        let alone = ended.alone().expect("free");
        take(temporary.path()).expect_err("taken over by another process");
        drop(alone);
        drop(take(temporary.path()).expect("taken over"));
        assert!(!path.exists());
    }
}
