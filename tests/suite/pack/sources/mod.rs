//! Packing from every kind of source: what goes in comes out of a mount, and what cannot be packed
//! is an error that says what and where.

mod archives;
mod broken_archives;
mod compressed;
mod damage;
mod duplicates;
mod empty_directories;
mod failed_names;
mod failures;
mod files;
mod given;
mod interrupt;
mod last_records;
mod leases;
mod lists;
mod lost_inputs;
mod made;
mod many;
mod naming;
mod nested;
mod other_kinds;
mod own;
mod patterns;
mod shards;
mod small;
mod sparse;
mod special;
mod streams;
mod tar_entries;
mod zip;
mod zip_entries;

/// Owned names and contents, to compare with what is read back.
fn named<N: ToString, C: AsRef<[u8]>>(records: &[(N, C)]) -> Vec<(String, Vec<u8>)> {
    let owned = |(name, content): &(N, C)| (name.to_string(), content.as_ref().to_vec());
    records.iter().map(owned).collect()
}
