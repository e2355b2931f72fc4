//! Which form of footer is written: the one that is asked for, that of the dataset that is appended
//! to, or that of the shards that are packed anew.
//!
//! A dataset keeps one form, because no version of `roxxel` reads datasets of several, and because it
//! takes the first shard's element type for that of all.

use super::PackError;
use crate::format::dtype::Dtype;
use crate::format::footer::Version;
use crate::shard::Shard;
use std::fmt;
use std::path::{Path, PathBuf};

/// The form that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Form {
    /// Whichever the dataset has; `ROXXEL01` for a new one.
    #[default]
    Any,
    /// `ROXXEL01`.
    V01,
    /// `ROXXEL02`, with whichever element type the dataset has: `uint8` for a new one.
    V02,
    /// `ROXXEL02` with this element type.
    Typed(Dtype),
    /// That of the shards that are packed anew, of which one is named.
    Like(Version, PathBuf),
}

impl Form {
    /// What is asked for by packing `shards` anew: where the run does not say it all, their form and
    /// element type, which have to be the same in all of them. Shards without an element type ask
    /// for none, and where `ROXXEL02` is asked for they count as `uint8`, as `roxxel` reads them.
    pub fn of_shards(self, shards: &[PathBuf]) -> Result<Form, PackError> {
        if !matches!(self, Form::Any | Form::V02) {
            return Ok(self);
        }
        let counts_as = |version: &Version| match version {
            Version::V01 if self == Form::V02 => Form::V02.version(),
            version => version.clone(),
        };
        let mut first: Option<(&Path, Version)> = None;
        // One that has an element type, so that there is anything to ask for.
        let mut typed = None;
        for path in shards {
            let version = Shard::open(path)?.version().clone();
            let (before, same_as) = first.get_or_insert_with(|| (path, version.clone()));
            if counts_as(&version) != counts_as(same_as) {
                return Err(PackError::SeveralForms {
                    first: (before.to_owned(), same_as.clone()),
                    second: (path.clone(), version),
                });
            }
            if version.dtype().is_some() {
                typed.get_or_insert((path, version));
            }
        }
        Ok(match typed {
            Some((path, version)) => Form::Like(version, path.clone()),
            None => self,
        })
    }

    /// The form of the shards to be written, where `last` is the last one there is. Another one than
    /// that shard has is an error with this `advice`, unless the run `may_differ` from it.
    pub(super) fn decide(
        &self,
        last: Option<&Shard>,
        may_differ: bool,
        advice: Advice,
    ) -> Result<Version, PackError> {
        match last {
            Some(last) if self.allows(last.version()) => Ok(last.version().clone()),
            Some(last) if !may_differ => Err(PackError::OtherForm {
                path: last.path().to_owned(),
                found: last.version().clone(),
                asked: self.clone(),
                advice,
            }),
            _ => Ok(self.version()),
        }
    }

    fn allows(&self, version: &Version) -> bool {
        match self {
            Form::Any => true,
            Form::V01 => *version == Version::V01,
            Form::V02 => version.dtype().is_some(),
            Form::Typed(dtype) => version.dtype() == Some(dtype.as_str()),
            Form::Like(wanted, _) => version == wanted,
        }
    }

    /// The form of a new dataset.
    fn version(&self) -> Version {
        match self {
            Form::Any | Form::V01 => Version::V01,
            Form::V02 => Version::V02 {
                dtype: Dtype::default(),
            },
            Form::Typed(dtype) => Version::V02 {
                dtype: dtype.clone(),
            },
            Form::Like(version, _) => version.clone(),
        }
    }
}

/// As the second half of a sentence about a shard of another form.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::Any => f.write_str("any form is asked for"),
            Form::V01 => f.write_str("ROXXEL01 is asked for"),
            Form::V02 => f.write_str("ROXXEL02 is asked for"),
            Form::Typed(dtype) => write!(f, "ROXXEL02 {dtype} is asked for"),
            Form::Like(version, path) => write!(f, "{} is {version}", crate::text::printable(path)),
        }
    }
}

/// What can be done where the dataset has another form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// It is appended to, or a shard of another form is begun.
    Append,
    /// It is appended to.
    AppendToFile,
    /// An interrupted run is resumed as it has begun.
    Resume,
}

impl Advice {
    /// What to do about a dataset of this form.
    pub fn about(self, found: &Version) -> String {
        let options = match found {
            Version::V01 => "--footer 01".to_owned(),
            Version::V02 { dtype } if dtype.as_str().is_empty() => "--footer 02".to_owned(),
            Version::V02 { dtype } => format!("--footer 02 --dtype {dtype}"),
        };
        match self {
            Advice::Append => format!(
                "append in its form ({options}), convert it first (--from rox), or begin a shard \
                 of another form (--new-shard)"
            ),
            Advice::AppendToFile => {
                format!("append in its form ({options}), or convert it first (--from rox)")
            }
            Advice::Resume => format!("resume as the run has begun ({options})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_as_the_dataset_has_it() {
        let typed = |name: &str| Version::V02 {
            dtype: Dtype::new(name).expect("valid"),
        };
        let asked = |name: &str| Form::Typed(Dtype::new(name).expect("valid"));
        let like = Form::Like(typed("int32"), PathBuf::from("x.rox"));
        for (form, new, allowed) in [
            (Form::Any, Version::V01, [true, true, true]),
            (Form::V01, Version::V01, [true, false, false]),
            (Form::V02, typed("uint8"), [false, true, true]),
            (asked("int32"), typed("int32"), [false, false, true]),
            (like, typed("int32"), [false, false, true]),
        ] {
            assert_eq!(form.version(), new, "{form}");
            let there = [Version::V01, typed("uint8"), typed("int32")];
            assert_eq!(
                there.map(|version| form.allows(&version)),
                allowed,
                "{form}"
            );
        }
    }
}
