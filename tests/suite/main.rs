//! **The map of the tests**: where a test stands, and where a new one goes.
//!
//! Two more programs are beside this one: `tests/machine` has what must run alone, because it changes or
//! watches the whole machine, and `tests/fuzz` a short run of each fuzz target. What they share is in
//! `tests/support`. Tests of a module's inside stand in that module, in `src/`.
//!
//! `scripts/test` installs what the tests need and runs them all; `cargo test --test suite
//! pack::sources::zip` runs a part. Tests run side by side in this one process: what a test sets for a
//! whole process (umask, limits, the current directory, signals) it sets in a program that it starts.
//!
//! No test passes without having tested. What needs root, fuse3, or a program that `scripts/test`
//! installs fails without it, and says so: run `scripts/test`, as root. What a kernel cannot do nobody can
//! install, so this alone is skipped: a line beginning with `skipped:` tells, and `scripts/test` counts them.

#[path = "../support/mod.rs"]
mod support;

/// Bytes of a shard: valid, damaged, and those of earlier versions.
mod format {
    /// Shards of earlier versions, kept in `tests/corpus`: every later version must read all of them.
    mod corpus;
    /// Shards that are damaged or made to do harm: each is refused, or survived, with an exact message.
    mod hostile;
}

/// Packing records into shards.
mod pack {
    /// Into a dataset that exists: its last shard is continued, in a copy that takes its place.
    mod append;
    /// Runs that end at a bad moment, killed or out of space, and the next run that completes them.
    mod crash;
    /// Single system calls that fail, by strace.
    mod failing_calls;
    /// `ROXXEL01` and `ROXXEL02`: which is written, appended to, converted and resumed.
    mod footers;
    /// What others have put under the names that roxfs is going to use.
    mod planted;
    /// What cannot be packed is an error, and nothing is written.
    mod refused;
    /// Runs that are resumed, and what is not what they have begun with.
    mod resumed;
    /// Every kind of source (files, lists, tar, zip, streams, shards), and every option that chooses or
    /// names records.
    mod sources;
    /// File systems that lack something, by strace.
    mod targets;
    /// What one run writes: order, sizes, permissions.
    mod written;
}

/// Records back to files, or into an archive: all of them, nothing else, and nowhere else.
mod extract;

/// The tree without a mount, against the bytes that the test wrote.
mod tree;

/// `files/`: against a model without a mount, against real trees, and names that clash or lie.
mod names;

/// `views/`: records in other orders, as arithmetic, as a tree, mounted, and in commands.
mod views;

/// Orders handed over: `roxfs hint`, the requests it makes, and all that can be done to them.
mod hint;

/// Mounts, from their beginning to their end.
mod mount {
    /// Made in the background and the foreground, and what cannot be mounted.
    mod background;
    /// By mount(8), as fstab says.
    mod by_mount;
    /// What people get wrong, or their machine does not have: each message says what to do.
    mod mistaken;
    /// Shards that are touched, renamed or written to meanwhile, and keep their length.
    mod rewritten;
    /// As services of systemd, and what `scripts/packaging` installs.
    mod service;
    /// Signals that end a mount, and what they leave alone.
    mod signals;
    /// With limits on descriptors, processes and threads: it works with less, or says why not.
    mod start;
    /// Shards that are cut, appended to, replaced or removed meanwhile.
    mod truncated;
    /// Shards that cannot be mapped are read.
    mod unmapped;
    /// `roxfs umount`: what it unmounts, and what it leaves alone.
    mod unmount;
    /// Ordinary users, by fusermount3.
    mod users;
}

/// A mount as programs use files: cp, tar, rsync, find, NumPy, bare system calls, namespaces.
mod programs;

/// Commands as a person or a script uses them.
mod commands {
    /// What reads a whole dataset does work in proportion to the file, whatever its offsets say.
    mod bounded;
    /// What a mount says while it is served: never in a reader's way, and each thing once.
    mod messages;
    /// Standard output or error is closed, full, or nobody reads it.
    mod outputs;
    /// `info`, `ls`, `cat` and `verify`, and the errors that a typo brings.
    mod reading;
    /// README's table of commands and what the program says of itself.
    mod readme;
    /// Nothing that comes from outside commands a terminal, or reads as what it is not.
    mod shown;
    /// A disk that fails: `info`, `ls` and `verify` say so.
    mod unreadable;
}

/// The Python module that hands orders over, `scripts/python/roxfs.py`.
mod python;

/// The Python package roxxel, in several versions: the same bytes, written and read.
mod reference;

/// The front page of the source, `src/lib.rs`, held against the code.
mod front_page;

/// Short runs of the scripts in `scripts/attack`, and of `scripts/bench/archives`.
mod attack {
    /// Random rights of shards, appended to: nobody may read more afterwards.
    mod append_rights;
    /// tar archives, against GNU tar, bsdtar and Python.
    mod archives;
    /// System calls of every command fail, one after the other.
    mod inject;
    /// Random rights of shards, mounted: nobody is let in whom a shard keeps out.
    mod permissions;
    /// exFAT, rclone and others as targets.
    mod targets;
}
