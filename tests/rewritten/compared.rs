//! Reading a shard whose times have changed, compared with its checksums.

use super::*;
use proptest::prelude::*;
use roxfs::dataset;
use roxfs::shard::{Shard, ShardError};
use roxfs::tree::Tree;
use roxfs::tree::attr::Mounter;
use roxfs::tree::ino::Node;
use std::path::Path;
use std::sync::Arc;

/// Opens a shard and touches it then, long ago, so that what is compared is remembered.
fn touched(directory: &Path, contents: &[Vec<u8>]) -> (Shard, PathBuf) {
    let path = directory.join("x.rox");
    let mut parts = Parts::plain(contents);
    parts.sections.push(Section::checksums(contents));
    std::fs::write(&path, parts.bytes()).expect("shard");
    let shard = Shard::open(&path).expect("valid");
    assert!(!shard.is_compared());
    sh(r#"touch -d 2001-02-03 "$1""#, &[&path]);
    shard.check_unchanged().expect("unchanged");
    assert!(shard.is_compared());
    (shard, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_part_of_the_payload_is_what_it_was(
        lens in prop::collection::vec(prop_oneof![0..40usize, 0..700_000usize], 1..12),
        parts in prop::collection::vec((0.0..1.0, 0.0..1.0), 1..12),
    ) {
        let directory = temp_dir();
        let contents: Vec<Vec<u8>> =
            lens.iter().enumerate().map(|(n, &len)| bytes(n as u64, len)).collect();
        let (shard, _) = touched(directory.path(), &contents);
        let payload = contents.concat();
        for (from, to) in parts {
            let place = |part: f64| (part * payload.len() as f64) as usize;
            let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
            let mut buffer = vec![0; to - from];
            shard.read_payload(from as u64, &mut buffer).expect("read");
            prop_assert!(buffer == payload[from..to]);
        }
        for (number, content) in contents.iter().enumerate() {
            let record = shard.local(number as u64).expect("a record");
            let extent = shard.extent(record).expect("its place");
            for part in [extent, extent.part(5, 1 << 18), extent.part(300_000, 10)] {
                let bytes = shard.read_compared(Some(record), part).expect("read");
                let from = (part.start() - extent.start()) as usize;
                prop_assert!(bytes == content[from..from + bytes.len()]);
            }
        }
    }
}

#[test]
fn one_other_byte_anywhere_in_a_record_makes_the_shard_changed() {
    for at in [0, 10, 400_000, 799_999, 800_000, 800_099] {
        let directory = temp_dir();
        // None of the first two is in the last page.
        let contents = [bytes(0, 800_000), bytes(1, 100), bytes(2, 9000)];
        let (shard, path) = touched(directory.path(), &contents);
        let script = r#"python3 -c '
import mmap, sys
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
    mapped[int(sys.argv[2])] ^= 1
' "$1" "$2"; touch -d 2001-02-03 "$1""#;
        sh(script, &[&path, Path::new(&at.to_string())]);
        // A part of the record that the byte is not in, where there is one.
        let (from, len) = if at < 800_000 {
            (200_000, 50)
        } else {
            (800_050, 20)
        };
        let read = shard.read_payload(from, &mut vec![0; len]);
        let error = read.expect_err("it differs");
        assert!(matches!(error, ShardError::Changed { .. }), "{error}");
        assert!(
            error.to_string().contains("the checksum of record"),
            "{error}"
        );
        // From now on nothing is read, not even what is as it was.
        let first = shard.extent(shard.local(0).expect("a record"));
        assert!(matches!(first, Err(ShardError::Changed { .. })));
        assert!(error.is_damage());
    }
}

/// Mapped bytes are copied by the kernel after the file was looked at, so it is once more afterwards.
#[test]
fn bytes_that_were_being_copied_while_the_file_changed_are_not_right() {
    let writes = r#"dd if=/dev/zero of="$1" conv=notrunc bs=1 seek=5 count=1 status=none"#;
    let cuts = r#"truncate -s 3000 "$1""#;
    for kind in [Kind::Checksums, Kind::Plain] {
        for change in [writes, cuts, r#"touch "$1""#] {
            let files = Dataset::new(kind);
            let opened = dataset::Dataset::open(&[files.argument()]).expect("opened");
            let mounter = Mounter { uid: 0, gid: 0 };
            let tree = Tree::new(Arc::new(opened), mounter, Box::new(|| {}));
            let of_victim = Node::Record(VICTIMS.start as u64);
            let of_other = Node::Record(0);
            for (node, is_changed) in [(of_victim, true), (of_other, false)] {
                let bytes = tree.read(node, 0, 4096).expect("read");
                let raw = tree.read(Node::RawData, 0, 4096).expect("read");
                assert!(bytes.are_still_right() && raw.are_still_right());
                if is_changed {
                    files.sh(change);
                    assert!(!bytes.are_still_right(), "{kind:?}: {change}");
                }
                assert!(raw.are_still_right());
            }
        }
    }
}
