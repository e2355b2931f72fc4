//! The access rights of a shard that replaces another one: at no moment are they wider than those of
//! the old one.
//!
//! The new file is created for its owner alone. Once it is whole, it gets the group, owner, access
//! control list and mode of the old one, and the labels of security modules. Where one of these cannot
//! be set, the others are narrowed so that it lets nobody in, and a warning says so. Attributes `user.*` are data
//! of the file's user and are copied, too. All others (`trusted.*`, signatures, capabilities) belong
//! to the old file's bytes or to the system, and are not.

use crate::sys::acl;
use crate::text::printable;
use rustix::fs::{Gid, Mode, Stat, Uid, XattrFlags, fchmod, fchown, fgetxattr, flistxattr};
use rustix::fs::{fremovexattr, fsetxattr, fstat};
use rustix::io::{Errno, Result};
use std::fs::File;
use std::io;
use std::path::Path;

/// The mode of a file that is for its owner alone.
pub const PRIVATE: u32 = 0o600;
/// No extended attribute, and no list of their names, is longer (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const LONGEST_ATTRIBUTE_BYTES: usize = 1 << 16;
/// What else decides about access on some file systems, and has to be kept whole.
const LABELS: [&str; 3] = ["system.nfs4_acl", "security.selinux", "security.SMACK64"];
/// Attempts, where another program changes the rights at the same time.
const ATTEMPTS: u32 = 10;

/// What could not be kept.
#[derive(Debug, Default, PartialEq, Eq)]
struct LostRights(Vec<String>);

impl LostRights {
    fn add(&mut self, what: &str, errno: Errno) {
        self.0.push(format!("{what} ({})", io::Error::from(errno)));
    }
}

/// Gives `new`, which only its owner can read, the rights of `old`, or fewer, and says so. The
/// messages name the shard `path`.
pub fn copy(old: &File, new: &File, path: &Path) -> io::Result<()> {
    for _ in 0..ATTEMPTS {
        let before = fstat(old)?;
        let lost = apply(old, &before, new)?;
        if changed(&fstat(old)?) == changed(&before) {
            if !lost.0.is_empty() {
                say(path, &before, &fstat(new)?, &lost);
            }
            return Ok(());
        }
    }
    Err(io::Error::other(
        "another program keeps changing its access rights",
    ))
}

/// When something about a file was changed last.
#[expect(
    clippy::unnecessary_cast,
    reason = "the types differ between architectures"
)]
fn changed(stat: &Stat) -> (i64, u64) {
    (stat.st_ctime as i64, stat.st_ctime_nsec as u64)
}

fn say(path: &Path, old: &Stat, new: &Stat, lost: &LostRights) {
    let describe = |stat: &Stat| {
        let mode = stat.st_mode & 0o777;
        format!(
            "user {}, group {}, mode {mode:04o}",
            stat.st_uid, stat.st_gid
        )
    };
    log::warn!(
        "{}: what could not be kept of its access rights: {}; it had {}, and has {} now",
        printable(path),
        lost.0.join(", "),
        describe(old),
        describe(new)
    );
}

fn apply(old: &File, before: &Stat, new: &File) -> io::Result<LostRights> {
    let mode = before.st_mode & 0o777;
    let mut lost = LostRights::default();
    let made = fstat(new)?;
    // An earlier attempt may have widened it. A user that it was given to gets no more than that.
    if made.st_uid == nix::unistd::geteuid().as_raw() {
        let _ = fchmod(new, Mode::from_raw_mode(PRIVATE));
    }
    // These need the right to write, which the old file may not give.
    copy_user_attributes(old, new, &mut lost);
    // Fails where there are no modes, which is seen below.
    let _ = fchmod(new, Mode::from_raw_mode(mode & PRIVATE));
    // Each by itself: a user may give a file to a group, but to nobody else.
    let group = made.st_gid == before.st_gid
        || keep(
            &mut lost,
            "its group",
            fchown(new, None, Some(Gid::from_raw(before.st_gid))),
        );
    let owner = made.st_uid == before.st_uid
        || keep(
            &mut lost,
            "its owner",
            fchown(new, Some(Uid::from_raw(before.st_uid)), None),
        );
    // Before the list, which lets others in at once.
    let labels = LABELS.map(|label| copy_label(old, new, label, &mut lost));
    let most = if labels.iter().all(|&kept| kept) {
        copy_list(old, mode, new, owner, group, &mut lost)
    } else {
        remove_list(new).and(Err(Errno::PERM))
    };
    let mode = most.unwrap_or(mode & 0o700);
    let set = if fstat(new)?.st_mode & 0o777 == mode {
        Ok(())
    } else {
        fchmod(new, Mode::from_raw_mode(mode))
    };
    keep(&mut lost, "its mode", set);
    // A list that came from the directory, or a file system with modes of its own.
    match fstat(new)?.st_mode & 0o077 & !mode {
        0 => Ok(lost),
        _ if fstat(new)?.st_mode == before.st_mode && owner && group => Ok(lost),
        _ => Err(io::Error::other(
            "a copy would let in others than this file does, and does not take its place",
        )),
    }
}

fn keep(lost: &mut LostRights, what: &str, done: Result<()>) -> bool {
    if let Err(errno) = done {
        lost.add(what, errno);
    }
    done.is_ok()
}

/// Copies the access control list where its entries still mean the same users, and returns the mode
/// that the file may have then; fails where nothing but the owner's part is known.
fn copy_list(
    old: &File,
    mode: u32,
    new: &File,
    owner: bool,
    group: bool,
    lost: &mut LostRights,
) -> Result<u32> {
    let what = "its access control list";
    let list = attribute(old, acl::ATTRIBUTE).inspect_err(|&errno| lost.add(what, errno))?;
    let Some(list) = list else {
        let removed = remove_list(new);
        keep(
            lost,
            "no access control list but that of the directory",
            removed,
        );
        return removed.map(|()| narrowed(mode, owner, group));
    };
    let set = if group && (owner || mode & PRIVATE == PRIVATE) {
        set_attribute(new, acl::ATTRIBUTE, &list)
    } else {
        Err(Errno::PERM)
    };
    if keep(lost, what, set) {
        return Ok(mode);
    }
    // Its mask shows in the mode's bits for the group, which may have less than that.
    let mode = acl::restrict(mode, &list) & 0o744;
    remove_list(new).map(|()| narrowed(mode, owner, group))
}

/// Removes a list that a new file has from its directory.
fn remove_list(file: &File) -> Result<()> {
    match fremovexattr(file, acl::ATTRIBUTE) {
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        done => done,
    }
}

/// The mode for a file with another owner or group than the file with `mode`. Members of the old group
/// may now be among the others, and the other way around; so may the old owner.
fn narrowed(mode: u32, owner: bool, group: bool) -> u32 {
    let [user, members, others] = [mode >> 6 & 7, mode >> 3 & 7, mode & 7];
    let both = members & others;
    let (members, others) = if group {
        (members, others)
    } else {
        (both, both)
    };
    let most = if owner { 7 } else { user };
    user << 6 | (members & most) << 3 | (others & most)
}

/// Whether `new` has the value of `old`, or none of them has any.
fn copy_label(old: &File, new: &File, name: &str, lost: &mut LostRights) -> bool {
    let copied = attribute(old, name).and_then(|wanted| match wanted {
        Some(wanted) if attribute(new, name)?.as_ref() != Some(&wanted) => {
            set_attribute(new, name, &wanted)
        }
        _ => Ok(()),
    });
    keep(lost, name, copied)
}

fn copy_user_attributes(old: &File, new: &File, lost: &mut LostRights) {
    let mut names = vec![0; LONGEST_ATTRIBUTE_BYTES];
    let names = match flistxattr(old, &mut names[..]) {
        Ok(len) => &names[..len],
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return,
        Err(errno) => return lost.add("its attributes", errno),
    };
    for name in names.split(|&byte| byte == 0) {
        if !name.starts_with(b"user.") {
            continue;
        }
        let copied = attribute(old, name).and_then(|value| match value {
            Some(value) => set_attribute(new, name, &value),
            None => Ok(()),
        });
        keep(lost, &crate::text::escaped(name).to_string(), copied);
    }
}

fn attribute(file: &File, name: impl rustix::path::Arg) -> Result<Option<Vec<u8>>> {
    let mut value = vec![0; LONGEST_ATTRIBUTE_BYTES];
    match fgetxattr(file, name, &mut value[..]) {
        Ok(len) => {
            value.truncate(len);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn set_attribute(file: &File, name: impl rustix::path::Arg, value: &[u8]) -> Result<()> {
    fsetxattr(file, name, value, XattrFlags::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user, and the groups that it is in.
    struct User {
        uid: u32,
        groups: &'static [u32],
    }

    /// What the kernel lets a reader do (`acl_permission_check` in fs/namei.c), as rwx bits.
    fn may(reader: &User, uid: u32, gid: u32, mode: u32) -> u32 {
        match () {
            () if reader.uid == uid => mode >> 6 & 7,
            () if reader.groups.contains(&gid) => mode >> 3 & 7,
            () => mode & 7,
        }
    }

    #[test]
    fn the_new_file_allows_nobody_what_the_old_one_did_not() {
        const OLD: (u32, u32) = (1, 10);
        // The owner that appends, or the user that has to become the owner, and a new group.
        for (uid, gid) in [(1, 10), (1, 20), (2, 10), (2, 20)] {
            for mode in 0..0o1000 {
                let new = narrowed(mode, uid == OLD.0, gid == OLD.1);
                let groups: [&[u32]; 4] = [&[], &[10], &[20], &[10, 20]];
                for (reader, groups) in [1, 2, 3].into_iter().flat_map(|u| groups.map(|g| (u, g))) {
                    let reader = User {
                        uid: reader,
                        groups,
                    };
                    // The one that appends has read all of it already.
                    if reader.uid == uid && uid != OLD.0 {
                        continue;
                    }
                    let (before, after) = (
                        may(&reader, OLD.0, OLD.1, mode),
                        may(&reader, uid, gid, new),
                    );
                    assert_eq!(after & !before, 0, "{mode:04o} became {new:04o}");
                }
            }
        }
        assert_eq!(narrowed(0o664, true, true), 0o664);
        assert_eq!(narrowed(0o664, false, true), 0o664);
        assert_eq!(narrowed(0o664, true, false), 0o644);
        assert_eq!(narrowed(0o640, false, false), 0o600);
    }
}
