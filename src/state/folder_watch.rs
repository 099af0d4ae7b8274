//! Whether something in some folders changes, by inotify: nothing is polled.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tokio::time::Instant;

use super::log_watch::readable;

/// How long nothing has to change until all that belongs together is taken to be written.
const QUIET: Duration = Duration::from_millis(100);
/// How long something may go on changing until what is there is looked at all the same.
const MOST: Duration = Duration::from_secs(2);

/// Tells when something in some folders changes: editors write files anew, or put others in their places.
pub struct FolderWatch {
    inotify: Inotify,
    watches: HashSet<WatchDescriptor>,
}

impl FolderWatch {
    /// Watches nothing yet.
    pub fn begin() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let watches = HashSet::new();
        Ok(Self { inotify, watches })
    }

    /// From here on these are watched too. Tells whether any of them was not before: what was read of that may be older than what
    /// is told. One that is gone again is told of by the folder that it was in.
    pub fn add(&mut self, folders: &BTreeSet<PathBuf>) -> io::Result<bool> {
        let events = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let mut any = false;
        for folder in folders {
            match self.inotify.add_watch(folder, events) {
                Ok(watch) => any |= self.watches.insert(watch),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::ENOSPC) => {
                    let limit = "there are more folders than fs.inotify.max_user_watches";
                    return Err(io::Error::other(limit));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(any)
    }

    /// Waits until something has changed, and nothing more does for a moment; or does so for long.
    pub async fn changed(&self) -> io::Result<()> {
        readable(&self.inotify).await?;
        let most = Instant::now() + MOST;
        loop {
            self.read()?;
            let quiet = Instant::now() + QUIET;
            let more = tokio::time::timeout_at(quiet.min(most), readable(&self.inotify));
            if more.await.is_err() || Instant::now() >= most {
                return Ok(());
            }
        }
    }

    fn read(&self) -> io::Result<()> {
        loop {
            match self.inotify.read_events() {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
