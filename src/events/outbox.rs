//! The events of one member, until its name server has them. It holds the last thousand: of what happens while no name
//! server takes them, the oldest go first, and their numbers tell that they are missing.

use std::collections::VecDeque;

use crate::wire::{Incarnation, NameServerRequest, Occurred, OwnEvent};

/// So many are held at most.
const MOST: usize = 1_000;
/// So many are told at once.
const BATCH: usize = 200;

/// Events that are yet to be taken.
#[derive(Debug)]
pub(crate) struct Outbox {
    life: Incarnation,
    held: VecDeque<OwnEvent>,
    last: u64,
    /// The name server has those up to here.
    kept: u64,
    /// What was told, and is not answered yet, ends with this number.
    told: Option<u64>,
}

impl Outbox {
    /// Of a life of a member, to which nothing has happened yet.
    pub(crate) fn new(life: Incarnation) -> Self {
        Self {
            life,
            held: VecDeque::new(),
            last: 0,
            kept: 0,
            told: None,
        }
    }

    /// It has happened at `at`, in milliseconds since 1970.
    pub(crate) fn note(&mut self, what: Occurred, at: u64) {
        self.last += 1;
        let own = self.last;
        self.held.push_back(OwnEvent { own, at, what });
        if self.held.len() > MOST {
            self.held.pop_front();
        }
    }

    /// What is to be told now. None: nothing has happened, or what was told is not answered yet.
    pub(crate) fn tell(&mut self) -> Option<NameServerRequest> {
        if self.told.is_some() {
            return None;
        }
        let events: Vec<OwnEvent> = self.held.iter().take(BATCH).cloned().collect();
        self.told = Some(events.last()?.own);
        Some(NameServerRequest::Happened {
            life: self.life,
            kept: self.kept,
            events,
        })
    }

    /// The name server has those up to that number.
    pub(crate) fn on_kept(&mut self, upto: u64) {
        self.told = None;
        self.kept = self.kept.max(upto.min(self.last));
        while self.held.front().is_some_and(|it| it.own <= self.kept) {
            self.held.pop_front();
        }
    }

    /// No answer comes any more: what was told is told again.
    pub(crate) fn on_unanswered(&mut self) {
        self.told = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::AgentEvent;

    fn left() -> Occurred {
        Occurred::Agent {
            of: "Alice".parse().unwrap(),
            what: AgentEvent::Left { status: None },
        }
    }

    fn told(outbox: &mut Outbox) -> Option<(u64, Vec<u64>)> {
        match outbox.tell()? {
            NameServerRequest::Happened { kept, events, .. } => {
                Some((kept, events.iter().map(|it| it.own).collect()))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_kept_is_told_again_and_what_is_kept_never() {
        let mut outbox = Outbox::new(Incarnation(7));
        assert_eq!(told(&mut outbox), None);
        (0..3).for_each(|_| outbox.note(left(), 1));
        assert_eq!(told(&mut outbox), Some((0, vec![1, 2, 3])));
        outbox.note(left(), 2);
        assert_eq!(told(&mut outbox), None, "one at a time");
        outbox.on_unanswered();
        assert_eq!(told(&mut outbox), Some((0, vec![1, 2, 3, 4])));
        outbox.on_kept(3);
        assert_eq!(told(&mut outbox), Some((3, vec![4])));
        outbox.on_kept(4);
        assert_eq!(told(&mut outbox), None);
        outbox.on_kept(99);
        outbox.note(left(), 3);
        assert_eq!(told(&mut outbox), Some((4, vec![5])), "there were no 99");
    }

    #[test]
    fn the_oldest_go_when_nobody_takes_them() {
        let mut outbox = Outbox::new(Incarnation(7));
        (0..1_500).for_each(|_| outbox.note(left(), 1));
        let (kept, told) = told(&mut outbox).unwrap();
        assert_eq!((kept, told[0], told.len()), (0, 501, BATCH));
    }
}
