//! `pack`: its options, and what they decide.

use super::WrongUsage;
use super::from::{from_help, parse_kind, sources_help};
use super::values::{FooterForm, Prefix};
use super::values::{check_output, parse_dtype, parse_pattern, parse_size};
use crate::format::dtype::Dtype;
use crate::pack::source::{self, Duplicates, Exclude, Input, JUNK, Links};
use crate::pack::source::{ExcludePattern, RecordNaming, SourceKind};
use crate::pack::{Form, PackOptions, Target, WrittenSections};
use clap::Args;
use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser};
use std::path::PathBuf;
use std::sync::Arc;

/// Threads that read files, where there are many cores.
const MOST_THREADS: usize = 8;

#[derive(Debug, Args)]
#[command(after_long_help = sources_help())]
pub(crate) struct Pack {
    /// The dataset to write: NAME.rox becomes NAME_0000.rox, NAME_0001.rox and so on
    ///
    /// If it exists, records are appended: to its last shard while that has room, which keeps its
    /// access rights, then to new ones. Shards may not be symbolic links; their directory may be one.
    #[arg(short, long, value_name = "OUT.rox",
          value_parser = PathBufValueParser::new().try_map(check_output))]
    output: PathBuf,
    /// Start a new shard before one grows beyond this size, such as 500MB or 2GiB
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse_size,
          conflicts_with = "single_file")]
    shard_size: u64,
    /// Write one file of any size, with exactly the name given
    #[arg(long)]
    single_file: bool,
    /// The form of the footers: 02 for today's Python package roxxel
    ///
    /// By default a dataset that is appended to keeps its form, shards of --from rox keep theirs, and
    /// everything else gets 01. A form other than the dataset's is refused, except with --new-shard.
    #[arg(long, value_name = "FORM")]
    footer: Option<FooterForm>,
    /// Element type for --footer 02: a NumPy name of up to 8 bytes, such as uint16; no data is
    /// converted [default: that of the dataset or shards, else uint8]
    #[arg(long, value_name = "NAME", requires = "footer", value_parser = parse_dtype)]
    dtype: Option<Dtype>,
    #[arg(long, value_name = "KIND", value_parser = parse_kind, help = from_help())]
    from: Option<SourceKind>,
    /// Pack the files of --from list or list0 in byte order of their names
    #[arg(long)]
    sort: bool,
    /// Pack in shuffled order; the same seed gives the same order
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Skip symbolic links in directories
    #[arg(long)]
    no_follow: bool,
    /// Leave out what a pattern matches, with all that is below a matching directory; may be repeated
    ///
    /// A pattern without "/" matches any component of a name: .git, "*.txt". One with "/" matches
    /// from the start: /tmp, "train/*.txt"; one that ends with "/" matches only directories. "*" and
    /// "?" (one byte) and [...] do not match "/"; "**" matches any number of components; "\" takes
    /// the next character as it is. Patterns are matched against the names in the source, before
    /// --strip; a "/" at the start means the start of such a name, not the root directory.
    #[arg(long, value_name = "PATTERN",
          value_parser = OsStringValueParser::new().try_map(parse_pattern))]
    exclude: Vec<ExcludePattern>,
    /// Leave out what file managers and notebooks leave behind, such as .DS_Store and Thumbs.db
    ///
    /// These are, anywhere: .ipynb_checkpoints (Jupyter); .DS_Store, ._*, __MACOSX,
    /// .Spotlight-V100, .Trashes, .fseventsd (macOS); Thumbs.db, desktop.ini, $RECYCLE.BIN,
    /// "System Volume Information" (Windows); @eaDir (Synology). Other hidden files are packed, and
    /// so is .git.
    #[arg(long)]
    exclude_junk: bool,
    /// Drop the first N components of names; records with no more than N are left out and counted
    #[arg(long, value_name = "N")]
    strip: Option<u32>,
    /// Put the name of an archive, without its extension, before the names of its entries
    ///
    /// This way archives that use the same names can be packed together: 0001.jpg of a/train-07.tar
    /// becomes train-07/0001.jpg. Files that are in no archive get no prefix. Uncompressed tar
    /// archives within tar archives are read as well, and the prefix of their entries is the inner
    /// archive's name alone: x.JPEG of n01440764.tar in the archive becomes n01440764/x.JPEG.
    /// Compressed ones, zip archives within an archive, and all archives within a zip archive are
    /// packed as files; --exclude "*.tar" leaves archives within an archive out.
    #[arg(long, value_name = "WHAT")]
    prefix: Option<Prefix>,
    /// What to do with a name that occurs twice [default: refuse]
    #[arg(long, value_name = "WHICH", conflicts_with_all = ["plain", "no_names"])]
    duplicates: Option<Duplicates>,
    /// Write neither names nor checksums: the same bytes as roxxel 0.1.0, or with --footer 02 as
    /// roxxel 0.9.14
    #[arg(long)]
    plain: bool,
    /// Write no names
    #[arg(long)]
    no_names: bool,
    /// Write no checksums
    #[arg(long)]
    no_checksums: bool,
    /// Leave out empty records, as roxxel does
    #[arg(long)]
    drop_empty: bool,
    /// Append in a new shard, even if the last one has room
    #[arg(long, conflicts_with = "single_file")]
    new_shard: bool,
    /// Continue an interrupted run: complete shards are kept, and their records not read again
    ///
    /// After a complete run it adds what is new in the source, but only to a dataset with names.
    #[arg(long)]
    resume: bool,
    /// Continue after files, archives and entries of archives that cannot be read; they are listed,
    /// and the exit code is 1, or 3 if data is damaged
    ///
    /// What fails keeps its name: a later record of that name is refused, or left out with
    /// --duplicates first.
    #[arg(long)]
    keep_going: bool,
    /// Show no progress and no summary
    #[arg(short, long)]
    quiet: bool,
    /// What to pack; with --from, standard input if nothing is given, or for "-"
    #[arg(value_name = "SOURCE", required_unless_present = "from")]
    sources: Vec<PathBuf>,
}

/// A run of packing as it was asked for.
#[derive(Debug)]
pub(crate) struct PackPlan {
    pub input: Input,
    pub options: PackOptions,
    pub quiet: bool,
}

impl Pack {
    /// What the options mean on a machine with this many cores.
    pub fn decide(self, cores: usize) -> Result<PackPlan, WrongUsage> {
        self.check().map_err(WrongUsage)?;
        Ok(PackPlan {
            input: self.input()?,
            options: self.pack_options(cores),
            quiet: self.quiet,
        })
    }

    fn kind(&self) -> SourceKind {
        self.from.unwrap_or(SourceKind::Paths)
    }

    fn check(&self) -> Result<(), String> {
        if self.sort && !matches!(self.kind(), SourceKind::List(_)) {
            return Err("--sort goes with --from list and --from list0".to_owned());
        }
        if self.footer == Some(FooterForm::V01) && self.dtype.is_some() {
            let reason = "a footer of form 01 has no element type";
            return Err(format!("--dtype goes with --footer 02: {reason}"));
        }
        self.check_naming()
    }

    /// Options about names where there are none, or about archives where there are none.
    fn check_naming(&self) -> Result<(), String> {
        let options = [
            (!self.exclude.is_empty(), "--exclude"),
            (self.exclude_junk, "--exclude-junk"),
            (self.strip.is_some(), "--strip"),
            (self.prefix.is_some(), "--prefix"),
            (self.duplicates.is_some(), "--duplicates"),
        ];
        let given = options.iter().find(|(is_given, _)| *is_given);
        if let (SourceKind::Stream(_), Some((_, option))) = (self.kind(), given) {
            return Err(format!(
                "{option} is about names, and the records of such a stream have none"
            ));
        }
        if self.prefix.is_none() {
            return Ok(());
        }
        match self.kind() {
            SourceKind::Paths => Ok(()),
            SourceKind::Tar | SourceKind::Zip => {
                let mut archives = self.sources.iter();
                let is_nameless = |path: &PathBuf| source::archive_name(path).is_none();
                if self.sources.is_empty() || archives.any(is_nameless) {
                    let reason = "archives that have a name, and standard input has none";
                    return Err(format!("--prefix archive needs {reason}"));
                }
                Ok(())
            }
            SourceKind::Files | SourceKind::List(_) | SourceKind::Stream(_) | SourceKind::Rox => {
                Err("--prefix archive goes with archives".to_owned())
            }
        }
    }

    fn input(&self) -> Result<Input, WrongUsage> {
        let naming = RecordNaming {
            exclude: self.excluded()?,
            strip: self.strip.map_or(0, |strip| strip as usize),
            prefix: match self.prefix {
                Some(Prefix::Archive) => Arc::new(self.sources.iter().cloned().collect()),
                None => Arc::default(),
            },
        };
        Ok(Input {
            kind: self.kind(),
            sources: self.sources.clone(),
            links: if self.no_follow {
                Links::Skip
            } else {
                Links::Follow
            },
            sort: self.sort,
            shuffle: self.shuffle,
            naming,
            duplicates: self.duplicates(),
            drop_empty: self.drop_empty,
        })
    }

    fn excluded(&self) -> Result<Exclude, WrongUsage> {
        let mut patterns = self.exclude.clone();
        if self.exclude_junk {
            for junk in JUNK {
                patterns.push(parse_pattern(junk.into()).map_err(WrongUsage)?);
            }
        }
        Exclude::new(&patterns).map_err(|error| WrongUsage(format!("--exclude: {error}")))
    }

    fn duplicates(&self) -> Duplicates {
        self.duplicates.unwrap_or_default()
    }

    fn pack_options(&self, cores: usize) -> PackOptions {
        PackOptions {
            target: Target::new(&self.output, self.single_file),
            shard_size: (!self.single_file).then_some(self.shard_size),
            form: match (self.footer, &self.dtype) {
                (None, _) => Form::Any,
                (Some(FooterForm::V01), _) => Form::V01,
                (Some(FooterForm::V02), None) => Form::V02,
                (Some(FooterForm::V02), Some(dtype)) => Form::Typed(dtype.clone()),
            },
            sections: WrittenSections {
                names: !self.plain && !self.no_names,
                checksums: !self.plain && !self.no_checksums,
            },
            drop_empty: self.drop_empty,
            keep_first: self.duplicates() == Duplicates::First,
            resume: self.resume,
            new_shard: self.new_shard,
            keep_going: self.keep_going,
            threads: cores.min(MOST_THREADS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    const CORES: usize = 4;

    fn decide(arguments: &[&str]) -> Result<PackPlan, String> {
        let line = ["roxfs", "pack", "-o", "d.rox"].iter().chain(arguments);
        let cli = Cli::try_parse_from(line).map_err(|error| error.to_string())?;
        let Command::Pack(pack) = cli.command else {
            return Err("another command".to_owned());
        };
        pack.decide(CORES).map_err(|error| error.to_string())
    }

    fn options(arguments: &[&str]) -> PackOptions {
        decide(arguments).expect("understood").options
    }

    #[test]
    fn a_single_file_has_no_limit() {
        assert_eq!(options(&["x"]).shard_size, Some(2 << 30));
        assert_eq!(
            options(&["--shard-size=1MB", "x"]).shard_size,
            Some(1_000_000)
        );
        assert_eq!(options(&["--single-file", "x"]).shard_size, None);
    }

    #[test]
    fn plain_shards_have_no_sections() {
        let sections = |arguments| {
            let sections = options(arguments).sections;
            (sections.names, sections.checksums)
        };
        assert_eq!(sections(&["x"]), (true, true));
        assert_eq!(sections(&["--no-names", "x"]), (false, true));
        assert_eq!(sections(&["--no-checksums", "x"]), (true, false));
        assert_eq!(sections(&["--plain", "x"]), (false, false));
    }

    #[test]
    fn an_element_type_goes_with_the_second_form() {
        let form = |arguments| options(arguments).form;
        assert_eq!(form(&["x"]), Form::Any);
        assert_eq!(form(&["--footer=01", "x"]), Form::V01);
        assert_eq!(form(&["--footer=02", "x"]), Form::V02);
        let uint16 = Dtype::new("uint16").expect("a name");
        let typed = form(&["--footer=02", "--dtype=uint16", "x"]);
        assert_eq!(typed, Form::Typed(uint16));
        for bad in [
            &["--dtype=uint16", "x"][..],
            &["--footer=01", "--dtype=uint16", "x"],
        ] {
            assert!(decide(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_lists_can_be_sorted() {
        assert!(decide(&["--from=list", "--sort"]).is_ok());
        assert!(decide(&["--from=list0", "--sort"]).is_ok());
        assert!(decide(&["--from=lines", "--sort"]).is_err());
        assert!(decide(&["--sort", "x"]).is_err());
    }

    #[test]
    fn a_prefix_needs_archives_with_names() {
        let prefix = |arguments: &[&str]| decide(&[&["--prefix=archive"], arguments].concat());
        let plan = prefix(&["a.tar", "x"]).expect("paths may be archives");
        assert!(plan.input.naming.prefix.contains(&PathBuf::from("a.tar")));
        assert!(prefix(&["--from=zip", "a.zip"]).is_ok());
        for bad in [
            &["--from=tar"][..],
            &["--from=tar", "a.tar", "-"],
            &["--from=list", "a"],
            &["--from=files", "a.tar"],
        ] {
            assert!(prefix(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_first_of_a_name_is_kept_by_the_packing_and_the_last_by_the_input() {
        let both = |arguments| {
            let plan = decide(arguments).expect("understood");
            (plan.input.duplicates, plan.options.keep_first)
        };
        assert_eq!(both(&["x"]), (Duplicates::Refuse, false));
        let first = both(&["--duplicates=first", "x"]);
        assert_eq!(first, (Duplicates::First, true));
        let last = both(&["--duplicates=last", "x"]);
        assert_eq!(last, (Duplicates::Last, false));
    }
}
