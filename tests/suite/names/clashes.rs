//! Names that cannot be shown are left out, counted and reported; their records stay.

use super::*;

const CLASHING: &[&[&str]] = &[
    &["a", "a/x", "b", "../up", "c"],
    &["b", "d", "d/e/f", "d/e", "/etc/passwd", "", "c"],
];

#[test]
fn they_are_counted_by_info_and_listed_by_verify() {
    let directory = temp_dir();
    let dataset = write_shards(directory.path(), CLASHING);
    let mount = Mount::new(&dataset);
    let found = sh(r#"cd "$1/files"; find . | LC_ALL=C sort"#, &[mount.path()]);
    assert_eq!(found, ".\n./a\n./a/x\n./b\n./c\n./d\n./d/e\n./d/e/f\n");
    assert_eq!(mount.read("files/b"), 2u32.to_le_bytes());
    assert_eq!(mount.read("files/c"), 4u32.to_le_bytes());
    for number in 0..12u32 {
        assert_eq!(
            mount.read(&format!("records/{number}.bin")),
            number.to_le_bytes()
        );
    }
    let info: serde_json::Value =
        serde_json::from_slice(&mount.read(".roxfs/info.json")).expect("JSON");
    let expected = serde_json::json!({
        "invalid": 2, "duplicate": 2, "file_and_directory": 3, "out_of_order": 0
    });
    assert_eq!(info["names_left_out"], expected);
    mount.unmount();
    let line = "7 names left out of files/: 2 invalid, 2 duplicate, 3 a file's and a directory's";
    let printed = run(roxfs().arg("info").arg(&dataset));
    assert!(String::from_utf8_lossy(&printed).contains(line));
    // Invalid names are damage.
    let message = fail(roxfs().arg("verify").arg(&dataset), 3);
    assert!(message.contains(line), "{message}");
    for expected in [
        r#"record 5: its name "b" is left out of files/: record 2 has the same name"#,
        r#"record 0: its name "a" is left out of files/: another record's name needs it"#,
        r#"record 8: its name "d/e" is left out"#,
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn clashes_between_whole_shards_are_no_damage() {
    let directory = temp_dir();
    let dataset = write_shards(directory.path(), &[["a", "b"], ["b", "c"]]);
    let output = output(roxfs().arg("verify").arg(&dataset));
    assert!(output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("1 name left out of files/: 1 duplicate"),
        "{message}"
    );
}

#[test]
fn a_mount_warns_of_them_once_with_counts() {
    let directory = temp_dir();
    let dataset = write_shards(directory.path(), CLASHING);
    let target = directory.path().join("mnt");
    std::fs::create_dir(&target).expect("mount point");
    let log = directory.path().join("log");
    let mut daemon = roxfs()
        .args(["mount", "-f"])
        .args([&dataset, &target])
        .stderr(std::fs::File::create(&log).expect("log"))
        .spawn()
        .expect("started");
    wait_until("it is mounted", || target.join("files").is_dir());
    for _ in 0..3 {
        sh(r#"find "$1/files" >/dev/null"#, &[&target]);
    }
    let warning = "7 names left out of files/";
    let warnings = || {
        let log = std::fs::read_to_string(&log).expect("log");
        log.lines().filter(|line| line.contains(warning)).count()
    };
    wait_until("it has warned", || warnings() > 0);
    unmount(&target);
    wait_until("the daemon ends", || {
        daemon.try_wait().expect("its state").is_some()
    });
    assert_eq!(warnings(), 1);
}

/// What a lying order of one shard does to another one's names: nothing.
#[test]
fn a_shard_that_lies_about_its_order_hides_no_other_shards_names() {
    let honest: Vec<Vec<u8>> = (0..300).map(|n| format!("m/{n:03}").into_bytes()).collect();
    let lies: [Vec<u32>; 3] = [
        (0..300).rev().collect(),
        vec![7; 300],
        (0..300).map(|n| (n * 7 + 150) % 301).collect(),
    ];
    for (lie, order) in lies.iter().enumerate() {
        for range in ["a", "m", "z"] {
            let directory = temp_dir();
            std::fs::write(directory.path().join("d_0000.rox"), named_shard(&honest, 0))
                .expect("written");
            let names: Vec<Vec<u8>> = (0..300)
                .map(|n| format!("{range}/{n:03}-").into_bytes())
                .collect();
            let records: Vec<[u8; 4]> = (300..600u32).map(u32::to_le_bytes).collect();
            let keys: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            let mut parts = Parts::plain(&records);
            parts.sections = vec![Section::names(&keys), Section::order(order)];
            std::fs::write(directory.path().join("d_0001.rox"), parts.bytes()).expect("written");
            let mount = Mount::new(&directory.path().join("d.rox"));
            for number in 0..300u32 {
                let content = mount.read(&format!("files/m/{number:03}"));
                assert_eq!(content, number.to_le_bytes(), "lie {lie}, {range}");
            }
            let count = r#"find "$1/files/m" -name '[0-9][0-9][0-9]' | wc -l"#;
            assert_eq!(
                sh(count, &[mount.path()]).trim(),
                "300",
                "lie {lie}, {range}"
            );
            mount.unmount();
        }
    }
}
