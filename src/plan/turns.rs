//! Agents in turns: each turn when all of the one before are done.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::AgentId;

/// For each agent those that it waits for, which have to be keys too. Those of a circle have one turn.
pub(super) type Waits<'a> = BTreeMap<&'a AgentId, BTreeSet<&'a AgentId>>;

pub(super) fn turns(mut waits: Waits<'_>) -> Vec<BTreeSet<AgentId>> {
    let mut followers: BTreeMap<&AgentId, Vec<&AgentId>> = BTreeMap::new();
    for (agent, firsts) in &waits {
        for first in firsts {
            followers.entry(first).or_default().push(agent);
        }
    }
    let free = waits.iter().filter(|(_, firsts)| firsts.is_empty());
    let mut turn: BTreeSet<&AgentId> = free.map(|(agent, _)| *agent).collect();
    let mut turns = Vec::new();
    while !waits.is_empty() {
        if turn.is_empty() {
            turn = waits.keys().copied().collect();
        }
        for agent in &turn {
            waits.remove(agent);
        }
        let mut next = BTreeSet::new();
        for agent in &turn {
            for follower in followers.get(agent).into_iter().flatten() {
                let firsts = waits.get_mut(follower);
                let freed = firsts.is_some_and(|firsts| {
                    firsts.remove(agent);
                    firsts.is_empty()
                });
                if freed {
                    next.insert(*follower);
                }
            }
        }
        turns.push(turn.into_iter().cloned().collect());
        turn = next;
    }
    turns
}
