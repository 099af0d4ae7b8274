//! The contents of files that have come to this machine, in the user's cache, each under its sum. They
//! serve all systems: what is there does not travel again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::FilesError;
use super::sum::{End, copy};
use crate::model::Digest;
use crate::owned::{self, Folder, Place, Private, Untrusted};

/// The folders `osb/files`.
const OWN: usize = 2;
/// How long a content is kept that no `up` has needed.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long one may be on its way: what is older was left behind.
const ON_ITS_WAY: Duration = Duration::from_secs(24 * 3600);
/// What those are called that are on their way.
const NEW: &str = "new.";

/// The folder of contents.
#[derive(Debug, Clone)]
pub(crate) struct Store(PathBuf);

impl Store {
    /// The one of the user: in `XDG_CACHE_HOME`, else in `~/.cache`. It is made if need be.
    pub(crate) fn of_user() -> Result<Self, FilesError> {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = var("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(var("HOME")?).join(".cache")));
        Self::at(&cache.ok_or(FilesError::NoHome)?.join("osb/files"))
    }

    /// The one at `path`, which is made if need be. One that others can get at is refused.
    pub(crate) fn at(path: &Path) -> Result<Self, FilesError> {
        let folder = Place { path, own: OWN };
        match Folder::make(folder, Private::Closed) {
            Ok(_) => Ok(Self(path.to_owned())),
            Err(error) => Err(match Untrusted::of(&error) {
                Some(why) => FilesError::Untrusted(why.clone()),
                None => FilesError::io("make", path)(error),
            }),
        }
    }

    fn path_of(&self, sum: Digest) -> PathBuf {
        let sum = sum.to_string();
        self.0.join(&sum[..2]).join(&sum[2..])
    }

    fn open(&self, sum: Digest) -> io::Result<File> {
        let path = self.path_of(sum);
        // Each lies in a folder of its own.
        let own = OWN + 1;
        owned::open(Place { path: &path, own })
    }

    /// Whether a content is there. From now on it is needed.
    pub(crate) fn has(&self, sum: Digest, size: u64) -> bool {
        let Ok(file) = self.open(sum) else {
            return false;
        };
        // That it could not be marked only makes it older than it is.
        let _ = file.set_modified(SystemTime::now());
        file.metadata().is_ok_and(|it| it.len() == size)
    }

    /// Takes in a content of `size` bytes, which has to have the sum. It is there whole, or not at all.
    pub(crate) fn take(
        &self,
        from: &mut impl Read,
        sum: Digest,
        size: u64,
    ) -> Result<(), FilesError> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = nanos.unwrap_or_default().as_nanos();
        // Machines may share a home, and then have the same pids.
        let new = self.0.join(format!("{NEW}{}.{nanos}", std::process::id()));
        let taken = self.take_as(&new, from, sum, size);
        if taken.is_err() {
            let _ = fs::remove_file(&new);
        }
        taken
    }

    fn take_as(
        &self,
        new: &Path,
        from: &mut impl Read,
        sum: Digest,
        size: u64,
    ) -> Result<(), FilesError> {
        let mut file = create(new, false)?;
        let copied = copy(&mut from.by_ref().take(size), &mut file);
        let (arrived, found) = copied.map_err(|end| match end {
            End::Reading(_) => FilesError::Cut,
            End::Writing(error) => FilesError::io("write", new)(error),
        })?;
        if arrived < size {
            return Err(FilesError::Cut);
        }
        if found != sum {
            let expected = sum;
            return Err(FilesError::Arrived { expected, found });
        }
        let path = self.path_of(sum);
        let folder = path.parent().unwrap_or(&self.0);
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(FilesError::io("make", folder)(error));
            }
            _ => {}
        }
        fs::rename(new, &path).map_err(FilesError::io("write", &path))
    }

    /// Puts a copy of a content at `to`. One that is not what it was is thrown away.
    pub(crate) fn put(
        &self,
        sum: Digest,
        size: u64,
        to: &Path,
        executable: bool,
    ) -> Result<(), FilesError> {
        let path = self.path_of(sum);
        let mut from = self.open(sum).map_err(FilesError::io("read", &path))?;
        let mut file = create(to, executable)?;
        let copied = copy(&mut from, &mut file).map_err(|end| match end {
            End::Reading(error) => FilesError::io("read", &path)(error),
            End::Writing(error) => FilesError::io("write", to)(error),
        })?;
        if copied != (size, sum) {
            let _ = fs::remove_file(&path);
            return Err(FilesError::Spoilt(path));
        }
        Ok(())
    }

    /// Removes what no `up` has needed for 30 days, and contents that were not received completely.
    pub(crate) fn sweep(&self) {
        let now = SystemTime::now();
        let is_older = |path: &Path, than: Duration| {
            let modified = fs::symlink_metadata(path).and_then(|it| it.modified());
            let age = modified.ok().and_then(|it| now.duration_since(it).ok());
            age.is_some_and(|age| age > than)
        };
        for path in paths_in(&self.0) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(NEW) {
                if is_older(&path, ON_ITS_WAY) {
                    let _ = fs::remove_file(&path);
                }
                continue;
            }
            for path in paths_in(&path) {
                if is_older(&path, KEPT) {
                    let _ = fs::remove_file(&path);
                }
            }
        }
    }
}

fn paths_in(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.flatten().map(|entry| entry.path())
}

/// A file that was not there, for the user alone.
fn create(path: &Path, executable: bool) -> Result<File, FilesError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options.mode(if executable { 0o700 } else { 0o600 });
    options.open(path).map_err(FilesError::io("write", path))
}
