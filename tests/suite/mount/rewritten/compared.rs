//! Reading a shard whose times have changed, compared with its checksums.

use super::*;
use proptest::prelude::*;
use roxfs::dataset;
use roxfs::shard::{Shard, ShardError, any_work};
use roxfs::tree::{Mounter, Node, Tree, TreeError};
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
                let bytes = shard.read_compared(Some(record), part, &mut any_work);
                let bytes = bytes.expect("read").expect("permitted");
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
                assert!(bytes.done() && raw.done());
                if is_changed {
                    files.sh(change);
                    assert!(!bytes.done(), "{kind:?}: {change}");
                }
                assert!(raw.done());
            }
        }
    }
}

/// Bytes of a long record.
const LONG: usize = 24 << 20;

/// A long record between two short ones.
fn long_contents() -> [Vec<u8>; 3] {
    [bytes(0, 5000), bytes(1, LONG), bytes(2, 5000)]
}

#[test]
fn a_request_does_not_read_a_long_record_whole() {
    let directory = temp_dir();
    let contents = long_contents();
    let (_, path) = touched(directory.path(), &contents);
    let opened = dataset::Dataset::open(std::slice::from_ref(&path)).expect("opened");
    let mounter = Mounter { uid: 0, gid: 0 };
    let tree = Tree::new(Arc::new(opened), mounter, Box::new(|| {})).without_waiting();
    assert!(tree.read(Node::Record(1), 0, 4096).is_ok());
    // Just now: nothing is remembered for a while.
    sh(r#"touch "$1""#, &[&path]);
    let payload = contents.concat();
    let reads = [
        (Node::Record(1), 9_000_000, &contents[1]),
        (Node::RawData, 9_000_000, &payload),
        (Node::RawData, 3000, &payload),
        (Node::RawData, (LONG + 3000) as u64, &payload),
    ];
    for (node, offset, content) in reads {
        let read = tree.read(node, offset, 4096);
        assert!(matches!(read, Err(TreeError::TooLong)), "{node:?} {offset}");
        let mut asked = 0;
        let mut permit = |bytes| {
            asked += bytes;
            true
        };
        let bytes = tree.read_within(node, offset, 4096, &mut permit);
        let from = offset as usize;
        assert!(bytes.expect("read")[..] == content[from..from + 4096]);
        assert!(asked > LONG as u64 - 4096, "{asked}");
    }
    assert!(tree.read(Node::Record(0), 0, 4096).is_ok());
    assert!(tree.read(Node::RawData, 100, 4096).is_ok());
    // What was compared long after the change is remembered.
    sh(r#"touch "$1""#, &[&path]);
    wait_until("it is remembered", || {
        let read = tree.read_within(Node::Record(1), 0, 4096, &mut any_work);
        assert!(read.is_ok());
        tree.read(Node::Record(1), 9_000_000, 4096).is_ok()
    });
    assert!(tree.read(Node::RawData, 9_000_000, 4096).is_ok());
}

#[test]
fn who_permits_no_more_gets_nothing_of_a_long_record() {
    let directory = temp_dir();
    let contents = long_contents();
    let (shard, _) = touched(directory.path(), &contents);
    let record = shard.local(1).expect("a record");
    let part = shard.extent(record).expect("its place").part(5, 10);
    let mut left = 20;
    let mut permit = |_| {
        left -= 1;
        left > 0
    };
    let read = shard.read_compared(Some(record), part, &mut permit);
    assert!(read.expect("no error").is_none());
    let read = shard.read_compared(Some(record), part, &mut any_work);
    assert!(read.expect("no error").expect("permitted") == contents[1][5..15]);
}

/// With several readers, while somebody touches it all the time, so that nothing is ever remembered.
#[test]
fn a_long_record_of_a_touched_shard_is_read_in_a_mount() {
    let directory = temp_dir();
    let contents = long_contents();
    let (_, path) = touched(directory.path(), &contents);
    let mount = Mount::with(&["--ahead", "none"], &[&path]);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let ordering = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(ordering) {
                sh(r#"touch "$1""#, &[&path]);
            }
        });
        let readers = [(1, 0), (1, 7_000_000), (1, 20_000_000), (0, 0)].map(|(number, from)| {
            let (mount, contents) = (&mount, &contents);
            scope.spawn(move || {
                for turn in 0..3 {
                    let file = mount.join(&format!("records/{number:06}.bin"));
                    let mut buffer = vec![0; 5000];
                    let file = std::fs::File::open(file).expect("opened");
                    let from = from + turn * 400_000 * number;
                    let read = std::os::unix::fs::FileExt::read_exact_at;
                    read(&file, &mut buffer, from as u64).expect("read");
                    assert!(buffer == contents[number][from..from + 5000]);
                }
            })
        });
        for reader in readers {
            reader.join().expect("read");
        }
        is_over.store(true, ordering);
    });
    assert!(mount.read("raw/data") == contents.concat());
    // One other byte far from what is read.
    sh(
        r#"printf x | dd of="$1" conv=notrunc bs=1 seek=20000000 status=none"#,
        &[&path],
    );
    forget(&mount, "records/000001.bin");
    assert_eq!(read(&mount, 1), Err(libc::EIO));
    mount.unmount();
}

#[test]
fn a_program_that_waits_for_a_long_record_can_be_ended() {
    let directory = temp_dir();
    let contents = long_contents();
    let (_, path) = touched(directory.path(), &contents);
    let mount = Mount::with(&["--ahead", "none"], &[&path]);
    assert!(mount.read("records/000000.bin") == contents[0]);
    sh(r#"touch "$1""#, &[&path]);
    let record = mount.join("records/000001.bin");
    let mut readers: Vec<_> = (0..8)
        .map(|_| {
            let mut command = std::process::Command::new("cat");
            command.arg(&record).stdout(std::process::Stdio::null());
            command.spawn().expect("started")
        })
        .collect();
    for reader in &mut readers {
        reader.kill().expect("signal");
        reader.wait().expect("ended");
    }
    assert!(mount.read("records/000001.bin") == contents[1]);
    mount.unmount();
}

#[test]
fn empty_records_between_two_bytes_are_not_all_looked_at() {
    let directory = temp_dir();
    let mut contents = vec![Vec::new(); 1 << 20];
    contents[0] = vec![1; 10];
    contents[(1 << 20) - 1] = vec![2; 10];
    let (shard, _) = touched(directory.path(), &contents);
    let mut asked = 0;
    let mut permit = |bytes| {
        asked += bytes;
        true
    };
    let read = shard.read_compared(None, shard.payload().part(5, 10), &mut permit);
    assert!(read.expect("read").expect("permitted") == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    assert!(asked < 100_000, "{asked}");
}
