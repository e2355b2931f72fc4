//! Packing from every kind of source: what goes in comes out of a mount, and what cannot be packed
//! is an error that says what and where.

// Files and directories, lists of them, streams, shards.
mod empty_directories;
mod files;
mod lists;
mod other_kinds;
mod own;
mod shards;
mod special;
mod streams;

// Archives: tar, compressed, zip, in each other, damaged.
mod archives;
mod broken_archives;
mod compressed;
mod damage;
mod nested;
mod sparse;
mod tar_entries;
mod zip;
mod zip_entries;

// Options that choose and name records.
mod duplicates;
mod last_records;
mod naming;
mod patterns;

// What fails, what is waited for, and what there are too many of.
mod failed_names;
mod failures;
mod interrupt;
mod leases;
mod lost_inputs;
mod many;

// What these share: archives made byte by byte, and what the library gives of them.
mod given;
mod made;
mod small;

/// Owned names and contents, to compare with what is read back.
fn named<N: ToString, C: AsRef<[u8]>>(records: &[(N, C)]) -> Vec<(String, Vec<u8>)> {
    let owned = |(name, content): &(N, C)| (name.to_string(), content.as_ref().to_vec());
    records.iter().map(owned).collect()
}
