//! The command line: strings to decided options, no I/O.
//!
//! What the parser gives for the commands with many options is turned into values that each room below
//! understands, all at once: `Mount::decide` and `Pack::decide`.

mod from;
mod mount;
mod mount_helper;
mod option_list;
mod pack;
mod values;

pub(crate) use mount::{AsHelper, Mount, MountPlan, TreeOptions};
pub(crate) use pack::{Pack, PackPlan};

use crate::order::{Selection, Spec};
use clap::builder::Styles;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use values::parse_view;

/// Mount .rox dataset shards read-only, so that every record is a file; and pack files into shards
///
/// A SHARD is a .rox file; a pattern with *, ? or [ (quote it: roxfs expands it); a directory,
/// meaning its *.rox files; or NAME.rox or NAME, meaning NAME_0000.rox, NAME_0001.rox and so on.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the data is damaged.
#[derive(Debug, Parser)]
#[command(
    name = "roxfs",
    version,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Understands a command line, the program's name first, in any of its forms; shows what is wrong
    /// with it in these styles.
    pub fn of(arguments: &[OsString], styles: &Styles) -> Result<Cli, clap::Error> {
        if mount_helper::is_one(arguments) {
            return mount_helper::parse(arguments, styles);
        }
        let cli = parse_once(arguments.iter().cloned(), styles)?;
        match (&cli.command, arguments) {
            (Command::Mount(mount), [program, name, rest @ ..]) => {
                // Before the others, which count more.
                let own = mount.own_options().cloned();
                let line = [program, name].into_iter().cloned().chain(own);
                parse_once(line.chain(rest.iter().cloned()), styles)
            }
            _ => Ok(cli),
        }
    }
}

/// Whether a command line is one of those that mount(8) understands the exit codes of.
pub fn is_by_mount(arguments: &[OsString]) -> bool {
    mount_helper::is_one(arguments)
}

fn parse_once(
    arguments: impl Iterator<Item = OsString>,
    styles: &Styles,
) -> Result<Cli, clap::Error> {
    let command = Cli::command().styles(styles.clone());
    let mut matches = command
        .try_get_matches_from(arguments)
        .map_err(last_is_missing)?;
    Cli::from_arg_matches_mut(&mut matches)
}

/// Of one argument of `mount` the parser takes the last one to be there, but a person has begun with the
/// first.
fn last_is_missing(mut error: clap::Error) -> clap::Error {
    let missing = error.get(ContextKind::InvalidArg);
    if missing == Some(&ContextValue::Strings(vec!["<SHARD>...".to_owned()]))
        && error.kind() == ErrorKind::MissingRequiredArgument
        && let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage)
        && usage.to_string().contains("<MOUNTPOINT>")
    {
        let last = ContextValue::Strings(vec!["<MOUNTPOINT>".to_owned()]);
        error.insert(ContextKind::InvalidArg, last);
    }
    error
}

const EXAMPLES: &str = "\
Examples:
  roxfs pack -o dataset.rox train/     pack a directory into shards
  roxfs mount dataset.rox mnt          mount them on the directory mnt
  roxfs umount mnt";

/// A command line that the parser takes and that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub String);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mount shards as a directory of files
    ///
    /// Returns when the mount answers; a process in the background serves it until `roxfs umount`,
    /// SIGINT or SIGTERM. If anything fails, nothing stays mounted.
    Mount(Mount),
    /// Unmount what roxfs has mounted
    Umount(Umount),
    /// Pack files and directories into shards
    ///
    /// The files of a directory become records in byte order of their paths, each named by its path
    /// below that directory; a file that is given by itself is named by its last component. Symbolic
    /// links are followed. A shard gets its name only when it is complete and on disk. An interrupted
    /// run leaves complete shards; continue it with --resume.
    Pack(Pack),
    /// Show what a dataset is: counts, sizes, shards
    Info(Info),
    /// List records: number, size, name
    ///
    /// Columns are separated by tabs. In names, control and format characters, backslashes and bytes
    /// that are not UTF-8 are shown as escapes, so that each record is one line and looks like what
    /// it is.
    ///
    /// With --format, lists the files of files/ instead, in the order of that tree, for programs that
    /// take a list. A file's class is the first directory of its path; its label is the number of that
    /// directory, from 0, among all directories of files/ in byte order, as torchvision and DALI count.
    Ls(Ls),
    /// Write records to standard output
    Cat(Cat),
    /// Write records as files, the inverse of pack
    ///
    /// Each record becomes a file below DIR, by its name, or by its number where it has none, such as
    /// 000042.bin. A file gets its name only when it is complete and its checksum, where the shard has
    /// one, is right. Nothing is written outside DIR: symbolic links in it are not followed. Records
    /// that cannot be extracted are reported, and the others are extracted. The files are not synced to
    /// disk one by one; `sync` does that for all.
    Extract(Extract),
    /// Check structure, every offset, every checksum, every name and their order
    ///
    /// For each shard the first 20 faults are shown, and how many more there are. Where damaged end
    /// offsets make records share bytes, each byte is read at most twice; records beyond that are
    /// reported and not read.
    Verify(Verify),
    /// Tell a mount in which order records will be read
    ///
    /// Reads that order from standard input: numbers of records from 0 on, or paths as they will be
    /// opened (from the mount's root, too), one a line. roxfs then prepares the records ahead of
    /// whoever reads them, as far as it may. A line of digits is a number, whatever files there are.
    ///
    /// Each part is handed over as soon as it comes, so that a program can write each batch when it knows
    /// it. Each run is an order of its own. An order stays until it was read, --clear takes it back, or
    /// nobody has followed it for 10 minutes. Where a line is wrong, nothing of the order stays; where the
    /// memory for orders is full (mount --order-memory), its beginning stays.
    Hint(Hint),
    #[command(flatten)]
    Helper(Helper),
}

/// What `mount` starts as processes of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Helper {
    /// List a directory of a mount, so that the kernel caches its names
    #[command(hide = true)]
    ListAhead {
        /// Device number of the mount, as MAJOR:MINOR
        device: String,
        /// Where it is mounted
        mountpoint: PathBuf,
        /// The directory in it
        directory: PathBuf,
        /// The offset of the first entry to list, and how many: that directory alone
        #[arg(num_args = 2, value_names = ["OFFSET", "COUNT"])]
        part: Vec<u64>,
    },
    /// Let go of what the kernel's cache has of files of a mount, which are named on standard input
    #[command(hide = true)]
    LetGo {
        /// Device number of the mount, as MAJOR:MINOR
        device: String,
        /// Where it is mounted
        mountpoint: PathBuf,
    },
    /// End the connection of a mount if the process that serves it is killed
    #[command(hide = true)]
    AbortIfKilled {
        /// Number of the process that started this one, and names the mount on standard input
        parent: i32,
    },
    /// Find out whether a mount answers
    #[command(hide = true)]
    AskRoot {
        /// Number of the process that started this one
        parent: i32,
        /// Device number of the mount, as MAJOR:MINOR
        device: String,
        /// Where it is mounted
        mountpoint: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ShardArguments {
    /// Shards, in this order: files, quoted patterns, directories, or NAME.rox for NAME_NNNN.rox
    #[arg(value_name = "SHARD", required = true)]
    pub shards: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Umount {
    /// Detach now; the mount ends when the last open file is closed
    #[arg(short, long)]
    pub lazy: bool,
    /// Directories that roxfs has mounted on
    #[arg(value_name = "MOUNTPOINT", required = true)]
    pub mountpoints: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Info {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub dataset: ShardArguments,
}

#[derive(Debug, Args)]
#[command(after_long_help = LS_EXAMPLES)]
pub(crate) struct Ls {
    /// Show more columns: number, size, offset in the shard, checksum (CRC-32C), shard, name
    #[arg(short, long, conflicts_with = "format")]
    pub long: bool,
    /// List the files of files/ in this form
    #[arg(long, value_name = "FORM")]
    pub format: Option<ListFormat>,
    #[arg(long, value_name = "SPEC", help = VIEW_HELP, value_parser = parse_view)]
    pub view: Option<Spec>,
    #[command(flatten)]
    pub dataset: ShardArguments,
}

const VIEW_HELP: &str = "\
Records of a view instead of all, in its order; an INDEX is then a position in it. SPEC is a list of \
operations: slice=START:STOP[:STEP], split=IofN, shuffle=SEED, such as shuffle=7,split=3of8";

const LS_EXAMPLES: &str = "\
Examples:
  roxfs ls dataset.rox | head
  roxfs ls --format jsonl images.rox > metadata.jsonl
  roxfs ls --format null images.rox | grep -z '^train/'
  roxfs ls --format dali --view shuffle=7,split=3of8 images.rox > epoch-7-part-3.txt";

/// The forms of a list of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// "PATH LABEL", the file_list of NVIDIA DALI's fn.readers.file; paths as they are, but with
    /// escapes on a terminal
    Dali,
    /// {"file_name": PATH, "label": CLASS}, the metadata.jsonl of Hugging Face datasets
    Jsonl,
    /// Path, class and label, separated by tabs, with escapes as above
    Tsv,
    /// Paths as they are, but with escapes on a terminal, each ended by a NUL byte
    Null,
}

#[derive(Debug, Args)]
#[command(after_help = CAT_EXAMPLES)]
pub(crate) struct Cat {
    /// Record number, or a slice as in Python: 42, -1, 10:20, ::2, ::-1; may be repeated
    #[arg(
        short,
        long = "index",
        value_name = "INDEX",
        required_unless_present = "view",
        allow_hyphen_values = true
    )]
    pub index: Vec<Selection>,
    #[arg(long, value_name = "SPEC", help = VIEW_HELP, value_parser = parse_view)]
    pub view: Option<Spec>,
    #[command(flatten)]
    pub dataset: ShardArguments,
}

const CAT_EXAMPLES: &str = "\
Examples:
  roxfs cat -i 42 dataset.rox > record.bin
  roxfs cat -i 10:20 -i -1 dataset.rox | wc -c
  roxfs cat --view shuffle=7,slice=:100 dataset.rox | wc -c";

#[derive(Debug, Args)]
#[command(after_long_help = EXTRACT_EXAMPLES)]
pub(crate) struct Extract {
    /// The directory to write into; it is created if it is missing
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
    /// A record that is selected several times is extracted once.
    #[arg(
        short,
        long = "index",
        value_name = "INDEX",
        allow_hyphen_values = true
    )]
    pub index: Vec<Selection>,
    #[arg(long, value_name = "SPEC", help = VIEW_HELP, value_parser = parse_view)]
    pub view: Option<Spec>,
    /// Replace files that exist
    #[arg(long, conflicts_with = "tar")]
    pub force: bool,
    /// Write a tar archive to standard output, instead of files
    #[arg(long)]
    pub tar: bool,
    /// Print no summary
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    pub dataset: ShardArguments,
}

const EXTRACT_EXAMPLES: &str = "\
Examples:
  roxfs extract -o train dataset.rox
  roxfs extract -o first -i :100 dataset.rox
  roxfs extract -o sample --view shuffle=1,slice=:100 dataset.rox
  roxfs extract --tar dataset.rox | tar -tvf -";

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub dataset: ShardArguments,
}

#[derive(Debug, Args)]
#[command(after_help = HINT_EXAMPLES)]
pub(crate) struct Hint {
    /// Take back all orders that you have handed over (as root: that anybody has), instead
    #[arg(long, conflicts_with_all = ["binary", "null"])]
    pub clear: bool,
    /// The input is numbers of 8 bytes, little-endian
    #[arg(long, conflicts_with = "null")]
    pub binary: bool,
    /// Lines end with a NUL byte
    #[arg(short = '0', long)]
    pub null: bool,
    /// Do not say how many records were handed over
    #[arg(short, long)]
    pub quiet: bool,
    /// Where roxfs has mounted the dataset
    #[arg(value_name = "MOUNTPOINT")]
    pub mountpoint: PathBuf,
}

const HINT_EXAMPLES: &str = "\
Examples:
  roxfs hint mnt < order.txt
  shuf -i 0-999999 | tee order.txt | roxfs hint mnt
  find mnt/files/cat -type f | shuf | tee list.txt | roxfs hint mnt
  python3 train.py --print-order | roxfs hint mnt
  roxfs hint --clear mnt";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn helpers_do_not_show_in_help() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("verify"));
        for helper in ["list-ahead", "let-go", "abort-if-killed", "ask-root"] {
            assert!(!help.contains(helper), "{helper}");
        }
    }

    /// The command line of an example, without what follows in the shell or stands beside it.
    fn arguments(example: &str) -> Option<Vec<String>> {
        let line = &example[example.find("roxfs ")?..];
        let ends = [" | ", " > ", " < ", "  "]
            .iter()
            .filter_map(|end| line.find(end));
        let line = &line[..ends.min().unwrap_or(line.len())];
        let words = line.split(' ').map(|word| word.trim_matches('\''));
        Some(words.map(str::to_owned).collect())
    }

    #[test]
    fn the_examples_of_the_help_are_understood() {
        let mut command = Cli::command();
        let mut pages = vec![command.render_long_help().to_string()];
        for subcommand in command.get_subcommands_mut() {
            pages.push(subcommand.render_long_help().to_string());
        }
        let examples = pages.iter().filter_map(|page| page.split_once("Examples:"));
        let lines = examples.flat_map(|(_, examples)| examples.lines());
        let mut understood = 0;
        for arguments in lines.filter_map(arguments) {
            let cli = Cli::try_parse_from(&arguments);
            assert!(cli.is_ok(), "{arguments:?}: {}", cli.expect_err("an error"));
            understood += 1;
        }
        assert_eq!(understood, 30, "all examples");
    }
}
