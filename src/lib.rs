//! roxfs mounts `.rox` dataset shards read-only, so that every record is a file, and packs files into
//! such shards.
//!
//! This page is the way in: how a read and a record travel, which folder has what, and where a change
//! begins. A test (`tests/suite/front_page.rs`) holds its table against the imports. The format of
//! shards is specified in [`mod@format`].
//!
//! # The way of a read
//!
//! kernel → `fuse` (match, ask, reply) → [`tree`] (which record, which bytes of it) → [`dataset`]
//! (which shard) → [`shard`] (where those bytes are), and back as a slice of the mapped file, which
//! roxfs itself never touches. Then `ahead` is told, and has what comes next brought into the kernel's
//! cache, so that most reads never get here.
//!
//! # The way of a record
//!
//! [`pack::source`] (files, archives, streams, shards) → `pack::plan` (is it new, has it a name?) →
//! `pack::loader` (reads small files in threads) → `pack::packer` (which shard) → `pack::writer` (under
//! a temporary name) → `pack::finish` (synced, renamed). Nothing that is half written ever has its name.
//!
//! # The rooms
//!
//! A room is a folder of `src/`. It uses those in its last column, which are all below it.
//!
//! | room | has | never | uses |
//! |---|---|---|---|
//! | `commands` | one `run` for each command; all that is printed | knowledge of the format | cli session ahead resident tree extract pack dataset shard order format sys text |
//! | `cli` | the command line, from strings to decided options | I/O | session pack dataset order format |
//! | `session` | a mount from its beginning to its end: mount, daemon, signals, unmount | knowledge of the tree | fuse ahead resident kernel_cache tree sys text |
//! | `fuse` | the adapter to fuser; requests that are put aside | semantics | ahead resident kernel_cache tree shard order format sys |
//! | `ahead` | what is prepared before it is asked for | answering | resident kernel_cache tree dataset shard order format sys |
//! | `resident` | which records stay in memory, by the memory there is; letting go of the others | answering | kernel_cache tree dataset format sys |
//! | `kernel_cache` | storing into the kernel's cache of a mount, and letting go of what is stale | deciding what | tree sys |
//! | `tree` | what the mount shows | fuser, logging, reading ahead | dataset shard order format sys |
//! | `extract` | records out: into a directory or an archive | the mount | dataset shard order format sys text |
//! | `pack` | records in: sources, shards that are written | the mount | dataset shard order format sys text |
//! | `dataset` | an ordered list of shards: numbering, names, figures | FUSE | shard format sys text |
//! | `shard` | one open file of records; the only place that knows where bytes come from | numbers in the dataset | format sys text |
//! | `order` | sequences of records, selections of them, what views are called; orders that programs hand over | I/O | sys |
//! | `format` | the specification: bytes to types and back | I/O | text |
//! | `sys` | what Linux says and does | policy | text |
//! | `text` | names, paths and texts from outside as one line that can be shown | | |
//!
//! # Words
//!
//! *Payload*: the bytes of all records, end to end. *Index*: where each record ends. *Section*: an
//! optional table between index and footer. *Shard*: one file of payload, index, sections and footer.
//! *Dataset*: an ordered list of shards, with records numbered from 0 across all of them. *Extent*: a
//! range of bytes of a payload. *Name*: a record's path, as packed. *Order*: a sequence of records. *Run*:
//! a way through an order, and how far it is prepared. *Window*: the records that are stored next.
//! *Marker*: a record that is not stored, so that a reader that comes there is seen. *Resident set*: the
//! records that are to stay in memory where not all can. *Node*: a
//! file or directory of the mount; its number encodes it, so no table of inodes is kept.
//!
//! # Where to add
//!
//! Paths are below `src/`, but for those of tests. The compiler leads on from the first: kinds of
//! sections, nodes and sources are matched without a wildcard.
//!
//! | a new | begin in | then |
//! |---|---|---|
//! | section of a shard | `format/section.rs` | `format/mod.rs` (the specification), `pack/tables.rs` (sizes, writing, appending), `shard/verify.rs`, a file in `shard/` that reads it; `tests/suite/format`, `tests/fuzz/targets/build.rs` |
//! | file or directory in the mount | `tree/fixed.rs` | `tree/node.rs`, `tree/mod.rs`, a file in `tree/` named after it; of a file with parts of shards also `kernel_cache/stale.rs`; `cli/mount.rs` (the help's table); `tests/suite/tree` |
//! | order of records | `order/mod.rs` | `tree/orders.rs`; reading ahead follows it by itself |
//! | request about orders handed over | `order/handed/protocol.rs` | `order/handed.md` (specification), `fuse/control.rs`, `commands/hint`; `tests/suite/hint` |
//! | operation of views | `order/spec.rs` | `order/view.rs`, `order/views.md` (specification, and the same in Python), `tests/suite/views/orders.rs` |
//! | place where shards live | `shard/file.rs` | `dataset/arguments.rs` |
//! | source to pack | `pack/source/input.rs` | `pack/source/open.rs`, `cli/from.rs`; `tests/suite/pack` |
//! | command | `cli/mod.rs` | `commands/mod.rs`; `tests/suite/commands` |
//! | option of a command | `cli/` | the options of its room, as `pack/mod.rs`; if it decides what is written, what `--resume` compares (`pack/resume.rs`); those of `mount` stand behind `-o` by themselves (`cli/option_list.rs`) |
//!
//! # The library
//!
//! The program is the product; the library is what its tests and a few tools use, and promises nothing
//! yet. It can open a dataset and read records without a mount:
//!
//! ```
//! use roxfs::dataset::Dataset;
//! # use std::error::Error;
//! # fn main() -> Result<(), Box<dyn Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let shard = directory.path().join("dataset_0000.rox");
//! # let (payload, records): (Vec<u8>, i64) = ((0..50).flat_map(|n| [n; 3]).collect(), 50);
//! # let mut bytes = payload.clone();
//! # bytes.extend((1..=records).flat_map(|n| (3 * n).to_le_bytes()));
//! # bytes.extend([records.to_le_bytes(), (payload.len() as i64).to_le_bytes(), *b"ROXXEL01"].concat());
//! # std::fs::write(&shard, bytes)?;
//! let dataset = Dataset::open(&[shard])?;
//! let id = dataset.record(42).ok_or("fewer than 43 records")?;
//! let record = dataset.get(id).ok_or("of this dataset")?;
//! let extent = record.extent()?;
//! let mut content = vec![0; extent.len() as usize];
//! record.shard().read_payload(extent.start(), &mut content)?;
//! # assert_eq!(content, [42; 3]);
//! # Ok(())
//! # }
//! ```

mod ahead;
pub mod cli;
pub mod commands;
pub mod dataset;
pub mod extract;
pub mod format;
mod fuse;
mod kernel_cache;
pub mod order;
pub mod pack;
mod resident;
mod session;
pub mod shard;
pub mod sys;
pub mod text;
pub mod tree;
