//! roxfs mounts `.rox` dataset shards read-only, so that every record is a file, and packs files
//! into such shards. The specification of the format is in [`mod@format`].

pub mod acl;
pub mod allowance;
pub mod answering;
pub mod child;
pub mod cli;
pub mod commands;
pub mod dataset;
pub mod device;
pub mod extract;
pub mod failures;
pub mod files;
pub mod filesystem;
pub mod format;
pub mod fuse;
pub mod kernel_cache;
pub mod lease;
pub mod lister;
pub mod memory;
pub mod mmap;
pub mod mountinfo;
pub mod names;
pub mod order;
pub mod pack;
pub mod push;
pub mod readahead;
pub mod session;
pub mod shard;
pub mod sizes;
pub mod stale;
pub mod summary;
pub mod text;
pub mod tree;
pub mod verify;
