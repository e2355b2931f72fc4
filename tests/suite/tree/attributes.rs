//! Modes, owners, times, link counts and inode numbers.

use super::*;
use std::fs::{File, Permissions, metadata, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Shards of the sample, changed in mode and time before they are opened.
fn changed(shards: &[(u32, u64)]) -> (Written, Tree) {
    let written = Written::new(&sample());
    for (path, &(mode, mtime)) in written.paths.iter().zip(shards) {
        let file = File::options().write(true).open(path).expect("shard");
        file.set_modified(time(mtime)).expect("time");
        set_permissions(path, Permissions::from_mode(mode)).expect("mode");
    }
    let dataset = open(&written.paths);
    (written, Tree::new(dataset, MOUNTER, Box::new(|| {})))
}

#[test]
fn a_record_has_the_mode_owner_and_time_of_its_shard_and_is_not_writable() {
    let (written, tree) = changed(&[(0o644, 1), (0o666, 2), (0o400, 3), (0o755, 4)]);
    for (number, shard, mode) in [(0, 0, 0o444), (3, 2, 0o400), (7, 3, 0o444)] {
        let attr = tree.attr(Node::Record(number)).expect("there");
        let file = metadata(&written.paths[shard]).expect("shard");
        assert_eq!(attr.kind, FileKind::File);
        assert_eq!(attr.access.perm, mode);
        assert_eq!((attr.access.uid, attr.access.gid), (file.uid(), file.gid()));
        assert_eq!(attr.mtime, file.modified().expect("time"));
        assert_eq!(attr.nlink, 1);
    }
}

#[test]
fn what_spans_shards_is_for_those_who_may_read_all_of_them() {
    let (written, tree) = changed(&[(0o644, 5), (0o640, 9), (0o444, 3), (0o664, 4)]);
    let file = metadata(&written.paths[0]).expect("shard");
    for node in [Node::RawData, Node::RawIndex] {
        let attr = tree.attr(node).expect("there");
        assert_eq!(attr.access.perm, 0o440, "others may not read the second");
        assert_eq!((attr.access.uid, attr.access.gid), (file.uid(), file.gid()));
        assert_eq!(attr.mtime, time(9), "that of the newest shard");
    }
}

#[test]
fn directories_are_the_mounters_and_open_to_all() {
    let (_written, tree) = changed(&[(0o400, 5), (0o400, 9), (0o400, 3), (0o400, 4)]);
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    walk(&tree, "", &mut directories, &mut files);
    for path in directories {
        let attr = at(&tree, &path).expect("there");
        assert_eq!(attr.kind, FileKind::Directory, "{path}");
        assert_eq!(attr.size, 0, "{path}");
        assert_eq!(attr.access.perm, 0o555, "{path}");
        assert_eq!(
            (attr.access.uid, attr.access.gid),
            (MOUNTER.uid, MOUNTER.gid)
        );
        let expected = match &*path {
            "shards/a" => time(5),
            "shards/nameless" => time(3),
            "shards/z" => time(4),
            _ => time(9),
        };
        assert_eq!(attr.mtime, expected, "{path}");
    }
}

#[test]
fn a_directory_has_two_links_and_one_for_each_directory_in_it() {
    let written = Written::new(&sample());
    let nameless = Written::new(&[Made::plain("x.rox", &[b"x"])]);
    for tree in [written.tree(), nameless.tree()] {
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        walk(&tree, "", &mut directories, &mut files);
        for path in &directories {
            let below = directories.iter().filter(|other| {
                let parent = other.rsplit_once('/').map_or("", |(parent, _)| parent);
                !other.is_empty() && parent == path
            });
            let links = at(&tree, path).expect("there").nlink;
            // Those in views/ become more.
            let expected = if path == "views" {
                1
            } else {
                2 + below.count()
            };
            assert_eq!(links as usize, expected, "{path:?}");
        }
    }
    assert_eq!(written.tree().attr(Node::Root).expect("there").nlink, 8);
    assert_eq!(nameless.tree().attr(Node::Root).expect("there").nlink, 7);
    assert!(is_missing(&nameless.tree(), "files"));
}

/// File handles and caches of other machines keep them.
#[test]
fn inode_numbers_are_the_same_for_ever() {
    let written = Written::new(&sample());
    let tree = written.tree().with_info(Box::new(Vec::new));
    let tag = |tag: u64, low: u64| tag << 56 | low;
    let position = |depth: u64, position: u64| tag(2, depth << 45 | position);
    for (path, ino) in [
        ("", 1),
        ("records", 2),
        ("raw", 3),
        ("raw/data", 4),
        ("raw/index", 5),
        ("shards", 6),
        (".roxfs", 7),
        (".roxfs/info.json", 8),
        ("files", 9),
        ("views", 10),
        ("records/0.bin", 16),
        ("shards/z/1.bin", 16 + 7),
        ("files/z/five", 16 + 7),
        ("shards/a", tag(1, 0)),
        ("shards/z", tag(1, 3)),
        ("files/b", position(1, 0)),
        ("files/b/c", position(2, 0)),
        ("files/z", position(1, 4)),
    ] {
        assert_eq!(node_at(&tree, path).ino(), ino, "{path}");
    }
    for none in [0, 11, 15, tag(4, 0), tag(255, 1), u64::MAX] {
        assert_eq!(Node::from_ino(none), None, "{none:#x}");
    }
}
