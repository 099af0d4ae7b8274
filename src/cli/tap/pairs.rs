//! Requests and their answers, side by side: a request waits for its answer, but not for long. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::message::Tapped;
use crate::model::{AgentId, Alias};
use crate::wire::Sort;

/// How long a request waits to be shown with its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How many requests are remembered.
const REMEMBERED: usize = 10_000;

/// What is to be shown.
#[derive(Debug, PartialEq)]
pub(super) enum Shown {
    /// One message; of an answer, how long it took, in microseconds.
    One(Tapped, Option<u64>),
    /// A request with its answer.
    Both(Tapped, Tapped),
}

/// The requests that have been seen, and their answers not.
#[derive(Default)]
pub(super) struct Pairs {
    requests: BTreeMap<Key, Request>,
    /// In the order in which they came, with the time until which each waits.
    waiting: VecDeque<(Key, Duration)>,
}

type Key = (AgentId, Alias, u64);

struct Request {
    request: Tapped,
    is_shown: bool,
}

impl Pairs {
    /// A message has been seen.
    pub(super) fn see(&mut self, message: Tapped, now: Duration) -> Option<Shown> {
        let key = || {
            let (agent, alias) = (message.agent.clone(), message.socket.alias.clone());
            (agent, alias, message.pair)
        };
        match message.sort {
            Sort::Message | Sort::Publication | Sort::Garbled => Some(Shown::One(message, None)),
            Sort::Request => {
                let key = key();
                self.waiting.push_back((key.clone(), now + PATIENCE));
                let request = Request {
                    request: message,
                    is_shown: false,
                };
                self.requests.insert(key, request);
                None
            }
            Sort::Answer => Some(match self.requests.remove(&key()) {
                None => Shown::One(message, None),
                Some(Request {
                    request,
                    is_shown: true,
                }) => {
                    let took = message.time.saturating_sub(request.time);
                    Shown::One(message, Some(took))
                }
                Some(Request { request, .. }) => Shown::Both(request, message),
            }),
        }
    }

    /// The next request that has waited long enough; all of them, at the end.
    pub(super) fn overdue(&mut self, now: Option<Duration>) -> Option<Tapped> {
        loop {
            let (_, until) = self.waiting.front()?;
            if now.is_some_and(|now| now < *until) {
                return None;
            }
            let (key, _) = self.waiting.pop_front()?;
            self.forget();
            if let Some(request) = self.requests.get_mut(&key).filter(|it| !it.is_shown) {
                request.is_shown = true;
                return Some(request.request.clone());
            }
        }
    }

    /// Of very many without an answer, some are not remembered.
    fn forget(&mut self) {
        while self.requests.len() > REMEMBERED {
            let shown = self.requests.iter().find(|(_, it)| it.is_shown);
            let Some(key) = shown.map(|(key, _)| key.clone()) else {
                return;
            };
            self.requests.remove(&key);
        }
    }

    /// When the next one has waited long enough.
    pub(super) fn due(&self) -> Option<Duration> {
        self.waiting.front().map(|(_, until)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::tapped;
    use super::*;
    use crate::model::Serializer;

    fn message(sort: Sort, pair: u64, time: u64) -> Tapped {
        Tapped {
            sort,
            pair,
            time,
            ..tapped(b"1", Serializer::Json)
        }
    }

    #[test]
    fn an_answer_finds_its_request() {
        let mut pairs = Pairs::default();
        let now = Duration::ZERO;
        let (one, two) = (message(Sort::Request, 1, 10), message(Sort::Request, 2, 11));
        assert_eq!(pairs.see(one.clone(), now), None);
        assert_eq!(pairs.see(two.clone(), now), None);
        let answer = message(Sort::Answer, 2, 20);
        assert_eq!(
            pairs.see(answer.clone(), now),
            Some(Shown::Both(two, answer))
        );
        assert_eq!(pairs.due(), Some(PATIENCE));
        assert_eq!(pairs.overdue(Some(now)), None);
        assert_eq!(pairs.overdue(Some(PATIENCE)), Some(one));
        assert_eq!(pairs.overdue(Some(PATIENCE)), None);
        let late = message(Sort::Answer, 1, 50);
        assert_eq!(
            pairs.see(late.clone(), PATIENCE),
            Some(Shown::One(late, Some(40)))
        );
        let stray = message(Sort::Answer, 1, 50);
        assert_eq!(
            pairs.see(stray.clone(), PATIENCE),
            Some(Shown::One(stray, None))
        );
        let plain = message(Sort::Message, 0, 5);
        assert_eq!(pairs.see(plain.clone(), now), Some(Shown::One(plain, None)));
    }

    #[test]
    fn at_the_end_all_that_wait_are_shown() {
        let mut pairs = Pairs::default();
        for pair in 1..=3 {
            pairs.see(message(Sort::Request, pair, pair), Duration::ZERO);
        }
        let left = std::iter::from_fn(|| pairs.overdue(None));
        assert_eq!(left.map(|it| it.pair).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
