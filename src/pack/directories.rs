//! Counts directories that have no records below them: a dataset has no place for them, so class
//! numbers that are made from directories come out differently.
//!
//! Where directories come in byte order, each before its content, only those that the current one lies
//! in are remembered. In any other order it takes 16 bytes for each directory: a hash of its path, and
//! what is known of it. The names in an archive may have any number of directories (2,047 in one name),
//! so no more of them are remembered than entries have come.

use crate::format::name::Name;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// This many directories are remembered however few entries have come.
const ALWAYS_KNOWN: usize = 1 << 16;

/// The directories of a source.
#[derive(Debug)]
pub enum Directories {
    Sorted {
        /// The directories that the last one lies in, and that one: and whether a record is below.
        open: Vec<(Name, bool)>,
        /// How many that came before them are empty.
        empty: u64,
    },
    Any(KnownDirectories),
}

/// Directories that have been met, or have records below them, by a hash of their path.
#[derive(Debug, Default)]
pub struct KnownDirectories {
    directories: HashMap<u64, DirectoryState>,
    hasher: RandomState,
    entries: usize,
    /// Where the last record was: most come after others in the same directory.
    last: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
struct DirectoryState {
    is_met: bool,
    has_records: bool,
}

impl Directories {
    /// None yet; `sorted` says that they come in byte order with the records.
    pub fn new(sorted: bool) -> Directories {
        if sorted {
            Directories::Sorted {
                open: Vec::new(),
                empty: 0,
            }
        } else {
            Directories::Any(KnownDirectories::default())
        }
    }

    /// A directory has been met.
    pub fn met(&mut self, directory: &Name) {
        match self {
            Directories::Sorted { open, empty } => {
                leave(open, directory, empty);
                open.push((directory.clone(), false));
            }
            Directories::Any(known) => known.met(directory),
        }
    }

    /// A record is packed.
    pub fn record(&mut self, name: &Name) {
        match self {
            Directories::Sorted { open, empty } => {
                leave(open, name, empty);
                if let Some((_, has_records)) = open.last_mut() {
                    *has_records = true;
                }
            }
            Directories::Any(known) => known.record(name.split().0),
        }
    }

    /// How many have no records, when all have come.
    pub fn empty(&mut self) -> u64 {
        match self {
            Directories::Sorted { open, empty } => {
                while let Some(directory) = open.pop() {
                    close(open, &directory, empty);
                }
                *empty
            }
            Directories::Any(known) => {
                let is_empty = |state: &&DirectoryState| state.is_met && !state.has_records;
                known.directories.values().filter(is_empty).count() as u64
            }
        }
    }
}

/// Closes the directories that a name does not lie in.
fn leave(open: &mut Vec<(Name, bool)>, name: &Name, empty: &mut u64) {
    let is_elsewhere = |(directory, _): &mut (Name, bool)| {
        let below = name.as_bytes().strip_prefix(directory.as_bytes());
        below.is_none_or(|below| !below.starts_with(b"/"))
    };
    while let Some(directory) = open.pop_if(is_elsewhere) {
        close(open, &directory, empty);
    }
}

fn close(open: &mut [(Name, bool)], (_, has_records): &(Name, bool), empty: &mut u64) {
    match (has_records, open.last_mut()) {
        (true, Some((_, above))) => *above = true,
        (true, None) => {}
        (false, _) => *empty += 1,
    }
}

impl KnownDirectories {
    fn met(&mut self, directory: &Name) {
        self.entries += 1;
        if let Some(&hash) = self.hashes(directory.as_bytes()).last() {
            self.directories.entry(hash).or_default().is_met = true;
        }
    }

    fn record(&mut self, directory: &[u8]) {
        self.entries += 1;
        if self.last == directory {
            return;
        }
        for hash in self.hashes(directory).into_iter().rev() {
            let has_room = self.directories.len() < self.entries + ALWAYS_KNOWN;
            match self.directories.get_mut(&hash) {
                // So have those above it.
                Some(state) if state.has_records => break,
                Some(state) => state.has_records = true,
                None if has_room => {
                    let state = DirectoryState {
                        is_met: false,
                        has_records: true,
                    };
                    self.directories.insert(hash, state);
                }
                None => {}
            }
        }
        self.last.clear();
        self.last.extend(directory);
    }

    /// Hashes of a directory and of those that it lies in, the outermost first. Each continues from the
    /// one before, so a path of 2,000 components is no more work than any other of its length.
    fn hashes(&self, directory: &[u8]) -> Vec<u64> {
        let mut hasher = self.hasher.build_hasher();
        let components = directory.split(|&byte| byte == b'/');
        let components = components.filter(|component| !component.is_empty());
        let hash = |component| {
            hasher.write(component);
            hasher.write_u8(b'/');
            hasher.finish()
        };
        components.map(hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(name: &str) -> Name {
        Name::new(name.as_bytes()).expect("a name")
    }

    /// Counts those of a list, in which directories end with `/`.
    fn empty(sorted: bool, list: &[&str]) -> u64 {
        let mut directories = Directories::new(sorted);
        for entry in list {
            match entry.strip_suffix('/') {
                Some(directory) => directories.met(&name(directory)),
                None => directories.record(&name(entry)),
            }
        }
        directories.empty()
    }

    #[test]
    fn a_directory_with_nothing_but_empty_directories_is_empty() {
        let list = ["a/", "a/b/", "a/b/c/", "d/", "d/e/", "d/e/1", "d/f/", "g/"];
        assert_eq!(empty(true, &list), 5);
        assert_eq!(empty(false, &list), 5);
        assert_eq!(empty(true, &["a", "ab/", "ab/1"]), 0);
        assert_eq!(empty(true, &["a/", "a-b", "a.b/", "ab/1"]), 2);
    }

    #[test]
    fn files_may_come_before_their_directories() {
        assert_eq!(
            empty(false, &["a/b/1", "c/", "a/b/", "a/", "c/d/", "c/"]),
            2
        );
    }

    #[test]
    fn deep_paths_take_no_more_memory_than_entries_came() {
        let mut known = KnownDirectories::default();
        for number in 0..200 {
            known.record(format!("{number}/{}", ["d"; 2000].join("/")).as_bytes());
        }
        assert!(known.directories.len() <= ALWAYS_KNOWN + 200);
    }

    proptest! {
        #[test]
        fn both_ways_count_the_same(
            files in prop::collection::btree_set("[ab-]{1,2}(/[ab-]{1,2}){0,3}", 0..8),
            directories in prop::collection::btree_set("[ab-]{1,2}(/[ab-]{1,2}){0,3}", 0..8),
        ) {
            let mut all: Vec<String> = Vec::new();
            for path in files.iter().chain(&directories) {
                let slashes = path.match_indices('/');
                all.extend(slashes.map(|(slash, _)| path[..=slash].to_owned()));
            }
            all.extend(directories.iter().map(|path| format!("{path}/")));
            let is_directory = |path: &String| all.contains(&format!("{path}/"));
            let files: Vec<String> = files.iter().filter(|path| !is_directory(path)).cloned().collect();
            let has_no_file = |directory: &&String| !files.iter().any(|file| file.starts_with(*directory));
            all.sort();
            all.dedup();
            let expected = all.iter().filter(has_no_file).count() as u64;
            all.extend(files.clone());
            all.sort();
            let list: Vec<&str> = all.iter().map(String::as_str).collect();
            prop_assert_eq!(empty(true, &list), expected);
            prop_assert_eq!(empty(false, &list), expected);
            let backwards: Vec<&str> = list.iter().rev().copied().collect();
            prop_assert_eq!(empty(false, &backwards), expected);
        }
    }
}
