//! Permissions and owners of what the tree shows.

use crate::shard::Stat;

/// Permissions and owner of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Permission bits.
    pub perm: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// The user and group that mounted: owner of what belongs to no single shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mounter {
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
}

const READ_ALL: u32 = 0o444;

impl Access {
    /// Of a record: a user that may read its shard may read it.
    pub fn of_shard(shard: &Stat) -> Access {
        Access {
            perm: (shard.mode & READ_ALL) as u16,
            uid: shard.uid,
            gid: shard.gid,
        }
    }

    /// Of a directory: every user may list it.
    pub fn of_directory(mounter: Mounter) -> Access {
        Access {
            perm: 0o555,
            uid: mounter.uid,
            gid: mounter.gid,
        }
    }

    /// Of a file that spans shards: a user that may read each of them may read it. Where the owners (or
    /// groups) differ, the mounting user (or group) takes their place. A user that is the owner of one
    /// shard and "other" to the next needs the permission of both classes: so where the owners differ,
    /// group and others may read only if owners may, and where the groups differ, others only if groups may.
    pub fn intersection(shards: &[Access], mounter: Mounter) -> Access {
        let perm = shards
            .iter()
            .fold(READ_ALL as u16, |all, shard| all & shard.perm);
        let (user, group, other) = (perm & 0o400 != 0, perm & 0o040 != 0, perm & 0o004 != 0);
        let same = |of: fn(&Access) -> u32| {
            let first = shards.first().map(of)?;
            shards
                .iter()
                .all(|shard| of(shard) == first)
                .then_some(first)
        };
        let uid = same(|shard| shard.uid);
        let gid = same(|shard| shard.gid);
        // The mounting user has opened every shard, so it may read them all.
        let user_reads = user || uid.is_none();
        let group_reads = group && gid.is_some() && (user || uid.is_some());
        let other_reads = other && (user || uid.is_some()) && (group || gid.is_some());
        let bit = |reads, bit| if reads { bit } else { 0 };
        Access {
            perm: bit(user_reads, 0o400) | bit(group_reads, 0o040) | bit(other_reads, 0o004),
            uid: uid.unwrap_or(mounter.uid),
            gid: gid.unwrap_or(mounter.gid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTER: Mounter = Mounter { uid: 7, gid: 7 };

    fn owner(mode: u32, uid: u32, gid: u32) -> Stat {
        Stat {
            mode,
            uid,
            gid,
            mtime: -5,
            mtime_nsec: 1,
        }
    }

    fn shard(mode: u32, uid: u32, gid: u32) -> Access {
        Access::of_shard(&owner(mode, uid, gid))
    }

    /// Whether a user with one group may read, by the kernel's rules.
    fn may_read(access: &Access, uid: u32, gid: u32) -> bool {
        let bit = match () {
            () if access.uid == uid => 0o400,
            () if access.gid == gid => 0o040,
            () => 0o004,
        };
        access.perm & bit != 0
    }

    #[test]
    fn nobody_reads_all_who_may_not_read_each() {
        let modes = [0o400, 0o440, 0o444, 0o044, 0o404, 0o004, 0o040, 0o000];
        let ids = [1, 2];
        let mut shards = Vec::new();
        for mode in modes {
            for uid in ids {
                shards.extend(ids.map(|gid| shard(mode, uid, gid)));
            }
        }
        for first in &shards {
            for second in &shards {
                let both = Access::intersection(&[*first, *second], MOUNTER);
                for uid in [1, 2, 3] {
                    for gid in [1, 2, 3] {
                        let each = may_read(first, uid, gid) && may_read(second, uid, gid);
                        assert!(each || !may_read(&both, uid, gid), "{first:?} {second:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn equal_owners_keep_their_permissions() {
        let both = Access::intersection(&[shard(0o644, 1, 2), shard(0o640, 1, 2)], MOUNTER);
        assert_eq!((both.perm, both.uid, both.gid), (0o440, 1, 2));
        let mixed = Access::intersection(&[shard(0o644, 1, 2), shard(0o644, 2, 1)], MOUNTER);
        assert_eq!((mixed.perm, mixed.uid, mixed.gid), (0o404, 7, 7));
    }
}
