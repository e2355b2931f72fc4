//! What a mount is asked to be.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// What a mount is asked to be, beside read-only, nosuid, nodev and default_permissions, which
/// it always is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Let users other than the mounting one in, as far as the shards' permissions go.
    pub allow_other: bool,
    /// Do not run programs from it.
    pub noexec: bool,
    /// Never write access times; there are none, so this only shows in the listing of mounts.
    pub noatime: bool,
    /// What the listing of mounts shows as its source; `roxfs` where nothing is said.
    pub source: Option<OsString>,
    /// Security contexts of its files.
    pub contexts: Vec<Context>,
}

impl MountOptions {
    pub(super) fn source(&self) -> &OsStr {
        self.source.as_deref().unwrap_or(OsStr::new("roxfs"))
    }

    /// The contexts as the end of a list of options: the kernel reads values in quotes
    /// (`selinux_sb_eat_lsm_opts` in security/selinux/hooks.c).
    pub(super) fn contexts(&self) -> OsString {
        let mut list = OsString::new();
        for Context { name, value } in &self.contexts {
            list.push(format!(",{name}=\""));
            list.push(value);
            list.push("\"");
        }
        list
    }
}

/// A security context (SELinux) of files that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    name: &'static str,
    value: OsString,
}

impl Context {
    /// The options that give one, as mount(8) describes them.
    pub const NAMES: [&str; 4] = ["context", "fscontext", "defcontext", "rootcontext"];

    /// None where the name is another one, or the value would end where it does not.
    pub fn new(name: &str, value: &OsStr) -> Option<Context> {
        let name = Context::NAMES.into_iter().find(|&known| known == name)?;
        let is_one = !value.is_empty() && !value.as_bytes().contains(&b'"');
        is_one.then(|| Context {
            name,
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_in_quotes() {
        let context = |name, value| Context::new(name, OsStr::new(value)).expect("a context");
        let options = MountOptions {
            contexts: vec![
                context("context", "u:r:t:s0:c1,c2"),
                context("rootcontext", "x"),
            ],
            ..MountOptions::default()
        };
        let expected = r#",context="u:r:t:s0:c1,c2",rootcontext="x""#;
        assert_eq!(options.contexts(), expected);
        assert_eq!(MountOptions::default().contexts(), "");
    }
}
