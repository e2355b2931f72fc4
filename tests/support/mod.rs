//! What the tests share. Everything but the shards in parts and zip archives is meant to be
//! imported together: `use crate::support::*`.

pub mod parts;
pub mod zips;

mod data;
mod mount;
mod packing;
mod processes;
mod run;
mod users;

pub use data::*;
pub use mount::*;
pub use packing::*;
pub use processes::*;
pub use run::*;
pub use users::*;
