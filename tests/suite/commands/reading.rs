//! `info`, `ls`, `cat` and `verify` as a person reads them, and the errors that a typo brings.

use crate::support::*;
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;

/// Six records in two shards, with names.
fn dataset() -> (TempDir, PathBuf) {
    let (source, target) = (temp_dir(), temp_dir());
    let files = [
        ("cat/1.txt", "meow"),
        ("cat/2.txt", ""),
        ("cow/long.txt", "moo moo moo moo moo moo"),
        ("dog/1.txt", "woof"),
        ("dog/a\nb\\.txt", "wau"),
        ("eel", "..."),
    ];
    write_tree(source.path(), &files);
    let dataset = pack(source.path(), target.path(), "d", &["--shard-size", "260"]);
    (target, dataset)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn ls_shows_number_size_and_name_on_one_line_each() {
    let (_directory, dataset) = dataset();
    let expected = "0\t4\tcat/1.txt\n1\t0\tcat/2.txt\n2\t23\tcow/long.txt\n3\t4\tdog/1.txt\n\
                    4\t3\tdog/a\\nb\\\\.txt\n5\t3\teel\n";
    assert_eq!(text(run(roxfs().arg("ls").arg(&dataset))), expected);
}

#[test]
fn ls_long_adds_offset_checksum_and_shard() {
    let (directory, dataset) = dataset();
    let listed = text(run(roxfs().args(["ls", "-l"]).arg(&dataset)));
    let first = directory.path().join("d_0000.rox");
    let crc = crc32c::crc32c(b"meow");
    let expected = format!("0\t4\t0\t{crc:08x}\t{}\tcat/1.txt", first.display());
    assert_eq!(listed.lines().next(), Some(expected.as_str()));
    let plain = pack_records(directory.path(), "p", &["ab", "c"], &["--plain"]);
    let listed = text(run(roxfs().args(["ls", "-l"]).arg(plain)));
    let shard = directory.path().join("p_0000.rox");
    assert_eq!(
        listed.lines().nth(1),
        Some(format!("1\t1\t2\t-\t{}\t", shard.display()).as_str())
    );
}

#[test]
fn cat_takes_indices_and_python_slices() {
    let (_directory, dataset) = dataset();
    let cases: [(&[&str], &str); 8] = [
        (&["-i", "0"], "meow"),
        (&["-i", "-1"], "..."),
        (&["-i", "3:5"], "woofwau"),
        (&["-i", "-2:"], "wau..."),
        (&["-i", "::-1"], "...wauwoofmoo moo moo moo moo moomeow"),
        (&["-i", "5", "-i", "0:1", "-i", "5"], "...meow..."),
        (&["-i", "4:2"], ""),
        (&["--index=3"], "woof"),
    ];
    for (arguments, expected) in cases {
        let mut command = roxfs();
        command.arg("cat").args(arguments).arg(&dataset);
        assert_eq!(text(run(&mut command)), expected, "{arguments:?}");
    }
}

#[test]
fn cat_of_a_record_that_is_not_there_writes_nothing() {
    let (_directory, dataset) = dataset();
    for index in ["6", "-7", "99999999999999999999"] {
        let output = output(roxfs().args(["cat", "-i", "0", "-i", index]).arg(&dataset));
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(output.stdout, b"");
        let message = text(output.stderr);
        assert!(
            message.ends_with("is out of range: there are 6 records\n"),
            "{message}"
        );
    }
}

#[test]
fn info_sums_up_and_shows_sizes_and_shards() {
    let (directory, dataset) = dataset();
    let shown = text(run(roxfs().arg("info").arg(&dataset)));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[0].starts_with("6 records in 2 shards; 37 B of payload, "),
        "{shown}"
    );
    assert_eq!(
        lines[1],
        "sizes: min 0 B, median 3 B, p99 23 B, max 23 B; mean 6 B"
    );
    let last = lines.last().expect("lines");
    let shard = directory.path().join("d_0001.rox").display().to_string();
    assert!(
        last.contains("names, crc32c, order") && last.ends_with(&shard),
        "{shown}"
    );
}

#[test]
fn info_as_json_has_the_same_figures() {
    let (_directory, dataset) = dataset();
    let json = run(roxfs().args(["info", "--json"]).arg(&dataset));
    let info: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(info["records"], 6);
    assert_eq!(info["payload_bytes"], 37);
    assert_eq!(info["sizes"]["max"], 23);
    assert_eq!(info["shards"][0]["sections"][0], "names");
    let counts = info["sizes"]["histogram"]
        .as_array()
        .expect("classes")
        .iter();
    assert_eq!(
        counts
            .map(|class| class["count"].as_u64().expect("count"))
            .sum::<u64>(),
        6
    );
}

#[test]
fn verify_finds_nothing_in_what_pack_wrote() {
    let (_directory, dataset) = dataset();
    let shown = text(run(roxfs().arg("verify").arg(&dataset)));
    assert_eq!(
        shown,
        "ok: 2 shards, 6 records, 37 B; all checksums compared\n"
    );
}

#[test]
fn verify_names_shard_and_record_and_both_checksums() {
    let (directory, dataset) = dataset();
    let shard = directory.path().join("d_0000.rox");
    let mut bytes = std::fs::read(&shard).expect("read");
    bytes[0] = b'M';
    std::fs::write(&shard, &bytes).expect("written");
    let output = output(roxfs().arg("verify").arg(&dataset));
    assert_eq!(output.status.code(), Some(3));
    let [found, expected] = [&b"Meow"[..], b"meow"].map(crc32c::crc32c);
    let message = format!(
        "roxfs: {}: record 0: checksum is {found:#010x}, expected {expected:#010x}\n",
        shard.display()
    );
    assert_eq!(text(output.stderr), message);
    assert_eq!(
        text(output.stdout),
        "1 fault: 2 shards, 6 records, 37 B; all checksums compared\n"
    );
}

#[test]
fn verify_goes_on_after_a_shard_that_cannot_be_opened() {
    let (directory, dataset) = dataset();
    std::fs::write(
        directory.path().join("d_0000.rox"),
        "not a shard at all, but long",
    )
    .expect("written");
    let output = output(roxfs().arg("verify").arg(&dataset));
    assert_eq!(output.status.code(), Some(3));
    let stdout = text(output.stdout);
    assert!(stdout.starts_with("1 fault: 2 shards, "), "{stdout}");
    assert!(text(output.stderr).contains("d_0000.rox: footer magic is"));
}

#[test]
fn a_closed_pipe_is_silent() {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..20_000).map(|i| bytes(i, 50)).collect();
    let dataset = pack_records(directory.path(), "d", &records, &[]);
    for arguments in [&["ls"][..], &["cat", "-i", ":"], &["info"], &["verify"]] {
        let mut child = roxfs()
            .args(arguments)
            .arg(&dataset)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ended");
        assert_eq!(text(output.stderr), "", "{arguments:?}");
        assert!(output.status.success(), "{arguments:?}");
    }
}

#[test]
fn every_form_of_shard_argument_gives_the_same_records() {
    let (directory, dataset) = dataset();
    let all = run(roxfs().arg("ls").arg(&dataset));
    let path = |name: &str| directory.path().join(name);
    let forms: [Vec<PathBuf>; 7] = [
        vec![path("d_0000.rox"), path("d_0001.rox")],
        vec![path("d_*.rox")],
        vec![path("d_000[01].rox")],
        vec![path("d_000?.rox")],
        vec![path("d_000[!2].rox")],
        vec![path("d_000[^2].rox")],
        vec![directory.path().to_owned()],
    ];
    for form in forms {
        assert_eq!(run(roxfs().arg("ls").args(&form)), all, "{form:?}");
    }
    let relative = run(roxfs().current_dir(directory.path()).args(["ls", "d.rox"]));
    assert_eq!(relative, all);
    let reversed = run(roxfs()
        .arg("ls")
        .args([path("d_0001.rox"), path("d_0000.rox")]));
    assert_ne!(reversed, all);
}

#[test]
fn a_file_whose_name_has_a_star_is_that_file() {
    let directory = temp_dir();
    pack_records(directory.path(), "s*", &["star"], &["--single-file"]);
    pack_records(directory.path(), "sx", &["no star"], &["--single-file"]);
    let found = run(roxfs()
        .args(["cat", "-i", ":"])
        .arg(directory.path().join("s*.rox")));
    assert_eq!(text(found), "star");
}

#[test]
fn shards_out_of_numeric_order_bring_a_warning() {
    let directory = temp_dir();
    for name in ["d_10000", "d_9999"] {
        pack_records(directory.path(), name, &["x"], &["--single-file"]);
    }
    let output = output(roxfs().arg("ls").arg(directory.path()));
    assert!(output.status.success());
    let message = text(output.stderr);
    assert!(message.contains("d_10000.rox comes before"), "{message}");
    assert_eq!(message.lines().count(), 1);
}

#[test]
fn more_shards_than_the_usual_limit_of_open_files() {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..1500).map(|i| bytes(i, 20)).collect();
    let dataset = pack_records(
        directory.path(),
        "d",
        &records,
        &["--plain", "--shard-size", "1"],
    );
    let mount = Mount::new(&dataset);
    assert_eq!(mount.read("raw/data"), records.concat());
    assert_eq!(mount.read("shards/d_1499/000000.bin"), records[1499]);
    mount.unmount();
}

#[test]
fn a_typo_is_wrong_usage_and_says_so() {
    let cases: [(&[&str], &str); 9] = [
        (&["mont"], "unrecognized subcommand 'mont'"),
        (&["mount"], "required arguments were not provided"),
        (&["mount", "d.rox"], "<MOUNTPOINT>"),
        (&["ls"], "<SHARD>..."),
        (
            &["cat", "-i", "x", "d.rox"],
            "\"x\" is not an index or a slice START:STOP[:STEP]",
        ),
        (&["cat", "d.rox"], "--index <INDEX>"),
        (
            &["pack", "-o", "d", "--shard-size", "2XB", "."],
            "not a size",
        ),
        (
            &["mount", "-o", "remount", "d", "/mnt"],
            "unmount it, and mount it again",
        ),
        (
            &["mount", "-o", "foo", "d", "/mnt"],
            "unknown mount option \"foo\"",
        ),
    ];
    for (arguments, expected) in cases {
        let message = fail(roxfs().args(arguments), 2);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn what_is_not_there_or_no_shard_is_one_clear_line() {
    let (directory, _dataset) = dataset();
    let empty = temp_dir();
    let here = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(here("notes.txt"), "These are not the bytes of a shard.\n").expect("written");
    let cases = [
        (
            here("nosuch.rox"),
            "no such file, and no nosuch_NNNN.rox either",
            1,
        ),
        (here("nosuch"), "no such file", 1),
        (here("no*.rox"), "no file matches this pattern", 1),
        (
            empty.path().display().to_string(),
            "the directory has no .rox files",
            1,
        ),
        (
            here("notes.txt"),
            "footer magic is \" shard.\\n\", expected \"ROXXEL01\" or \"ROXXEL02\"",
            3,
        ),
    ];
    for (argument, expected, code) in cases {
        for command in ["info", "ls"] {
            let message = fail(roxfs().args([command, &argument]), code);
            assert_eq!(message, format!("roxfs: {argument}: {expected}\n"));
        }
    }
}
