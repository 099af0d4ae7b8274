//! What waits for an answer or an event, each until its deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Things that wait, by number. Numbers begin at 1 and are never used twice.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    last: u64,
    entries: BTreeMap<u64, (Duration, T)>,
    deadlines: BTreeSet<(Duration, u64)>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self {
            last: 0,
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }
}

impl<T> Pending<T> {
    /// Waits for `thing` until `deadline`, and tells its number.
    pub(crate) fn add(&mut self, deadline: Duration, thing: T) -> u64 {
        let id = self.number();
        self.entries.insert(id, (deadline, thing));
        self.deadlines.insert((deadline, id));
        id
    }

    /// A number for a thing that is kept elsewhere.
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Takes a thing out; None if it is not, or no longer, waited for.
    pub(crate) fn take(&mut self, id: u64) -> Option<T> {
        let (deadline, thing) = self.entries.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        Some(thing)
    }

    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        self.entries.get(&id).map(|(_, thing)| thing)
    }

    /// The number of what waits longest.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.entries.keys().next().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.entries.iter().map(|(id, (_, thing))| (*id, thing))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.values_mut().map(|(_, thing)| thing)
    }

    /// When the next thing's time is up.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out one thing whose time is up.
    pub(crate) fn expired(&mut self, now: Duration) -> Option<(u64, T)> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.take(id).map(|thing| (id, thing))
    }

    /// Takes out those that are meant, in the order of their numbers.
    pub(crate) fn take_where(&mut self, meant: impl Fn(&T) -> bool) -> Vec<(u64, T)> {
        let ids: Vec<u64> = self
            .iter()
            .filter(|(_, thing)| meant(thing))
            .map(|(id, _)| id)
            .collect();
        let taken = ids.into_iter();
        taken.filter_map(|id| Some((id, self.take(id)?))).collect()
    }

    /// Takes all of them out, in the order of their numbers.
    pub(crate) fn take_all(&mut self) -> Vec<(u64, T)> {
        self.deadlines.clear();
        let entries = std::mem::take(&mut self.entries).into_iter();
        entries.map(|(id, (_, thing))| (id, thing)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn deadlines_come_in_order() {
        let mut pending = Pending::default();
        let at = Duration::from_millis;
        let late = pending.add(at(20), "late");
        pending.add(at(10), "early");
        assert_eq!(pending.wakes_at(), Some(at(10)));
        assert_eq!(pending.expired(at(9)), None);
        assert_eq!(pending.expired(at(10)), Some((2, "early")));
        assert_eq!(pending.take(late), Some("late"));
        assert_eq!(pending.take(late), None);
        assert_eq!(pending.wakes_at(), None);
    }

    #[test]
    fn those_that_are_meant_are_taken() {
        let mut pending = Pending::default();
        let at = Duration::from_millis;
        (1..=4).for_each(|n| {
            pending.add(at(n), n);
        });
        assert_eq!(pending.take_where(|n| n % 2 == 0), [(2, 2), (4, 4)]);
        assert_eq!(pending.len(), 2);
        assert_eq!(pending.expired(at(9)), Some((1, 1)));
    }

    proptest! {
        /// Whatever happens, each thing leaves once: taken or expired.
        #[test]
        fn each_leaves_once(steps in prop::collection::vec((0u8..3, 0u64..50), 0..200)) {
            let mut pending = Pending::default();
            let (mut added, mut left) = (0, 0);
            for (now, (what, number)) in steps.into_iter().enumerate() {
                let now = Duration::from_millis(now as u64);
                match what {
                    0 => { added += 1; pending.add(now + Duration::from_millis(number), ()); }
                    1 => left += usize::from(pending.take(number).is_some()),
                    _ => while pending.expired(now).is_some() { left += 1; },
                }
                prop_assert_eq!(pending.entries.len(), pending.deadlines.len());
            }
            prop_assert_eq!(pending.len() + left, added);
        }
    }
}
