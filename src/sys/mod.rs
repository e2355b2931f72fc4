//! What Linux says and does: files, processes, devices, memory, mounts. Without policy.

pub mod acl;
pub mod child;
pub mod device;
pub mod files;
pub mod filesystem;
pub mod lease;
pub mod memory;
pub mod mountinfo;
