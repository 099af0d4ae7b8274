//! Logs as they are written: what there is, and then, by inotify, what comes. No polling.
//!
//! It follows every file that appears in a system's folder of logs, so that an agent that is
//! started later is followed too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::LogLine;
use super::filter::Filter;
use super::merge::merge;
use super::tail::{LogId, Tail, file_of, log_of, logs_in};
use crate::model::AgentId;
use crate::state::SystemDir;

/// The logs of a system, or of some of its agents.
pub struct Follower {
    dir: PathBuf,
    /// All agents, if empty.
    wanted: BTreeSet<AgentId>,
    inotify: Inotify,
    /// The watch of the folder that the logs' folder is in.
    system: WatchDescriptor,
    tails: BTreeMap<LogId, Tail>,
    filter: Filter,
}

/// What inotify has told.
#[derive(Default)]
struct Told {
    written: BTreeSet<LogId>,
    /// Events were lost: any log may have grown.
    lost: bool,
    /// The folder has been removed.
    gone: bool,
}

impl Follower {
    /// The logs of `agents`, or of all if there are none, from their beginnings.
    pub fn new(dir: &SystemDir, agents: &[AgentId]) -> io::Result<Self> {
        let logs = dir.logs();
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        // Before the files are looked for, so that none falls between.
        let events = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(&logs, events)?;
        // Its end is told by the folder it is in: its own watch says nothing while a file is open.
        let system = inotify.add_watch(dir.path(), AddWatchFlags::IN_DELETE)?;
        let mut follower = Self {
            dir: logs,
            system,
            wanted: agents.iter().cloned().collect(),
            inotify,
            tails: BTreeMap::new(),
            filter: Filter::default(),
        };
        for log in logs_in(&follower.dir) {
            follower.open(&log)?;
        }
        Ok(follower)
    }

    /// Gives out only the lines that `filter` keeps.
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Those whose logs there are.
    pub fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.tails.keys().map(|(agent, _)| agent)
    }

    /// Leaves out what has been written so far.
    pub fn skip_history(&mut self) -> io::Result<()> {
        let mut tails = self.tails.values_mut();
        tails.try_for_each(|tail| tail.seek_to_last(0))
    }

    /// Gives out what has been written so far, merged by time; only the `last` lines, if given.
    pub fn history(
        &mut self,
        last: Option<usize>,
        mut emit: impl FnMut(LogLine) -> io::Result<()>,
    ) -> io::Result<()> {
        let filter = &mut self.filter;
        let Some(last) = last else {
            return merge(self.tails.values_mut(), |line| match filter.keeps(&line) {
                true => emit(line),
                false => Ok(()),
            });
        };
        if filter.is_open() {
            for tail in self.tails.values_mut() {
                tail.seek_to_last(last)?;
            }
        }
        let mut kept = VecDeque::new();
        merge(self.tails.values_mut(), |line| {
            if filter.keeps(&line) {
                kept.push_back(line);
            }
            if kept.len() > last {
                kept.pop_front();
            }
            Ok(())
        })?;
        kept.into_iter().try_for_each(&mut emit)
    }

    /// Lines that have not been ended yet. For those who do not go on to follow.
    pub fn unfinished(&mut self) -> Vec<LogLine> {
        let lines = self.tails.values_mut().filter_map(Tail::unfinished);
        lines.filter(|line| self.filter.keeps(line)).collect()
    }

    /// Waits until something is written. None: the system's folder has been removed. It may be
    /// dropped while it waits; nothing is lost by that.
    pub async fn next(&mut self) -> io::Result<Option<Vec<LogLine>>> {
        loop {
            let told = self.read_events()?;
            let lines = self.read_written(&told)?;
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
            if told.gone {
                return Ok(None);
            }
            if told.written.is_empty() && !told.lost {
                self.readable().await?;
            }
        }
    }

    async fn readable(&self) -> io::Result<()> {
        let fd = self.inotify.as_fd().try_clone_to_owned()?;
        // SAFETY: the descriptor is owned by the AsyncFd, which neither replaces nor closes it.
        let waiting = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
        waiting.readable().await.map(|_| ())
    }

    fn read_events(&mut self) -> io::Result<Told> {
        let mut told = Told::default();
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

    fn take_note(&self, event: InotifyEvent, told: &mut Told) {
        told.lost |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        let Some(name) = event.name.as_ref().and_then(|name| name.to_str()) else {
            return;
        };
        if event.wd == self.system {
            told.gone |= self.dir.ends_with(name);
        } else {
            told.written.extend(log_of(name));
        }
    }

    fn read_written(&mut self, told: &Told) -> io::Result<Vec<LogLine>> {
        let touched = match told.lost {
            true => logs_in(&self.dir),
            false => told.written.clone(),
        };
        for log in &touched {
            self.open(log)?;
        }
        let mut lines = Vec::new();
        let filter = &mut self.filter;
        let tails = self.tails.iter_mut();
        let tails = tails.filter(|(log, _)| touched.contains(*log));
        merge(tails.map(|(_, tail)| tail), |line| {
            if filter.keeps(&line) {
                lines.push(line);
            }
            Ok(())
        })?;
        Ok(lines)
    }

    /// Opens a log, if it is wanted and not open yet.
    fn open(&mut self, log: &LogId) -> io::Result<()> {
        let wanted = self.wanted.is_empty() || self.wanted.contains(&log.0);
        if !wanted || self.tails.contains_key(log) {
            return Ok(());
        }
        match Tail::open(log.clone(), &self.dir.join(file_of(log))) {
            Ok(tail) => {
                self.tails.insert(log.clone(), tail);
                Ok(())
            }
            // Removed again meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::time::Duration;

    fn write(dir: &SystemDir, agent: &str, text: &str) {
        let path = dir.log_of(&agent.parse().unwrap());
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn texts(lines: Option<Vec<LogLine>>) -> Vec<String> {
        let lines = lines.unwrap_or_default().into_iter();
        lines
            .map(|line| format!("{}: {}", line.agent, line.text))
            .collect()
    }

    #[tokio::test]
    async fn what_is_written_is_told_and_new_logs_are_found() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().join("x"));
        dir.create().unwrap();
        write(&dir, "Alice", "old\n");
        let mut follower = Follower::new(&dir, &[]).unwrap();
        let mut old = Vec::new();
        follower
            .history(Some(5), |line| {
                old.push(line.text);
                Ok(())
            })
            .unwrap();
        assert_eq!(old, ["old"]);
        let limit = Duration::from_secs(10);
        let waiting = tokio::time::timeout(limit, async {
            let (seen, ()) = tokio::join!(follower.next(), async {
                tokio::task::yield_now().await;
                write(&dir, "Alice", "new\n");
            });
            assert_eq!(texts(seen.unwrap()), ["Alice: new"]);
            write(&dir, "Bob", "half");
            write(&dir, "Bob", " a line\n");
            assert_eq!(texts(follower.next().await.unwrap()), ["Bob: half a line"]);
            fs::remove_dir_all(dir.path()).unwrap();
            assert_eq!(follower.next().await.unwrap(), None);
        });
        waiting.await.unwrap();
    }
}
