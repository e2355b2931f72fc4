//! What is prepared before anybody asks for it.

pub mod lister;
pub mod push;
pub mod readahead;
