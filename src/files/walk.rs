//! Looking through the folders that are to be copied: what is there, and the sum of each file.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::FilesError;
use super::sum::{End, copy};
use crate::model::{Digest, SyncSpec, TreePath, What};

/// What there is of what a topology names.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub entries: BTreeMap<TreePath, What>,
    /// Where each content can be read.
    pub sources: HashMap<Digest, PathBuf>,
}

/// Looks through all that `spec` names, and reads every file; until it is told to `stop`.
pub(crate) fn walk(spec: &SyncSpec, stop: &AtomicBool) -> Result<Walked, FilesError> {
    let mut walk = Walk {
        spec,
        stop,
        walked: Walked::default(),
    };
    for path in &spec.paths {
        walk.ancestors(path)?;
        walk.any(path.clone())?;
    }
    Ok(walk.walked)
}

struct Walk<'s> {
    spec: &'s SyncSpec,
    stop: &'s AtomicBool,
    walked: Walked,
}

impl Walk<'_> {
    fn ancestors(&mut self, path: &TreePath) -> Result<(), FilesError> {
        for folder in path.ancestors() {
            let at = folder.in_folder(&self.spec.from);
            let metadata = fs::symlink_metadata(&at).map_err(|error| not_there(&at, error))?;
            match metadata.is_dir() {
                true => self.walked.entries.insert(folder, What::Folder),
                false => return Err(FilesError::Behind(at)),
            };
        }
        Ok(())
    }

    fn any(&mut self, path: TreePath) -> Result<(), FilesError> {
        let at = path.in_folder(&self.spec.from);
        let metadata = match path.is_root() {
            // However one gets to that folder.
            true => fs::metadata(&at),
            false => fs::symlink_metadata(&at),
        };
        let metadata = metadata.map_err(|error| not_there(&at, error))?;
        let kind = metadata.file_type();
        let what = if kind.is_dir() {
            self.folder(&path)?;
            What::Folder
        } else if kind.is_symlink() {
            let to = fs::read_link(&at).map_err(FilesError::io("read", &at))?;
            let to = to.to_str().ok_or(FilesError::Name(at.clone()))?;
            What::Link { to: to.to_owned() }
        } else if kind.is_file() {
            self.file(at, &metadata)?
        } else {
            return Err(FilesError::Special(at));
        };
        if !path.is_root() {
            self.walked.entries.insert(path, what);
        }
        Ok(())
    }

    fn folder(&mut self, folder: &TreePath) -> Result<(), FilesError> {
        let at = folder.in_folder(&self.spec.from);
        for entry in fs::read_dir(&at).map_err(FilesError::io("read", &at))? {
            let entry = entry.map_err(FilesError::io("read", &at))?;
            let name = entry.file_name();
            let name = name
                .to_str()
                .ok_or_else(|| FilesError::Name(entry.path()))?;
            let path = folder.join(name);
            let path = path.map_err(|_| FilesError::Long(entry.path()))?;
            if self.spec.except.iter().any(|it| it.matches(&path)) {
                continue;
            }
            match self.any(path) {
                // Gone since the folder was read: something that works there puts files there for a while.
                Err(FilesError::Missing(gone)) if gone == entry.path() => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn file(&mut self, at: PathBuf, metadata: &Metadata) -> Result<What, FilesError> {
        let file = File::open(&at).map_err(|error| not_there(&at, error))?;
        let stop = self.stop;
        let copied = copy(&mut Stoppable { file, stop }, &mut io::sink());
        let (size, sum) = copied.map_err(|end| match end {
            End::Reading(error) | End::Writing(error) => FilesError::io("read", &at)(error),
        })?;
        self.walked.sources.entry(sum).or_insert(at);
        Ok(What::File {
            size,
            sum,
            executable: metadata.permissions().mode() & 0o100 != 0,
        })
    }
}

/// A file that ends with an error when it is not needed any more.
pub(super) struct Stoppable<'s> {
    pub file: File,
    pub stop: &'s AtomicBool,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(io::Error::other("interrupted")),
            false => self.file.read(chunk),
        }
    }
}

fn not_there(at: &std::path::Path, error: io::Error) -> FilesError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            FilesError::Missing(at.to_owned())
        }
        _ => FilesError::io("read", at)(error),
    }
}
