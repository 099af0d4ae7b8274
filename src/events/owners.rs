//! Which events of which member the name server has: each is taken once, whatever is told again after a connection or a
//! name server has ended; what never came is a gap, with its size.

use std::collections::HashMap;

use crate::wire::{EventOrigin, Incarnation, OwnEvent, Peer};

/// What is new of what a member has told.
#[derive(Debug, PartialEq)]
pub(crate) struct Taken {
    /// So many are missing before them.
    pub missing: u64,
    pub events: Vec<OwnEvent>,
    /// Those up to here are there now.
    pub upto: u64,
}

/// Members that have told of events.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    last: HashMap<Peer, (Incarnation, u64)>,
}

impl Owners {
    /// As they were before, by what is kept of their events.
    pub(crate) fn recall<'a>(origins: impl Iterator<Item = &'a EventOrigin>) -> Self {
        let mut owners = Self::default();
        for EventOrigin { owner, life, own } in origins {
            let last = owners.last.entry(owner.clone()).or_insert((*life, *own));
            *last = match last.0 == *life {
                true => (*life, last.1.max(*own)),
                false => (*life, *own),
            };
        }
        owners
    }

    /// A member tells of events; those up to `kept` were taken before, perhaps by another life of the name server.
    pub(crate) fn take(
        &mut self,
        owner: &Peer,
        life: Incarnation,
        kept: u64,
        events: Vec<OwnEvent>,
    ) -> Taken {
        let last = self.last.entry(owner.clone()).or_insert((life, kept));
        if last.0 != life {
            *last = (life, kept);
        }
        // Only whom somebody has told that they are kept says so.
        let mut upto = last.1;
        let mut missing = 0;
        let mut new = Vec::with_capacity(events.len());
        for event in events {
            if event.own <= upto {
                continue;
            }
            missing += event.own - upto - 1;
            upto = event.own;
            new.push(event);
        }
        last.1 = upto;
        Taken {
            missing,
            events: new,
            upto,
        }
    }

    /// It is known no more.
    pub(crate) fn forget(&mut self, owner: &Peer) {
        self.last.remove(owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Outbox;
    use crate::wire::{AgentEvent, NameServerRequest, Occurred};
    use proptest::prelude::*;

    fn alice() -> Peer {
        "Alice".parse().unwrap()
    }

    fn left() -> Occurred {
        Occurred::Agent {
            of: "Alice".parse().unwrap(),
            what: AgentEvent::Left { status: None },
        }
    }

    /// What may happen on the way.
    #[derive(Debug, Clone)]
    enum Step {
        Happens(u16),
        Told,
        /// It is told, and the answer is lost.
        ToldUnheard,
        /// The name server is killed, and reads what it has kept.
        Again,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..700_u16).prop_map(Step::Happens),
            Just(Step::Told),
            Just(Step::ToldUnheard),
            Just(Step::Again),
        ]
    }

    proptest! {
        /// Whatever ends when, each event is there once, in order, and what was cut off is counted.
        #[test]
        fn each_event_is_taken_once_or_counted(steps in prop::collection::vec(step(), 0..60)) {
            let life = Incarnation(3);
            let (mut outbox, mut owners) = (Outbox::new(life), Owners::default());
            let mut disk: Vec<EventOrigin> = Vec::new();
            let (mut happened, mut missing) = (0_u64, 0_u64);
            let mut tell = |outbox: &mut Outbox, owners: &mut Owners, disk: &mut Vec<EventOrigin>, heard: bool| {
                let Some(NameServerRequest::Happened { life, kept, events }) = outbox.tell() else {
                    return false;
                };
                let taken = owners.take(&alice(), life, kept, events);
                missing += taken.missing;
                let origin = |it: &OwnEvent| EventOrigin { owner: alice(), life, own: it.own };
                disk.extend(taken.events.iter().map(origin));
                match heard {
                    true => outbox.on_kept(taken.upto),
                    false => outbox.on_unanswered(),
                }
                true
            };
            for step in steps {
                match step {
                    Step::Happens(times) => {
                        happened += u64::from(times);
                        (0..times).for_each(|_| outbox.note(left(), 0));
                    }
                    Step::Told => drop(tell(&mut outbox, &mut owners, &mut disk, true)),
                    Step::ToldUnheard => drop(tell(&mut outbox, &mut owners, &mut disk, false)),
                    Step::Again => owners = Owners::recall(disk.iter()),
                }
            }
            while tell(&mut outbox, &mut owners, &mut disk, true) {}
            let numbers: Vec<u64> = disk.iter().map(|it| it.own).collect();
            prop_assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
            prop_assert_eq!(numbers.len() as u64 + missing, happened);
        }
    }

    #[test]
    fn another_life_begins_anew_and_a_name_server_without_memory_believes_what_was_kept() {
        let mut owners = Owners::default();
        let event = |own| OwnEvent {
            own,
            at: 0,
            what: left(),
        };
        let taken = owners.take(&alice(), Incarnation(1), 56, vec![event(57)]);
        assert_eq!((taken.missing, taken.upto), (0, 57));
        let taken = owners.take(&alice(), Incarnation(2), 0, vec![event(1), event(4)]);
        assert_eq!((taken.missing, taken.events.len(), taken.upto), (2, 2, 4));
        owners.forget(&alice());
        let taken = owners.take(&alice(), Incarnation(2), 4, vec![event(4), event(5)]);
        assert_eq!((taken.missing, taken.events.len()), (0, 1));
    }
}
