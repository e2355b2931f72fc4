//! What a source passes over.

/// What was passed over, because it has no content to pack or is not wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// FIFOs, sockets, devices, and other entries of archives that are not files.
    pub special: u64,
    /// Symbolic links: to nothing, or all where they are not followed.
    pub links: u64,
    /// Directories that a list names.
    pub directories: u64,
    /// Files of the dataset that is written.
    pub own: u64,
    /// Records that a pattern leaves out, and in directories also links and what else is no file,
    /// but for those in the next field. Entries of archives that are no files are counted above.
    pub excluded: u64,
    /// Directories that a pattern leaves out, and nobody has looked into.
    pub excluded_directories: u64,
    /// Records of whose names nothing is left without their leading components.
    pub short: u64,
    /// Records whose name another one has, which was chosen.
    pub duplicates: u64,
    /// Directories below which no record is.
    pub empty_directories: u64,
}

impl std::ops::AddAssign for Skipped {
    fn add_assign(&mut self, more: Skipped) {
        self.special += more.special;
        self.links += more.links;
        self.directories += more.directories;
        self.own += more.own;
        self.excluded += more.excluded;
        self.excluded_directories += more.excluded_directories;
        self.short += more.short;
        self.duplicates += more.duplicates;
        self.empty_directories += more.empty_directories;
    }
}

impl Skipped {
    /// Both together.
    pub fn plus(mut self, more: Skipped) -> Skipped {
        self += more;
        self
    }
}
