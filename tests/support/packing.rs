//! Packing, and reading back what was written.

use super::*;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A directory to pack into, with one dataset `d.rox`, or `d_0000.rox` and so on.
pub struct Target {
    path: PathBuf,
    _directory: Option<TempDir>,
}

impl Target {
    /// An empty one.
    pub fn new() -> Target {
        let directory = temp_dir();
        Target {
            path: directory.path().to_owned(),
            _directory: Some(directory),
        }
    }

    /// One that a source was packed into, with these options.
    pub fn packed<A: AsRef<OsStr>>(options: &[A], source: &Path) -> Target {
        let target = Target::new();
        run(target.pack(options).arg(source));
        target
    }

    /// A directory that is there already.
    pub fn on(path: &Path) -> Target {
        Target {
            path: path.to_owned(),
            _directory: None,
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The argument that names the dataset.
    pub fn dataset(&self) -> PathBuf {
        self.path().join("d.rox")
    }

    /// `roxfs pack` into the dataset, with more arguments.
    pub fn pack<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = roxfs();
        command.arg("pack").arg("-o").arg(self.dataset());
        command.args(arguments);
        command
    }

    /// The shards of the dataset, in byte order.
    pub fn shards(&self) -> Vec<PathBuf> {
        let names = entries(self.path()).into_iter();
        let shards = names.filter(|name| name.starts_with('d') && name.ends_with(".rox"));
        shards.map(|name| self.path().join(name)).collect()
    }

    /// The bytes of each shard.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let read = |path: &PathBuf| std::fs::read(path).expect("readable");
        self.shards().iter().map(read).collect()
    }

    /// The lines of `roxfs ls`: number, size and name of each record.
    pub fn listed(&self) -> Vec<String> {
        let listed = run(roxfs().arg("ls").arg(self.dataset()));
        let listed = String::from_utf8(listed).expect("UTF-8");
        listed.lines().map(str::to_owned).collect()
    }

    /// The names of all records, as `roxfs ls` shows them.
    pub fn names(&self) -> Vec<String> {
        let name = |line: String| line.split('\t').nth(2).unwrap_or("").to_owned();
        self.listed().into_iter().map(name).collect()
    }

    /// The contents of all records, read through a mount. Also verifies the dataset, and that
    /// `extract` gives the same.
    pub fn records(&self) -> Vec<Vec<u8>> {
        run(roxfs().arg("verify").arg(self.dataset()));
        let mount = Mount::new(&self.dataset());
        let files = entries(&mount.join("records")).into_iter();
        let records: Vec<Vec<u8>> = files
            .map(|name| mount.read(&format!("records/{name}")))
            .collect();
        self.check_extracted(&records);
        records
    }

    fn check_extracted(&self, records: &[Vec<u8>]) {
        let directory = temp_dir();
        let mut command = roxfs();
        command.args(["extract", "-q", "-o"]).arg(directory.path());
        run(command.arg(self.dataset()));
        for (number, (name, record)) in self.names().into_iter().zip(records).enumerate() {
            let file = match name.as_str() {
                "" => format!("{number:06}.bin"),
                // Shown with escapes; the tests of extract have such names.
                escaped if escaped.contains('\\') => continue,
                name => name.to_owned(),
            };
            let found = std::fs::read(directory.path().join(&file));
            let found = found.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(found == *record, "{file} is not what the mount has");
        }
    }

    /// Names and contents of all records.
    pub fn named_records(&self) -> Vec<(String, Vec<u8>)> {
        let (names, records) = (self.names(), self.records());
        assert_eq!(names.len(), records.len(), "records listed and mounted");
        names.into_iter().zip(records).collect()
    }
}
