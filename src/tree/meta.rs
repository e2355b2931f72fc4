//! `.roxfs/`: files whose content is handed in with the tree, and made when it is first asked for.

use super::{Preparation, Tree, TreeError};
use std::fmt;
use std::sync::OnceLock;

/// Makes the content of a file. Called once, and may take long.
pub type MakeContent = Box<dyn Fn() -> Vec<u8> + Send + Sync>;

/// A file of such content.
pub(super) struct MetaFile {
    make: MakeContent,
    content: OnceLock<Vec<u8>>,
}

impl fmt::Debug for MetaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetaFile").finish_non_exhaustive()
    }
}

impl MetaFile {
    pub fn new(make: MakeContent) -> MetaFile {
        MetaFile {
            make,
            content: OnceLock::new(),
        }
    }

    /// The content, if it has been made.
    pub fn made(&self) -> Option<&[u8]> {
        self.content.get().map(Vec::as_slice)
    }

    /// The content, which is made now if it has not been.
    pub fn content(&self) -> &[u8] {
        self.content.get_or_init(|| (self.make)())
    }
}

impl Tree {
    /// `.roxfs/info.json`. Its size is not known before its content is.
    pub(super) fn info(&self) -> Result<&[u8], TreeError> {
        let info = self.info.as_ref().ok_or(TreeError::NotFound)?;
        match info.made() {
            Some(content) => Ok(content),
            None if self.waits => Ok(info.content()),
            None => Err(TreeError::NotPrepared(Preparation::Info)),
        }
    }
}
