//! Which agents depend on which, for commands that end some and start them again: an agent depends on those that it is
//! after, or goes with. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::turns::{Waits, turns};
use crate::model::{AgentId, Ties};

/// Those that depend on one of `named`, directly or not; without `named`.
pub fn dependents(ties: &[Ties], named: &BTreeSet<AgentId>) -> BTreeSet<AgentId> {
    let mut of: BTreeMap<&AgentId, Vec<&AgentId>> = BTreeMap::new();
    for it in ties {
        for first in it.after.union(&it.with) {
            of.entry(first).or_default().push(&it.agent);
        }
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<&AgentId> = named.iter().collect();
    while let Some(agent) = open.pop() {
        for dependent in of.get(agent).into_iter().flatten() {
            if !named.contains(*dependent) && found.insert((*dependent).clone()) {
                open.push(dependent);
            }
        }
    }
    found
}

/// The agents `among` in the turns in which they are started: each after those that it depends on. They end in the reverse
/// order.
pub fn in_turns(ties: &[Ties], among: &BTreeSet<AgentId>) -> Vec<BTreeSet<AgentId>> {
    let mut waits = Waits::new();
    // Also those between: what depends on them depends on those before them.
    for it in ties {
        for first in it.after.union(&it.with) {
            waits.entry(&it.agent).or_default().insert(first);
            waits.entry(first).or_default();
        }
    }
    for agent in among {
        waits.entry(agent).or_default();
    }
    let mut turns = turns(waits);
    turns
        .iter_mut()
        .for_each(|turn| turn.retain(|it| among.contains(it)));
    turns.retain(|turn| !turn.is_empty());
    turns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> AgentId {
        text.parse().unwrap()
    }

    fn ids(texts: &[&str]) -> BTreeSet<AgentId> {
        texts.iter().map(|it| id(it)).collect()
    }

    fn ties(agent: &str, after: &[&str]) -> Ties {
        Ties {
            agent: id(agent),
            after: ids(after),
            with: ids(&[]),
            stop_timeout: None,
            ephemeral: false,
        }
    }

    #[test]
    fn who_is_after_one_that_depends_on_it_depends_on_it_too() {
        let ties = [
            ties("Client", &["Server"]),
            ties("Server", &["Disk"]),
            ties("Other", &["Clock"]),
        ];
        assert_eq!(
            dependents(&ties, &ids(&["Disk"])),
            ids(&["Client", "Server"])
        );
        assert_eq!(dependents(&ties, &ids(&["Client"])), ids(&[]));
        let along = Ties {
            with: ids(&["Client"]),
            ..self::ties("Along", &[])
        };
        assert_eq!(dependents(&[along], &ids(&["Client"])), ids(&["Along"]));
        let among = ids(&["Disk", "Client", "Clock"]);
        assert_eq!(
            in_turns(&ties, &among),
            [ids(&["Clock", "Disk"]), ids(&["Client"])],
            "though Server is not among them"
        );
    }

    proptest! {
        /// Each has one turn, behind all that it depends on.
        #[test]
        fn each_has_its_turn_behind_those_before_it(
            pairs in prop::collection::vec((0usize..8, 0usize..8), 0..20),
            among in prop::collection::btree_set(0usize..8, 0..8),
        ) {
            let name = |n: &usize| id(&format!("A{n}"));
            let of = |n: usize| {
                let firsts = pairs.iter().filter(|(agent, first)| *agent == n && *first < n);
                Ties { agent: name(&n), after: firsts.map(|(_, first)| name(first)).collect(), with: BTreeSet::new(), stop_timeout: None, ephemeral: false }
            };
            let ties: Vec<Ties> = (0..8).map(of).collect();
            let among: BTreeSet<AgentId> = among.iter().map(name).collect();
            let turns = in_turns(&ties, &among);
            let all: Vec<AgentId> = turns.iter().flatten().cloned().collect();
            prop_assert_eq!(all.len(), among.len());
            let place = |it: &AgentId| turns.iter().position(|turn| turn.contains(it)).unwrap();
            for agent in &among {
                let behind = dependents(&ties, &[agent.clone()].into());
                for other in behind.intersection(&among) {
                    prop_assert!(place(agent) < place(other), "{agent} {other}");
                }
            }
        }
    }
}
