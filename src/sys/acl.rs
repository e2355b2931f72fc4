//! POSIX access control lists of shards, put into permission bits that let nobody in whom the
//! list keeps out. Pure: bytes of the attribute in, bits out.

/// The extended attribute that holds a file's list.
pub const ATTRIBUTE: &str = "system.posix_acl_access";

/// Version of the attribute's form (`include/uapi/linux/posix_acl_xattr.h`).
const VERSION: [u8; 4] = 2u32.to_le_bytes();
/// Tags of entries (`include/uapi/linux/posix_acl.h`).
const NAMED_USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const NAMED_GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const READ: u16 = 4;

/// `mode` without the read bits that would let someone in whom the list refuses. Where there is a
/// list, the mode's group bits are its mask and say nothing of the owning group. Users and groups
/// whom the list lets in by name may lose, but nobody gains.
pub fn restrict(mode: u32, list: &[u8]) -> u32 {
    let Some(entries) = list.strip_prefix(&VERSION) else {
        return mode & 0o700;
    };
    let entry = |bytes: &[u8]| {
        let field = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        (field(0), field(2) & READ != 0)
    };
    let entries: Vec<(u16, bool)> = entries.chunks_exact(8).map(entry).collect();
    let mask = entries.iter().all(|&(tag, reads)| tag != MASK || reads);
    let refused = |kind| {
        entries
            .iter()
            .any(|&(tag, reads)| tag == kind && !(reads && mask))
    };
    // A named user may be in the owning group, or anyone; a named group's member, anyone.
    let group = !refused(OWNING_GROUP) && !refused(NAMED_USER);
    let other = !refused(NAMED_USER) && !refused(NAMED_GROUP);
    let keep = |reads, bit| if reads { bit } else { 0 };
    mode & (0o700 | keep(group, 0o070) | keep(other, 0o007))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: u16 = 0x01;
    const OTHER: u16 = 0x20;

    fn list(entries: &[(u16, u16)]) -> Vec<u8> {
        let entry = |&(tag, perm): &(u16, u16)| {
            [
                &tag.to_le_bytes()[..],
                &perm.to_le_bytes(),
                &7u32.to_le_bytes(),
            ]
            .concat()
        };
        let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
        [&VERSION[..], &entries].concat()
    }

    #[test]
    fn those_whom_a_list_refuses_get_no_class_that_reads() {
        let base = [(OWNER, 6), (OWNING_GROUP, 4), (MASK, 4), (OTHER, 4)];
        let with = |more: &[(u16, u16)]| restrict(0o444, &list(&[&base[..], more].concat()));
        assert_eq!(with(&[]), 0o444);
        assert_eq!(with(&[(NAMED_USER, 4), (NAMED_GROUP, 4)]), 0o444);
        assert_eq!(with(&[(NAMED_USER, 0)]), 0o400);
        assert_eq!(with(&[(NAMED_GROUP, 2)]), 0o440);
        let masked = [
            (OWNER, 6),
            (OWNING_GROUP, 4),
            (NAMED_USER, 4),
            (MASK, 0),
            (OTHER, 4),
        ];
        assert_eq!(restrict(0o404, &list(&masked)), 0o400);
        // The mask shows in the mode, the owning group's own entry does not.
        let group = [
            (OWNER, 6),
            (OWNING_GROUP, 0),
            (NAMED_USER, 4),
            (MASK, 4),
            (OTHER, 0),
        ];
        assert_eq!(restrict(0o440, &list(&group)), 0o400);
    }

    #[test]
    fn a_list_that_cannot_be_read_leaves_the_owner_alone() {
        assert_eq!(restrict(0o444, b""), 0o400);
        assert_eq!(restrict(0o444, b"\x03\0\0\0"), 0o400);
    }
}
