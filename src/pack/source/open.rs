//! From the sources of a command line to something that gives records.

use super::Source;
use super::archive_name::archive_kind;
use super::chain::{Chain, Link, Unopened};
use super::compressed::TarSource;
use super::files::{Files, Links};
use super::first::First;
use super::last::Last;
use super::lists::List;
use super::reader::{STANDARD_INPUT, STANDARD_INPUT_NAME, check_readable, is_file};
use super::reader::{open_regular, read, standard_file};
use super::regular::RegularFiles;
use super::renamed::{Naming, Renamed};
use super::shards::Shards;
use super::shuffle::Shuffled;
use super::streams::{Framing, Stream};
use super::zip::{ArchiveFile, OpenFiles, Zip};
use crate::pack::{OwnFiles, PackError, Target};
use crate::sys::files::directory_of;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the sources are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Directories and files; a file with the name of an archive is one, see `archive_kind`.
    Paths,
    /// Directories and files, archives too, as they are.
    Files,
    /// Tar archives, which may be compressed.
    Tar,
    /// Zip archives.
    Zip,
    /// Lists of paths, each ended by this byte.
    List(u8),
    /// Streams of records.
    Stream(Framing),
    /// Shards, each by its path.
    Rox,
}

/// What becomes of records with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// The run ends at the second one.
    #[default]
    Refuse,
    /// Only the first one is packed.
    First,
    /// Only the last one is packed: the sources are read twice.
    Last,
}

/// What is to be packed, and how.
#[derive(Debug, Clone)]
pub struct Input {
    /// What the sources are.
    pub kind: Kind,
    /// The sources; for lists, streams and archives `-` is standard input, and so is none.
    pub sources: Vec<PathBuf>,
    /// What happens to symbolic links in directories.
    pub links: Links,
    /// Whether the files of a list are packed in byte order of their names.
    pub sort: bool,
    /// The seed of a shuffled order.
    pub shuffle: Option<u64>,
    /// How records are named.
    pub naming: Naming,
    /// What becomes of records with the same name; of the first one and of those in the dataset
    /// already it is the packing that knows.
    pub duplicates: Duplicates,
    /// Whether empty records are left out, so that they take no names; it is the packing that does it.
    pub drop_empty: bool,
}

impl Input {
    /// These sources, of this kind, with nothing else asked for.
    pub fn new(kind: Kind, sources: Vec<PathBuf>) -> Input {
        Input {
            kind,
            sources,
            links: Links::Follow,
            sort: false,
            shuffle: None,
            naming: Naming::default(),
            duplicates: Duplicates::default(),
            drop_empty: false,
        }
    }

    /// The sources, or this one where there are none.
    fn sources_or<'a>(&'a self, standard: Option<&'a PathBuf>) -> &'a [PathBuf] {
        match (&self.sources[..], standard) {
            ([], Some(standard)) => std::slice::from_ref(standard),
            (sources, _) => sources,
        }
    }
}

fn standard_input() -> PathBuf {
    PathBuf::from(STANDARD_INPUT)
}

/// Opens the sources, or makes sure that they can be opened when their turn comes. `target` must not
/// lie in one of them; its own files among them are left out.
pub fn open(input: &Input, target: &Target) -> Result<Box<dyn Source>, PackError> {
    let own = Arc::new(OwnFiles::of(target)?);
    let opening = Opening::new(input.clone(), target, &own);
    let source = opening.named()?;
    let source = match input.duplicates {
        // In byte order of their paths, files have one name each.
        _ if source.is_sorted() => source,
        Duplicates::Last => {
            check_readable_twice(input)?;
            let survey = Opening {
                survey: true,
                ..opening
            };
            Box::new(Last::new(source, Box::new(move || survey.named())))
        }
        // The first one of the sources, whichever comes first later.
        Duplicates::First if input.shuffle.is_some() => {
            Box::new(First::new(source, input.drop_empty))
        }
        Duplicates::First | Duplicates::Refuse => source,
    };
    match input.shuffle {
        Some(_) if source.is_stream() => Err(PackError::CannotShuffle),
        Some(seed) => Ok(Box::new(Shuffled::new(source, seed))),
        None => Ok(source),
    }
}

/// The shards among the sources, which are paths of shards, that are packed anew: all but those of
/// the dataset that is written.
pub fn shards_to_read(input: &Input, target: &Target) -> Result<Vec<PathBuf>, PackError> {
    Ok(foreign(&input.sources, &OwnFiles::of(target)?.silent()))
}

/// Fails if a source is a stream, whose beginning cannot be read again.
fn check_readable_twice(input: &Input) -> Result<(), PackError> {
    let standard = standard_input();
    let has_standard = matches!(input.kind, Kind::Tar | Kind::List(_) | Kind::Stream(_));
    for path in input.sources_or(has_standard.then_some(&standard)) {
        if has_standard && path == Path::new(STANDARD_INPUT) {
            if standard_file()?.is_some() {
                continue;
            }
            let path = PathBuf::from(STANDARD_INPUT_NAME);
            return Err(PackError::CannotReadTwice { path });
        }
        if std::fs::metadata(path).is_ok_and(|file| !file.is_file() && !file.is_dir()) {
            return Err(PackError::CannotReadTwice { path: path.clone() });
        }
    }
    Ok(())
}

/// The sources that are not files of the dataset that is written.
fn foreign(sources: &[PathBuf], own: &OwnFiles) -> Vec<PathBuf> {
    let paths = sources.iter().filter(|path| !is_own(own, path));
    paths.cloned().collect()
}

/// Whether a source is a file of the dataset that is written. What cannot be looked at is not.
fn is_own(own: &OwnFiles, path: &Path) -> bool {
    let metadata = path.metadata();
    metadata.is_ok_and(|metadata| metadata.is_file() && own.has(path, Some(&metadata)))
}

/// What the sources are opened with.
struct Opening {
    input: Input,
    target: Target,
    own: Arc<OwnFiles>,
    /// The zip archives that are open.
    zips: Arc<OpenFiles>,
    /// Whether only names are read, so that what is odd about the sources is not said: it is when they
    /// are packed.
    survey: bool,
}

impl Opening {
    fn new(input: Input, target: &Target, own: &Arc<OwnFiles>) -> Opening {
        Opening {
            input,
            target: target.clone(),
            own: Arc::clone(own),
            zips: Arc::default(),
            survey: false,
        }
    }

    /// All sources, with their records' names as they are wanted.
    fn named(&self) -> Result<Box<dyn Source>, PackError> {
        let source = self.sources()?;
        let naming = &self.input.naming;
        match naming.is_plain() {
            true => Ok(source),
            false => Ok(Box::new(Renamed::new(source, naming.clone()))),
        }
    }

    fn sources(&self) -> Result<Box<dyn Source>, PackError> {
        let kind = self.input.kind;
        let chain = match kind {
            Kind::Paths => self.paths(archive_kind)?,
            Kind::Files => self.paths(|_| None)?,
            Kind::Rox => {
                let sources = &self.input.sources;
                let shards = foreign(sources, &self.own);
                let left_out = sources.len() - shards.len();
                let shards = Shards::new(shards).quiet(self.survey);
                Chain::new(vec![Link::Open(Box::new(shards))]).without(left_out)
            }
            Kind::Tar | Kind::Zip | Kind::List(_) | Kind::Stream(_) => {
                let standard = standard_input();
                let sources = self.input.sources_or(Some(&standard));
                let read = foreign(sources, &self.own);
                let links: Result<_, _> = read.iter().map(|path| self.link(kind, path)).collect();
                Chain::new(links?).without(sources.len() - read.len())
            }
        };
        Ok(Box::new(chain))
    }

    /// Runs of paths that are no archives are one source, which can say where names clash.
    fn paths(&self, archive_kind: impl Fn(&Path) -> Option<Kind>) -> Result<Chain, PackError> {
        let mut chain = Vec::new();
        let sources = &self.input.sources;
        let is_file = |path: &PathBuf| archive_kind(path).is_none();
        for group in sources.chunk_by(|a, b| is_file(a) && is_file(b)) {
            if let [archive] = group
                && let Some(kind) = archive_kind(archive)
            {
                chain.push(self.link(kind, archive)?);
                continue;
            }
            for path in group {
                self.target.check_outside(path)?;
            }
            chain.push(self.files(group.to_vec()));
        }
        Ok(Chain::new(chain))
    }

    fn files(&self, paths: Vec<PathBuf>) -> Link {
        let files = Files::new(paths, self.input.links);
        let files = files.without(self.input.naming.exclude.clone());
        Link::Open(Box::new(files.with(self.regular())))
    }

    fn regular(&self) -> RegularFiles {
        RegularFiles::without(Arc::clone(&self.own), self.spool())
    }

    /// Where contents are kept meanwhile that are too large for memory.
    fn spool(&self) -> &Path {
        directory_of(self.target.base())
    }

    /// A source of this kind that is read from one input, which is opened when its turn comes. What
    /// would be in the way then is an error now, before anything is written.
    fn link(&self, kind: Kind, path: &Path) -> Result<Link, PackError> {
        check_readable(path)?;
        Ok(match kind {
            Kind::Tar => {
                let naming = &self.input.naming;
                let nested = (!naming.prefix.is_empty()).then(|| naming.exclude.clone());
                let survey = self.survey;
                self.reading(path, true, true, move |reader, name| {
                    Box::new(TarSource::new(reader, name).nested(nested).quiet(survey))
                })
            }
            Kind::Zip => self.zip(path)?,
            Kind::List(separator) => {
                let (sort, regular) = (self.input.sort, self.regular());
                self.reading(path, false, false, move |reader, name| {
                    Box::new(List::new(reader, name, separator, sort, regular))
                })
            }
            Kind::Stream(framing) => {
                let spool = self.spool().to_owned();
                self.reading(path, false, true, move |reader, name| {
                    Box::new(Stream::new(reader, name, framing, &spool))
                })
            }
            Kind::Paths | Kind::Files | Kind::Rox => self.files(vec![path.to_owned()]),
        })
    }

    /// What `make` makes of an input that is read from its beginning to its end, and its name.
    fn reading(
        &self,
        path: &Path,
        has_links: bool,
        is_stream: bool,
        make: impl FnOnce(Box<dyn BufRead + Send>, &Path) -> Box<dyn Source> + Send + 'static,
    ) -> Link {
        let is_read_again = self.input.duplicates == Duplicates::Last;
        let path = path.to_owned();
        let open = move || {
            let (reader, name) = read(&path, is_read_again)?;
            Ok(make(reader, &name))
        };
        Link::Unopened(Unopened {
            open: Box::new(open),
            has_links,
            is_stream,
        })
    }

    /// A zip archive, which has to be a file.
    fn zip(&self, path: &Path) -> Result<Link, PackError> {
        let is_standard = path == Path::new(STANDARD_INPUT);
        let (name, is_file) = match is_standard {
            true => (Path::new(STANDARD_INPUT_NAME), standard_file()?.is_some()),
            false => (path, is_file(path)?),
        };
        let (path, name) = (path.to_owned(), name.to_owned());
        if !is_file {
            return Err(PackError::NeedsFile { path: name });
        }
        let zips = Arc::clone(&self.zips);
        let open = move || -> Result<Box<dyn Source>, PackError> {
            let file = match is_standard {
                true => match standard_file()? {
                    Some(file) => ArchiveFile::Kept(Arc::new(file)),
                    None => return Err(PackError::NeedsFile { path: name }),
                },
                false => {
                    let file = ArchiveFile::new(&path, open_regular(&path)?, &zips);
                    file.map_err(|error| PackError::input(&path, error))?
                }
            };
            Ok(Box::new(Zip::new(&name, file)))
        };
        Ok(Link::Unopened(Unopened {
            open: Box::new(open),
            has_links: false,
            is_stream: false,
        }))
    }
}
