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
mod commands {
    mod messages;
    mod outputs;
    mod reading;
    mod readme;
    mod shown;
    mod unreadable;
}
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
    mod refused;
    mod resumed;
    mod sources;
    mod targets;
    mod written;
}
mod programs;
mod reference;
mod tree;
