//! Requests that wait for their answers, and when they give up. Pure: it is told the time.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// Waiting requests by number, each with a `W` that takes its answer.
pub(crate) struct InFlight<W> {
    waiting: HashMap<u64, (Instant, W)>,
    deadlines: BTreeSet<(Instant, u64)>,
}

impl<W> Default for InFlight<W> {
    fn default() -> Self {
        Self {
            waiting: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }
}

impl<W> InFlight<W> {
    pub(crate) fn insert(&mut self, id: u64, deadline: Instant, waiter: W) {
        self.waiting.insert(id, (deadline, waiter));
        self.deadlines.insert((deadline, id));
    }

    pub(crate) fn take(&mut self, id: u64) -> Option<W> {
        let (deadline, waiter) = self.waiting.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        Some(waiter)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes all: there will be no answers.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = W> + use<W> {
        self.deadlines.clear();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().map(|(_, waiter)| waiter)
    }

    /// Takes one that has waited for too long.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<W> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.take(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_is_taken_once_and_the_late_in_order() {
        let now = Instant::now();
        let mut waiting = InFlight::default();
        for (id, ms) in [(1, 30), (2, 10), (3, 20)] {
            waiting.insert(id, now + Duration::from_millis(ms), id);
        }
        assert_eq!(waiting.take(3), Some(3));
        assert_eq!(waiting.take(3), None);
        assert_eq!(
            waiting.next_deadline(),
            Some(now + Duration::from_millis(10))
        );
        assert_eq!(waiting.expired(now), None);
        let later = now + Duration::from_millis(30);
        assert_eq!(waiting.expired(later), Some(2));
        assert_eq!(waiting.expired(later), Some(1));
        assert_eq!(waiting.expired(later), None);
        assert_eq!(waiting.next_deadline(), None);
    }
}
