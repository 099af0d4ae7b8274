//! Requests under way between members: which member asked which, and until when an answer is wanted.

use std::collections::{BTreeSet, HashMap};

use super::Now;
use crate::model::Millis;
use crate::model::timing::{ANSWER_MARGIN, ROUTE_TIMEOUT};
use crate::wire::Peer;

/// Target, requester, and the requester's number for the request.
pub(crate) type Key = (Peer, Peer, u64);

#[derive(Default)]
pub(crate) struct Switchboard {
    /// By target, so that all that wait for one can be told at once.
    open: HashMap<Peer, HashMap<(Peer, u64), Open>>,
    deadlines: BTreeSet<(Now, Key)>,
    /// How many each has asked.
    by_requester: HashMap<Peer, usize>,
}

struct Open {
    ends: Now,
    limit: Millis,
}

/// A request that will not be answered by its target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub target: Peer,
    pub requester: Peer,
    pub id: u64,
    pub limit: Millis,
}

impl Switchboard {
    pub(crate) fn open(
        &mut self,
        target: Peer,
        requester: Peer,
        id: u64,
        deadline_ms: u32,
        now: Now,
    ) {
        let limit = match deadline_ms {
            0 => ROUTE_TIMEOUT,
            ms => Millis::new(ms.into()),
        };
        let ends = now + limit.duration() + ANSWER_MARGIN;
        self.close(&(target.clone(), requester.clone(), id));
        self.deadlines
            .insert((ends, (target.clone(), requester.clone(), id)));
        *self.by_requester.entry(requester.clone()).or_default() += 1;
        let requests = self.open.entry(target).or_default();
        requests.insert((requester, id), Open { ends, limit });
    }

    /// How many requests of a member are open.
    pub(crate) fn open_of(&self, requester: &Peer) -> usize {
        self.by_requester.get(requester).copied().unwrap_or(0)
    }

    pub(crate) fn is_open(&self, (target, requester, id): &Key) -> bool {
        let requests = self.open.get(target);
        requests.is_some_and(|it| it.contains_key(&(requester.clone(), *id)))
    }

    /// Whether an answer of that one is waited for.
    pub(crate) fn waits_for(&self, target: &Peer) -> bool {
        self.open.contains_key(target)
    }

    fn forget_one_of(by_requester: &mut HashMap<Peer, usize>, requester: &Peer) {
        if let Some(count) = by_requester.get_mut(requester) {
            *count -= 1;
            if *count == 0 {
                by_requester.remove(requester);
            }
        }
    }

    /// Tells whether the request was open.
    pub(crate) fn close(&mut self, key: &Key) -> bool {
        let (target, requester, id) = key;
        let Some(requests) = self.open.get_mut(target) else {
            return false;
        };
        let Some(open) = requests.remove(&(requester.clone(), *id)) else {
            return false;
        };
        if requests.is_empty() {
            self.open.remove(target);
        }
        self.deadlines.remove(&(open.ends, key.clone()));
        Self::forget_one_of(&mut self.by_requester, requester);
        true
    }

    /// Closes all requests to `target`.
    pub(crate) fn abandon(&mut self, target: &Peer) -> Vec<Unanswered> {
        let requests = self.open.remove(target).unwrap_or_default();
        let unanswered = requests.into_iter().map(|((requester, id), open)| {
            let key = (target.clone(), requester.clone(), id);
            self.deadlines.remove(&(open.ends, key));
            Self::forget_one_of(&mut self.by_requester, &requester);
            Unanswered {
                target: target.clone(),
                requester,
                id,
                limit: open.limit,
            }
        });
        unanswered.collect()
    }

    pub(crate) fn next_deadline(&self) -> Option<Now> {
        self.deadlines.first().map(|(ends, _)| *ends)
    }

    /// Closes all requests whose time is over.
    pub(crate) fn expired(&mut self, now: Now) -> Vec<Unanswered> {
        let mut expired = Vec::new();
        while self.next_deadline().is_some_and(|ends| ends <= now) {
            let Some((_, (target, requester, id))) = self.deadlines.pop_first() else {
                break;
            };
            let requests = self.open.get_mut(&target);
            if let Some(open) =
                requests.and_then(|requests| requests.remove(&(requester.clone(), id)))
            {
                Self::forget_one_of(&mut self.by_requester, &requester);
                expired.push(Unanswered {
                    target,
                    requester,
                    id,
                    limit: open.limit,
                });
            }
        }
        self.open.retain(|_, requests| !requests.is_empty());
        expired
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    fn peer(n: u8) -> Peer {
        format!("p{n}").parse().unwrap()
    }

    proptest! {
        /// Whatever happens, every request ends exactly once, and nothing is kept after its end.
        #[test]
        fn every_request_ends_once(steps in prop::collection::vec((0u8..4, 0u8..3, 0u8..3, 0u64..4, 1u32..5000), 0..60)) {
            let mut board = Switchboard::default();
            let mut now = Now::ZERO;
            let (mut begun, mut ended) = (0usize, 0usize);
            for (what, target, requester, id, ms) in steps {
                match what {
                    0 => {
                        let key = (peer(target), peer(requester), id);
                        ended += usize::from(board.close(&key));
                        board.open(peer(target), peer(requester), id, ms, now);
                        begun += 1;
                    }
                    1 => ended += usize::from(board.close(&(peer(target), peer(requester), id))),
                    2 => ended += board.abandon(&peer(target)).len(),
                    _ => {
                        now += Duration::from_millis(ms.into());
                        ended += board.expired(now).len();
                    }
                }
                let kept: usize = board.open.values().map(HashMap::len).sum();
                prop_assert_eq!(begun - ended, kept);
                prop_assert_eq!(board.deadlines.len(), kept);
                prop_assert_eq!(board.by_requester.values().sum::<usize>(), kept);
                prop_assert!(board.by_requester.values().all(|count| *count > 0));
            }
        }
    }
}
