//! What happens to the shard that was the last one.

use super::{read, source};
use crate::support::parts::{Parts, Section};
use crate::support::*;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

#[test]
fn a_new_shard_is_begun_if_asked_for() {
    let target = Target::new();
    run(&mut target.pack(&[source(&["a"]).path()]));
    let before = target.bytes();
    run(target.pack(&["--new-shard"]).arg(source(&["b"]).path()));
    assert_eq!(entries(target.path()), ["d_0000.rox", "d_0001.rox"]);
    assert!(target.bytes()[0] == before[0]);
    run(&mut target.pack(&[source(&["c"]).path()]));
    assert_eq!(entries(target.path()), ["d_0000.rox", "d_0001.rox"]);
    assert!(target.bytes()[0] == before[0]);
    assert_eq!(target.names(), ["a", "b", "c"]);
}

#[test]
fn a_last_shard_without_room_for_the_first_record_is_not_touched() {
    let target = Target::new();
    run(&mut target.pack(&[source(&["a"]).path()]));
    let before = target.shards()[0].metadata().expect("there");
    let limit = (before.len() + 20).to_string();
    run(target
        .pack(&["--shard-size", &limit])
        .arg(source(&["b"]).path()));
    let after = target.shards()[0].metadata().expect("there");
    assert_eq!(
        (after.ino(), after.mtime_nsec()),
        (before.ino(), before.mtime_nsec())
    );
    assert_eq!(target.names(), ["a", "b"]);
    assert_eq!(target.shards().len(), 2);
}

#[test]
fn a_shard_with_an_element_type_is_continued_with_it() {
    let target = Target::new();
    let script = "import roxxel, sys; roxxel.Roxxel(sys.argv[1]).write(iter([b'x' * 64] * 5), \
                  block_size=64, max_shard_bytes=1 << 20, dtype='uint16')";
    run(python("0.4.0").args(["-c", script]).arg(target.dataset()));
    let records = target.records();
    run(&mut target.pack(&[source(&["a"]).path()]));
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
    assert!(target.bytes()[0].ends_with(b"uint16\0\0ROXXEL02"));
    let all = target.records();
    assert_eq!(all[..records.len()], records);
    assert_eq!(all.len(), records.len() + 1);
}

#[test]
fn a_shard_with_an_unknown_section_is_followed_by_a_new_one() {
    let target = Target::new();
    let mut parts = Parts::plain(&[b"one", b"two"]);
    let section = Section::new(b"ROXOTHER", 1, b"what it means is not known".to_vec());
    parts.sections.push(section);
    let first = target.path().join("d_0000.rox");
    std::fs::write(&first, parts.bytes()).expect("written");
    let before = read(&first);
    run(&mut target.pack(&[source(&["a"]).path()]));
    assert!(read(&first) == before);
    assert_eq!(target.names(), ["", "", "a"]);
}

#[test]
fn a_single_file_that_cannot_be_continued_is_refused_and_stays() {
    let target = Target::new();
    let mut parts = Parts::plain(&[b"one", b"two"]);
    parts.sections.push(Section::new(b"ROXOTHER", 1, vec![7]));
    std::fs::write(target.dataset(), parts.bytes()).expect("written");
    let before = read(&target.dataset());
    let message = fail(
        target.pack(&["--single-file"]).arg(source(&["a"]).path()),
        1,
    );
    let start = format!("roxfs: {}: ", target.dataset().display());
    assert!(message.starts_with(&start), "{message}");
    assert!(read(&target.dataset()) == before);
    assert_eq!(entries(target.path()), ["d.rox"]);
}

#[test]
fn a_live_mount_keeps_the_old_records_and_a_new_one_has_all() {
    let target = Target::new();
    let large = temp_dir();
    write_tree(
        large.path(),
        &[("a", bytes(1, 3 << 20)), ("b", bytes(2, 10))],
    );
    run(&mut target.pack(&[large.path()]));
    let mount = Mount::new(&target.dataset());
    assert_eq!(mount.read("records/000001.bin"), bytes(2, 10));
    run(&mut target.pack(&[source(&["c"]).path()]));
    // What has not been read before, too.
    assert!(mount.read("records/000000.bin") == bytes(1, 3 << 20));
    assert_eq!(entries(&mount.join("records")).len(), 2);
    assert_eq!(mount.read("raw/data").len(), (3 << 20) + 10);
    mount.unmount();
    let records = target.records();
    assert_eq!(records.len(), 3);
    assert!(records[0] == bytes(1, 3 << 20));
}

#[test]
fn a_shard_keeps_its_permissions_and_its_owner() {
    need_root();
    let target = Target::new();
    run(&mut target.pack(&[source(&["a"]).path()]));
    let shard = &target.shards()[0];
    std::fs::set_permissions(shard, Permissions::from_mode(0o640)).expect("chmod");
    chown(shard, Some(65534), Some(65533)).expect("chown");
    let before = shard.metadata().expect("there");
    run(&mut target.pack(&[source(&["b"]).path()]));
    let after = shard.metadata().expect("there");
    assert_ne!(after.ino(), before.ino(), "it was written in place");
    let rights = |metadata: &std::fs::Metadata| (metadata.mode(), metadata.uid(), metadata.gid());
    assert_eq!(rights(&after), rights(&before));
    assert_eq!(target.names(), ["a", "b"]);
}

#[test]
fn nothing_to_append_is_an_error_and_changes_nothing() {
    let target = Target::new();
    run(&mut target.pack(&[source(&["a"]).path()]));
    let before = target.bytes();
    for (options, input) in [(&[][..], ""), (&["--drop-empty"], "\n\n")] {
        let mut pack = target.pack(&["--from", "lines"]);
        let message = fail_with(pack.args(options), input.as_bytes(), 1);
        assert!(message.starts_with("roxfs: nothing to pack"), "{message}");
        assert!(target.bytes() == before);
        assert_eq!(entries(target.path()), ["d_0000.rox"]);
    }
}

#[test]
fn a_dataset_with_a_missing_or_damaged_last_shard_is_not_appended_to() {
    let target = Target::new();
    for name in ["a", "b", "c"] {
        run(target.pack(&["--new-shard"]).arg(source(&[name]).path()));
    }
    let shards = target.shards();
    let last = read(&shards[2]);
    std::fs::write(&shards[2], &last[..last.len() - 1]).expect("written");
    let message = fail(&mut target.pack(&[source(&["d"]).path()]), 3);
    assert!(message.contains("d_0002.rox: "), "{message}");
    std::fs::write(&shards[2], &last).expect("written");
    std::fs::remove_file(&shards[1]).expect("removed");
    let message = fail(&mut target.pack(&[source(&["d"]).path()]), 1);
    let expected = format!(
        "roxfs: {}: it should be followed by {}, which is missing\n",
        shards[0].display(),
        shards[1].display()
    );
    assert_eq!(message, expected);
    assert_eq!(entries(target.path()), ["d_0000.rox", "d_0002.rox"]);
}

#[test]
fn a_shard_that_changes_while_it_is_appended_to_is_left_as_it_is() {
    let target = Target::new();
    let lines = ["--from", "lines", "-q"];
    run_with(&mut target.pack(&lines), b"aa\n");
    let mut append = Running::start(&mut target.pack(&lines));
    append.write(b"bb\n");
    let copied = || {
        entries(target.path())
            .iter()
            .any(|name| name.ends_with(".tmp"))
    };
    wait_until("the copy is there", copied);
    let shard = target.path().join("d_0000.rox");
    let other = pack_records(target.path(), "other", &["zz"], &["--single-file"]);
    std::fs::rename(other, &shard).expect("replaced");
    let (code, message) = append.end();
    assert_eq!(code, Some(1));
    assert!(message.contains("has changed it meanwhile"), "{message}");
    assert_eq!(run(roxfs().args(["cat", "-i", ":"]).arg(&shard)), b"zz");
}
