//! The events of this name server: numbered as they come, kept in files if it has a folder, and told to those who ask.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::events::{PAGE, Stream, Waiter, page_of};
use crate::journal::{Events, LastEvents};
use crate::model::Access;
use crate::owned::Folder;
use crate::registry::{RoutingId, may_know};
use crate::wire::{Envelope, EventOrigin, EventPage, Fault, NameserverEvent, Occurred, Peer, body};

/// So much of the files says which events of which member are there already.
const RECALLED: u64 = 4 << 20;
/// The longest that one may wait, in milliseconds.
const LONGEST_WAIT_MS: u32 = 60_000;

/// One who has asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker {
    pub to: RoutingId,
    pub id: u64,
    /// Not all is told to all.
    pub level: Access,
}

/// The events.
pub(super) struct Told {
    stream: Stream<Asker>,
    /// None: they are in memory only.
    kept: Option<Kept>,
    /// The numbers of those that are yet to be written begin behind this one.
    written: u64,
}

struct Kept {
    events: Events,
    dir: PathBuf,
    /// That they cannot be written is said once, until they can.
    fails: bool,
}

/// An answer, and to whom.
pub(super) type Answer = (RoutingId, Envelope, Vec<u8>);

impl Told {
    /// In memory only.
    pub(super) fn unkept() -> Self {
        Self {
            stream: Stream::resume(Vec::new()),
            kept: None,
            written: 0,
        }
    }

    /// In files in that folder, no larger than that. Gives those that were there last, too.
    pub(super) fn kept(
        folder: Folder,
        dir: PathBuf,
        most: u64,
    ) -> io::Result<(Self, Vec<EventOrigin>)> {
        let events = Events::open(folder, most)?;
        let LastEvents {
            events: mut last,
            whole_from,
        } = events.last(RECALLED)?;
        let origins = last.iter().filter_map(|it| it.by.clone()).collect();
        last.retain(|it| it.n >= whole_from);
        let stream = Stream::resume(last);
        let told = Self {
            written: stream.last(),
            stream,
            kept: Some(Kept {
                events,
                dir,
                fails: false,
            }),
        };
        Ok((told, origins))
    }

    /// This name server serves from now on.
    pub(super) fn begin(&mut self) {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let what = NameserverEvent::Began { version };
        self.note(Occurred::Nameserver { what }, None, None);
        self.write();
    }

    /// `at`: in milliseconds since 1970, if it did not happen now.
    pub(super) fn note(&mut self, what: Occurred, at: Option<u64>, by: Option<EventOrigin>) {
        let at = at.and_then(|ms| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok());
        let at = at.unwrap_or_else(Timestamp::now);
        self.stream.note(what, format!("{at:.3}"), by);
    }

    /// What happened since the last time is on its way to the disk when this returns, whatever becomes of this process.
    pub(super) fn write(&mut self) {
        if self.written == self.stream.last() {
            return;
        }
        let new = self.stream.behind(self.written);
        if let Some(kept) = &mut self.kept {
            kept.write(|events| events.write(new));
        }
        self.written = self.stream.last();
    }

    /// Somebody asks for what lies behind that number. Answers now, unless there is nothing yet and it waits.
    pub(super) fn ask(
        &mut self,
        asker: Asker,
        after: Option<u64>,
        until: Duration,
        now: Duration,
    ) -> Option<Answer> {
        let Some(after) = after else {
            let upto = self.stream.last();
            let page = EventPage {
                upto,
                whole: asker.level == Access::Admin,
                ..EventPage::default()
            };
            return Some(answer(&asker, &Ok(page)));
        };
        if after == self.stream.last() && until > now {
            let waiter = Waiter {
                who: asker,
                after,
                until,
            };
            // Where too many wait, the one that has waited longest asks again.
            let over = self.stream.wait(waiter)?;
            return Some(self.answer(&over.who, over.after));
        }
        Some(self.answer(&asker, after))
    }

    /// What those get who have waited for what is there now, or long enough.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Answer> {
        let due = self.stream.due(now);
        due.iter()
            .map(|Waiter { who, after, .. }| self.answer(who, *after))
            .collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.stream.next_deadline()
    }

    fn answer(&self, asker: &Asker, after: u64) -> Answer {
        let may = |what: &Occurred| may_know(asker.level, what);
        let page = match self.stream.page(after, may) {
            Some(page) => Ok(page),
            None => self.older(after, may),
        };
        let whole = asker.level == Access::Admin;
        answer(asker, &page.map(|page| EventPage { whole, ..page }))
    }

    /// From the disk, or else from where memory begins.
    fn older(&self, after: u64, may: impl Fn(&Occurred) -> bool) -> Result<EventPage, Fault> {
        let last = self.stream.last();
        let events = match &self.kept {
            Some(kept) => kept.events.behind(after).map_err(|error| Fault::Refused {
                reason: format!("the events cannot be read: {error}"),
            })?,
            None => Vec::new(),
        };
        let events: Vec<_> = match events.is_empty() {
            true => self.stream.behind(after).cloned().collect(),
            false => events,
        };
        Ok(page_of(events.into_iter().take(PAGE).collect(), last, may))
    }
}

impl Kept {
    /// What happens goes on, whether or not it can be written down.
    fn write(&mut self, write: impl FnOnce(&mut Events) -> io::Result<()>) {
        let written = write(&mut self.events);
        let failed = std::mem::replace(&mut self.fails, written.is_err());
        if let (Err(error), false) = (written, failed) {
            let dir = self.dir.display();
            let _ = writeln!(
                io::stderr(),
                "error: cannot write the events in {dir}: {error}; numbers are missing in them until there is room again"
            );
        }
    }
}

/// How long one may wait that wants to wait so long.
pub(super) fn wait(ms: u32) -> Duration {
    Duration::from_millis(ms.min(LONGEST_WAIT_MS).into())
}

fn answer(asker: &Asker, page: &Result<EventPage, Fault>) -> Answer {
    let envelope = Envelope::answer(page, asker.id, Peer::NameServer);
    let content = match page {
        Ok(page) => body(page),
        Err(fault) => body(fault),
    };
    (asker.to.clone(), envelope, content)
}
