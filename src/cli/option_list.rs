//! The lists of options behind `-o`, as mount(8) and fstab(5) write them.
//!
//! Every long option of `roxfs mount` is one of them, with `_` for `-`: they are taken from the parser
//! of the command line, and given back to it in their long form.

use super::mount::Mount;
use crate::session::{Context, MountOptions};
use clap::{Args, Command};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Options that mean something to mount(8), or nothing for a file system that is read-only and has no
/// devices, no set-user-ID programs and no access times. mount(8) gives a helper most of what fstab has.
const IGNORED: &str = "ro rw suid nosuid dev nodev sync async dirsync silent loud mand nomand iversion \
    noiversion diratime nodiratime relatime norelatime strictatime nostrictatime lazytime nolazytime \
    symfollow nosymfollow defaults auto noauto user nouser users nousers owner noowner group nogroup nofail \
    _netdev comment helper uhelper subtype nonempty default_permissions";
/// And all that begin like this.
const IGNORED_PREFIXES: [&str; 2] = ["x-", "X-"];
/// Passed to the kernel.
const PASSED: [&str; 5] = ["exec", "noexec", "atime", "noatime", "fsname"];
/// Long options that have no meaning here: mount(8) waits for its helper to end.
const NOT_OWN: [&str; 3] = ["foreground", "help", "version"];
/// How alike a name must be to be suggested (`strsim::jaro`). One wrong letter of three gives 0.78.
const ALIKE: f64 = 0.75;

/// What one or several lists ask for.
#[derive(Debug, Clone, Default)]
pub struct OptionList {
    /// roxfs's own, as long options of the command line.
    pub own: Vec<OsString>,
    /// What the kernel is told, in this order.
    passed: Vec<Passed>,
}

#[derive(Debug, Clone)]
enum Passed {
    Exec(bool),
    AccessTimes(bool),
    Source(OsString),
    Context(Context),
}

/// What is done with names that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Refused,
    /// As mount(8) wants it with `-s`.
    Ignored,
}

impl OptionList {
    pub fn parse(list: &OsStr, unknown: Unknown) -> Result<OptionList, String> {
        let own_names = own_names();
        let mut parsed = OptionList::default();
        for option in split(list.as_bytes()) {
            let (name, value) = match option.iter().position(|&byte| byte == b'=') {
                Some(at) => (&option[..at], Some(&option[at + 1..])),
                None => (&option[..], None),
            };
            let name = String::from_utf8_lossy(name);
            let value = value.map(OsStr::from_bytes);
            if let Some(passed) = Passed::parse(&name, value)? {
                parsed.passed.push(passed);
            } else if own_names.contains(&name.replace('_', "-")) {
                let mut long = OsString::from(format!("--{}", name.replace('_', "-")));
                if let Some(value) = value {
                    long.push("=");
                    long.push(value);
                }
                parsed.own.push(long);
            } else if name == "remount" {
                return Err(
                    "remount: what is mounted cannot be changed; unmount it, and mount it again"
                        .to_owned(),
                );
            } else if !is_ignored(&name) && unknown == Unknown::Refused {
                return Err(unknown_option(&name, &own_names));
            }
        }
        Ok(parsed)
    }

    /// What the kernel is told, on top of what `options` has; of those that contradict each other the
    /// last one counts.
    pub fn apply(&self, options: &mut MountOptions) {
        for passed in &self.passed {
            match passed {
                Passed::Exec(is_allowed) => options.noexec = !is_allowed,
                Passed::AccessTimes(are_kept) => options.noatime = !are_kept,
                Passed::Source(source) => options.source = Some(source.clone()),
                Passed::Context(context) => options.contexts.push(context.clone()),
            }
        }
    }
}

impl Passed {
    fn parse(name: &str, value: Option<&OsStr>) -> Result<Option<Passed>, String> {
        if Context::NAMES.contains(&name) {
            let context = Context::new(name, value.unwrap_or_default());
            let context = context.ok_or_else(|| format!("{name} needs a security context"))?;
            return Ok(Some(Passed::Context(context)));
        }
        Ok(Some(match (name, value) {
            ("exec", None) => Passed::Exec(true),
            ("noexec", None) => Passed::Exec(false),
            ("atime", None) => Passed::AccessTimes(true),
            ("noatime", None) => Passed::AccessTimes(false),
            ("fsname", Some(source)) if !source.is_empty() => Passed::Source(source.to_owned()),
            ("fsname", _) => return Err("fsname needs a name".to_owned()),
            _ => return Ok(None),
        }))
    }
}

/// The long options of `roxfs mount` that may be behind `-o`.
fn own_names() -> Vec<String> {
    let command = Mount::augment_args(Command::new("mount"));
    let names = command.get_arguments().filter_map(|arg| arg.get_long());
    let own = names.filter(|name| !NOT_OWN.contains(name));
    own.map(str::to_owned).collect()
}

fn ignored() -> impl Iterator<Item = &'static str> {
    IGNORED.split(' ')
}

fn is_ignored(name: &str) -> bool {
    let mut prefixes = IGNORED_PREFIXES.iter();
    ignored().any(|ignored| ignored == name) || prefixes.any(|prefix| name.starts_with(prefix))
}

fn unknown_option(name: &str, own_names: &[String]) -> String {
    let own = own_names.iter().map(|own| own.replace('-', "_"));
    let others = ignored().chain(PASSED).chain(Context::NAMES);
    let known = own.chain(others.map(str::to_owned));
    let likeness = |known: &String| strsim::jaro(name, known);
    let alike = known.filter(|known| likeness(known) > ALIKE);
    let nearest = alike.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = nearest.map(|known| format!("; did you mean \"{known}\"?"));
    format!(
        "unknown mount option \"{name}\"{}",
        hint.unwrap_or_default()
    )
}

/// The options of a list. A comma in double quotes or behind a backslash is part of an option, as
/// libmount has it (`ul_optstr_next`); the quotes and backslashes are not.
fn split(list: &[u8]) -> Vec<Vec<u8>> {
    let mut options = vec![Vec::new()];
    let mut is_quoted = false;
    let mut bytes = list.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'"' => {
                is_quoted = !is_quoted;
                continue;
            }
            b',' if !is_quoted => {
                options.push(Vec::new());
                continue;
            }
            b'\\' => bytes
                .next_if(|next| matches!(next, b',' | b'"' | b'\\'))
                .unwrap_or(byte),
            byte => byte,
        };
        if let Some(option) = options.last_mut() {
            option.push(byte);
        }
    }
    options.retain(|option| !option.is_empty());
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn parse(list: &str) -> Result<OptionList, String> {
        OptionList::parse(OsStr::new(list), Unknown::Refused)
    }

    fn own(list: &str) -> Vec<OsString> {
        parse(list).expect("understood").own
    }

    fn options(list: &str) -> MountOptions {
        let mut options = MountOptions::default();
        parse(list).expect("understood").apply(&mut options);
        options
    }

    #[test]
    fn every_option_of_the_command_but_a_few_has_a_form_here() {
        let names = own_names();
        for name in ["root", "ext", "threads", "cache", "ahead", "allow-other"] {
            assert!(names.iter().any(|own| own == name), "{name}: {names:?}");
        }
        for name in names {
            let option = name.replace('-', "_");
            assert_eq!(
                own(&format!("{option}=x")),
                [format!("--{name}=x").as_str()]
            );
            assert!(!is_ignored(&option), "{option} is ignored");
        }
        assert!(parse("foreground").is_err());
    }

    #[test]
    fn commas_stay_in_quotes_and_behind_backslashes() {
        let expected = ["--root=views/shuffle=7,split=3of8", "--allow-other"];
        let quoted = own(r#"ro,root="views/shuffle=7,split=3of8",allow_other"#);
        assert_eq!(quoted, expected);
        let escaped = own(r"ro,,root=views/shuffle=7\,split=3of8,allow-other,");
        assert_eq!(escaped, expected);
        let odd = br#"a\b,"c"\"d,\\,"#;
        assert_eq!(split(odd), [&br"a\b"[..], br#"c"d"#, br"\"]);
        assert!(split(b"").is_empty());
        assert_eq!(split(b"\"a,b"), [b"a,b"]);
    }

    #[test]
    fn bytes_that_are_not_utf_8_stay() {
        let list = OsString::from_vec(b"root=files/\xff,fsname=\xfe".to_vec());
        let parsed = OptionList::parse(&list, Unknown::Refused).expect("understood");
        assert_eq!(
            parsed.own,
            [OsString::from_vec(b"--root=files/\xff".to_vec())]
        );
    }

    #[test]
    fn what_speaks_to_mount_alone_is_ignored() {
        let list = "rw,defaults,nofail,user=me,users,_netdev,x-systemd.automount,X-mount.mkdir=0755,\
                    comment=mine,relatime,nosuid,nodev";
        assert!(own(list).is_empty());
        assert_eq!(options(list), MountOptions::default());
    }

    #[test]
    fn the_last_of_those_that_contradict_each_other_counts() {
        assert!(options("noexec").noexec && options("exec,noexec").noexec);
        assert!(!options("noexec,exec").noexec);
        assert!(!options("noatime,atime").noatime && options("noatime").noatime);
        let source = options("fsname=first,fsname=my set").source;
        assert_eq!(source, Some(OsString::from("my set")));
    }

    #[test]
    fn security_contexts_are_passed_on() {
        let list = r#"context="system_u:object_r:tmp_t:s0:c127,c456",rootcontext=x"#;
        let contexts = options(list).contexts;
        let expected = [
            Context::new(
                "context",
                OsStr::new("system_u:object_r:tmp_t:s0:c127,c456"),
            ),
            Context::new("rootcontext", OsStr::new("x")),
        ];
        assert_eq!(
            contexts,
            expected.map(|context| context.expect("a context"))
        );
        for bad in ["context", "context=", r#"context=a\"b"#] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_option_is_named_with_the_nearest_one_unless_it_is_to_be_ignored() {
        let refused = |list| parse(list).expect_err("refused");
        let expected = r#"unknown mount option "allow_others"; did you mean "allow_other"?"#;
        assert_eq!(refused("ro,allow_others"), expected);
        assert_eq!(refused("zzz=1"), r#"unknown mount option "zzz""#);
        assert!(refused("remount,ro").contains("unmount it, and mount it again"));
        let sloppy = |list| OptionList::parse(OsStr::new(list), Unknown::Ignored);
        assert!(sloppy("zzz,root=files").is_ok_and(|parsed| parsed.own == ["--root=files"]));
        assert!(sloppy("remount").is_err());
    }
}
