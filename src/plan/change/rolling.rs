//! Agents that say `update` begin anew some at a time: the states of a system on the way from one to another. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Change;
use crate::model::{AgentId, AgentName, AgentSpec};

/// The sets of agents that a system goes through from one to the other, without the first and the last. Empty: all that begin
/// anew do so at once.
///
/// What comes and what is otherwise comes with the first turn, what goes goes in the end. None of them has a wire that leads
/// nowhere: where the former and the new ones cannot be there together, all begin anew at once.
pub fn states_between(from: &[AgentSpec], to: &[AgentSpec]) -> Vec<Vec<AgentSpec>> {
    if to.iter().all(|it| it.update.is_none()) {
        return Vec::new();
    }
    let change = Change::between(from, to);
    let waiting = waiting(&change);
    let count = waiting.values().copied().max().unwrap_or_default();
    let turns: Vec<Vec<AgentSpec>> = (0..count)
        .map(|turn| {
            state(&change, to, |agent| {
                waiting.get(agent).is_some_and(|it| *it > turn)
            })
        })
        .collect();
    match turns.iter().all(|agents| leads_somewhere(agents)) {
        true => turns,
        false => Vec::new(),
    }
}

/// Those that begin anew in a later turn than the first, and in which.
fn waiting(change: &Change) -> BTreeMap<AgentId, usize> {
    let mut groups: BTreeMap<(AgentName, Option<_>), Vec<&AgentSpec>> = BTreeMap::new();
    for it in change.anew() {
        if let Some(update) = &it.to.update {
            let group = (update.group.clone(), it.to.name.nameserver.clone());
            groups.entry(group).or_default().push(&it.to);
        }
    }
    let in_turn = |agents: Vec<&AgentSpec>| {
        let parallel = agents[0].update.as_ref().map_or(1, |it| it.parallel.max(1));
        let numbered = agents.into_iter().enumerate();
        let turns = numbered.map(move |(at, agent)| (agent.name.clone(), at / parallel));
        turns.collect::<Vec<_>>()
    };
    let turns = groups.into_values().flat_map(in_turn);
    turns.filter(|(_, turn)| *turn > 0).collect()
}

/// The system in which those are still as they were that wait.
fn state(change: &Change, to: &[AgentSpec], waits: impl Fn(&AgentId) -> bool) -> Vec<AgentSpec> {
    let former = |agent: &AgentId| {
        let mut altered = change.altered.iter();
        altered.find(|it| it.to.name == *agent).map(|it| &it.from)
    };
    let now = to.iter().map(|agent| match waits(&agent.name) {
        true => former(&agent.name).unwrap_or(agent).clone(),
        false => agent.clone(),
    });
    now.chain(change.removed.iter().cloned()).collect()
}

fn leads_somewhere(agents: &[AgentSpec]) -> bool {
    let bound = agents.iter().flat_map(|agent| {
        let sockets = agent.bind.iter();
        sockets.map(|it| ((&agent.name, &it.alias), it.kind))
    });
    let bound: BTreeMap<_, _> = bound.collect();
    let mut wires = agents.iter().flat_map(|agent| &agent.wires);
    let names: BTreeSet<&AgentId> = agents.iter().map(|it| &it.name).collect();
    names.len() == agents.len()
        && wires.all(|wire| {
            let there = bound.get(&(&wire.to.agent, &wire.to.alias));
            there.is_some_and(|kind| kind.twin() == wire.kind)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HostName, Update, UpdateFailure, UpdateWait};

    fn agent(name: &str, host: &str, parallel: Option<usize>) -> AgentSpec {
        AgentSpec {
            host: host.parse::<HostName>().unwrap(),
            update: parallel.map(|parallel| Update {
                group: "Worker".parse().unwrap(),
                parallel,
                wait: UpdateWait::Running,
                on_failure: UpdateFailure::Rollback,
            }),
            ..AgentSpec::named(name.parse().unwrap())
        }
    }

    fn system(host: &str, parallel: Option<usize>) -> Vec<AgentSpec> {
        let worker = |n: usize| agent(&format!("W{n}"), host, parallel);
        (0..5).map(worker).collect()
    }

    fn moved(agents: &[AgentSpec]) -> usize {
        let there = |it: &&AgentSpec| it.host.as_str() == "there";
        agents.iter().filter(there).count()
    }

    #[test]
    fn so_many_begin_anew_in_each_turn() {
        for (parallel, counts) in [
            (1, vec![1, 2, 3, 4]),
            (2, vec![2, 4]),
            (5, vec![]),
            (9, vec![]),
        ] {
            let parallel = Some(parallel);
            let turns = states_between(&system("here", parallel), &system("there", parallel));
            let all: Vec<usize> = turns.iter().map(|agents| moved(agents)).collect();
            assert_eq!(all, counts, "{parallel:?}");
        }
        assert!(states_between(&system("here", None), &system("there", None)).is_empty());
    }

    #[test]
    fn what_comes_is_there_from_the_first_turn_and_what_goes_until_the_last() {
        let (mut from, mut to) = (system("here", Some(3)), system("there", Some(3)));
        from.push(agent("Old", "here", None));
        to.push(agent("New", "here", None));
        let turns = states_between(&from, &to);
        assert_eq!(turns.len(), 1);
        let names: Vec<&str> = turns[0].iter().map(|it| it.name.name.as_str()).collect();
        assert_eq!(names, ["W0", "W1", "W2", "W3", "W4", "New", "Old"]);
        // Each state is reached by changes that are part of the whole.
        let first = Change::between(&from, &turns[0]);
        assert_eq!((first.anew().count(), first.removed.len()), (3, 0));
        let last = Change::between(&turns[0], &to);
        assert_eq!(
            (last.anew().count(), last.added.len(), last.removed.len()),
            (2, 0, 1)
        );
    }
}
