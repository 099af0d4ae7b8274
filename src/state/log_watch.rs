//! What happens to the files of a system's logs, by inotify: a task that waits for new text is woken, and
//! nothing is polled.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::SystemDir;

/// Waits until there are events. It may be dropped while it waits; nothing is lost by that.
pub(super) async fn readable(inotify: &Inotify) -> io::Result<()> {
    let fd = inotify.as_fd().try_clone_to_owned()?;
    // SAFETY: the descriptor is owned by the AsyncFd, which neither replaces nor closes it.
    let waiting = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
    waiting.readable().await.map(|_| ())
}

/// A watch over the logs of one system.
pub struct LogWatch {
    inotify: Inotify,
    /// The watch of the folder that the logs' folder is in.
    system: WatchDescriptor,
    logs: PathBuf,
}

/// What has happened since it was last asked.
#[derive(Debug, Default)]
pub struct LogEvents {
    /// The names of the files that have been written to or are new.
    pub written: BTreeSet<String>,
    /// Events were lost: any file may have been.
    pub lost: bool,
    /// The folder has been removed.
    pub gone: bool,
}

impl LogEvents {
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && !self.lost && !self.gone
    }

    /// Whether something may have happened to the file of that name.
    pub fn touches(&self, file: &str) -> bool {
        self.lost || self.written.contains(file)
    }
}

impl LogWatch {
    /// Begins to watch. Files that are looked for from here on cannot be missed.
    pub fn begin(dir: &SystemDir) -> io::Result<Self> {
        let logs = dir.logs();
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let events = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(&logs, events)?;
        // Its end is told by the folder it is in: its own watch says nothing while a file is open.
        // The logs of a run that is over are moved away.
        let end = AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM;
        let system = inotify.add_watch(dir.path(), end)?;
        Ok(Self {
            inotify,
            system,
            logs,
        })
    }

    /// Waits until there are events. It may be dropped while it waits; nothing is lost by that.
    pub async fn wait(&self) -> io::Result<()> {
        readable(&self.inotify).await
    }

    /// What has happened since the last time, without waiting.
    pub fn events(&self) -> io::Result<LogEvents> {
        let mut told = LogEvents::default();
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(told),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            for event in events {
                self.take_note(event, &mut told);
            }
        }
    }

    fn take_note(&self, event: InotifyEvent, told: &mut LogEvents) {
        told.lost |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        let Some(name) = event.name.as_ref().and_then(|name| name.to_str()) else {
            return;
        };
        if event.wd == self.system {
            told.gone |= self.logs.ends_with(name);
        } else {
            told.written.insert(name.to_owned());
        }
    }
}
