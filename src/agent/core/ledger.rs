//! What a writing socket has given to connections that have ended, against what their readers say has come. A pure
//! core: names and numbers in, sums out.
//!
//! Whatever was given to a line is in one place: received, as far as the reader has said so; lost, if the reader
//! has said its last word; unconfirmed, if it has not.

use std::collections::BTreeMap;

use crate::wire::Arrived;

/// How many lines are kept that have ended, or that readers have told of.
const KEPT: usize = 10_000;
/// The longest name of a line.
const LONGEST: usize = 256;

type Name = Box<str>;

/// The ledger of one socket.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Lines that have ended, with what they were given, whose readers have not said their last word.
    ended: BTreeMap<Name, u64>,
    /// What readers have said of lines that stand, or are in `ended`.
    told: BTreeMap<Name, Told>,
    lost: u64,
    /// Of lines whose readers will say no more.
    given_up: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    received: u64,
    last: bool,
}

impl Ledger {
    /// A line has ended. Without a name: messages that no line has ever taken.
    pub(crate) fn end(&mut self, name: Option<Name>, given: u64) {
        let Some(name) = name else {
            self.lost += given;
            return;
        };
        // Another one of that name, long ago, whose reader has not sent its last report.
        self.give_up(&name);
        if self.ended.len() >= KEPT
            && let Some(oldest) = self.ended.keys().next().cloned()
        {
            self.give_up(&oldest);
        }
        self.ended.insert(name.clone(), given);
        self.settle(&name);
    }

    /// A reader tells what has come by a line.
    pub(crate) fn tell(&mut self, arrived: &Arrived) {
        let name = &arrived.line;
        if name.len() > LONGEST {
            return;
        }
        if self.told.len() >= KEPT && !self.told.contains_key(name) {
            self.told.pop_first();
        }
        let told = self.told.entry(name.clone()).or_default();
        told.received = told.received.max(arrived.received);
        told.last |= arrived.last;
        self.settle(name);
    }

    /// No further report of that line will come, if it has ended.
    pub(crate) fn give_up(&mut self, name: &str) {
        if let Some(given) = self.ended.remove(name) {
            let told = self.told.remove(name).unwrap_or_default();
            self.given_up += given.saturating_sub(told.received);
        }
    }

    fn settle(&mut self, name: &str) {
        let Some(given) = self.ended.get(name).copied() else {
            return;
        };
        let told = self.told.get(name).copied().unwrap_or_default();
        if told.last || told.received >= given {
            self.lost += given.saturating_sub(told.received);
            self.ended.remove(name);
            self.told.remove(name);
        }
    }

    /// Whether that line has ended, and its reader may still say something.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.ended.contains_key(name)
    }

    /// What is lost for sure.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) fn unconfirmed(&self) -> u64 {
        let received = |name: &Name| self.told.get(name).map_or(0, |told| told.received);
        let open = self.ended.iter();
        open.map(|(name, given)| given.saturating_sub(received(name)))
            .sum::<u64>()
            + self.given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arrived(line: &str, received: u64, last: bool) -> Arrived {
        Arrived {
            line: line.into(),
            received,
            last,
        }
    }

    fn sums(ledger: &Ledger) -> (u64, u64) {
        (ledger.lost(), ledger.unconfirmed())
    }

    #[test]
    fn a_reader_that_lives_says_what_was_lost() {
        let mut ledger = Ledger::default();
        ledger.tell(&arrived("a", 40, false));
        assert_eq!(sums(&ledger), (0, 0));
        ledger.end(Some("a".into()), 100);
        assert_eq!(sums(&ledger), (0, 60));
        ledger.tell(&arrived("a", 70, false));
        assert_eq!(sums(&ledger), (0, 30));
        ledger.tell(&arrived("a", 90, true));
        assert_eq!(sums(&ledger), (10, 0));
        assert!(ledger.told.is_empty() && ledger.ended.is_empty());
    }

    #[test]
    fn the_last_word_may_come_before_the_end_is_seen_here() {
        let mut ledger = Ledger::default();
        ledger.tell(&arrived("a", 90, true));
        ledger.end(Some("a".into()), 100);
        assert_eq!(sums(&ledger), (10, 0));
    }

    #[test]
    fn a_reader_that_is_dead_leaves_what_it_has_not_confirmed() {
        let mut ledger = Ledger::default();
        ledger.tell(&arrived("a", 40, false));
        ledger.end(Some("a".into()), 100);
        ledger.give_up("a");
        ledger.give_up("a");
        assert_eq!(sums(&ledger), (0, 60));
        // Its port is another's now.
        ledger.tell(&arrived("a", 7, false));
        ledger.end(Some("a".into()), 7);
        assert_eq!(sums(&ledger), (0, 60));
        ledger.end(None, 5);
        assert_eq!(sums(&ledger), (5, 60));
    }

    #[test]
    fn strangers_do_not_fill_it() {
        let mut ledger = Ledger::default();
        for number in 0..3 * KEPT {
            ledger.tell(&arrived(&number.to_string(), 1, true));
            ledger.end(Some(format!("x{number}").into()), 2);
        }
        ledger.tell(&arrived(&"x".repeat(LONGEST + 1), 1, true));
        assert!(ledger.told.len() <= KEPT && ledger.ended.len() <= KEPT);
        assert_eq!(ledger.unconfirmed(), 6 * u64::try_from(KEPT).unwrap());
    }

    proptest! {
        /// Whatever order the words come in, what was given is in one place.
        #[test]
        fn the_sum_comes_out(
            given in 0u64..1000,
            received in prop::collection::vec(0u64..1000, 0..6),
            end in 0usize..6,
            last in any::<bool>(),
        ) {
            let mut ledger = Ledger::default();
            let mut most = 0;
            for (at, received) in received.iter().map(|it| (*it).min(given)).enumerate() {
                if at == end {
                    ledger.end(Some("a".into()), given);
                }
                most = most.max(received);
                ledger.tell(&arrived("a", received, last));
            }
            if received.len() <= end {
                ledger.end(Some("a".into()), given);
            }
            let said = last && !received.is_empty();
            if !said {
                prop_assert_eq!(ledger.lost(), 0);
                prop_assert_eq!(most + ledger.unconfirmed(), given);
            } else {
                prop_assert_eq!(ledger.unconfirmed(), 0);
            }
        }
    }
}
