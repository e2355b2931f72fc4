//! Nothing that comes from outside commands a terminal, or reads as what it is not: in no output of
//! any command is there a control or format character, whatever names, paths and arguments say.

use crate::support::*;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

/// Of each kind one: ESC, CSI, right-to-left override, isolate, mark, zero width, BOM, line
/// separator, tag, soft hyphen, variation selector.
const HIDDEN: &str =
    "\u{1b}\u{9b}\u{202e}\u{2066}\u{200f}\u{200b}\u{feff}\u{2028}\u{e0041}\u{ad}\u{fe0f}";

/// Runs a command, however it ends, and checks that it shows none of `HIDDEN` raw, and its text.
fn shows(command: &mut Command, text: &str) {
    let output = output(command);
    let streams = [output.stdout, output.stderr];
    for stream in &streams {
        let shown = String::from_utf8(stream.clone()).expect("UTF-8");
        let raw = shown.chars().find(|&char| HIDDEN.contains(char));
        assert_eq!(raw, None, "{command:?}: {shown:?}");
    }
    let [out, err] = streams.map(|stream| String::from_utf8(stream).expect("UTF-8"));
    assert!(
        out.contains(text) || err.contains(text),
        "{command:?}: {out}{err}"
    );
}

#[test]
fn names_paths_and_arguments_are_shown_escaped_by_every_command() {
    let directory = temp_dir();
    let strange = directory.path().join(format!("d{HIDDEN}"));
    std::fs::create_dir(&strange).expect("directory");
    let name = format!("{HIDDEN}n/{HIDDEN}m");
    write_tree(&strange.join("in"), &[(name.as_bytes(), "x")]);
    let dataset = pack(&strange.join("in"), &strange, "set", &[]);
    let shard = strange.join("set_0000.rox");
    let rlo = "\\xe2\\x80\\xae";
    for command in ["info", "ls"] {
        shows(roxfs().arg(command).arg(&dataset), rlo);
    }
    shows(roxfs().args(["ls", "-l"]).arg(&dataset), rlo);
    shows(roxfs().args(["ls", "--format", "tsv"]).arg(&dataset), rlo);
    shows(
        roxfs().args(["ls", "--format", "jsonl"]).arg(&dataset),
        "\\u202e",
    );
    shows(roxfs().args(["info", "--json"]).arg(&dataset), "\\u202e");
    // Messages with paths: missing, there already, not a shard, not a dataset.
    let missing = strange.join("none.rox");
    for command in ["info", "ls", "verify"] {
        shows(roxfs().arg(command).arg(&missing), rlo);
    }
    let extract = |directory: &Path| {
        shows(
            roxfs()
                .arg("extract")
                .arg("-o")
                .arg(directory)
                .arg(&dataset),
            "extracted",
        );
    };
    extract(&strange.join("out"));
    shows(
        roxfs()
            .arg("extract")
            .arg("-o")
            .arg(strange.join("out"))
            .arg(&dataset),
        rlo,
    );
    shows(roxfs().arg("umount").arg(&strange), rlo);
    shows(
        roxfs()
            .args(["pack", "-o"])
            .arg(&dataset)
            .arg(strange.join("in")),
        rlo,
    );
    std::fs::write(&shard, HIDDEN).expect("overwritten");
    shows(roxfs().arg("verify").arg(&shard), rlo);
}

#[test]
fn what_the_parser_of_arguments_repeats_is_shown_escaped() {
    let cases: [&[&str]; 7] = [
        &["--", HIDDEN],
        &[HIDDEN],
        &["ls", "--format", HIDDEN, "x"],
        &["cat", "-i", HIDDEN, "x"],
        &["mount", "-o", HIDDEN, "x", "y"],
        &["pack", "--from", HIDDEN, "-o", "x.rox"],
        &["info", &format!("--no-such{HIDDEN}")],
    ];
    for arguments in cases {
        let result = output(roxfs().args(arguments));
        assert_eq!(result.status.code(), Some(2), "{arguments:?}");
        shows(roxfs().args(arguments), "\\xe2\\x80\\xae");
    }
    shows(
        roxfs().env("ROXFS_LOG", HIDDEN).args(["info", "none.rox"]),
        "ROXFS_LOG",
    );
    let named = |shell: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-c", shell, "bash"])
            .arg(env!("CARGO_BIN_EXE_roxfs"));
        bash
    };
    shows(
        &mut named(&format!("exec -a '{HIDDEN}' \"$1\" --no-such")),
        "Usage",
    );
    shows(
        &mut named(&format!("exec -a '{HIDDEN}' \"$1\" --help")),
        "Usage",
    );
}

#[test]
fn forms_for_programs_have_paths_as_they_are_but_not_on_a_terminal() {
    let directory = temp_dir();
    let name = format!("c/{HIDDEN}");
    write_tree(&directory.path().join("in"), &[(name.as_bytes(), "x")]);
    let dataset = pack(&directory.path().join("in"), directory.path(), "set", &[]);
    for format in ["dali", "null"] {
        let mut list = roxfs();
        let plain = run(list.args(["ls", "--format", format]).arg(&dataset));
        assert!(plain.starts_with(name.as_bytes()), "{format}");
        let mut script = Command::new("script");
        let command = format!(
            "{} ls --format {format} {}",
            env!("CARGO_BIN_EXE_roxfs"),
            dataset.display()
        );
        shows(
            script.args(["-qec", &command, "/dev/null"]),
            "\\xe2\\x80\\xae",
        );
    }
}

#[test]
fn entries_of_archives_and_lists_are_shown_escaped() {
    let directory = temp_dir();
    let name = format!("{HIDDEN}/../x");
    let mut archive = tar_with(&name);
    archive.extend([0; 1024]);
    let path = directory.path().join("x.tar");
    std::fs::write(&path, &archive).expect("archive");
    let target = directory.path().join("t.rox");
    let mut pack = roxfs();
    pack.args(["pack", "-o"]).arg(&target).arg(&path);
    shows(&mut pack, "\\xe2\\x80\\xae");
    // What a library says of a field that is no number repeats it.
    let mut header = tar_with("x");
    header[124..136].copy_from_slice("\u{1b}[1m\u{9b}\u{202e}xyz".as_bytes());
    std::fs::write(&path, &header).expect("archive");
    shows(&mut pack, "roxfs: ");
    // A list, an argument and a pattern that lead nowhere.
    let list = directory.path().join("list");
    std::fs::write(&list, format!("{HIDDEN}\n")).expect("list");
    let mut pack = roxfs();
    pack.args(["pack", "--from", "list", "-o"]).arg(&target);
    shows(pack.arg(&list), "\\xe2\\x80\\xae");
    shows(
        roxfs().args(["pack", "-o"]).arg(&target).arg(HIDDEN),
        "\\xe2\\x80\\xae",
    );
    shows(
        roxfs().arg("info").arg(format!("[{HIDDEN}")),
        "\\xe2\\x80\\xae",
    );
    shows(
        roxfs().arg("info").arg(format!("*{HIDDEN}")),
        "\\xe2\\x80\\xae",
    );
}

/// The header of an empty file with this name.
fn tar_with(name: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn a_mount_of_a_strange_path_shows_it_escaped_in_the_listing_of_mounts() {
    let directory = temp_dir();
    let strange = directory.path().join(format!("d{HIDDEN}"));
    std::fs::create_dir(&strange).expect("directory");
    let dataset = pack_records(&strange, "set", &["x"], &[]);
    let mount = Mount::new(&dataset);
    let listed = std::fs::read("/proc/self/mountinfo").expect("mountinfo");
    let path = mount.path().as_os_str().as_bytes();
    let line = listed
        .split(|&byte| byte == b'\n')
        .find(|line| line.windows(path.len()).any(|part| part == path))
        .expect("listed");
    let line = String::from_utf8(line.to_vec()).expect("UTF-8");
    assert!(!line.contains(|char| HIDDEN.contains(char)), "{line:?}");
    let info = String::from_utf8(mount.read(".roxfs/info.json")).expect("UTF-8");
    assert!(!info.contains(|char| HIDDEN.contains(char)), "{info:?}");
    let parsed: serde_json::Value = serde_json::from_str(&info).expect("JSON");
    let shown = parsed["shards"][0]["path"].as_str().expect("path");
    assert_eq!(Path::new(shown), strange.join("set_0000.rox"));
}
