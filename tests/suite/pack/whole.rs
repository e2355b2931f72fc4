//! Packing as a person or a script does it, and what a killed run leaves.

use crate::support::*;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The shards of `name` in `directory`, in byte order.
fn shards(directory: &Path, name: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(directory)
        .into_iter()
        .filter(|file| file.starts_with(&format!("{name}_")) && file.ends_with(".rox"))
        .map(|file| directory.join(file))
        .collect();
    found.sort();
    found
}

fn entries(directory: &Path) -> Vec<String> {
    let list = std::fs::read_dir(directory).expect("listed");
    list.map(|entry| {
        entry
            .expect("entry")
            .file_name()
            .into_string()
            .expect("UTF-8")
    })
    .collect()
}

fn ls(dataset: &Path) -> Vec<String> {
    let listed = String::from_utf8(run(roxfs().arg("ls").arg(dataset))).expect("UTF-8");
    listed.lines().map(str::to_owned).collect()
}

/// Packs into `directory/name.rox` with 16 KiB shards, and returns the bytes of all shards.
fn packed_bytes(source: &Path, directory: &Path, name: &str) -> Vec<Vec<u8>> {
    pack(source, directory, name, &["--shard-size", "16KiB"]);
    let shards = shards(directory, name);
    shards
        .iter()
        .map(|shard| std::fs::read(shard).expect("read"))
        .collect()
}

#[test]
fn a_directory_is_packed_in_byte_order_of_its_paths_and_links_are_followed() {
    let (source, target) = (temp_dir(), temp_dir());
    let files = [("b/2", "two"), ("b-1", "one"), ("a", ""), ("c/d/e", "deep")];
    write_tree(source.path(), &files);
    symlink("c", source.path().join("linked")).expect("link");
    symlink("nowhere", source.path().join("dangling")).expect("link");
    let dataset = target.path().join("d.rox");
    let output = output(
        roxfs()
            .arg("pack")
            .arg("-o")
            .arg(&dataset)
            .arg(source.path()),
    );
    assert!(output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
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
    assert_eq!(ls(&dataset), expected);
}

#[test]
fn several_sources_are_packed_in_the_order_given() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(
        source.path(),
        &[("z/b", "1"), ("a/y", "22"), ("file", "333")],
    );
    let dataset = target.path().join("d.rox");
    let [z, file, a] = ["z", "file", "a"].map(|name| source.path().join(name));
    run(roxfs()
        .arg("pack")
        .arg("-o")
        .arg(&dataset)
        .args([&z, &file, &a]));
    assert_eq!(ls(&dataset), ["0\t1\tb", "1\t3\tfile", "2\t2\ty"]);
    run(roxfs().arg("verify").arg(&dataset));
    let again = target.path().join("again.rox");
    let message = fail(roxfs().arg("pack").arg("-o").arg(&again).args([&z, &z]), 1);
    let path = z.join("b");
    let expected = format!(
        "roxfs: {}: the name \"b\" is taken already by the same file\n",
        path.display()
    );
    assert_eq!(message, expected);
    assert_eq!(shards(target.path(), "again"), [] as [PathBuf; 0]);
}

#[test]
fn names_out_of_order_are_sorted_in_the_order_section() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("z/c", "1"), ("z/b", "1"), ("a/a", "22")]);
    let dataset = target.path().join("d.rox");
    let sources = ["z", "a"].map(|name| source.path().join(name));
    run(roxfs().arg("pack").arg("-o").arg(&dataset).args(sources));
    let bytes = std::fs::read(&shards(target.path(), "d")[0]).expect("read");
    let footer = [&3i64.to_le_bytes()[..], &12i64.to_le_bytes(), b"ROXORDER"].concat();
    let at = bytes
        .windows(24)
        .position(|window| window == footer)
        .expect("an order section");
    let order = [2u32, 0, 1].map(u32::to_le_bytes).concat();
    assert_eq!(&bytes[at - 12..at], order);
    run(roxfs().arg("verify").arg(&dataset));
}

#[test]
fn shards_stay_below_the_size_asked_for_unless_one_record_is_larger() {
    let target = temp_dir();
    let records: Vec<Vec<u8>> = [900, 3000, 10, 10, 5000, 1]
        .map(|len| bytes(len, len as usize))
        .to_vec();
    let dataset = pack_records(target.path(), "d", &records, &["--shard-size", "4096"]);
    let sizes: Vec<u64> = shards(target.path(), "d")
        .iter()
        .map(|s| s.metadata().expect("stat").len())
        .collect();
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
fn empty_files_are_records_unless_they_are_dropped() {
    let target = temp_dir();
    let records = ["", "a", "", "b"];
    let kept = pack_records(target.path(), "kept", &records, &[]);
    assert_eq!(ls(&kept).len(), 4);
    let dropped = pack_records(target.path(), "dropped", &records, &["--drop-empty"]);
    assert_eq!(ls(&dropped), ["0\t1\t000001", "1\t1\t000003"]);
    let empty = temp_dir();
    write_tree(empty.path(), &[("a", ""), ("b", "")]);
    let output = target.path().join("none.rox");
    let mut command = roxfs();
    let message = fail(
        command
            .args(["pack", "--drop-empty", "-o"])
            .arg(output)
            .arg(empty.path()),
        1,
    );
    assert!(
        message.starts_with("roxfs: nothing to pack: there are only empty records"),
        "{message}"
    );
}

#[test]
fn a_single_file_is_written_under_its_own_name_whatever_its_size() {
    let target = temp_dir();
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
    use std::os::unix::fs::PermissionsExt;
    let (source, target) = (temp_dir(), temp_dir());
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
    let mode = shards(target.path(), "d")[0]
        .metadata()
        .expect("stat")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_name_that_is_there_already_is_refused_and_the_dataset_stays_as_it_is() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a", "1")]);
    let before = packed_bytes(source.path(), target.path(), "d");
    write_tree(source.path(), &[("b", "2")]);
    let dataset = target.path().join("d.rox");
    let message = fail(
        roxfs()
            .arg("pack")
            .arg("-o")
            .arg(&dataset)
            .arg(source.path()),
        1,
    );
    let first = target.path().join("d_0000.rox");
    let expected = format!(
        "roxfs: {}: the name \"a\" is taken already by record 0 of {}\n",
        source.path().join("a").display(),
        first.display()
    );
    assert_eq!(message, expected);
    assert_eq!(std::fs::read(first).expect("read"), before[0]);
    let shards: Vec<String> = entries(target.path())
        .into_iter()
        .filter(|name| name.ends_with(".rox"))
        .collect();
    assert_eq!(shards, ["d_0000.rox"]);
}

#[test]
fn sources_and_outputs_that_cannot_be_are_one_clear_line() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a/x", "1")]);
    std::fs::create_dir(source.path().join("empty")).expect("directory");
    let [here, into] = [source.path(), target.path()].map(|path| path.display().to_string());
    let cases = [
        (
            format!("{into}/d.rox"),
            "/nosuch".to_owned(),
            "/nosuch: No such file or directory",
        ),
        (
            format!("{into}/d.rox"),
            format!("{here}/empty"),
            "nothing to pack: there are no records",
        ),
        (
            format!("{into}/d.rox"),
            "/dev/null".to_owned(),
            "/dev/null: it is a device, expected a file or",
        ),
        (
            format!("{here}/a/d.rox"),
            here.clone(),
            "/a/d: the output lies in the source",
        ),
        (
            format!("{into}/no/d.rox"),
            here.clone(),
            "/no: No such file or directory",
        ),
        (
            "/proc/d.rox".to_owned(),
            here.clone(),
            "/proc/.d.lock: No such file or directory",
        ),
    ];
    for (output, from, expected) in cases {
        let message = fail(roxfs().args(["pack", "-o", &output, &from]), 1);
        assert!(message.contains(expected), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_loop_of_links_is_an_error_and_not_a_hang() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a/x", "1")]);
    symlink("..", source.path().join("a/up")).expect("link");
    let dataset = target.path().join("d.rox");
    let message = fail(
        roxfs()
            .arg("pack")
            .arg("-o")
            .arg(&dataset)
            .arg(source.path()),
        1,
    );
    assert!(
        message.contains("a/up: a symbolic link leads back to"),
        "{message}"
    );
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_second_writer_is_refused_at_once() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a", "1")]);
    let lock = target.path().join(".d.lock");
    let script = "exec 9>\"$1\"; flock -n 9; echo locked; read -r _";
    let mut holder = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(&lock)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut line = [0; 7];
    std::io::Read::read_exact(holder.stdout.as_mut().expect("piped"), &mut line).expect("locked");
    let dataset = target.path().join("d.rox");
    let message = fail(
        roxfs()
            .arg("pack")
            .arg("-o")
            .arg(&dataset)
            .arg(source.path()),
        1,
    );
    drop(holder.stdin.take());
    holder.wait().expect("ended");
    assert_eq!(
        message,
        format!(
            "roxfs: {}: another process is writing this dataset\n",
            lock.display()
        )
    );
    run(roxfs()
        .arg("pack")
        .arg("-o")
        .arg(&dataset)
        .arg(source.path()));
    assert_eq!(entries(target.path()), ["d_0000.rox"], "the lock is gone");
}

#[test]
fn a_source_that_has_changed_is_not_gone_on_with() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a", "1"), ("b", "2")]);
    packed_bytes(source.path(), target.path(), "d");
    let dataset = target.path().join("d.rox");
    let resume = || {
        let mut command = roxfs();
        command
            .args(["pack", "--resume", "-o"])
            .arg(&dataset)
            .arg(source.path());
        command
    };
    run(&mut resume());
    write_tree(source.path(), &[("b", "22")]);
    let message = fail(&mut resume(), 1);
    assert!(
        message.contains("record 1 is \"b\" of 1 bytes, but the source has \"b\" of 2 bytes"),
        "{message}"
    );
    std::fs::remove_file(source.path().join("b")).expect("removed");
    let message = fail(&mut resume(), 1);
    assert!(
        message.contains("record 1 is \"b\" of 1 bytes, but the source has no more records"),
        "{message}"
    );
}

/// Leaves the lock of a run that was killed after its first shards.
fn as_if_killed(directory: &Path, lock: &str) {
    std::fs::write(directory.join(".d.lock"), lock).expect("lock");
}

/// Packs lines, with more arguments.
fn pack_lines(dataset: &Path, lines: &str, arguments: &[&str]) -> Command {
    let script = "printf \"$1\" | \"$2\" pack --from lines -q -o \"$3\" \"${@:4}\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash", lines, env!("CARGO_BIN_EXE_roxfs")]);
    command.arg(dataset).args(arguments);
    command
}

#[test]
fn a_stream_that_is_another_one_is_not_gone_on_with() {
    let target = temp_dir();
    let dataset = target.path().join("d.rox");
    run(&mut pack_lines(&dataset, "aa\nbb\n", &[]));
    as_if_killed(target.path(), "first record 0\n");
    let mut same = pack_lines(&dataset, "aa\nbb\ncc\n", &["--resume"]);
    let mut other = pack_lines(&dataset, "aa\nxx\ncc\n", &["--resume"]);
    let message = fail(&mut other, 1);
    assert!(
        message.contains("record 1 is 0x") && message.contains("it has changed since"),
        "{message}"
    );
    run(&mut same);
    assert_eq!(
        run(roxfs().args(["cat", "-i", ":"]).arg(&dataset)),
        b"aabbcc"
    );
}

#[test]
fn a_nameless_run_that_has_left_out_records_is_not_gone_on_with() {
    let target = temp_dir();
    let dataset = target.path().join("d.rox");
    run(&mut pack_lines(&dataset, "aa\nbb\n", &[]));
    as_if_killed(target.path(), "first record 0\nleft out\n");
    let message = fail(&mut pack_lines(&dataset, "aa\nbb\ncc\n", &["--resume"]), 1);
    assert!(
        message.contains("has left out records, and there are no names"),
        "{message}"
    );
    assert_eq!(ls(&dataset).len(), 2);
}

#[test]
fn a_nameless_dataset_that_is_complete_gets_nothing_by_resuming() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a", "1"), ("b", "2"), ("c", "3")]);
    for form in ["--plain", "--no-names"] {
        let dataset = pack(source.path(), target.path(), form, &[form]);
        let resume = |more: &str| {
            let mut command = roxfs();
            let options = ["pack", "--resume", "--keep-going", form, "-o"];
            command.args(options).arg(&dataset).arg(source.path());
            command.args((!more.is_empty()).then(|| source.path().join(more)));
            command
        };
        run(&mut resume(""));
        assert_eq!(ls(&dataset).len(), 3);
        // As if the first run had left out one of four records.
        let message = fail(&mut resume("a"), 1);
        assert!(
            message.contains("no run of this dataset was interrupted"),
            "{message}"
        );
        assert_eq!(ls(&dataset).len(), 3);
        assert_eq!(entries(target.path()), [format!("{form}_0000.rox")]);
        std::fs::remove_file(target.path().join(format!("{form}_0000.rox"))).expect("removed");
    }
}

#[test]
fn resuming_what_was_complete_does_not_make_it_look_interrupted() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a", "1")]);
    let dataset = pack(source.path(), target.path(), "d", &[]);
    write_tree(source.path(), &[("a", "22")]);
    let mut resume = roxfs();
    fail(
        resume
            .args(["pack", "--resume", "-o"])
            .arg(&dataset)
            .arg(source.path()),
        1,
    );
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
}

#[test]
fn a_single_file_is_gone_on_with_when_its_source_has_grown() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("a", "1")]);
    let dataset = pack(source.path(), target.path(), "d", &["--single-file"]);
    write_tree(source.path(), &[("b", "22")]);
    pack(
        source.path(),
        target.path(),
        "d",
        &["--single-file", "--resume"],
    );
    assert_eq!(ls(&dataset), ["0\t1\ta", "1\t2\tb"]);
}

#[test]
fn a_hard_link_to_a_refused_entry_does_not_get_what_had_the_name_before() {
    let (source, target) = (temp_dir(), temp_dir());
    write_tree(source.path(), &[("old/a", "OLD"), ("new/a", "NEWNEW!")]);
    let dataset = pack(&source.path().join("old"), target.path(), "d", &[]);
    let script = "cd \"$1/new\"; ln a b; tar cf ../x.tar a b";
    sh(script, &[source.path()]);
    let mut append = roxfs();
    append
        .args(["pack", "--keep-going", "-o"])
        .arg(&dataset)
        .arg(source.path().join("x.tar"));
    let message = fail(&mut append, 1);
    assert!(
        message.contains("x.tar: b: a hard link to a record that was left out"),
        "{message}"
    );
    assert_eq!(ls(&dataset), ["0\t3\ta"]);
}

#[test]
fn an_output_that_is_a_directory_is_wrong_usage() {
    let source = temp_dir();
    write_tree(source.path(), &[("a", "1")]);
    let target = temp_dir();
    for output in ["sub/", ".", "..", "sub/.rox", "sub/.", "/"] {
        let mut command = roxfs();
        command
            .current_dir(target.path())
            .args(["pack", "-o", output])
            .arg(source.path());
        let message = fail(&mut command, 2);
        assert!(
            message.contains("a file name is needed"),
            "{output}: {message}"
        );
    }
}

#[test]
fn a_shard_that_changes_while_it_is_appended_to_is_left_as_it_is() {
    let target = temp_dir();
    let dataset = target.path().join("d.rox");
    run(&mut pack_lines(&dataset, "aa\n", &[]));
    let mut append = roxfs();
    append
        .args(["pack", "--from", "lines", "-q", "-o"])
        .arg(&dataset);
    let mut append = append
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = append.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, b"bb\n").expect("written");
    let copied = || {
        entries(target.path())
            .iter()
            .any(|name| name.ends_with(".tmp"))
    };
    wait_until("the copy is there", copied);
    let shard = target.path().join("d_0000.rox");
    let other = pack_records(target.path(), "other", &["zz"], &["--single-file"]);
    std::fs::rename(other, &shard).expect("replaced");
    drop(stdin);
    let output = append.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("has changed it meanwhile"));
    assert_eq!(run(roxfs().args(["cat", "-i", ":"]).arg(&shard)), b"zz");
}

/// A pseudo-random moment of the time that a whole run takes.
fn moment(attempt: u64, whole: Duration) -> Duration {
    let share = bytes(attempt, 2);
    whole.mul_f64(f64::from(u16::from_le_bytes([share[0], share[1]])) / f64::from(u16::MAX))
}

/// What a reader may see after a kill: whole shards under their names, at most two temporary
/// files (of the shard that is being finished and the next one), and the lock.
fn check_only_whole_shards(directory: &Path, whole: &[Vec<u8>]) {
    let mut others = 0;
    for (number, shard) in shards(directory, "d").iter().enumerate() {
        assert_eq!(
            &std::fs::read(shard).expect("read"),
            &whole[number],
            "{}",
            shard.display()
        );
    }
    for name in entries(directory) {
        match name.as_str() {
            shard if shard.starts_with("d_") => {}
            ".d.lock" => {}
            temporary => {
                assert!(
                    temporary.starts_with(".d_") && temporary.ends_with(".tmp"),
                    "{temporary}"
                );
                others += 1;
            }
        }
    }
    assert!(others <= 2, "more than two temporary files");
}

#[test]
fn a_run_killed_at_any_moment_leaves_whole_shards_and_a_second_run_completes() {
    let (source, reference) = (temp_dir(), temp_dir());
    let files: Vec<(String, Vec<u8>)> = (0..400)
        .map(|i| {
            (
                format!("{:02}/{i:04}", i % 20),
                bytes(i, (i as usize * 131) % 3000),
            )
        })
        .collect();
    write_tree(source.path(), &files);
    let start = Instant::now();
    let whole = packed_bytes(source.path(), reference.path(), "d");
    let duration = start.elapsed();
    assert!(whole.len() > 20);
    let mut interrupted = 0;
    for attempt in 0..50 {
        let target = temp_dir();
        let dataset = target.path().join("d.rox");
        let mut command = roxfs();
        command
            .args(["pack", "--shard-size", "16KiB", "-o"])
            .arg(&dataset)
            .arg(source.path());
        let mut child = command.stderr(Stdio::null()).spawn().expect("started");
        // The one place where a time is waited for: a kill has to come at some moment.
        std::thread::sleep(moment(attempt, duration));
        child.kill().expect("killed");
        interrupted += u32::from(!child.wait().expect("ended").success());
        check_only_whole_shards(target.path(), &whole);
        run(command.arg("--resume"));
        let found: Vec<Vec<u8>> = shards(target.path(), "d")
            .iter()
            .map(|s| std::fs::read(s).expect("read"))
            .collect();
        assert!(
            found == whole,
            "attempt {attempt}: not what an uninterrupted run writes"
        );
        assert_eq!(
            entries(target.path()).len(),
            whole.len(),
            "something was left behind"
        );
    }
    assert!(
        interrupted > 10,
        "only {interrupted} of 50 runs were killed before their end"
    );
}
