//! The two forms of footers: which one is written, what is appended to, converted and resumed, and
//! what versions of the Python package roxxel do with it. Whose bytes are the same is in
//! `reference` and `pack::append::reference`.

mod appended;
mod asked;
mod converted;
mod readme;
mod reference;
mod resumed;

use crate::support::*;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// A file with this name, in a new directory.
fn source(name: &str) -> TempDir {
    let source = temp_dir();
    write_tree(source.path(), &[(name, bytes(name.len() as u64, 20))]);
    source
}

/// Packs a file into the dataset with these options.
fn pack(target: &Target, options: &[&str], name: &str) {
    let source = source(name);
    run(target.pack(options).arg(source.path()));
}

/// A new dataset of one shard and one record.
fn dataset(options: &[&str], name: &str) -> Target {
    let target = Target::new();
    pack(&target, options, name);
    target
}

/// What `roxfs info` says of each shard's form, in `--json` and in words, which have to agree.
fn forms(dataset: &Path) -> Vec<String> {
    let json = run(roxfs().args(["info", "--json"]).arg(dataset));
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    let form = |shard: &Value| match (shard["format"].as_str(), shard["dtype"].as_str()) {
        (Some(form), Some(dtype)) => format!("{form} {dtype}"),
        (form, _) => form.unwrap_or_default().to_owned(),
    };
    let shards = json["shards"].as_array().expect("shards");
    let forms: Vec<String> = shards.iter().map(form).collect();
    let text = run(roxfs().arg("info").arg(dataset));
    let text = String::from_utf8(text).expect("UTF-8");
    for form in &forms {
        assert!(text.contains(&format!("  {form} ")), "{form}:\n{text}");
    }
    forms
}
