//! The command line of mount(8)'s helpers: `mount.roxfs SOURCE DIR [-sfnv] [-o OPTS]`, by the name of a
//! link to this program; and `roxfs SOURCE DIR -o OPTS`, as mount.fuse(8) calls a file system whose
//! helper is not there.
//!
//! Either is turned into one of `roxfs mount`, so that there is one place that knows its options.

use super::mount::AsHelper;
use super::option_list::{OptionList, Unknown};
use super::{Cli, Command};
use clap::builder::Styles;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Names of links to this program by which mount(8) finds it, for the types `roxfs` and `fuse.roxfs`.
const NAMES: [&str; 2] = ["mount.roxfs", "mount.fuse.roxfs"];

/// Mount a dataset for mount(8)
///
/// This is the program roxfs under another name, as mount(8) runs it for lines of /etc/fstab. What the
/// options mean is told by roxfs mount --help.
#[derive(Debug, Parser)]
#[command(name = NAMES[0], version, after_help = FSTAB_EXAMPLE)]
struct MountHelper {
    /// Shards: a file, a pattern, a directory, or NAME.rox for NAME_NNNN.rox
    source: PathBuf,
    /// An existing directory to mount on
    #[arg(value_name = "DIR")]
    mountpoint: PathBuf,
    /// Options, separated by commas
    #[arg(short, value_name = "OPTS")]
    options: Vec<OsString>,
    /// Do all but mount
    #[arg(short)]
    fake: bool,
    /// Ignore options that are not known
    #[arg(short)]
    sloppy: bool,
    /// Say what was mounted
    #[arg(short)]
    verbose: bool,
    /// Ignored: there is no /etc/mtab
    #[arg(short)]
    n: bool,
    /// Mount in another mount namespace
    #[arg(short = 'N', value_name = "FILE")]
    namespace: Option<PathBuf>,
    /// Ignored: the type is fuse.roxfs
    #[arg(short = 't', value_name = "TYPE")]
    kind: Option<OsString>,
}

const FSTAB_EXAMPLE: &str = "\
A line of /etc/fstab:
  /data/train.rox  /mnt/train  fuse.roxfs  nofail,allow_other,root=files  0  0";

/// Whether a command line is one of mount(8)'s.
pub fn is_one(arguments: &[OsString]) -> bool {
    let [program, rest @ ..] = arguments else {
        return false;
    };
    let name = Path::new(program).file_name().unwrap_or_default();
    NAMES.iter().any(|&known| name == known) || is_by_mount_fuse(rest)
}

/// Whether arguments are those of mount.fuse: source, directory, and options behind `-o`.
fn is_by_mount_fuse(arguments: &[OsString]) -> bool {
    let [source, directory, options, ..] = arguments else {
        return false;
    };
    let is_option = |argument: &OsString| argument.as_bytes().starts_with(b"-");
    let is_command = |name: &OsString| Cli::command().find_subcommand(name).is_some();
    options == "-o" && !is_option(source) && !is_option(directory) && !is_command(source)
}

/// What such a command line asks for.
pub fn parse(arguments: &[OsString], styles: &Styles) -> Result<Cli, clap::Error> {
    let mut command = MountHelper::command().styles(styles.clone());
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    let helper = MountHelper::from_arg_matches_mut(&mut matches)?;
    let unknown = if helper.sloppy {
        Unknown::Ignored
    } else {
        Unknown::Refused
    };
    let lists = helper.options.iter();
    let lists: Result<Vec<OptionList>, String> =
        lists.map(|list| OptionList::parse(list, unknown)).collect();
    let lists = lists.map_err(|error| command.error(ErrorKind::ValueValidation, error))?;
    let own = lists.iter().flat_map(|list| list.own.iter().cloned());
    let line = ["roxfs", "mount"].map(OsString::from).into_iter();
    let line = line.chain(own).chain(["--".into()]);
    let line = line.chain([helper.source.into(), helper.mountpoint.into()]);
    let mut cli = super::parse_once(line, styles)?;
    if let Command::Mount(mount) = &mut cli.command {
        mount.options = lists;
        mount.helper = Some(AsHelper {
            fake: helper.fake,
            verbose: helper.verbose,
            namespace: helper.namespace,
        });
    }
    Ok(cli)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::MountPlan;

    fn line(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    fn plan(arguments: &[&str]) -> MountPlan {
        let cli = Cli::of(&line(arguments), &Styles::plain());
        match cli.expect("understood").command {
            Command::Mount(mount) => mount.decide(1),
            other => panic!("{other:?}"),
        }
    }

    fn refused(arguments: &[&str]) -> String {
        let refused = Cli::of(&line(arguments), &Styles::plain());
        refused.expect_err("refused").to_string()
    }

    #[test]
    fn it_is_recognized_by_the_name_of_the_program_or_as_mount_fuse_calls() {
        for one in [
            &["mount.roxfs"][..],
            &["/sbin/mount.fuse.roxfs", "info", "/mnt"],
            &["roxfs", "d.rox", "/mnt", "-o", "rw,dev,suid"],
        ] {
            assert!(is_one(&line(one)), "{one:?}");
        }
        for other in [
            &["roxfs"][..],
            &["roxfs", "d.rox", "/mnt"],
            &["roxfs", "mount", "d.rox", "-o", "ro"],
            &["roxfs", "info", "d.rox", "-o", "ro"],
            &["roxfs", "-o", "ro", "-o", "ro"],
        ] {
            assert!(!is_one(&line(other)), "{other:?}");
        }
    }

    #[test]
    fn all_forms_of_mount_8_are_understood() {
        let name = "/sbin/mount.roxfs";
        let plan = plan(&[
            name,
            "/a b",
            "/mnt",
            "-s",
            "-f",
            "-n",
            "-v",
            "-o",
            "rw,root=files,noexec,zzz",
            "-t",
            "roxfs.x",
            "-N",
            "/proc/1/ns/mnt",
        ]);
        assert_eq!(plan.shards, [PathBuf::from("/a b")]);
        assert_eq!(plan.mountpoint, PathBuf::from("/mnt"));
        assert_eq!(plan.tree.root, Some(PathBuf::from("files")));
        assert!(plan.mount.noexec && !plan.foreground);
        let helper = plan.helper.expect("a helper");
        assert!(helper.fake && helper.verbose);
        assert_eq!(helper.namespace, Some(PathBuf::from("/proc/1/ns/mnt")));
    }

    #[test]
    fn options_may_be_in_several_lists_and_before_the_source_and_the_last_one_counts() {
        let plan = plan(&[
            "mount.roxfs",
            "-o",
            "threads=1,ext=a",
            "a",
            "b",
            "-o",
            "threads=2",
        ]);
        assert_eq!(plan.serve.threads.waiting, 2);
        assert_eq!(plan.tree.extension, "a");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = refused(&["roxfs", "a", "b", "-o", "rw,tread=1"]);
        assert!(
            said.contains("\"tread\"; did you mean \"threads\"?"),
            "{said}"
        );
        let said = refused(&["mount.roxfs", "a", "b", "-o", "threads=0"]);
        assert!(said.contains("'0' for '--threads <N>'"), "{said}");
        let said = refused(&["mount.roxfs", "a"]);
        assert!(said.contains("<DIR>"), "{said}");
    }
}
