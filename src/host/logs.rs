//! Reading logs from other machines: existing text is sent at once, and later text when it is written. No polling:
//! inotify wakes the daemon, and only while a requester waits.

use super::Host;
use super::log_piece::{log_behind, log_end};
use crate::model::timing::LONGEST_LOG_WAIT;
use crate::model::{AgentId, AgentName, Millis, NameServerName};
use crate::state::{LogEvents, LogWatch, SystemDir};
use crate::supervision::{Now, Ticket};
use crate::wire::{AgentLogs, LARGEST_BODY, LARGEST_LOG_PIECE, LogPiece, LogsFrom};

/// What a requester wants to read.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub from: Vec<LogsFrom>,
    pub bytes: u32,
}

/// The requesters that wait until there is something to read.
#[derive(Default)]
pub(super) struct LogReaders {
    waiting: Vec<Reader>,
    /// As long as a requester waits.
    watch: Option<LogWatch>,
}

struct Reader {
    ticket: Ticket,
    wanted: Wanted,
    until: Now,
}

impl LogReaders {
    pub(crate) fn next_deadline(&self) -> Option<Now> {
        self.waiting.iter().map(|reader| reader.until).min()
    }

    /// Ends when a log has grown, if a requester waits for that.
    pub(crate) async fn written(&self) {
        match &self.watch {
            // A requester that waits in vain has a deadline.
            Some(watch) if watch.wait().await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }

    fn take_late(&mut self, now: Now) -> Vec<Reader> {
        let late = self.waiting.extract_if(.., |reader| reader.until <= now);
        late.collect()
    }

    fn rest(&mut self) {
        if self.waiting.is_empty() {
            self.watch = None;
        }
    }
}

impl Host {
    pub(super) fn on_logs(&mut self, wanted: Wanted, wait: Millis, ticket: Ticket) {
        if wait.get() > 0 && self.readers.watch.is_none() {
            // Before anything is read, so that nothing falls between. Without a watch, the requester gets an
            // empty answer at the end of the time and asks again.
            self.readers.watch = LogWatch::begin(&self.options.dir).ok();
        }
        let logs = wanted.read(&self.options.dir, |it| self.spawner.id(it), None);
        if wait.get() == 0 || !logs.is_empty() {
            self.answer(ticket, Ok(logs));
        } else {
            let until = self.now() + wait.min(LONGEST_LOG_WAIT).duration();
            self.readers.waiting.push(Reader {
                ticket,
                wanted,
                until,
            });
        }
        self.readers.rest();
    }

    pub(super) fn on_written(&mut self) {
        let events = self.readers.watch.as_ref().map(LogWatch::events);
        let Some(Ok(events)) = events else {
            return;
        };
        for reader in std::mem::take(&mut self.readers.waiting) {
            let wanted = &reader.wanted;
            let logs = wanted.read(&self.options.dir, |it| self.spawner.id(it), Some(&events));
            match logs.is_empty() {
                true => self.readers.waiting.push(reader),
                false => self.answer(reader.ticket, Ok(logs)),
            }
        }
        self.readers.rest();
    }

    pub(super) fn on_readers_time(&mut self, now: Now) {
        for reader in self.readers.take_late(now) {
            self.answer(reader.ticket, Ok(Vec::<AgentLogs>::new()));
        }
        self.readers.rest();
    }
}

impl Wanted {
    /// As much as fits into one answer, of the agents that have logs. Files to which nothing has
    /// happened are not looked at, if it is known what has.
    fn read(
        &self,
        dir: &SystemDir,
        id: impl Fn(&AgentName) -> AgentId,
        happened: Option<&LogEvents>,
    ) -> Vec<AgentLogs> {
        // Written as JSON, a byte may become six.
        let share = LARGEST_BODY / 16 / self.from.len().max(1);
        let most = u64::from(self.bytes.min(LARGEST_LOG_PIECE)).min(share as u64);
        let piece = |path: &std::path::Path, from: Option<u64>| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if happened.is_some_and(|events| !events.touches(&name)) {
                return unread(from);
            }
            let read = match from {
                Some(place) => log_behind(path, place, most),
                None => log_end(path, most),
            };
            read.unwrap_or_else(|_| unread(from))
        };
        let logs = self.from.iter().map(|from| {
            let id = id(&from.agent);
            AgentLogs {
                agent: from.agent.clone(),
                log: piece(&dir.log_of(&id), from.log),
                output: piece(&dir.output_of(&id), from.output),
            }
        });
        logs.filter(|logs| !logs.log.is_empty() || !logs.output.is_empty())
            .collect()
    }
}

/// The ends of the logs in a system's folder, of the agents that have logs. `group`: the name server
/// they are of, if it is not the first.
pub(crate) fn ends_of_logs(
    dir: &SystemDir,
    group: Option<&NameServerName>,
    agents: &[AgentName],
) -> Vec<AgentLogs> {
    let end = |agent: &AgentName| LogsFrom {
        agent: agent.clone(),
        log: None,
        output: None,
    };
    let wanted = Wanted {
        from: agents.iter().map(end).collect(),
        bytes: LARGEST_LOG_PIECE,
    };
    let id = |name: &AgentName| AgentId {
        name: name.clone(),
        nameserver: group.cloned(),
    };
    wanted.read(dir, id, None)
}

/// Nothing, and it goes on where it was.
fn unread(from: Option<u64>) -> LogPiece {
    LogPiece {
        end: from.unwrap_or(0),
        ..LogPiece::default()
    }
}
