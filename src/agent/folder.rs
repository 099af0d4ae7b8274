//! Where an agent that was started by hand keeps its ipc sockets.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::wire::Incarnation;

/// A folder of the agent's own for ipc sockets, for as long as it runs.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder that no other process has.
    pub fn make(incarnation: Incarnation) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("osb-{:016x}", incarnation.0));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What remains is in a folder for what may be lost.
        let _ = fs::remove_dir_all(&self.0);
    }
}
