//! Where a topology comes from. Only words about the file: nothing here opens it.

use std::path::PathBuf;

/// What there is to know of a topology's file besides its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How the first file is called in messages: `topology.yaml`.
    pub name: String,
    /// Its name without its ending: the system's name, unless the topology gives one.
    pub stem: String,
    /// Its absolute folder: where commands run and what a relative `cwd` begins at.
    pub folder: PathBuf,
}
