//! The command line: strings to typed options, no I/O.

use crate::format::dtype::{Dtype, DtypeError};
use crate::order::Selection;
use crate::pack::source::{Duplicates, Framing, Kind, Pattern};
use crate::session::MountOptions;
use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Mount .rox dataset shards read-only: every record is a file. And pack files into shards.
///
/// A SHARD is a .rox file; a pattern with *, ? or [ (quote it, and roxfs expands it); a directory,
/// meaning its *.rox files; or NAME.rox, meaning NAME_0000.rox, NAME_0001.rox and so on.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the data is damaged.
#[derive(Debug, Parser)]
#[command(name = "roxfs", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Mount shards as a directory of files
    ///
    /// Returns when the mount answers, and serves it in the background, until `roxfs umount`,
    /// SIGINT or SIGTERM. On any error nothing stays mounted.
    Mount(Mount),
    /// Unmount what roxfs has mounted
    Umount(Umount),
    /// Pack files and directories into shards
    ///
    /// A directory's files become records in byte order of their paths, named by their paths
    /// under it; a file given by itself is named by its last component. Symbolic links are
    /// followed. A shard appears under its name when it is whole and on disk; an interrupted run
    /// leaves whole shards and can be continued with --resume.
    Pack(Pack),
    /// Show what a dataset is: counts, sizes, shards
    Info(Info),
    /// List records: number, size, name
    ///
    /// Columns are separated by tabs. In names, control and format characters, backslashes and bytes
    /// that are not UTF-8 are written as escapes, so that each record is one line and reads as what
    /// it is.
    ///
    /// With --format, lists the files of the tree files/ instead, in its order, for programs that
    /// take a list. A file's class is the first directory of its path; its label is the number,
    /// from 0, of that directory among all in files/ in byte order, as torchvision and DALI count.
    Ls(Ls),
    /// Write records to standard output
    Cat(Cat),
    /// Write records as files, the inverse of pack
    ///
    /// Each record becomes a file under DIR, by its name, or where it has none by its number, as
    /// 000042.bin. A file appears under its name when it is whole and its checksum, where the
    /// shard has one, is right. Nothing is written outside DIR: symbolic links in it are not
    /// followed. Records that cannot be extracted are reported, and the others are extracted. The
    /// files are not synced to disk one by one; `sync` does that for all.
    Extract(Extract),
    /// Check structure, every offset, every checksum, every name and their order
    ///
    /// Of each shard the first 20 faults are shown, and how many more there are. Where end offsets
    /// go back and forth, so that records share their bytes, these are read at most twice; records
    /// beyond that are reported and not read.
    Verify(Verify),
    /// What `mount` starts to make names known to the kernel
    #[command(hide = true)]
    ListAhead(ListAhead),
    /// What `mount` starts to end the mount's connection if it is killed
    #[command(hide = true)]
    AbortIfKilled(AbortIfKilled),
    /// What `mount` starts to find out whether the mount answers
    #[command(hide = true)]
    AskRoot(AskRoot),
}

/// The shards of a dataset.
#[derive(Debug, Args)]
pub struct Shards {
    /// Shards, in order: files, quoted patterns, directories, or NAME.rox for NAME_NNNN.rox
    #[arg(value_name = "SHARD", required = true)]
    pub shards: Vec<PathBuf>,
}

/// Options of `mount`.
#[derive(Debug, Args)]
#[command(after_long_help = MOUNT_TREE)]
pub struct Mount {
    /// Stay in the foreground
    #[arg(short, long)]
    pub foreground: bool,
    /// Extension of the files in records/ and shards/
    #[arg(long, value_name = "EXT", default_value = crate::dataset::numbered::EXTENSION, value_parser = parse_extension)]
    pub ext: String,
    /// Show this directory of the tree alone: files, records, raw, or one below, as files/train
    #[arg(long, value_name = "NODE")]
    pub root: Option<PathBuf>,
    /// Whether pages of the shards stay in memory beside the mount's own copy of them
    #[arg(long, value_name = "POLICY", default_value = "auto")]
    pub cache: Cache,
    /// What is prepared before it is asked for
    #[arg(long, value_name = "WHAT", default_value = "all")]
    pub ahead: Ahead,
    /// Let other users in, as far as the shards' permissions go
    ///
    /// Those of the shard files count, as they are when they are mounted, not those of the
    /// directories above them.
    #[arg(long)]
    pub allow_other: bool,
    /// Threads that answer the kernel [default: one for each core, at least 2, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Mount options, separated by commas: allow_other, noexec, noatime, fsname=NAME
    ///
    /// Also taken, because they always hold: ro, nosuid, nodev, default_permissions.
    #[arg(short, value_name = "OPTS", value_parser = parse_mount_options)]
    pub options: Vec<ParsedMountOptions>,
    /// Shards, in order: files, quoted patterns, directories, or NAME.rox for NAME_NNNN.rox
    #[arg(value_name = "SHARD", required = true)]
    pub shards: Vec<PathBuf>,
    /// The directory to mount on
    #[arg(value_name = "MOUNTPOINT", required = true)]
    pub mountpoint: PathBuf,
}

/// What is brought into the kernel's cache of the mount before anybody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Ahead {
    /// "order", and for readers in random order all records, if half of the free memory has room for
    /// them, and all names, if an eighth has: begun once a part was asked for, continued while
    /// reading goes on
    All,
    /// The next records, for readers in the order of numbers or names
    Order,
    /// Nothing
    None,
}

/// What happens to the shards' pages in memory when the kernel's cache of the mount has them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Cache {
    /// "one" where memory is smaller than both copies of the dataset, else "two"
    Auto,
    /// They do not stay, so that there is one copy; mounting again begins with the disk
    One,
    /// They stay as long as the kernel finds room
    Two,
}

/// Options of `list-ahead`.
#[derive(Debug, Args)]
pub struct ListAhead {
    /// Device number of the mount, as MAJOR:MINOR
    pub device: String,
    /// Where it is mounted
    pub mountpoint: PathBuf,
    /// The directory in it
    pub directory: PathBuf,
}

/// Options of `abort-if-killed`.
#[derive(Debug, Args)]
pub struct AbortIfKilled {
    /// The number of the process that started this one, and names the mount at the standard input
    pub parent: i32,
}

/// Options of `ask-root`.
#[derive(Debug, Args)]
pub struct AskRoot {
    /// The number of the process that started this one
    pub parent: i32,
    /// Device number of the mount, as MAJOR:MINOR
    pub device: String,
    /// Where it is mounted
    pub mountpoint: PathBuf,
}

const MOUNT_TREE: &str = "\
The tree:
  files/cat/1.jpg                  records by the names they were packed with, if they have names
  records/000042.bin               record 42 (records/42.bin is the same file)
  raw/data                         all payloads, one after the other
  raw/index                        end offset of each record in raw/data, u64 little-endian
  shards/dataset_0000/000000.bin   records by shard
  .roxfs/info.json                 what is mounted

In the background, warnings go to the system's log; ROXFS_LOG=debug shows more.";

/// Options of `umount`.
#[derive(Debug, Args)]
pub struct Umount {
    /// Detach now, end when the last open file is closed
    #[arg(short, long)]
    pub lazy: bool,
    /// Mounted directories
    #[arg(value_name = "MOUNTPOINT", required = true)]
    pub mountpoints: Vec<PathBuf>,
}

/// Options of `pack`.
#[derive(Debug, Args)]
#[command(after_long_help = PACK_KINDS)]
pub struct Pack {
    /// The dataset: NAME.rox is written as NAME_0000.rox, NAME_0001.rox and so on
    ///
    /// If it exists, records are appended: the last shard is continued while it has room, and keeps
    /// its access rights. Shards may not be symbolic links; the directory may.
    #[arg(short, long, value_name = "OUT.rox",
          value_parser = PathBufValueParser::new().try_map(check_output))]
    pub output: PathBuf,
    /// Begin a new shard rather than grow beyond this size, as 500MB or 2GiB
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse_size,
          conflicts_with = "single_file")]
    pub shard_size: u64,
    /// Write one file of any size, under the name given
    #[arg(long)]
    pub single_file: bool,
    /// Write footers of this form: 02 for the Python package roxxel of today
    ///
    /// By default a dataset that is appended to keeps the form that it has, shards of --from rox keep
    /// theirs, and all else gets 01. Another form than the dataset has is refused, unless in a
    /// --new-shard.
    #[arg(long, value_name = "FORM")]
    pub footer: Option<FooterForm>,
    /// With --footer 02, the element type: its name in NumPy, of up to 8 bytes; nothing is converted
    /// [default: that of the dataset or shards, else uint8]
    #[arg(long, value_name = "NAME", requires = "footer", value_parser = parse_dtype)]
    pub dtype: Option<Dtype>,
    /// What the sources are: tar, zip, lines, nul, list, list0, length32, length64, fixed:N, rox, files
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    pub from: Option<From>,
    /// Pack the files of a list in byte order of their names
    #[arg(long)]
    pub sort: bool,
    /// Pack in shuffled order: a permutation that depends on this number alone
    #[arg(long, value_name = "SEED")]
    pub shuffle: Option<u64>,
    /// Pass over symbolic links in directories
    #[arg(long)]
    pub no_follow: bool,
    /// Leave out what a pattern matches, and all below a directory that it matches; may be repeated
    ///
    /// A pattern without "/" matches any component of a name: .git, "*.txt". One with "/" matches
    /// from the start: /tmp, "train/*.txt"; one that ends with "/" matches directories alone. "*"
    /// and "?" (one byte) and [...] do not match "/", "**" matches any number of components, "\"
    /// takes away a special meaning. Patterns see the names in the source, before --strip; their "/"
    /// at the start is that of a name, not of the file system.
    #[arg(long, value_name = "PATTERN",
          value_parser = OsStringValueParser::new().try_map(parse_pattern))]
    pub exclude: Vec<Pattern>,
    /// Leave out what file managers and notebooks leave behind: .DS_Store, Thumbs.db and so on
    ///
    /// These are, anywhere: .ipynb_checkpoints (Jupyter); .DS_Store, ._*, __MACOSX,
    /// .Spotlight-V100, .Trashes, .fseventsd (macOS); Thumbs.db, desktop.ini, $RECYCLE.BIN,
    /// "System Volume Information" (Windows); @eaDir (Synology). Other hidden files stay, and so
    /// does .git.
    #[arg(long)]
    pub exclude_junk: bool,
    /// Drop the first N components of names; records with no more than N are left out and counted
    #[arg(long, value_name = "N")]
    pub strip: Option<u32>,
    /// Put the name of an archive, without its extension, before the names of its entries
    ///
    /// So archives that use the same names can be packed together: 0001.jpg of a/train-07.tar
    /// becomes train-07/0001.jpg. Files that are in no archive get no prefix. Tar archives within
    /// tar archives are read as well, where they are not compressed, and their entries named after
    /// these alone: x.JPEG of n01440764.tar in the archive becomes n01440764/x.JPEG. Compressed ones,
    /// zip archives within an archive, and all archives within a zip archive are packed as files;
    /// --exclude "*.tar" leaves archives within an archive out.
    #[arg(long, value_name = "WHAT")]
    pub prefix: Option<Prefix>,
    /// What happens to a name that is met twice [default: refuse]
    #[arg(long, value_name = "WHICH", conflicts_with_all = ["plain", "no_names"])]
    pub duplicates: Option<DuplicatesArg>,
    /// Write no names and checksums: the bytes that the Python package roxxel writes (0.1.0; with
    /// --footer 02 those of 0.9.14)
    #[arg(long)]
    pub plain: bool,
    /// Write no names
    #[arg(long)]
    pub no_names: bool,
    /// Write no checksums
    #[arg(long)]
    pub no_checksums: bool,
    /// Leave out empty records (roxxel does)
    #[arg(long)]
    pub drop_empty: bool,
    /// Append in a new shard, even if the last one has room
    #[arg(long, conflicts_with = "single_file")]
    pub new_shard: bool,
    /// Continue an interrupted run: whole shards are kept, their records not read again
    ///
    /// After a complete run it adds what the source has more, but only to a dataset with names.
    #[arg(long)]
    pub resume: bool,
    /// Continue after files, archives and entries of archives that cannot be read; they are listed,
    /// and the exit code is 1, or 3 where data is damaged
    ///
    /// What fails keeps its name: a later record of that name is refused, or with --duplicates first
    /// left out.
    #[arg(long)]
    pub keep_going: bool,
    /// Show no progress and no summary
    #[arg(short, long)]
    pub quiet: bool,
    /// What to pack; with --from, standard input where none is given or for "-"
    #[arg(value_name = "SOURCE", required_unless_present = "from")]
    pub sources: Vec<PathBuf>,
}

const PACK_KINDS: &str = "\
Without --from a SOURCE is a directory, a file, or an archive by its name: .tar, .tar.gz, .tgz,
.tar.zst, .tar.xz, .txz, .tar.bz2, .tbz2, .zip.
With --from KIND:
  tar        tar archives, also compressed by gzip, zstd, xz or bzip2, whatever their names
  zip        zip archives, which have to be files: their directory is at the end
  lines      each line is a record, without its newline
  nul        each record is ended by a NUL byte
  list       each line is the path of a file
  list0      the same, ended by NUL bytes, as from find -print0
  length32   each record after its length, 32 bits little-endian
  length64   each record after its length, 64 bits little-endian
  fixed:N    records of N bytes
  rox        shards: to merge, split or rewrite them
  files      directories and files, archives too, as they are

Tokens of 16 bits in blocks of 4096 bytes, for roxxel of today:
  roxfs pack --footer 02 --dtype uint16 --from fixed:4096 -o tokens.rox tokens.bin

Names: a file has its path under the directory that was given, an entry its path in the archive,
a listed file its path as it is written, without a leading / or ./. Then --exclude and
--exclude-junk leave out, --strip drops leading components, --prefix puts one before, and
--duplicates decides about names that come twice:
  roxfs pack --exclude-junk --exclude '*.txt' --exclude /train/tmp -o d.rox images/
  find /data/train -name '*.jpg' | roxfs pack --from list --strip 2 -o d.rox
  roxfs pack --prefix archive -o d.rox shards/train-*.tar
  roxfs pack --duplicates last -o d.rox grown-by-tar-r.tar
A hard link in an archive has the content that its target has at that place; one to an entry that
is excluded is an error, since its content is not there. Directories without any record below them
are counted: a dataset has no place for them, and classes are numbered otherwise without.";

/// The argument of `--footer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FooterForm {
    /// ROXXEL01, which roxxel 0.1.0 to 0.5.9 read
    #[value(name = "01")]
    V01,
    /// ROXXEL02, which has an element type, and which roxxel 0.4.0 and newer read
    #[value(name = "02")]
    V02,
}

/// What `--prefix` puts before names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Prefix {
    /// The archive's file name, without .tar, .tar.gz, .tgz, .zip and the like
    Archive,
}

/// The argument of `--duplicates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DuplicatesArg {
    /// The first record is packed and the others are left out and counted, also those whose name the
    /// dataset had before. One that fails (--keep-going) keeps its name all the same. A hard link to
    /// one that is left out is an error, unless it is left out itself
    First,
    /// The last file is packed, at its place, as extracting an archive leaves it; a later symbolic
    /// link or device of the name does not count. The sources are read twice, so that they cannot come
    /// from a pipe. A name that the dataset had before is refused
    Last,
    /// The run ends with an error that says where both are
    Refuse,
}

impl std::convert::From<DuplicatesArg> for Duplicates {
    fn from(argument: DuplicatesArg) -> Duplicates {
        match argument {
            DuplicatesArg::First => Duplicates::First,
            DuplicatesArg::Last => Duplicates::Last,
            DuplicatesArg::Refuse => Duplicates::Refuse,
        }
    }
}

/// The argument of `--from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct From(pub Kind);

/// Options of `info`.
#[derive(Debug, Args)]
pub struct Info {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The dataset.
    #[command(flatten)]
    pub shards: Shards,
}

/// Options of `ls`.
#[derive(Debug, Args)]
pub struct Ls {
    /// Also show offset in the shard, checksum (CRC-32C) and shard: number, size, offset,
    /// checksum, shard, name
    #[arg(short, long, conflicts_with = "format")]
    pub long: bool,
    /// List the files of files/ in this form
    #[arg(long, value_name = "FORM")]
    pub format: Option<ListFormat>,
    /// The dataset.
    #[command(flatten)]
    pub shards: Shards,
}

/// The forms of a list of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// "PATH LABEL", the file_list of NVIDIA DALI's fn.readers.file; paths as they
    /// are, but with escapes to a terminal
    Dali,
    /// {"file_name": PATH, "label": CLASS}, the metadata.jsonl of Hugging Face datasets
    Jsonl,
    /// path, class and label, separated by tabs, with escapes as above
    Tsv,
    /// paths as they are, but with escapes to a terminal, each ended by a NUL byte
    Null,
}

/// Options of `cat`.
#[derive(Debug, Args)]
pub struct Cat {
    /// Record number, or a slice as in Python: 42, -1, 10:20, ::2, ::-1; may be repeated
    #[arg(
        short,
        long = "index",
        value_name = "INDEX",
        required = true,
        allow_hyphen_values = true
    )]
    pub index: Vec<Selection>,
    /// The dataset.
    #[command(flatten)]
    pub shards: Shards,
}

/// Options of `extract`.
#[derive(Debug, Args)]
pub struct Extract {
    /// The directory to write into, made if it is missing
    #[arg(
        short,
        long,
        value_name = "DIR",
        required_unless_present = "tar",
        conflicts_with = "tar"
    )]
    pub output: Option<PathBuf>,
    /// Record number, or a slice as in Python: 42, -1, 10:20, ::2; may be repeated [default: all]
    ///
    /// A record that several select is extracted once.
    #[arg(
        short,
        long = "index",
        value_name = "INDEX",
        allow_hyphen_values = true
    )]
    pub index: Vec<Selection>,
    /// Replace files that exist
    #[arg(long, conflicts_with = "tar")]
    pub force: bool,
    /// Write a tar archive to standard output, instead of files
    #[arg(long)]
    pub tar: bool,
    /// Print no summary
    #[arg(short, long)]
    pub quiet: bool,
    /// The dataset.
    #[command(flatten)]
    pub shards: Shards,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The dataset.
    #[command(flatten)]
    pub shards: Shards,
}

/// The argument of one `-o`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedMountOptions {
    allow_other: bool,
    noexec: bool,
    noatime: bool,
    fsname: Option<String>,
}

impl Mount {
    /// What the flags and all `-o` ask for together; `source` unless they name one.
    pub fn mount_options(&self, source: std::ffi::OsString) -> MountOptions {
        let any = |flag: fn(&ParsedMountOptions) -> bool| self.options.iter().any(flag);
        let fsname = self
            .options
            .iter()
            .rev()
            .find_map(|options| options.fsname.clone());
        MountOptions {
            allow_other: self.allow_other || any(|options| options.allow_other),
            noexec: any(|options| options.noexec),
            noatime: any(|options| options.noatime),
            source: Some(fsname.map_or(source, Into::into)),
        }
    }
}

fn parse_mount_options(text: &str) -> Result<ParsedMountOptions, String> {
    let mut parsed = ParsedMountOptions::default();
    for option in text.split(',').filter(|option| !option.is_empty()) {
        match option {
            "allow_other" => parsed.allow_other = true,
            "noexec" => parsed.noexec = true,
            "noatime" => parsed.noatime = true,
            "ro" | "nosuid" | "nodev" | "default_permissions" => {}
            "rw" => return Err("a dataset is mounted read-only".to_owned()),
            _ => match option.strip_prefix("fsname=") {
                Some("") => return Err("fsname needs a name".to_owned()),
                Some(name) => parsed.fsname = Some(name.to_owned()),
                None => return Err(format!("unknown mount option \"{option}\"")),
            },
        }
    }
    Ok(parsed)
}

/// The longest extension: names stay far below the limit of 255 bytes.
const LONGEST_EXTENSION: usize = 64;

fn parse_extension(text: &str) -> Result<String, String> {
    let extension = text.strip_prefix('.').unwrap_or(text);
    match extension {
        "" => Err("an extension has one character or more".to_owned()),
        long if long.len() > LONGEST_EXTENSION => Err(format!(
            "an extension has at most {LONGEST_EXTENSION} bytes"
        )),
        _ if extension.contains(['/', '\0']) => {
            Err("an extension has no \"/\" and no NUL".to_owned())
        }
        extension => Ok(extension.to_owned()),
    }
}

/// The shards' names are made of the last component.
fn check_output(path: PathBuf) -> Result<PathBuf, &'static str> {
    let bytes = path.as_os_str().as_bytes();
    let is_file = path.file_name().is_some_and(|name| name != ".rox");
    let ends_in_name = !bytes.ends_with(b"/") && !bytes.ends_with(b"/.");
    match is_file && ends_in_name {
        true => Ok(path),
        false => Err("a file name is needed, not a directory: DIRECTORY/NAME.rox"),
    }
}

fn parse_pattern(text: OsString) -> Result<Pattern, String> {
    Pattern::new(&text).map_err(|error| format!("it is no pattern: {error}"))
}

fn parse_kind(text: &str) -> Result<From, String> {
    let kind = match text {
        "tar" => Kind::Tar,
        "zip" => Kind::Zip,
        "lines" => Kind::Stream(Framing::Terminated(b'\n')),
        "nul" => Kind::Stream(Framing::Terminated(0)),
        "list" => Kind::List(b'\n'),
        "list0" => Kind::List(0),
        "length32" => Kind::Stream(Framing::Length(4)),
        "length64" => Kind::Stream(Framing::Length(8)),
        "rox" => Kind::Rox,
        "files" => Kind::Files,
        _ => {
            let size = text.strip_prefix("fixed:").map(parse_size);
            match size {
                Some(Ok(size)) => Kind::Stream(Framing::Fixed(size)),
                Some(Err(_)) => return Err("a record has a number of bytes, 1 or more".to_owned()),
                None => {
                    return Err(
                        "expected tar, zip, lines, nul, list, list0, length32, length64, \
                                fixed:N, rox or files"
                            .to_owned(),
                    );
                }
            }
        }
    };
    Ok(From(kind))
}

fn parse_dtype(text: &str) -> Result<Dtype, DtypeError> {
    Dtype::new(text)
}

fn parse_size(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        Ok(_) => Err("a shard needs at least one byte".to_owned()),
        Err(_) => Err("not a size: a number and a unit are expected, as 500MB or 2GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_last_argument_of_mount_is_the_mount_point() {
        let cli = Cli::try_parse_from(["roxfs", "mount", "a.rox", "b.rox", "/mnt"]);
        let Ok(Command::Mount(mount)) = cli.map(|cli| cli.command) else {
            panic!("not understood");
        };
        assert_eq!(
            mount.shards,
            [PathBuf::from("a.rox"), PathBuf::from("b.rox")]
        );
        assert_eq!(mount.mountpoint, PathBuf::from("/mnt"));
        assert!(Cli::try_parse_from(["roxfs", "mount", "a.rox"]).is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_size("500MB"), Ok(500_000_000));
        assert_eq!(parse_size("512"), Ok(512));
        for bad in ["", "0", "-1", "2XB", "many"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mount_options_are_known_ones() {
        let parsed = parse_mount_options("ro,noexec,fsname=my set").expect("known");
        assert!(parsed.noexec && !parsed.allow_other);
        assert_eq!(parsed.fsname.as_deref(), Some("my set"));
        assert!(parse_mount_options("rw").is_err());
        assert!(parse_mount_options("nosuch").is_err());
    }
}
