//! What one run writes: which records in which order, in shards of which size and rights.

use crate::support::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

#[test]
fn a_directory_is_packed_in_byte_order_of_its_paths_and_links_are_followed() {
    let (source, target) = (temp_dir(), Target::new());
    let files = [("b/2", "two"), ("b-1", "one"), ("a", ""), ("c/d/e", "deep")];
    write_tree(source.path(), &files);
    symlink("c", source.path().join("linked")).expect("link");
    symlink("nowhere", source.path().join("dangling")).expect("link");
    let message = said(&mut target.pack(&[source.path()]));
    let (start, end) = (
        "roxfs: packed 5 records (14 B) into 1 shard in ",
        "1 skipped: symbolic link\n",
    );
    assert!(
        message.starts_with(start) && message.ends_with(end),
        "{message}"
    );
    let expected = [
        "0\t0\ta",
        "1\t3\tb-1",
        "2\t3\tb/2",
        "3\t4\tc/d/e",
        "4\t4\tlinked/d/e",
    ];
    assert_eq!(target.listed(), expected);
}

#[test]
fn several_sources_are_packed_in_the_order_given() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(
        source.path(),
        &[("z/b", "1"), ("a/y", "22"), ("file", "333")],
    );
    let [z, file, a] = ["z", "file", "a"].map(|name| source.path().join(name));
    run(&mut target.pack(&[&z, &file, &a]));
    assert_eq!(target.listed(), ["0\t1\tb", "1\t3\tfile", "2\t2\ty"]);
    run(roxfs().arg("verify").arg(target.dataset()));
    let again = Target::new();
    let message = fail(&mut again.pack(&[&z, &z]), 1);
    let path = z.join("b");
    let expected = format!(
        "roxfs: {}: the name \"b\" is taken already by the same file\n",
        path.display()
    );
    assert_eq!(message, expected);
    assert!(again.shards().is_empty());
}

#[test]
fn names_out_of_order_are_sorted_in_the_order_section() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("z/c", "1"), ("z/b", "1"), ("a/a", "22")]);
    let sources = ["z", "a"].map(|name| source.path().join(name));
    run(&mut target.pack(&sources));
    let bytes = &target.bytes()[0];
    let footer = [&3i64.to_le_bytes()[..], &12i64.to_le_bytes(), b"ROXORDER"].concat();
    let at = bytes
        .windows(24)
        .position(|window| window == footer)
        .expect("an order section");
    let order = [2u32, 0, 1].map(u32::to_le_bytes).concat();
    assert_eq!(&bytes[at - 12..at], order);
    run(roxfs().arg("verify").arg(target.dataset()));
}

#[test]
fn shards_stay_below_the_size_asked_for_unless_one_record_is_larger() {
    let target = Target::new();
    let records: Vec<Vec<u8>> = [900, 3000, 10, 10, 5000, 1]
        .map(|len| bytes(len, len as usize))
        .to_vec();
    let dataset = pack_records(target.path(), "d", &records, &["--shard-size", "4096"]);
    let sizes: Vec<usize> = target.bytes().iter().map(Vec::len).collect();
    assert_eq!(
        sizes.iter().filter(|&&size| size > 4096).count(),
        1,
        "{sizes:?}"
    );
    for (number, record) in records.iter().enumerate() {
        let found = run(roxfs()
            .args(["cat", "-i", &number.to_string()])
            .arg(&dataset));
        assert_eq!(&found, record);
    }
}

#[test]
fn only_empty_records_that_are_dropped_are_nothing_to_pack() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", ""), ("b", "")]);
    let message = fail(target.pack(&["--drop-empty"]).arg(source.path()), 1);
    assert!(
        message.starts_with("roxfs: nothing to pack: there are only empty records"),
        "{message}"
    );
}

#[test]
fn a_single_file_is_written_under_its_own_name_whatever_its_size() {
    let target = Target::new();
    let records: Vec<Vec<u8>> = (0..100).map(|i| bytes(i, 1000)).collect();
    let dataset = pack_records(target.path(), "d", &records, &["--single-file"]);
    assert_eq!(entries(target.path()), ["d.rox"]);
    assert_eq!(
        run(roxfs().args(["cat", "-i", ":"]).arg(&dataset)),
        records.concat()
    );
}

#[test]
fn a_shard_has_the_permissions_of_any_new_file() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1")]);
    let script = "umask 027; exec \"$1\" pack -o \"$2/d.rox\" \"$3\"";
    sh(
        script,
        &[
            Path::new(env!("CARGO_BIN_EXE_roxfs")),
            target.path(),
            source.path(),
        ],
    );
    let shard = target.shards()[0].metadata().expect("stat");
    assert_eq!(shard.permissions().mode() & 0o777, 0o640);
}
