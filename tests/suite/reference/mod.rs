//! roxfs against the reference implementation, the Python package roxxel: what each of them
//! writes has the bytes that the other one would write, and reads the same. The Python half is in
//! this folder.

use crate::support::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The version that writes `ROXXEL01`.
const PLAIN: &str = "0.1.0";
/// Versions that write `ROXXEL02`: blocks of one element type.
const BLOCKS: [&str; 2] = ["0.4.0", "0.9.14"];
/// Streams that are mounted at the same time, for one run of the interpreter.
const MOUNTED_AT_ONCE: usize = 20;

/// A stream of records that the reference has written.
#[derive(Debug, Deserialize)]
struct Stream {
    name: String,
    limit: Option<u64>,
    records: u64,
    /// Empty ones that the reference has left out.
    left_out: u64,
    shards: usize,
}

/// A dataset with element types that the reference has written.
#[derive(Debug, Deserialize)]
struct Blocks {
    name: String,
    block_size: u64,
    limit: Option<u64>,
    records: u64,
    dtypes: Vec<String>,
}

/// Datasets in one directory: in `NAME/source` their records as files, in `NAME/reference` the
/// shards that the reference has written.
struct Written<T> {
    directory: TempDir,
    datasets: Vec<T>,
}

impl<T: DeserializeOwned> Written<T> {
    fn by(version: &str, script: &str) -> Written<T> {
        let directory = temp_dir();
        let list = run(driver(version, script).arg(directory.path()));
        Written {
            directory,
            datasets: serde_json::from_slice(&list).expect("a list of datasets"),
        }
    }

    fn path(&self, name: &str, part: &str) -> PathBuf {
        self.directory.path().join(name).join(part)
    }

    /// Mounts what the reference has written under these names, and has it compared with what
    /// the reference reads; returns how much was equal.
    fn compare_mounted(&self, version: &str, mode: &str, names: &[&str]) -> u64 {
        let compare = |names: &[&str]| {
            let mounts: Vec<(&str, Mount)> = names
                .iter()
                .map(|&name| (name, Mount::new(&self.path(name, "reference"))))
                .collect();
            let mut compare = driver(version, "mounted.py");
            compare.arg(mode).arg(self.directory.path());
            for (name, mount) in &mounts {
                compare.arg(name).arg(mount.path());
            }
            number(&run(&mut compare))
        };
        names.chunks(MOUNTED_AT_ONCE).map(compare).sum()
    }
}

impl Written<Stream> {
    fn streams() -> Written<Stream> {
        Written::streams_by(PLAIN)
    }

    fn streams_by(version: &str) -> Written<Stream> {
        let streams = Written::by(version, "write.py");
        assert!(streams.datasets.len() >= 200, "{}", streams.datasets.len());
        streams
    }

    fn names(&self, wanted: impl Fn(&Stream) -> bool) -> Vec<&str> {
        let wanted = self.datasets.iter().filter(|stream| wanted(stream));
        wanted.map(|stream| stream.name.as_str()).collect()
    }

    /// Packs files of a stream as `NAME/part/d*.rox`, with the shard size it was made for.
    fn pack(&self, stream: &Stream, part: &str, options: &[&str], sources: &[PathBuf]) -> PathBuf {
        let out = self.path(&stream.name, part);
        std::fs::create_dir(&out).expect("output directory");
        let mut pack = roxfs();
        pack.arg("pack").arg("-o").arg(out.join("d.rox"));
        match stream.limit {
            Some(limit) => pack.arg(format!("--shard-size={limit}")),
            None => pack.arg("--single-file"),
        };
        run(pack.args(options).args(sources));
        out
    }

    /// Packs each stream as the reference did, and compares the files.
    fn check_packed(&self, options: &[&str]) {
        for stream in &self.datasets {
            let mut options = options.to_vec();
            options.extend((stream.left_out > 0).then_some("--drop-empty"));
            let source = self.path(&stream.name, "source");
            let packed = self.pack(stream, "plain", &options, &[source]);
            let reference = self.path(&stream.name, "reference");
            assert_same_files(&stream.name, &packed, &reference);
        }
    }

    /// Has the reference read what was packed as `part`; returns the number of equal records.
    fn read_by_reference(&self, part: &str, order: &[&str]) -> u64 {
        self.read_by(PLAIN, part, order)
    }

    fn read_by(&self, version: &str, part: &str, order: &[&str]) -> u64 {
        let mut read = driver(version, "read.py");
        number(&run(read.arg(self.directory.path()).arg(part).args(order)))
    }
}

/// A Python program of this folder, run by the interpreter that has this version.
fn driver(version: &str, script: &str) -> Command {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/reference");
    let mut command = python(version);
    // -B: leaves no compiled files beside the sources.
    command.arg("-B").arg(directory.join(script));
    command
}

fn number(output: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(output);
    let parsed = text.trim().parse();
    parsed.unwrap_or_else(|_| panic!("not a number: {text}"))
}

/// The files of a directory with their bytes, by name.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let content = |name: String| {
        let bytes = std::fs::read(directory.join(&name)).expect("readable");
        (name, bytes)
    };
    entries(directory).into_iter().map(content).collect()
}

/// The paths of what is in a directory, in byte order.
fn sorted_paths(directory: &Path) -> Vec<PathBuf> {
    let names = entries(directory).into_iter();
    names.map(|name| directory.join(name)).collect()
}

fn assert_same_files(name: &str, found: &Path, expected: &Path) {
    let (found, expected) = (files(found), files(expected));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&found), names(&expected), "stream {name}: shards");
    for ((shard, found), (_, expected)) in found.iter().zip(&expected) {
        let differs = found.iter().zip(expected).position(|(a, b)| a != b);
        assert!(
            found == expected,
            "stream {name}: {} has {} bytes, expected {}; the first difference is at {differs:?}",
            shard,
            found.len(),
            expected.len(),
        );
    }
}

#[test]
fn plain_shards_are_byte_identical_to_those_of_the_reference() {
    let streams = Written::streams();
    streams.check_packed(&["--plain"]);
}

#[test]
fn plain_shards_with_an_element_type_are_byte_identical_to_those_of_the_reference() {
    let [older, newer] = BLOCKS.map(Written::streams_by);
    newer.check_packed(&["--plain", "--footer=02", "--dtype=uint16"]);
    for Stream { name, .. } in &newer.datasets {
        let of = |written: &Written<Stream>| written.path(name, "reference");
        assert_same_files(name, &of(&older), &of(&newer));
    }
}

/// What `write` of the reference makes of its items: blocks of one size.
#[test]
fn plain_blocks_are_byte_identical_to_those_of_the_reference() {
    for version in BLOCKS {
        let written: Written<Blocks> = Written::by(version, "blocks.py");
        let several = written.datasets.iter().filter(|d| d.dtypes.len() > 1);
        assert!(several.count() >= 10, "datasets of several shards");
        for dataset in &written.datasets {
            let reference = written.path(&dataset.name, "reference");
            let blocks = written.path(&dataset.name, "blocks");
            let mount = Mount::new(&reference);
            std::fs::write(&blocks, mount.read("raw/data")).expect("written");
            let packed = written.path(&dataset.name, "packed");
            std::fs::create_dir(&packed).expect("output directory");
            let mut pack = roxfs();
            pack.args(["pack", "--plain", "--footer=02"]);
            pack.arg(format!("--dtype={}", dataset.dtypes[0]));
            pack.arg(format!("--from=fixed:{}", dataset.block_size));
            match dataset.limit {
                Some(limit) => pack.arg(format!("--shard-size={limit}")),
                None => pack.arg("--single-file"),
            };
            run(pack.arg("-o").arg(packed.join("d.rox")).arg(&blocks));
            assert_same_files(&dataset.name, &packed, &reference);
        }
    }
}

#[test]
fn what_the_reference_has_written_reads_the_same_through_a_mount() {
    let streams = Written::streams();
    let records: u64 = streams
        .datasets
        .iter()
        .map(|s| s.records - s.left_out)
        .sum();
    let equal = streams.compare_mounted(PLAIN, "read", &streams.names(|_| true));
    assert_eq!(equal, records, "records compared");
}

#[test]
fn raw_data_maps_as_one_array_across_shards() {
    let streams = Written::streams();
    let names = streams.names(|stream| stream.shards > 1);
    let pairs = streams.compare_mounted(PLAIN, "map", &names);
    assert!(names.len() >= 100, "streams of several shards: {names:?}");
    assert!(pairs > 1 << 20, "only {pairs} pairs of bytes were mapped");
}

#[test]
fn the_reference_reads_what_roxfs_packs_with_names_and_checksums() {
    let streams = Written::streams();
    for stream in &streams.datasets {
        let source = streams.path(&stream.name, "source");
        streams.pack(stream, "packed", &[], &[source]);
    }
    let records: u64 = streams.datasets.iter().map(|stream| stream.records).sum();
    let equal = streams.read_by_reference("packed", &[]);
    assert_eq!(equal, records, "records compared, the empty ones too");
}

#[test]
fn each_version_reads_what_roxfs_packs_for_it_with_names_and_checksums() {
    let streams = Written::streams_by("0.9.14");
    let typed = ["--footer=02", "--dtype=bfloat16"];
    let some = || streams.datasets.iter().step_by(4);
    for stream in some() {
        let source = [streams.path(&stream.name, "source")];
        streams.pack(stream, "named-01", &[], &source);
        streams.pack(stream, "named-02", &typed, &source);
        // The order of names that are not sorted is a section with entries.
        let mut files = sorted_paths(&source[0]);
        files.reverse();
        streams.pack(stream, "backwards-02", &typed, &files);
    }
    let records: u64 = some().map(|stream| stream.records).sum();
    for (version, part, order) in [
        ("0.4.0", "named-01", &[][..]),
        ("0.4.0", "named-02", &[]),
        ("0.9.14", "named-02", &[]),
        ("0.9.14", "backwards-02", &["reversed"]),
    ] {
        let equal = streams.read_by(version, part, order);
        assert_eq!(equal, records, "{version}: {part}: records compared");
    }
}

#[test]
fn the_reference_reads_shards_whose_names_are_not_in_order() {
    let streams = Written::streams();
    let mut records = 0;
    for stream in streams.datasets.iter().filter(|s| s.records < 500) {
        let mut sources = sorted_paths(&streams.path(&stream.name, "source"));
        sources.reverse();
        streams.pack(stream, "backwards", &[], &sources);
        records += stream.records;
    }
    let equal = streams.read_by_reference("backwards", &["reversed"]);
    assert_eq!(equal, records, "records compared");
}

#[test]
fn the_reference_reads_directories_packed_in_any_order() {
    let directory = temp_dir();
    let part = |name: &str| directory.path().join("sources").join(name);
    for (part, seed) in [(part("first"), 1), (part("second"), 2)] {
        let files: Vec<(String, Vec<u8>)> = (0..30)
            .map(|i| (format!("{seed}/{i:06}"), bytes(seed * 100 + i, i as usize)))
            .collect();
        write_tree(&part, &files);
    }
    let pack = |name: &str, sources: [PathBuf; 2]| {
        let dataset = directory.path().join(name);
        let mut pack = roxfs();
        pack.args(["pack", "--single-file", "-o"]).arg(&dataset);
        run(pack.args(sources));
        dataset
    };
    let sorted = pack("sorted.rox", [part("first"), part("second")]);
    let unsorted = pack("unsorted.rox", [part("second"), part("first")]);
    let len = |path: &Path| path.metadata().expect("there").len();
    assert_eq!(
        len(&unsorted),
        len(&sorted) + 60 * 4,
        "the order of names that are not sorted takes 4 bytes for each"
    );
    let script = "import roxxel, sys; a, b = ([r.tobytes() for r in roxxel.Roxxel(path)[:]] \
                  for path in sys.argv[1:]); print(len(a) if a == b[30:] + b[:30] else 0)";
    let equal = run(python(PLAIN).args(["-c", script]).args([sorted, unsorted]));
    assert_eq!(number(&equal), 60, "records compared");
}

#[test]
fn blocks_of_any_element_type_read_the_same_through_a_mount() {
    for version in BLOCKS {
        let written: Written<Blocks> = Written::by(version, "blocks.py");
        let names: Vec<&str> = written.datasets.iter().map(|d| d.name.as_str()).collect();
        assert!(names.len() >= 20, "{names:?}");
        let records: u64 = written.datasets.iter().map(|d| d.records).sum();
        let equal = written.compare_mounted(version, "read", &names);
        assert_eq!(equal, records, "records compared");
        let pairs = written.compare_mounted(version, "map", &names);
        assert!(pairs > 100_000, "only {pairs} pairs of bytes were mapped");
    }
}

#[test]
fn info_shows_the_element_type_that_the_reference_reads() {
    for version in BLOCKS {
        let written: Written<Blocks> = Written::by(version, "blocks.py");
        for dataset in &written.datasets {
            check_info(dataset, &written.path(&dataset.name, "reference"));
        }
    }
}

fn check_info(dataset: &Blocks, shards: &Path) {
    let info = run(roxfs().args(["info", "--json"]).arg(shards));
    let info: serde_json::Value = serde_json::from_slice(&info).expect("JSON");
    let shards = info["shards"].as_array().expect("a list of shards");
    let found = |key: &str| -> Vec<&str> {
        let values = shards.iter().map(|shard| shard[key].as_str());
        values.map(Option::unwrap_or_default).collect()
    };
    let name = &dataset.name;
    assert_eq!(found("dtype"), dataset.dtypes, "{name}: element types");
    let formats = vec!["ROXXEL02"; dataset.dtypes.len()];
    assert_eq!(found("format"), formats, "{name}: formats");
    assert_eq!(info["records"], dataset.records, "{name}: records");
}
