//! The map of the tests.

#[path = "../support/mod.rs"]
mod support;

mod attack {
    mod append_rights;
    mod archives;
    mod inject;
    mod permissions;
    mod targets;
}
mod commands;
mod extract;
mod front_page;
mod format {
    mod hostile;
}
mod mount;
mod names;
mod pack {
    mod append;
    mod crash;
    mod failing_calls;
    mod footers;
    mod planted;
    mod sources;
    mod targets;
    mod whole;
}
mod programs;
mod reference;
mod tree;
