//! roxfs mounts `.rox` dataset shards read-only, so that every record is a file, and packs files
//! into such shards. The specification of the format is in [`mod@format`].

pub mod ahead;
pub mod cli;
pub mod commands;
pub mod dataset;
pub mod extract;
pub mod format;
pub mod fuse;
pub mod kernel_cache;
pub mod order;
pub mod pack;
mod session;
pub mod shard;
pub mod sys;
pub mod text;
pub mod tree;
