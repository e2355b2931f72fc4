//! `mount`: its options, and what they decide.

use super::option_list::{OptionList, Unknown};
use super::values::{parse_cache, parse_extension, parse_memory};
use crate::dataset::numbered::EXTENSION;
use crate::session::{CacheLimit, MountOptions, Prepare, ServeOptions, Threads};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::ffi::OsString;
use std::path::PathBuf;

/// Two threads answered 1.3 to 1.6 times as fast as one, even on two cores; three and four answered
/// one reader of small records 1.2 times as fast as two, and several readers of large ones 0.85 times.
/// They sleep while there is nothing to do: spinning answered one reader 1.5 times as fast, and four
/// not at all, but takes the processors from the programs that use what they read.
const LEAST_ANSWERING: usize = 2;
const MOST_ANSWERING: usize = 8;
/// How many requests wait for storage at once, where nothing is said.
const WAITING: u16 = 64;
/// Memory for orders that programs hand over, where nothing is said: a random epoch of 16 million records, as
/// many as the largest sets of images that are shared as files have. None of it is taken before.
const ORDER_MEMORY: &str = "64MiB";

#[derive(Debug, Args)]
#[command(after_long_help = TREE_AND_EXAMPLES, args_override_self = true)]
pub(crate) struct Mount {
    /// Stay in the foreground
    #[arg(short, long)]
    foreground: bool,
    /// Extension of the numbered files in records/ and shards/
    #[arg(long, value_name = "EXT", default_value = EXTENSION, value_parser = parse_extension)]
    ext: String,
    /// Mount only this directory of the tree: files, records, raw, or one below, such as files/train
    /// or views/shuffle=7
    #[arg(long, value_name = "NODE")]
    root: Option<PathBuf>,
    /// How much memory records may stay in once they were read: auto, a size such as 4GiB, or none
    ///
    /// Where that is less than the dataset needs, a fixed part of the records stays, and the others are
    /// let go of once they were read. auto is what the machine and its control groups have available, and
    /// follows it.
    #[arg(long, value_name = "MEMORY", default_value = "auto", value_parser = parse_cache)]
    cache: CacheLimit,
    /// What to prepare before it is asked for
    #[arg(long, value_name = "WHAT", default_value = "all")]
    ahead: Prepare,
    /// How much memory orders may take that programs hand over (roxfs hint): 4 bytes a record
    #[arg(long, value_name = "SIZE", default_value = ORDER_MEMORY, value_parser = parse_memory)]
    order_memory: u64,
    /// Let other users in, as far as the permissions of the shard files allow
    ///
    /// Those are the permissions that the files have when they are mounted; the directories above them
    /// do not count.
    #[arg(long)]
    allow_other: bool,
    /// How many requests may wait for storage at once
    ///
    /// Each does in a thread that is started when it is needed. What is in memory is answered by a few
    /// others: one for each core, from 2 to 8, and not more than N.
    #[arg(long, value_name = "N", default_value_t = WAITING,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Mount options, separated by commas: any of the options above, and noexec, noatime, fsname=NAME
    ///
    /// As in root=files,cache=4GiB,allow_other. A value that has commas is written in double quotes, as in
    /// root="views/shuffle=7,split=3of8". context=, fscontext=, defcontext= and rootcontext= are passed to
    /// the kernel. What means something to mount(8) alone, as nofail, user or x-systemd.automount, is
    /// accepted and ignored, and so is what always holds or never can: ro, nosuid, nodev, rw, dev, suid.
    #[arg(short, value_name = "OPTS", value_parser = option_list_parser())]
    pub options: Vec<OptionList>,
    /// Shards, in this order: files, quoted patterns, directories, or NAME.rox for NAME_NNNN.rox
    #[arg(value_name = "SHARD", required = true)]
    shards: Vec<PathBuf>,
    /// An existing directory to mount on
    #[arg(value_name = "MOUNTPOINT", required = true)]
    mountpoint: PathBuf,
    /// Where it is mount(8) that asks.
    #[arg(skip)]
    pub helper: Option<AsHelper>,
}

/// What a helper of mount(8) is asked for beside the mount itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AsHelper {
    /// Do all but mount.
    pub fake: bool,
    /// Say what was mounted.
    pub verbose: bool,
    /// A file that stands for the mount namespace to mount in.
    pub namespace: Option<PathBuf>,
}

fn option_list_parser() -> impl TypedValueParser<Value = OptionList> {
    let parse = |list: OsString| OptionList::parse(&list, Unknown::Refused);
    OsStringValueParser::new().try_map(parse)
}

const TREE_AND_EXAMPLES: &str = "\
The tree:
  files/cat/1.jpg                  records by the names they were packed with, if they have names
  records/000042.bin               record 42 (records/42.bin is the same file)
  raw/data                         all payloads, one after the other
  raw/index                        end offset of each record in raw/data, u64 little-endian
  shards/dataset_0000/000000.bin   records by shard
  views/SPEC/000000.bin            records in another order; SPEC is one operation after another:
                                   slice=START:STOP[:STEP], split=IofN, shuffle=SEED,
                                   such as shuffle=7,split=3of8; and names at the end, if entries
                                   are to be called 000000__cat__1.jpg
  .roxfs/info.json                 what is mounted

Examples:
  mkdir mnt && roxfs mount dataset.rox mnt
  roxfs mount --root files images.rox mnt       the tree of names alone, as loaders want it
  roxfs mount 'train_*.rox' extra.rox mnt       several sets of shards as one dataset
  roxfs mount --root views/shuffle=7 d.rox mnt  the records in a random order, and nothing else
  roxfs umount mnt

In the background, warnings go to the system's log; ROXFS_LOG=debug shows more.";

/// A mount as it was asked for.
#[derive(Debug)]
pub(crate) struct MountPlan {
    pub foreground: bool,
    pub shards: Vec<PathBuf>,
    pub mountpoint: PathBuf,
    pub tree: TreeOptions,
    pub mount: MountOptions,
    pub serve: ServeOptions,
    pub helper: Option<AsHelper>,
}

/// Which tree is shown.
#[derive(Debug)]
pub(crate) struct TreeOptions {
    pub extension: String,
    /// The directory that is shown alone.
    pub root: Option<PathBuf>,
    /// Bytes of memory for orders that are handed over.
    pub order_memory: u64,
}

impl Mount {
    /// What the options mean on a machine with this many cores.
    pub fn decide(self, cores: usize) -> MountPlan {
        let waiting = usize::from(self.threads);
        MountPlan {
            mount: self.mount_options(),
            serve: ServeOptions {
                threads: Threads {
                    answering: cores.clamp(LEAST_ANSWERING, MOST_ANSWERING).min(waiting),
                    waiting,
                },
                prepare: self.ahead,
                cache: self.cache,
            },
            tree: TreeOptions {
                extension: self.ext,
                root: self.root,
                order_memory: self.order_memory,
            },
            foreground: self.foreground,
            shards: self.shards,
            mountpoint: self.mountpoint,
            helper: self.helper,
        }
    }

    /// The long options that stand behind `-o`.
    pub fn own_options(&self) -> impl Iterator<Item = &OsString> {
        self.options.iter().flat_map(|list| &list.own)
    }

    /// What the flags and all `-o` ask for together.
    fn mount_options(&self) -> MountOptions {
        let mut together = MountOptions {
            allow_other: self.allow_other,
            ..MountOptions::default()
        };
        for list in &self.options {
            list.apply(&mut together);
        }
        together
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::builder::Styles;

    const CORES: usize = 4;

    fn parse(arguments: &[&str]) -> Option<Mount> {
        let line = ["roxfs", "mount"].iter().chain(arguments);
        let line: Vec<OsString> = line.map(OsString::from).collect();
        match Cli::of(&line, &Styles::plain()).ok()?.command {
            Command::Mount(mount) => Some(mount),
            _ => None,
        }
    }

    fn decide(options: &[&str]) -> MountPlan {
        let line = [options, &["a.rox", "/mnt"]].concat();
        parse(&line).expect("understood").decide(CORES)
    }

    #[test]
    fn the_last_argument_is_the_mount_point() {
        let plan = parse(&["a.rox", "b.rox", "/mnt"]).expect("understood");
        let plan = plan.decide(CORES);
        assert_eq!(
            plan.shards,
            [PathBuf::from("a.rox"), PathBuf::from("b.rox")]
        );
        assert_eq!(plan.mountpoint, PathBuf::from("/mnt"));
        assert!(parse(&["a.rox"]).is_none());
    }

    #[test]
    fn threads_that_answer_follow_the_cores_within_limits_and_those_that_wait_the_option() {
        let threads = |options, cores| {
            let line = [options, &["a.rox", "/mnt"][..]].concat();
            let plan = parse(&line).expect("understood").decide(cores);
            (plan.serve.threads.answering, plan.serve.threads.waiting)
        };
        let expected = [(2, 64), (4, 64), (8, 64)];
        assert_eq!([1, 4, 64].map(|cores| threads(&[], cores)), expected);
        assert_eq!(threads(&["--threads", "1"], 4), (1, 1));
        assert_eq!(threads(&["--threads", "32"], 64), (8, 32));
    }

    #[test]
    fn flags_and_all_lists_of_options_count_and_the_last_source() {
        let plan = decide(&[
            "-o",
            "ro,noexec,fsname=first",
            "-o",
            "fsname=my set,noatime",
        ]);
        let expected = MountOptions {
            allow_other: false,
            noexec: true,
            noatime: true,
            source: Some("my set".into()),
            contexts: Vec::new(),
        };
        assert_eq!(plan.mount, expected);
        assert!(decide(&["-o", "allow_other"]).mount.allow_other);
        assert!(decide(&["--allow-other", "-o", "noexec"]).mount.allow_other);
        assert_eq!(decide(&[]).mount, MountOptions::default());
    }

    #[test]
    fn mount_options_are_known_ones() {
        for bad in ["remount", "nosuch", "fsname=", "foreground", "threads=x"] {
            assert!(parse(&["-o", bad, "a.rox", "/mnt"]).is_none(), "{bad}");
        }
    }

    #[test]
    fn every_option_can_stand_behind_o_and_counts_less_than_a_flag() {
        let list = r#"root="views/shuffle=7,split=3of8",threads=5,ahead=none,cache=none,ext=jpg"#;
        let plan = decide(&["--threads", "7", "-o", list]);
        assert_eq!(plan.tree.root, Some("views/shuffle=7,split=3of8".into()));
        assert_eq!(plan.tree.extension, "jpg");
        assert_eq!(plan.serve.threads.waiting, 7);
        assert_eq!(plan.serve.prepare, Prepare::Nothing);
        assert_eq!(plan.serve.cache, CacheLimit::Bytes(0));
    }

    #[test]
    fn everything_is_prepared_unless_something_else_is_asked_for() {
        let prepare = |options| decide(options).serve.prepare;
        assert_eq!(prepare(&[]), Prepare::Everything);
        assert_eq!(prepare(&["--ahead", "all"]), Prepare::Everything);
        assert_eq!(prepare(&["--ahead", "order"]), Prepare::NextInOrder);
        assert_eq!(prepare(&["--ahead", "none"]), Prepare::Nothing);
    }
}
