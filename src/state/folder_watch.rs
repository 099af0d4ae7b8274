//! Whether something in some folders changes, by inotify: nothing is polled.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::log_watch::readable;

/// How long nothing has to change until all that belongs together is taken to be written.
const QUIET: Duration = Duration::from_millis(100);

/// Tells when something in some folders changes: editors write files anew, or put others in their places.
pub struct FolderWatch(Inotify);

impl FolderWatch {
    /// Begins to watch. What is read of the folders from here on cannot be older than what is told.
    pub fn begin(folders: &BTreeSet<PathBuf>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let events = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        for folder in folders {
            inotify.add_watch(folder, events)?;
        }
        Ok(Self(inotify))
    }

    /// Waits until something has changed, and nothing more does for a moment.
    pub async fn changed(&self) -> io::Result<()> {
        readable(&self.0).await?;
        loop {
            self.read()?;
            if tokio::time::timeout(QUIET, readable(&self.0))
                .await
                .is_err()
            {
                return Ok(());
            }
        }
    }

    fn read(&self) -> io::Result<()> {
        loop {
            match self.0.read_events() {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
