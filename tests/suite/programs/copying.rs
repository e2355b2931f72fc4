//! Programs that copy, compare and describe files, each run on the mount and on plain files.

use super::{Sample, script};
use crate::support::*;
use std::path::Path;

/// Runs a script with the mount, the plain files and an empty directory to copy into.
fn copy(sample: &Sample, commands: &str) -> String {
    let copy = temp_dir();
    let [mount, plain] = sample.paths();
    let printed = sh(commands, &[mount, plain, copy.path()]);
    // Copies of read-only directories could not be removed by an ordinary user.
    sh(r#"chmod -R u+w "$1""#, &[copy.path()]);
    printed
}

#[test]
fn cp_copies_every_file() {
    let sample = Sample::new();
    copy(
        &sample,
        r#"cp -r "$1/records" "$1/raw" "$3"; diff -r "$2" "$3""#,
    );
}

#[test]
fn tar_packs_what_it_then_extracts() {
    let sample = Sample::new();
    copy(
        &sample,
        r#"tar -C "$1" -cf - records raw | tar -C "$3" -xf -; diff -r "$2" "$3""#,
    );
}

#[test]
fn rsync_finds_nothing_to_do_the_second_time() {
    let sample = Sample::new();
    let found = copy(
        &sample,
        r#"rsync -rc "$1/records" "$1/raw" "$3"; diff -r "$2" "$3"
           rsync -rc --dry-run -i "$1/records" "$1/raw" "$3""#,
    );
    assert_eq!(found, "");
}

#[test]
fn rsync_by_time_and_size_finds_nothing_in_a_later_mount() {
    let sample = Sample::new();
    let later = Mount::new(sample.shards.path());
    let copy = temp_dir();
    let found = sh(
        r#"rsync -a "$1/" "$3"; rsync -a --dry-run -i "$2/" "$3"; chmod -R u+w "$3""#,
        &[
            &sample.mount.join("records"),
            &later.join("records"),
            copy.path(),
        ],
    );
    assert_eq!(found, "");
}

#[test]
fn copying_attributes_and_access_lists_too_gives_no_complaint() {
    let sample = Sample::new();
    let said = copy(
        &sample,
        r#"exec 2>&1
           cp -a "$1/records" "$3/cp"; diff -r "$2/records" "$3/cp"
           rsync -aAX "$1/records/" "$3/rsync"; diff -r "$2/records" "$3/rsync"
           tar -C "$1" --acls -cf "$3/tar" records raw
           ls -l "$1/records" >"$3/ls""#,
    );
    assert_eq!(said, "");
}

#[test]
fn programs_say_the_same_of_the_mount_as_of_plain_files() {
    let sample = Sample::new();
    let commands = [
        "ls",
        "wc -c *",
        "cksum *",
        "stat -c '%n %s %h %F' *",
        "du --bytes *",
        "find . -type f -size +0 | sort",
        "find . -type f -size 4096c",
        "find . -type f -empty | sort",
        "head -q -c 3 * | cksum",
        "tail -q -c 5000 * | cksum",
        "tail -q -c +4090 * | cksum",
        "grep -c x *",
        "cmp 000002.bin 000003.bin || true",
        "cat *.bin | cmp - ../raw/data",
        "split -n 7 --filter cksum ../raw/data",
        "od -A d -t u8 ../raw/index",
    ];
    for command in commands {
        let said = |directory: &Path| sh(&format!("cd \"$1/records\"; {command}"), &[directory]);
        let [mount, plain] = sample.paths().map(said);
        assert_eq!(mount, plain, "{command}");
    }
}

#[test]
fn find_and_du_walk_the_whole_tree() {
    let sample = Sample::new();
    for directory in ["records", "raw", "shards"] {
        let path = sample.mount.join(directory);
        let found = sh(r#"find "$1" -type d | wc -l"#, &[&path]);
        let counted = sh(r#"ls -lR "$1" | grep -c '^total'"#, &[&path]);
        assert_eq!(found, counted, "{directory}");
        let used: u64 = sh(r#"du -s --block-size=1 "$1" | cut -f 1"#, &[&path])
            .trim()
            .parse()
            .expect("a number");
        let payload = sample.records.concat().len() as u64;
        let most = payload + 512 * 2 * sample.records.len() as u64;
        assert!((payload..most).contains(&used), "{directory}: {used}");
    }
}

#[test]
fn dd_reads_past_the_page_cache() {
    let sample = Sample::new();
    for size in ["4096", "1M", "5000"] {
        let commands = format!(
            r#"for file in records/* raw/*; do
                   dd if="$file" iflag=direct bs={size} status=none | cmp - "$2/$file"
               done"#
        );
        sh(&format!("cd \"$1\"; {commands}"), &sample.paths());
    }
}

#[test]
fn four_processes_read_all_records_at_random_at_once() {
    let sample = Sample::new();
    let commands = r#"
        sums=$(cd "$2" && sha256sum records/* raw/*)
        cd "$1"
        for seed in 1 2 3 4; do
            shuf --random-source=<(yes "$seed") <<<"$sums" | sha256sum --check --quiet &
            readers+=($!)
        done
        for reader in "${readers[@]}"; do wait "$reader"; done"#;
    sh(commands, &sample.paths());
}

#[test]
fn sendfile_gives_all_bytes() {
    transfer("sendfile");
}

#[test]
fn splice_gives_all_bytes() {
    transfer("splice");
}

#[test]
fn copy_file_range_gives_all_bytes_or_says_that_it_cannot() {
    transfer("copy_file_range");
}

fn transfer(call: &str) {
    let sample = Sample::new();
    let [mount, plain] = sample.paths();
    let copied = script("transfer.py", &[Path::new(call), mount, plain]);
    assert_eq!(copied.trim(), sample.files().len().to_string());
}

#[test]
fn numpy_maps_and_reads_data_and_index() {
    let sample = Sample::new();
    let checked = script("arrays.py", &sample.paths());
    assert_eq!(checked.trim(), sample.records.len().to_string());
}
