//! The kinds of `pack --from`, each told once: for the parser, its error and the help.

use super::values::parse_size;
use crate::pack::source::{Framing, SourceKind};

/// A kind of `--from`: its name, what it is, and a line of help.
struct FromKind(&'static str, Meaning, &'static str);

enum Meaning {
    /// The name says it all.
    Kind(SourceKind),
    /// The name ends with the size of a record.
    RecordSize,
}

const FROM_KINDS: [FromKind; 11] = [
    FromKind(
        "tar",
        Meaning::Kind(SourceKind::Tar),
        "tar archives, also compressed by gzip, zstd, xz or bzip2, whatever their names",
    ),
    FromKind(
        "zip",
        Meaning::Kind(SourceKind::Zip),
        "zip archives, which must be files: their directory is at the end",
    ),
    FromKind(
        "lines",
        Meaning::Kind(SourceKind::Stream(Framing::Terminated(b'\n'))),
        "each line is a record, without its newline",
    ),
    FromKind(
        "nul",
        Meaning::Kind(SourceKind::Stream(Framing::Terminated(0))),
        "each record is ended by a NUL byte",
    ),
    FromKind(
        "list",
        Meaning::Kind(SourceKind::List(b'\n')),
        "each line is the path of a file",
    ),
    FromKind(
        "list0",
        Meaning::Kind(SourceKind::List(0)),
        "the same, ended by NUL bytes, as from find -print0",
    ),
    FromKind(
        "length32",
        Meaning::Kind(SourceKind::Stream(Framing::Length(4))),
        "each record follows its length, 32 bits little-endian",
    ),
    FromKind(
        "length64",
        Meaning::Kind(SourceKind::Stream(Framing::Length(8))),
        "each record follows its length, 64 bits little-endian",
    ),
    FromKind("fixed:N", Meaning::RecordSize, "records of N bytes"),
    FromKind(
        "rox",
        Meaning::Kind(SourceKind::Rox),
        "shards: to merge, split or rewrite them",
    ),
    FromKind(
        "files",
        Meaning::Kind(SourceKind::Files),
        "directories and files, archives too, as they are",
    ),
];

/// Their names: `tar, zip, ... rox or files`.
fn kind_names(last_separator: &str) -> String {
    let names = FROM_KINDS.map(|FromKind(name, ..)| name);
    match names.split_last() {
        Some((last, others)) => [others.join(", ").as_str(), last_separator, last].concat(),
        None => String::new(),
    }
}

pub fn from_help() -> String {
    format!("What the sources are: {}", kind_names(", "))
}

/// What stands below the options of `pack`.
pub fn sources_help() -> String {
    let kinds = FROM_KINDS.map(|FromKind(name, _, help)| format!("  {name:<10} {help}\n"));
    [SOURCES_HELP, &kinds.concat(), NAMES_AND_EXAMPLES].concat()
}

const SOURCES_HELP: &str = "\
Without --from a SOURCE is a directory, a file, or an archive by its name: .tar, .tar.gz, .tgz,
.tar.zst, .tar.xz, .txz, .tar.bz2, .tbz2, .zip.
With --from KIND:
";

const NAMES_AND_EXAMPLES: &str = "
Names: a file has its path below the directory that was given, an entry its path in the archive, a
listed file its path as it is written, without a leading / or ./. Then --exclude and --exclude-junk
leave names out, --strip drops leading components, --prefix puts one before, and --duplicates
decides about names that occur twice.
A hard link in an archive has the content that its target has at that point; a link to an entry that
is excluded is an error, since its content is not there. Directories without any record below them
are counted: a dataset has no place for them, and without them loaders number the classes
differently.

Examples:
  roxfs pack -o d.rox train/
  roxfs pack --exclude-junk --exclude '*.txt' --exclude /train/tmp -o d.rox images/
  find /data/train -name '*.jpg' | roxfs pack --from list --strip 2 -o d.rox
  roxfs pack --prefix archive -o d.rox shards/train-*.tar
  roxfs pack --duplicates last -o d.rox grown-by-tar-r.tar
Tokens of 16 bits in blocks of 4096 bytes, for today's roxxel:
  roxfs pack --footer 02 --dtype uint16 --from fixed:4096 -o tokens.rox tokens.bin";

pub fn parse_kind(text: &str) -> Result<SourceKind, String> {
    for FromKind(name, meaning, _) in &FROM_KINDS {
        match meaning {
            Meaning::Kind(kind) if *name == text => return Ok(*kind),
            Meaning::Kind(_) => {}
            Meaning::RecordSize => {
                let size = text.strip_prefix(name.trim_end_matches('N'));
                if let Some(size) = size {
                    let size = parse_size(size);
                    let size = size.map_err(|_| "a record has a number of bytes, 1 or more")?;
                    return Ok(SourceKind::Stream(Framing::Fixed(size)));
                }
            }
        }
    }
    Err(format!("expected {}", kind_names(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn each_kind_is_told_of_and_understood_and_others_are_errors_that_name_them() {
        let mut command = Cli::command();
        let pack = command.find_subcommand_mut("pack").expect("a command");
        let help = pack.render_long_help().to_string();
        let error = parse_kind("nosuch").expect_err("no such kind");
        let seen = |kind: SourceKind| format!("{kind:?}");
        let mut kinds = Vec::new();
        for FromKind(name, _, about) in FROM_KINDS {
            assert!(help.contains(about), "{name}");
            assert!(error.contains(name), "{name}: {error}");
            kinds.push(seen(parse_kind(&name.replace('N', "8")).expect(name)));
        }
        assert!(error.contains("rox or files"), "{error}");
        assert_eq!(
            kinds[8],
            seen(SourceKind::Stream(Framing::Fixed(8))),
            "the size is taken"
        );
        let all = kinds.len();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), all, "each is another one");
        for bad in ["fixed", "fixed:", "fixed:0", "fixed:N", "TAR"] {
            assert!(parse_kind(bad).is_err(), "{bad}");
        }
    }
}
