//! The values of single options: those with few names, and parsers of the others.

use crate::format::dtype::{Dtype, DtypeError};
use crate::order::Spec;
use crate::pack::source::{Duplicates, ExcludePattern};
use crate::session::{CacheLimit, Prepare};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The longest extension, in bytes: names stay far below the limit of 255.
const LONGEST_EXTENSION: usize = 64;

impl ValueEnum for Prepare {
    fn value_variants<'a>() -> &'a [Prepare] {
        &[Prepare::Everything, Prepare::NextInOrder, Prepare::Nothing]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Prepare::Everything => (
                "all",
                "\"order\", and for random access: once enough records were asked for, cache all \
                 names (if they fit in 1/8 of free memory) and the records that are to stay, while \
                 reading continues",
            ),
            Prepare::NextInOrder => (
                "order",
                "The next records, for readers that follow the order of numbers or of names",
            ),
            Prepare::Nothing => ("none", "Nothing"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FooterForm {
    /// ROXXEL01, which roxxel 0.1.0 to 0.5.9 read
    #[value(name = "01")]
    V01,
    /// ROXXEL02, which has an element type, and which roxxel 0.4.0 and newer read
    #[value(name = "02")]
    V02,
}

/// What `--prefix` puts before names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Prefix {
    /// The archive's file name, without .tar, .tar.gz, .tgz, .zip and the like
    Archive,
}

impl ValueEnum for Duplicates {
    fn value_variants<'a>() -> &'a [Duplicates] {
        &[Duplicates::First, Duplicates::Last, Duplicates::Refuse]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Duplicates::First => (
                "first",
                "Pack the first record; leave out and count the others, also where the dataset had \
                 the name before. One that fails (--keep-going) keeps its name all the same. A hard \
                 link to one that is left out is an error, unless it is left out itself",
            ),
            Duplicates::Last => (
                "last",
                "Pack the last file, at its own place, as extracting an archive leaves it; a later \
                 symbolic link or device of the name does not count. The sources are read twice, so \
                 they cannot come from a pipe. A name that the dataset had before is refused",
            ),
            Duplicates::Refuse => (
                "refuse",
                "End the run with an error that says where both are",
            ),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

pub fn parse_extension(text: &str) -> Result<String, String> {
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
pub fn check_output(path: PathBuf) -> Result<PathBuf, &'static str> {
    let bytes = path.as_os_str().as_bytes();
    let is_file = path.file_name().is_some_and(|name| name != ".rox");
    let ends_in_name = !bytes.ends_with(b"/") && !bytes.ends_with(b"/.");
    if !is_file || !ends_in_name {
        return Err("a file name is needed, not a directory: DIRECTORY/NAME.rox");
    }
    Ok(path)
}

pub fn parse_pattern(text: OsString) -> Result<ExcludePattern, String> {
    ExcludePattern::new(&text).map_err(|error| format!("it is no pattern: {error}"))
}

pub fn parse_view(text: &str) -> Result<Spec, String> {
    match text.parse::<Spec>() {
        Ok(spec) if spec.has_names() => {
            Err("names says how entries of a mounted view are called: leave it out".to_owned())
        }
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

pub fn parse_dtype(text: &str) -> Result<Dtype, DtypeError> {
    Dtype::new(text)
}

pub fn parse_size(text: &str) -> Result<u64, String> {
    match parse_memory(text)? {
        0 => Err("a shard needs at least one byte".to_owned()),
        size => Ok(size),
    }
}

/// A number of bytes, also none.
pub fn parse_memory(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        Ok(size) => Ok(size.as_u64()),
        Err(_) => Err("not a size: expected a number and a unit, such as 500MB or 2GiB".to_owned()),
    }
}

/// How much memory records may stay in: `auto`, `none`, or a size.
pub fn parse_cache(text: &str) -> Result<CacheLimit, String> {
    match text {
        "auto" => Ok(CacheLimit::Available),
        "none" => Ok(CacheLimit::Bytes(0)),
        _ => match text.parse::<bytesize::ByteSize>() {
            Ok(size) => Ok(CacheLimit::Bytes(size.as_u64())),
            Err(_) => Err("expected auto, none, or a number and a unit, such as 4GiB".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_size("500MB"), Ok(500_000_000));
        assert_eq!(parse_size("512"), Ok(512));
        for bad in ["", "0", "-1", "2XB", "many"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_memory("0"), Ok(0));
        assert!(parse_memory("none").is_err());
    }

    #[test]
    fn memory_is_a_word_or_a_size() {
        assert_eq!(parse_cache("auto"), Ok(CacheLimit::Available));
        assert_eq!(parse_cache("none"), Ok(CacheLimit::Bytes(0)));
        assert_eq!(parse_cache("4GiB"), Ok(CacheLimit::Bytes(4 << 30)));
        for bad in ["", "one", "two", "-1", "4XB"] {
            assert!(parse_cache(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_extension_may_have_its_dot_and_is_one_component() {
        assert_eq!(parse_extension(".jpg").as_deref(), Ok("jpg"));
        assert_eq!(parse_extension("tar.gz").as_deref(), Ok("tar.gz"));
        for bad in ["", ".", "a/b", &"x".repeat(LONGEST_EXTENSION + 1)] {
            assert!(parse_extension(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_view_of_a_command_has_no_names() {
        assert!(parse_view("shuffle=7,slice=:100").is_ok());
        assert!(parse_view("shuffle=7,names").is_err());
        assert!(parse_view("shuffle=007").is_err());
    }

    #[test]
    fn a_dataset_is_named_by_a_file() {
        for good in ["d.rox", "a/d.rox", "/tmp/d", "..rox"] {
            assert!(check_output(PathBuf::from(good)).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "a/.", "..", ".rox", "a/.rox"] {
            assert!(check_output(PathBuf::from(bad)).is_err(), "{bad}");
        }
    }
}
