//! Logs as they are written: what there is, and then what comes: by inotify, and of other machines by their
//! daemons' answers. No polling.
//!
//! It follows every file that appears in a system's folder of logs, so that an agent that is
//! started later is followed too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;

use super::LogLine;
use super::elsewhere::Fetched;
use super::filter::Filter;
use super::followed::{Followed, News};
use super::merge::{Source, merge};
use super::tail::{LogId, Tail, file_of, log_of, logs_in};
use crate::model::AgentId;
use crate::state::{LogEvents, LogWatch, SystemDir};

/// The logs of a system, or of some of its agents.
pub struct Follower {
    /// The folder of logs on this machine. None: there is none.
    here: Option<Here>,
    /// All agents, if empty.
    wanted: BTreeSet<AgentId>,
    tails: BTreeMap<LogId, Tail>,
    /// Logs of other machines, as they were when they were fetched.
    fetched: Vec<(AgentId, Fetched)>,
    /// What comes of them from then on.
    followed: Option<Followed>,
    filter: Filter,
}

struct Here {
    dir: PathBuf,
    watch: LogWatch,
}

impl Follower {
    /// The logs of `agents`, or of all if there are none, from their beginnings.
    pub fn new(dir: &SystemDir, agents: &[AgentId]) -> io::Result<Self> {
        // Before the files are looked for, so that none falls between.
        let watch = LogWatch::begin(dir)?;
        let dir = dir.logs();
        let logs = logs_in(&dir);
        let mut follower = Self {
            here: Some(Here { dir, watch }),
            ..Self::of_others(agents)
        };
        for log in logs {
            follower.open(&log)?;
        }
        Ok(follower)
    }

    /// The same, of other machines only.
    pub fn of_others(agents: &[AgentId]) -> Self {
        Self {
            here: None,
            wanted: agents.iter().cloned().collect(),
            tails: BTreeMap::new(),
            fetched: Vec::new(),
            followed: None,
            filter: Filter::default(),
        }
    }

    /// Gives out only the lines that `filter` keeps.
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// With what was fetched of other machines' logs, as far as it is wanted.
    pub fn with(mut self, fetched: Vec<(AgentId, Fetched)>) -> Self {
        let wanted = |agent: &AgentId| self.wanted.is_empty() || self.wanted.contains(agent);
        let fetched = fetched.into_iter().filter(|(agent, _)| wanted(agent));
        self.fetched = fetched.collect();
        self
    }

    /// Those whose logs there are.
    pub fn agents(&self) -> impl Iterator<Item = &AgentId> {
        let here = self.tails.keys().map(|(agent, _)| agent);
        let all = here.chain(self.fetched.iter().map(|(agent, _)| agent));
        let mut all: Vec<&AgentId> = all.collect();
        all.sort();
        all.into_iter()
    }

    /// All logs up to now, in the order of their agents' names. What was fetched is given once.
    fn sources<'a>(
        tails: &'a mut BTreeMap<LogId, Tail>,
        fetched: &'a mut [(AgentId, Fetched)],
    ) -> impl Iterator<Item = &'a mut (dyn Source + 'a)> {
        let here = tails.iter_mut();
        let here = here.map(|((agent, _), tail)| (agent, tail as &mut dyn Source));
        let there = fetched.iter_mut();
        let there = there.map(|(agent, log)| (&*agent, log as &mut dyn Source));
        let mut all: Vec<_> = here.chain(there).collect();
        all.sort_by_key(|(agent, _)| *agent);
        all.into_iter().map(|(_, source)| source)
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
            return merge(
                Self::sources(&mut self.tails, &mut self.fetched),
                |line| match filter.keeps(&line) {
                    true => emit(line),
                    false => Ok(()),
                },
            );
        };
        if filter.is_open() {
            for tail in self.tails.values_mut() {
                tail.seek_to_last(last)?;
            }
        }
        let mut kept = VecDeque::new();
        merge(Self::sources(&mut self.tails, &mut self.fetched), |line| {
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
        let here = self.tails.values_mut().filter_map(Tail::unfinished);
        let fetched = self.fetched.iter_mut();
        let lines = here.chain(fetched.filter_map(|(_, log)| log.unfinished()));
        let mut lines: Vec<LogLine> = lines.filter(|line| self.filter.keeps(line)).collect();
        lines.sort_by(|one, other| one.agent.cmp(&other.agent));
        lines
    }

    /// Goes on with what comes of other machines.
    pub fn following(mut self, followed: Followed) -> Self {
        self.followed = Some(followed);
        self
    }

    /// Waits until something is written. None: the system's folder has been removed. It may be
    /// dropped while it waits; nothing is lost by that.
    pub async fn next(&mut self) -> io::Result<Option<News>> {
        loop {
            if let Some(here) = &self.here {
                let told = here.watch.events()?;
                let lines = self.read_written(&told)?;
                if !lines.is_empty() {
                    return Ok(Some(News::Lines(lines)));
                }
                if told.gone {
                    return Ok(None);
                }
                if !told.is_empty() {
                    continue;
                }
            }
            let news = tokio::select! {
                waited = written(self.here.as_ref()) => {
                    waited?;
                    continue;
                }
                news = next_of(&mut self.followed) => news,
            };
            match news {
                News::Lines(mut lines) => {
                    lines.retain(|line| self.filter.keeps(line));
                    if !lines.is_empty() {
                        return Ok(Some(News::Lines(lines)));
                    }
                }
                other => return Ok(Some(other)),
            }
        }
    }

    fn read_written(&mut self, told: &LogEvents) -> io::Result<Vec<LogLine>> {
        let all = || self.here.as_ref().map(|here| logs_in(&here.dir));
        let touched: BTreeSet<LogId> = match told.lost {
            true => all().unwrap_or_default(),
            false => told.written.iter().filter_map(|it| log_of(it)).collect(),
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
        let Some(here) = &self.here else {
            return Ok(());
        };
        match Tail::open(log.clone(), &here.dir.join(file_of(log))) {
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

/// Never ends where there is no folder.
async fn written(here: Option<&Here>) -> io::Result<()> {
    match here {
        Some(here) => here.watch.wait().await,
        None => std::future::pending().await,
    }
}

/// Never ends where nothing is followed.
async fn next_of(followed: &mut Option<Followed>) -> News {
    match followed {
        Some(followed) => followed.next().await,
        None => std::future::pending().await,
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

    fn texts(news: Option<News>) -> Vec<String> {
        let Some(News::Lines(lines)) = news else {
            panic!("no lines");
        };
        let lines = lines.into_iter();
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
            assert!(follower.next().await.unwrap().is_none());
        });
        waiting.await.unwrap();
    }
}
