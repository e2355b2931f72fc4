//! Views of a mount, as programs use them.

use super::*;
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

const COUNT: u64 = 300;

/// A mounted dataset of small records in several shards, and what is in them.
fn mounted(options: &[&str]) -> (TempDir, Mount, Vec<Vec<u8>>) {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..COUNT).map(|n| bytes(n, n as usize * 7)).collect();
    let dataset = pack_records(directory.path(), "d", &records, &["--shard-size", "64KiB"]);
    let mount = Mount::with(options, &[&dataset]);
    (directory, mount, records)
}

/// The names in a directory as they are listed.
fn listed(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("listed");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    entries
        .map(|entry| name(entry).into_string().expect("UTF-8"))
        .collect()
}

#[test]
fn views_have_the_inodes_and_bytes_of_records_in_their_order_several_at_once() {
    let (_directory, mount, records) = mounted(&[]);
    let specs = [
        "shuffle=7",
        "shuffle=8",
        "shuffle=7,split=0of3",
        "shuffle=7,split=1of3",
        "slice=::-1",
    ];
    std::thread::scope(|scope| {
        for text in specs {
            let (mount, records) = (&mount, &records);
            scope.spawn(move || {
                let directory = mount.join("views").join(text);
                let order = records_of(&spec(text).of(COUNT));
                let names: Vec<String> = (0..order.len()).map(|n| format!("{n:06}.bin")).collect();
                assert_eq!(listed(&directory), names, "{text}");
                for (name, &record) in names.iter().zip(&order) {
                    let path = directory.join(name);
                    assert!(
                        std::fs::read(&path).expect("read") == records[record as usize],
                        "{text}"
                    );
                    let original = mount.join(&format!("records/{record:06}.bin"));
                    let [found, expected] =
                        [&path, &original].map(|path| path.metadata().expect("stat"));
                    assert_eq!(found.ino(), expected.ino(), "{text} {name}");
                }
            });
        }
    });
}

/// Looked up one by one, never listed, by positions that a loop counts.
#[test]
fn an_epoch_is_read_without_a_listing_and_continued_in_its_middle() {
    let (_directory, mount, records) = mounted(&[]);
    let read = sh(
        r#"for ((n = 0; n < 20; n++)); do cat "$1/views/shuffle=3/$n.bin"; done | sha256sum
           for ((n = 0; n < 12; n++)); do cat "$1/views/shuffle=3/$n.bin"; done >"$2"
           for ((n = 0; n < 8; n++)); do cat "$1/views/shuffle=3,slice=12:/$n.bin"; done >>"$2"
           sha256sum <"$2""#,
        &[mount.path(), &temp_dir().path().with_extension("epoch")],
    );
    let lines: Vec<&str> = read.lines().collect();
    assert_eq!(lines[0], lines[1]);
    let first = records_of(&spec("shuffle=3").of(COUNT))[0];
    assert!(mount.read("views/shuffle=3/0.bin") == records[first as usize]);
}

#[test]
fn a_listing_of_a_view_continues_from_any_position() {
    let (_directory, mount, _) = mounted(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/programs/listing.py");
    for (what, text) in [
        ("resume", "shuffle=7"),
        ("together", "shuffle=8"),
        ("resume", "shuffle=9,names"),
        ("kinds", "slice=3:-3:2,names"),
    ] {
        let view = mount.join("views").join(text);
        let printed = run(python("0.1.0").arg(&script).arg(what).arg(view));
        let count = spec(text).of(COUNT).len();
        assert_eq!(
            String::from_utf8_lossy(&printed).trim(),
            count.to_string(),
            "{text}"
        );
    }
}

#[test]
fn views_are_listed_a_moment_after_they_were_used() {
    let (_directory, mount, _) = mounted(&[]);
    let views = mount.join("views");
    assert!(listed(&views).is_empty());
    for (number, text) in ["shuffle=1", "shuffle=2", "names"].into_iter().enumerate() {
        assert!(views.join(text).is_dir());
        wait_until("it is listed", || listed(&views).len() == number + 1);
        assert_eq!(listed(&views)[number], text);
    }
    // The kernel has it still.
    assert_eq!(listed(&mount.join("views/shuffle=1")).len(), COUNT as usize);
}

/// 1,024 are remembered.
#[test]
fn a_view_that_was_forgotten_is_there_again_when_it_is_looked_up() {
    let (_directory, mount, records) = mounted(&[]);
    let view = mount.join("views/shuffle=0");
    let before = listed(&view);
    let ino = view.metadata().expect("stat").ino();
    for seed in 1..1_500 {
        assert!(mount.join(&format!("views/shuffle={seed}")).is_dir());
    }
    // By a name that the kernel has not seen.
    let seventh = records_of(&spec("shuffle=0").of(COUNT))[7];
    let content = std::fs::read(view.join("07.bin"));
    assert!(content.expect("found again") == records[seventh as usize]);
    wait_until("it has another number", || {
        view.metadata().expect("stat").ino() != ino
    });
    assert_eq!(listed(&view), before);
    let order = records_of(&spec("shuffle=0").of(COUNT));
    for (name, &record) in before.iter().zip(&order) {
        assert!(std::fs::read(view.join(name)).expect("read") == records[record as usize]);
    }
    let names = listed(&mount.join("views"));
    assert!(names.len() <= 1_024, "{}", names.len());
}

#[test]
fn a_handle_of_a_view_opens_it_in_its_own_mount_and_nothing_in_a_later_one() {
    need_root();
    let (directory, mount, _) = mounted(&[]);
    let later = Mount::new(&directory.path().join("d.rox"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/views/handle.py");
    let mut command = python("0.1.0");
    command.arg(script).args([mount.path(), later.path()]);
    run(command.arg("shuffle=7"));
}

#[test]
fn a_wrong_name_is_missing_and_the_log_says_why_once() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut command = roxfs();
    command.args(["mount", "-f"]).arg(&dataset).arg(&path);
    let child = command.stderr(Stdio::piped()).spawn().expect("started");
    wait_until("the mount answers", || path.join("records").exists());
    for name in ["mix=7", "split=00of8", "mix=7", ".git", "split=00of8"] {
        let found = std::fs::metadata(path.join("views").join(name));
        let errno = found.err().and_then(|error| error.raw_os_error());
        assert_eq!(errno, Some(Errno::ENOENT as i32), "{name}");
    }
    assert!(path.join("views/split=0of8").is_dir(), "as the log says");
    unmount(&path);
    let output = child.wait_with_output().expect("ended");
    let log = String::from_utf8_lossy(&output.stderr);
    let mut said = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("views/: ")) {
        *said
            .entry(line.split("views/: ").nth(1).expect("a reason"))
            .or_insert(0) += 1;
    }
    let expected = [
        (
            "\"mix=7\" is no operation of a view: expected slice=START:STOP[:STEP], split=IofN, \
             shuffle=SEED, or names as the last one",
            1,
        ),
        ("a view has one name: write split=00of8 as split=0of8", 1),
    ];
    assert_eq!(said, BTreeMap::from(expected), "{log}");
}

#[test]
fn a_view_can_be_mounted_alone() {
    let (_directory, mount, records) = mounted(&["--root", "views/shuffle=7,slice=:50,names"]);
    let order = records_of(&spec("shuffle=7,slice=:50").of(COUNT));
    let names = order.iter().enumerate();
    let names: Vec<String> = names
        .map(|(at, record)| format!("{at:06}__{record:06}"))
        .collect();
    assert_eq!(listed(mount.path()), names);
    for (name, &record) in names.iter().zip(&order) {
        assert!(mount.read(name) == records[record as usize], "{name}");
    }
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut command = roxfs();
    command
        .args(["mount", "--root", "views/shuffle=x"])
        .arg(dataset)
        .arg(path);
    let message = fail(&mut command, FAILED);
    let expected = "roxfs: --root views/shuffle=x: no such view: shuffle=x: expected a number from 0 to \
                    18446744073709551615\n";
    assert_eq!(message, expected);
}
