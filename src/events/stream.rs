//! The stream of events of one name server: numbers, the last ones in memory, and who waits for the next one.

use std::collections::VecDeque;
use std::time::Duration;

use crate::wire::{EventOrigin, EventPage, EventRecord, Occurred};

/// So many are in memory; older ones are on the disk, if there is one.
const RECENT: usize = 2_000;
/// So many wait for an event at most.
const MOST_WAITERS: usize = 1_000;
/// So many are told at once.
pub(crate) const PAGE: usize = 500;

/// Somebody waits for an event behind that number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiter<W> {
    pub who: W,
    pub after: u64,
    pub until: Duration,
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Stream<W> {
    last: u64,
    recent: VecDeque<EventRecord>,
    waiters: VecDeque<Waiter<W>>,
}

impl<W> Stream<W> {
    /// From the events that were kept last, the first first.
    pub(crate) fn resume(kept: Vec<EventRecord>) -> Self {
        let over = kept.len().saturating_sub(RECENT);
        let recent: VecDeque<EventRecord> = kept.into_iter().skip(over).collect();
        Self {
            last: recent.back().map_or(0, |it| it.n),
            recent,
            waiters: VecDeque::new(),
        }
    }

    /// It has happened: the event, which has its number now.
    pub(crate) fn note(
        &mut self,
        what: Occurred,
        at: String,
        by: Option<EventOrigin>,
    ) -> &EventRecord {
        // A number in a spoilt file may be the last one that there is.
        self.last = self.last.saturating_add(1);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        let n = self.last;
        self.recent.push_back(EventRecord { n, at, by, what });
        &self.recent[self.recent.len() - 1]
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// The next ones behind that number that `may` be told. None: older ones than those in memory are asked for.
    pub(crate) fn page(&self, after: u64, may: impl Fn(&Occurred) -> bool) -> Option<EventPage> {
        let first = self.recent.front().map_or(self.last + 1, |it| it.n);
        if after.saturating_add(1) < first {
            return None;
        }
        let behind = self.behind(after).take(PAGE).cloned().collect();
        Some(page_of(behind, self.last, may))
    }

    /// Those in memory behind that number.
    pub(crate) fn behind(&self, after: u64) -> impl Iterator<Item = &EventRecord> {
        let begin = self.recent.partition_point(|it| it.n <= after);
        self.recent.range(begin..)
    }

    /// There is nothing behind that number yet: `who` waits.
    /// One that waits no longer, because too many do, is given back.
    pub(crate) fn wait(&mut self, waiter: Waiter<W>) -> Option<Waiter<W>> {
        self.waiters.push_back(waiter);
        let over = self.waiters.len() > MOST_WAITERS;
        over.then(|| self.waiters.pop_front()).flatten()
    }

    /// When the first of them has waited long enough.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.waiters.iter().map(|it| it.until).min()
    }

    /// Those who are to be answered: for whom there is something, and those who have waited long enough.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<Waiter<W>> {
        let last = self.last;
        let waiters = std::mem::take(&mut self.waiters).into_iter();
        let (due, others): (Vec<_>, Vec<_>) =
            waiters.partition(|it| it.after < last || it.until <= now);
        self.waiters = others.into();
        due
    }
}

/// What is told of these events, where `last` is the last one that there is.
pub(crate) fn page_of(
    mut events: Vec<EventRecord>,
    last: u64,
    may: impl Fn(&Occurred) -> bool,
) -> EventPage {
    let upto = events.last().map_or(last, |it| it.n);
    events.retain(|it| may(&it.what));
    EventPage {
        events,
        upto,
        more: upto < last,
        whole: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NameserverEvent;

    fn began() -> Occurred {
        Occurred::Nameserver {
            what: NameserverEvent::Began {
                version: "1".into(),
            },
        }
    }

    fn numbers(page: &EventPage) -> Vec<u64> {
        page.events.iter().map(|it| it.n).collect()
    }

    #[test]
    fn numbers_go_on_and_pages_follow_one_another() {
        let mut stream: Stream<u8> = Stream::resume(Vec::new());
        assert_eq!(stream.page(0, |_| true), Some(EventPage::default()));
        let kept: Vec<EventRecord> = (0..1_200)
            .map(|_| stream.note(began(), "now".into(), None).clone())
            .collect();
        let mut stream: Stream<u8> = Stream::resume(kept);
        let (mut after, mut seen) = (0, 0);
        loop {
            let page = stream.page(after, |_| true).unwrap();
            assert!(numbers(&page).windows(2).all(|two| two[0] + 1 == two[1]));
            (after, seen) = (page.upto, seen + page.events.len());
            if !page.more {
                break;
            }
        }
        assert_eq!((after, seen), (1_200, 1_200));
        assert_eq!(stream.note(began(), "now".into(), None).n, 1_201);
        let hidden = stream.page(1_200, |_| false).unwrap();
        assert_eq!(
            (hidden.events.len(), hidden.upto, hidden.more),
            (0, 1_201, false)
        );
    }

    #[test]
    fn what_is_older_than_memory_is_for_the_disk() {
        let mut stream: Stream<u8> = Stream::resume(Vec::new());
        for _ in 0..2_001 {
            stream.note(began(), "now".into(), None);
        }
        assert_eq!(stream.page(0, |_| true), None);
        assert_eq!(numbers(&stream.page(1, |_| true).unwrap())[0], 2);
    }

    #[test]
    fn who_waits_is_told_with_the_next_event_or_when_its_time_is_over() {
        let mut stream: Stream<u8> = Stream::resume(Vec::new());
        let s = Duration::from_secs;
        for (who, after, until) in [(1, 0, s(5)), (2, 1, s(3))] {
            assert!(stream.wait(Waiter { who, after, until }).is_none());
        }
        assert!(stream.due(s(1)).is_empty());
        assert_eq!(stream.next_deadline(), Some(s(3)));
        stream.note(began(), "now".into(), None);
        let due = stream.due(s(1));
        assert_eq!(due.iter().map(|it| it.who).collect::<Vec<_>>(), [1]);
        assert_eq!(stream.due(s(3)).len(), 1);
        assert_eq!(stream.next_deadline(), None);
        let waiter = |who| Waiter {
            who,
            after: 1,
            until: s(9),
        };
        let over: Vec<u8> = (0..=1_000_u32)
            .filter_map(|n| Some(stream.wait(waiter(u8::from(n > 0)))?.who))
            .collect();
        assert_eq!(over, [0], "the one that has waited longest");
    }
}
