//! Agents that go with others: when one of those has begun another life and runs, they are restarted; behind those that they
//! are after, if these are restarted for the same reason.
//!
//! A pure core: lives that have been heard of, and the time, come in; who is to be restarted comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Now;
use crate::model::AgentName;
use crate::wire::Incarnation;

/// For each agent that one goes with: those that it waits for when it is restarted with that one.
pub(crate) type With = BTreeMap<AgentName, BTreeSet<AgentName>>;

/// A life of an agent, and how often its program was started anew in that.
pub(crate) type Life = (Incarnation, u32);

/// The agents of one host daemon that go with others, wherever these are.
#[derive(Default)]
pub(crate) struct Companions {
    of: BTreeMap<AgentName, With>,
    /// The agents whose lives matter, and how often they are named.
    watched: BTreeMap<AgentName, usize>,
    /// The last life that ran of each agent that matters.
    lives: BTreeMap<AgentName, Life>,
    waiting: BTreeMap<AgentName, Waiting>,
}

struct Waiting {
    /// Those that have not begun their next life.
    on: BTreeSet<AgentName>,
    /// It is restarted then at the latest: one of those may not come back.
    until: Now,
}

impl Companions {
    /// With whom an agent goes from now on. Tells whether other agents matter now than before.
    pub(crate) fn on_spec(&mut self, agent: &AgentName, with: With) -> bool {
        let former = self.of.remove(agent).unwrap_or_default();
        let mut has_changed = false;
        for name in named(&with) {
            let count = self.watched.entry(name.clone()).or_insert(0);
            has_changed |= *count == 0;
            *count += 1;
        }
        for name in named(&former) {
            let count = self.watched.get_mut(name);
            if count.is_some_and(|count| {
                *count -= 1;
                *count == 0
            }) {
                self.watched.remove(name);
                self.lives.remove(name);
                has_changed = true;
            }
        }
        if !with.is_empty() {
            self.of.insert(agent.clone(), with);
        }
        has_changed
    }

    /// The agents whose lives matter.
    pub(crate) fn watched(&self) -> BTreeSet<AgentName> {
        self.watched.keys().cloned().collect()
    }

    pub(crate) fn watches(&self) -> bool {
        !self.watched.is_empty()
    }

    /// A life of an agent runs. Gives those to restart. `limit`: how long others may be waited for.
    pub(crate) fn on_runs(
        &mut self,
        agent: &AgentName,
        life: Life,
        (now, limit): (Now, Duration),
    ) -> Vec<AgentName> {
        if !self.watched.contains_key(agent) {
            return Vec::new();
        }
        let former = self.lives.insert(agent.clone(), life);
        if former == Some(life) {
            return Vec::new();
        }
        for waiting in self.waiting.values_mut() {
            waiting.on.remove(agent);
        }
        // Of one that is heard of for the first time it is not known that it was restarted.
        if former.is_some() {
            for (dependent, with) in &self.of {
                if let Some(waits) = with.get(agent) {
                    let waiting = Waiting {
                        on: waits.clone(),
                        until: now + limit,
                    };
                    self.waiting.entry(dependent.clone()).or_insert(waiting);
                }
            }
        }
        self.take(|waiting| waiting.on.is_empty())
    }

    pub(crate) fn next_deadline(&self) -> Option<Now> {
        self.waiting.values().map(|it| it.until).min()
    }

    /// Time has passed. Gives those to restart.
    pub(crate) fn on_time(&mut self, now: Now) -> Vec<AgentName> {
        self.take(|waiting| waiting.until <= now)
    }

    fn take(&mut self, is_due: impl Fn(&Waiting) -> bool) -> Vec<AgentName> {
        let due = self.waiting.iter().filter(|(_, waiting)| is_due(waiting));
        let due: Vec<AgentName> = due.map(|(agent, _)| agent.clone()).collect();
        for agent in &due {
            self.waiting.remove(agent);
        }
        due
    }
}

/// Each as often as it is named.
fn named(with: &With) -> impl Iterator<Item = &AgentName> {
    with.iter()
        .flat_map(|(first, waits)| std::iter::once(first).chain(waits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn name(text: &str) -> AgentName {
        text.parse().unwrap()
    }

    fn names(texts: &[&str]) -> BTreeSet<AgentName> {
        texts.iter().map(|it| name(it)).collect()
    }

    fn with(firsts: &[(&str, &[&str])]) -> With {
        let of = |(first, waits): &(&str, &[&str])| (name(first), names(waits));
        firsts.iter().map(of).collect()
    }

    fn runs(companions: &mut Companions, agent: &str, life: u64, now: u64) -> Vec<AgentName> {
        let now = Duration::from_secs(now);
        companions.on_runs(&name(agent), (Incarnation(life), 0), (now, LIMIT))
    }

    #[test]
    fn another_life_that_runs_takes_along_who_goes_with_it() {
        let mut companions = Companions::default();
        assert!(companions.on_spec(&name("Bob"), with(&[("Alice", &[])])));
        assert!(companions.on_spec(&name("Carol"), with(&[("Bob", &[])])));
        assert!(!companions.on_spec(&name("Dave"), with(&[("Bob", &[])])));
        assert_eq!(companions.watched(), names(&["Alice", "Bob"]));
        for (agent, life, expected) in [
            ("Alice", 1, &[][..]),
            ("Bob", 2, &[]),
            ("Alice", 1, &[]),
            ("Alice", 3, &["Bob"]),
            ("Bob", 4, &["Carol", "Dave"]),
            ("Nobody", 5, &[]),
        ] {
            let said = runs(&mut companions, agent, life, 0);
            assert_eq!(said, expected.iter().map(|it| name(it)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn who_goes_with_an_agent_goes_along_when_only_its_program_was_started_anew() {
        let mut companions = Companions::default();
        companions.on_spec(&name("Bob"), with(&[("Alice", &[])]));
        for (life, expected) in [
            ((1, 0), 0),
            ((1, 0), 0),
            ((1, 1), 1),
            ((1, 1), 0),
            ((2, 0), 1),
        ] {
            let life = (Incarnation(life.0), life.1);
            let said = companions.on_runs(&name("Alice"), life, (Now::ZERO, LIMIT));
            assert_eq!(said.len(), expected, "{life:?}");
        }
    }

    #[test]
    fn who_is_after_another_that_goes_along_waits_for_it_and_not_for_ever() {
        let mut companions = Companions::default();
        companions.on_spec(&name("Bob"), with(&[("Alice", &[])]));
        companions.on_spec(&name("Carol"), with(&[("Alice", &["Bob"])]));
        for (life, agent) in ["Alice", "Bob"].iter().enumerate() {
            assert_eq!(runs(&mut companions, agent, life as u64, 0), []);
        }
        assert_eq!(runs(&mut companions, "Alice", 10, 1), [name("Bob")]);
        assert_eq!(runs(&mut companions, "Bob", 11, 2), [name("Carol")]);
        // Bob alone takes nobody along.
        assert_eq!(runs(&mut companions, "Bob", 12, 3), []);
        assert_eq!(runs(&mut companions, "Alice", 13, 4), [name("Bob")]);
        let until = companions.next_deadline().unwrap();
        assert_eq!(until, Duration::from_secs(4) + LIMIT);
        assert_eq!(companions.on_time(until), [name("Carol")]);
        assert_eq!(companions.next_deadline(), None);
    }

    proptest! {
        /// However lives follow one another: each that is another than the one before takes along each of its companions
        /// once, at the latest when the time is over.
        #[test]
        fn nobody_is_forgotten(lives in prop::collection::vec((0usize..3, 0u64..4), 0..40)) {
            let agents = ["Alice", "Bob", "Dave"];
            let mut companions = Companions::default();
            companions.on_spec(&name("Carol"), with(&[("Alice", &["Bob"]), ("Dave", &[])]));
            companions.on_spec(&name("Eve"), with(&[("Alice", &[])]));
            let mut last = [None; 3];
            let (mut eve, mut carol, mut expected) = (0, 0, 0);
            let mut carol_is_due = false;
            for (who, life) in lives {
                let again = last[who].is_some_and(|former| former != life);
                last[who] = Some(life);
                expected += usize::from(again && who == 0);
                carol_is_due |= again && who != 1;
                for agent in runs(&mut companions, agents[who], life, 0) {
                    match agent.as_str() {
                        "Eve" => eve += 1,
                        _ => {
                            prop_assert!(carol_is_due);
                            carol_is_due = false;
                            carol += 1;
                        }
                    }
                }
            }
            let rest = companions.on_time(LIMIT);
            prop_assert_eq!(rest.contains(&name("Carol")), carol_is_due, "{}", carol);
            prop_assert_eq!(eve, expected);
            prop_assert_eq!(companions.next_deadline(), None);
        }
    }
}
