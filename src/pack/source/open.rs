//! From the sources of a command line to something that gives records.

use super::archive_name::{ArchiveKind, archive_kind};
use super::chain::{Chain, Link, Unopened};
use super::compressed::TarSource;
use super::files::Files;
use super::first::First;
use super::input::{Duplicates, Input, SourceKind};
use super::last::Last;
use super::lists::List;
use super::reader::{STANDARD_INPUT, STANDARD_INPUT_NAME, check_readable, is_file};
use super::reader::{open_regular, read, standard_file};
use super::regular::RegularFiles;
use super::renamed::Renamed;
use super::shards::Shards;
use super::shuffle::Shuffled;
use super::streams::{Framing, RecordStream};
use super::zip::{ArchiveFile, OpenFiles, Zip};
use super::{Facts, Source, SourceError};
use crate::pack::{OwnFiles, PackError, Target};
use crate::sys::files::directory_of;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        _ if source.facts().is_sorted => source,
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
        Some(_) if source.facts().is_stream => Err(SourceError::CannotShuffle.into()),
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
fn check_readable_twice(input: &Input) -> Result<(), SourceError> {
    let standard = standard_input();
    let has_standard = matches!(
        input.kind,
        SourceKind::Tar | SourceKind::List(_) | SourceKind::Stream(_)
    );
    for path in input.sources_or(has_standard.then_some(&standard)) {
        if has_standard && path == Path::new(STANDARD_INPUT) {
            if standard_file()?.is_some() {
                continue;
            }
            let path = PathBuf::from(STANDARD_INPUT_NAME);
            return Err(SourceError::CannotReadTwice(path));
        }
        if std::fs::metadata(path).is_ok_and(|file| !file.is_file() && !file.is_dir()) {
            return Err(SourceError::CannotReadTwice(path.clone()));
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

/// Refuses to write the dataset into a directory that is packed.
fn check_outside(target: &Target, source: &Path) -> Result<(), SourceError> {
    let io = |path: &Path, error| SourceError::io(path, error);
    // What comes from another program has no place.
    if !source
        .metadata()
        .map_err(|error| io(source, error))?
        .is_dir()
    {
        return Ok(());
    }
    let canonical = |path: &Path| path.canonicalize().map_err(|error| io(path, error));
    let into = canonical(directory_of(target.base()))?;
    if into.starts_with(canonical(source)?) {
        return Err(SourceError::OutputInSource {
            output: target.base().to_owned(),
            source_dir: source.to_owned(),
        });
    }
    Ok(())
}

/// What the sources are opened with.
struct Opening {
    input: Input,
    target: Target,
    own: Arc<OwnFiles>,
    /// The zip archives that are open.
    zips: Arc<OpenFiles>,
    /// Whether only names are read, so that nothing odd about the sources is logged: that is done when
    /// they are packed.
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
    fn named(&self) -> Result<Box<dyn Source>, SourceError> {
        let source = self.sources()?;
        let naming = &self.input.naming;
        if naming.is_plain() {
            Ok(source)
        } else {
            Ok(Box::new(Renamed::new(source, naming.clone())))
        }
    }

    fn sources(&self) -> Result<Box<dyn Source>, SourceError> {
        let chain = match self.input.kind {
            SourceKind::Paths => self.paths(archive_kind)?,
            SourceKind::Files => self.paths(|_| None)?,
            SourceKind::Rox => {
                let sources = &self.input.sources;
                let shards = foreign(sources, &self.own);
                let left_out = sources.len() - shards.len();
                let shards = Shards::new(shards).quiet(self.survey);
                Chain::new(vec![Link::Open(Box::new(shards))]).without(left_out)
            }
            SourceKind::Tar => self.inputs(|path| self.tar(path))?,
            SourceKind::Zip => self.inputs(|path| self.zip(path))?,
            SourceKind::List(separator) => self.inputs(|path| self.list(path, separator))?,
            SourceKind::Stream(framing) => self.inputs(|path| self.stream(path, framing))?,
        };
        Ok(Box::new(chain))
    }

    /// Runs of paths that are no archives are one source, which can say where names clash.
    fn paths(
        &self,
        archive_kind: impl Fn(&Path) -> Option<ArchiveKind>,
    ) -> Result<Chain, SourceError> {
        let mut chain = Vec::new();
        let sources = &self.input.sources;
        let is_file = |path: &PathBuf| archive_kind(path).is_none();
        for group in sources.chunk_by(|a, b| is_file(a) && is_file(b)) {
            if let [archive] = group
                && let Some(kind) = archive_kind(archive)
            {
                chain.push(match kind {
                    ArchiveKind::Tar => self.tar(archive)?,
                    ArchiveKind::Zip => self.zip(archive)?,
                });
                continue;
            }
            for path in group {
                check_outside(&self.target, path)?;
            }
            chain.push(self.files(group.to_vec()));
        }
        Ok(Chain::new(chain))
    }

    /// A link for each of the sources, or for standard input where there are none.
    fn inputs(
        &self,
        link: impl Fn(&Path) -> Result<Link, SourceError>,
    ) -> Result<Chain, SourceError> {
        let standard = standard_input();
        let sources = self.input.sources_or(Some(&standard));
        let read = foreign(sources, &self.own);
        let links: Result<_, _> = read.iter().map(|path| link(path)).collect();
        Ok(Chain::new(links?).without(sources.len() - read.len()))
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

    fn tar(&self, path: &Path) -> Result<Link, SourceError> {
        let naming = &self.input.naming;
        let nested = (!naming.prefix.is_empty()).then(|| naming.exclude.clone());
        let survey = self.survey;
        self.reading(path, TarSource::FACTS, move |reader, name| {
            Box::new(TarSource::new(reader, name).nested(nested).quiet(survey))
        })
    }

    fn list(&self, path: &Path, separator: u8) -> Result<Link, SourceError> {
        let (sort, regular) = (self.input.sort, self.regular());
        self.reading(path, Facts::default(), move |reader, name| {
            Box::new(List::new(reader, name, separator, sort, regular))
        })
    }

    fn stream(&self, path: &Path, framing: Framing) -> Result<Link, SourceError> {
        let spool = self.spool().to_owned();
        self.reading(path, RecordStream::FACTS, move |reader, name| {
            Box::new(RecordStream::new(reader, name, framing, &spool))
        })
    }

    /// What `make` makes of an input that is read from its beginning to its end, and its name. It is
    /// opened when its turn comes. What would be in the way then is an error now, before anything is
    /// written.
    fn reading(
        &self,
        path: &Path,
        facts: Facts,
        make: impl FnOnce(Box<dyn BufRead + Send>, &Path) -> Box<dyn Source> + Send + 'static,
    ) -> Result<Link, SourceError> {
        check_readable(path)?;
        let is_read_again = self.input.duplicates == Duplicates::Last;
        let path = path.to_owned();
        let open = move || {
            let (reader, name) = read(&path, is_read_again)?;
            Ok(make(reader, &name))
        };
        Ok(Link::Unopened(Unopened {
            open: Box::new(open),
            facts,
        }))
    }

    /// A zip archive, which has to be a file.
    fn zip(&self, path: &Path) -> Result<Link, SourceError> {
        check_readable(path)?;
        let is_standard = path == Path::new(STANDARD_INPUT);
        let (name, is_file) = if is_standard {
            (Path::new(STANDARD_INPUT_NAME), standard_file()?.is_some())
        } else {
            (path, is_file(path)?)
        };
        let (path, name) = (path.to_owned(), name.to_owned());
        if !is_file {
            return Err(SourceError::NeedsFile(name));
        }
        let zips = Arc::clone(&self.zips);
        let open = move || -> Result<Box<dyn Source>, SourceError> {
            let file = if is_standard {
                match standard_file()? {
                    Some(file) => ArchiveFile::Kept(Arc::new(file)),
                    None => return Err(SourceError::NeedsFile(name)),
                }
            } else {
                let file = ArchiveFile::new(&path, open_regular(&path)?, &zips);
                file.map_err(|error| SourceError::input(&path, error))?
            };
            Ok(Box::new(Zip::new(&name, file)))
        };
        Ok(Link::Unopened(Unopened {
            open: Box::new(open),
            facts: Facts::default(),
        }))
    }
}
