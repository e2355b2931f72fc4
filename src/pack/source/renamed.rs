//! Names of records made from those that a source has: some are left out, the others lose leading
//! components, and those of archives get the archive's name before them.

use super::archive_name::archive_name;
use super::by_name::ByName;
use super::excluded::Exclude;
use super::{Content, Facts, Incoming, Locate, Origin, Sink, Skipped, Source, SourceError};
use crate::format::name::{Name, NameError};
use crate::text::printable;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the names of records are made.
#[derive(Debug, Clone, Default)]
pub struct RecordNaming {
    /// What is left out, by the names in the source.
    pub exclude: Exclude,
    /// How many leading components are dropped.
    pub strip: usize,
    /// The archives whose names, without extension, are put before those of their entries. Archives
    /// within them are not among these: they have names of their own.
    pub prefix: Arc<HashSet<PathBuf>>,
}

/// What becomes of a name.
#[derive(Debug, PartialEq, Eq)]
enum Renaming {
    /// It is this one.
    Name(Name),
    /// A pattern matches it.
    Excluded,
    /// Nothing is left of it.
    Short,
}

impl RecordNaming {
    /// Whether names stay as they are.
    pub fn is_plain(&self) -> bool {
        self.exclude.is_empty() && self.strip == 0 && self.prefix.is_empty()
    }

    fn rename(
        &self,
        name: &Name,
        origin: &Origin,
        is_directory: bool,
    ) -> Result<Renaming, NameError> {
        let bytes = name.as_bytes();
        if self.exclude.has(bytes, is_directory) {
            return Ok(Renaming::Excluded);
        }
        let Some(left) = strip(bytes, self.strip) else {
            return Ok(Renaming::Short);
        };
        let name = match self.prefix_of(origin) {
            Some(prefix) => Name::new(&[prefix, b"/", left].concat()),
            None => Name::new(left),
        };
        name.map(Renaming::Name)
    }

    fn prefix_of<'a>(&self, origin: &'a Origin) -> Option<&'a [u8]> {
        match origin {
            Origin::Entry(archive, _) => self.prefix_in(archive),
            Origin::File(_) | Origin::Number(..) => None,
        }
    }

    fn prefix_in<'a>(&self, archive: &'a Path) -> Option<&'a [u8]> {
        let has_prefix = !self.prefix.is_empty() && self.prefix.contains(archive);
        has_prefix.then(|| archive_name(archive))?
    }

    /// The end of a name in the source that the components dropped stood before.
    fn before(&self, name: &Name, input: Option<&Path>) -> Option<Name> {
        let bytes = match input.and_then(|archive| self.prefix_in(archive)) {
            Some(prefix) => {
                let rest = name.as_bytes().strip_prefix(prefix)?;
                rest.strip_prefix(b"/")?
            }
            None => name.as_bytes(),
        };
        Name::new(bytes).ok()
    }
}

/// A name without its first `components`; `None` if it has no more than these.
fn strip(name: &[u8], components: usize) -> Option<&[u8]> {
    match components.checked_sub(1) {
        None => Some(name),
        Some(slash) => {
            let mut slashes = (0..name.len()).filter(|&at| name[at] == b'/');
            slashes.nth(slash).map(|slash| &name[slash + 1..])
        }
    }
}

/// A source whose records are renamed.
pub struct Renamed {
    source: Box<dyn Source>,
    renamer: Renamer,
}

/// Renames one record after the other.
struct Renamer {
    naming: RecordNaming,
    left_out: Skipped,
    /// `None` where hard links need none.
    holders: Option<Holders>,
}

/// Which entries the names belong to now, as hashes of the names in the source: without their leading
/// components several entries may have one name, and a hard link to one of them must not get the
/// content of another.
#[derive(Default)]
struct Holders(ByName<u64>);

impl Holders {
    fn add(&mut self, name: &Name, before: &Name) {
        let before = self.0.hash(before.as_bytes());
        self.0.insert(name.as_bytes(), before);
    }

    /// Whether a name belongs to another entry than this one.
    fn is_other(&self, name: &Name, before: &Name) -> bool {
        let holder = self.0.get(name.as_bytes());
        holder.is_some_and(|&holder| holder != self.0.hash(before.as_bytes()))
    }
}

impl Renamed {
    /// The records of `source`, named as `naming` says.
    pub fn new(source: Box<dyn Source>, naming: RecordNaming) -> Renamed {
        let may_coincide = naming.strip > 0 && source.facts().has_links;
        Renamed {
            source,
            renamer: Renamer {
                naming,
                left_out: Skipped::default(),
                holders: may_coincide.then(Holders::default),
            },
        }
    }
}

impl Renamer {
    /// The record with its new name; `None` if it is left out.
    fn record(&mut self, mut record: Incoming) -> Result<Option<Incoming>, SourceError> {
        let Some(before) = &record.name else {
            return Ok(Some(record));
        };
        let is_directory = matches!(record.content, Content::Directory);
        let name = match self.naming.rename(before, &record.origin, is_directory) {
            Ok(Renaming::Name(name)) => name,
            // Those are not counted, and not missed where no name below them is valid.
            Ok(_) | Err(_) if is_directory => return Ok(None),
            Ok(Renaming::Excluded) => {
                self.left_out.excluded += 1;
                return Ok(None);
            }
            Ok(Renaming::Short) => {
                self.left_out.short += 1;
                return Ok(None);
            }
            Err(error) => return Err(bad_name(&record.origin, error)),
        };
        if let Content::SameAs(target) = &record.content {
            record.content = match self.target(target, &record.origin) {
                Ok(target) => Content::SameAs(target),
                Err(error) => Content::Failed(Box::new(error)),
            };
        }
        // One that is the same as its target by now changes nothing.
        let is_new = match &record.content {
            Content::SameAs(target) => *target != name,
            content => !matches!(content, Content::Directory),
        };
        if let Some(holders) = &mut self.holders
            && is_new
        {
            holders.add(&name, before);
        }
        record.name = Some(name);
        Ok(Some(record))
    }

    /// The new name of what a hard link leads to.
    fn target(&self, target: &Name, link: &Origin) -> Result<Name, SourceError> {
        let renamed = self.naming.rename(target, link, false);
        let name = match renamed.map_err(|error| bad_name(link, error))? {
            Renaming::Name(name) => name,
            Renaming::Excluded | Renaming::Short => {
                return Err(SourceError::LinkToExcluded {
                    origin: link.clone(),
                    target: target.clone(),
                });
            }
        };
        let holders = self.holders.as_ref();
        if holders.is_some_and(|holders| holders.is_other(&name, target)) {
            Err(SourceError::AmbiguousLink {
                origin: link.clone(),
                target: target.clone(),
                name,
            })
        } else {
            Ok(name)
        }
    }
}

fn bad_name(origin: &Origin, error: NameError) -> SourceError {
    SourceError::BadName {
        origin: origin.clone(),
        error,
    }
}

impl Source for Renamed {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let renamer = &mut self.renamer;
        self.source.run(&mut |record| {
            let record = record.and_then(|record| renamer.record(record)).transpose();
            record.map_or(ControlFlow::Continue(()), &mut *sink)
        })
    }

    fn facts(&self) -> Facts {
        let facts = self.source.facts();
        Facts {
            is_sorted: facts.is_sorted && self.renamer.naming.strip == 0,
            ..facts
        }
    }

    fn skipped(&self) -> Skipped {
        self.source.skipped().plus(self.renamer.left_out)
    }

    fn locate(&self) -> Locate {
        let (inner, naming) = (self.source.locate(), self.renamer.naming.clone());
        Box::new(move |name, again, input| {
            let before = naming.before(name, input)?;
            if naming.strip == 0 {
                return inner(&before, again, input);
            }
            // What was dropped is not remembered.
            let any = "*/".repeat(naming.strip);
            Some(match input {
                Some(input) => format!("{}: {any}{before}", printable(input)),
                None => format!("a file {any}{before} of the sources"),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::source::excluded::ExcludePattern;
    use proptest::prelude::*;
    use std::ffi::OsStr;

    fn name(name: &str) -> Name {
        Name::new(name.as_bytes()).expect("a name")
    }

    fn archives(paths: &[&str]) -> Arc<HashSet<PathBuf>> {
        Arc::new(paths.iter().map(PathBuf::from).collect())
    }

    fn entry(archive: &str) -> Origin {
        Origin::Entry(Path::new(archive).into(), String::new())
    }

    #[test]
    fn components_are_dropped_as_long_as_one_is_left() {
        for (components, expected) in [
            (0, Some("a/b/c")),
            (1, Some("b/c")),
            (2, Some("c")),
            (3, None),
            (usize::MAX, None),
        ] {
            let expected = expected.map(str::as_bytes);
            assert_eq!(strip(b"a/b/c", components), expected, "{components}");
        }
        assert_eq!(strip(b"a", 1), None);
    }

    #[test]
    fn patterns_see_the_name_in_the_source_and_the_prefix_comes_last() {
        let pattern = ExcludePattern::new(OsStr::new("/a/x")).expect("a pattern");
        let naming = RecordNaming {
            exclude: Exclude::new(&[pattern]).expect("patterns"),
            strip: 1,
            prefix: archives(&["d/t.tar"]),
        };
        let rename = |text: &str| {
            let renamed = naming.rename(&name(text), &entry("d/t.tar"), false);
            renamed.expect("a name")
        };
        assert_eq!(rename("a/x/1"), Renaming::Excluded);
        assert_eq!(rename("x/1"), Renaming::Name(name("t/1")));
        assert_eq!(rename("1"), Renaming::Short);
        let file = Origin::File("t.tar".into());
        for origin in [file, entry("d/t.tar/inner.tar")] {
            let renamed = naming.rename(&name("a/b"), &origin, false);
            assert_eq!(renamed, Ok(Renaming::Name(name("b"))), "{origin}");
        }
    }

    #[test]
    fn a_prefix_that_makes_a_name_too_long_is_an_error() {
        let naming = RecordNaming {
            prefix: archives(&["t.tar"]),
            ..RecordNaming::default()
        };
        let long = name(&["d"; 2048].join("/"));
        let renamed = naming.rename(&long, &entry("t.tar"), false);
        assert_eq!(renamed, Err(NameError::TooLong(4097)));
    }

    proptest! {
        #[test]
        fn the_name_in_the_source_is_found_again(
            text in "[a-c]{1,3}(/[a-c]{1,3}){0,4}", archive in "[a-c.]{1,6}(\\.tar)?", strip in 0..3usize,
        ) {
            prop_assume!(!matches!(archive.as_str(), "." | ".."));
            let naming = RecordNaming { exclude: Exclude::default(), strip, prefix: archives(&[&archive]) };
            let renamed = naming.rename(&name(&text), &entry(&archive), false).expect("short");
            let components = text.split('/').count();
            let Renaming::Name(renamed) = renamed else {
                prop_assert!(components <= strip);
                return Ok(());
            };
            let before = naming.before(&renamed, Some(Path::new(&archive))).expect("found");
            let kept: Vec<&str> = text.split('/').skip(strip).collect();
            prop_assert_eq!(before, name(&kept.join("/")));
        }
    }
}
