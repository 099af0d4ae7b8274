//! Agents that say `update` begin anew some at a time: the states of a system on the way from one to another. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Change;
use crate::model::{AgentId, AgentName, AgentSpec, NameServerName, UpdateOrder};
use crate::topology::admit;

/// A state on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub agents: Vec<AgentSpec>,
    /// Those that are still as they were, and begin anew later.
    pub waiting: BTreeSet<AgentId>,
}

/// What a system is to be in the end.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    pub agents: &'a [AgentSpec],
    /// The same with the agents more that are there while others are replaced. None: there are none.
    pub with_spares: Option<&'a [AgentSpec]>,
    /// The name server of agents that name none.
    pub first: &'a NameServerName,
}

/// The groups of which some begin anew, and of which as many more are to be there before.
pub fn spare_groups(change: &Change) -> BTreeSet<AgentName> {
    let updates = change.anew().filter_map(|it| it.to.update.as_ref());
    let first = updates.filter(|it| it.order == UpdateOrder::StartFirst);
    first.map(|it| it.group.clone()).collect()
}

/// The sets of agents that a system goes through, without the first and the last. Empty: all that begin anew do so at once.
///
/// What comes and what is otherwise comes with the first turn, what goes goes in the end; agents that are there only meanwhile come with
/// the first turn, too, and go in the end. None of the states has a wire that leads nowhere: where the former and the new ones cannot
/// be there together, all begin anew at once.
pub fn states_between(change: &Change, aim: Aim<'_>) -> Vec<Turn> {
    if aim.agents.iter().all(|it| it.update.is_none()) {
        return Vec::new();
    }
    let waiting = waiting(change);
    let last = waiting.values().copied().max().unwrap_or_default();
    let last = match aim.with_spares {
        Some(_) => last + 1,
        None => last,
    };
    let turns: Vec<Turn> = (0..last)
        .map(|turn| Turn::of(change, aim, waiting_in(&waiting, turn)))
        .collect();
    match turns.iter().all(|turn| leads_somewhere(&turn.agents)) {
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
        let update = agents[0].update.as_ref();
        let parallel = update.map_or(1, |it| it.parallel.max(1));
        // Those that are more have the first turn.
        let first = match update.map(|it| it.order).unwrap_or_default() {
            UpdateOrder::StopFirst => 0,
            UpdateOrder::StartFirst => 1,
        };
        let numbered = agents.into_iter().enumerate();
        let turns = numbered.map(move |(at, agent)| (agent.name.clone(), first + at / parallel));
        turns.collect::<Vec<_>>()
    };
    let turns = groups.into_values().flat_map(in_turn);
    turns.filter(|(_, turn)| *turn > 0).collect()
}

fn waiting_in(waiting: &BTreeMap<AgentId, usize>, turn: usize) -> BTreeSet<AgentId> {
    let waits = waiting.iter().filter(|(_, own)| **own > turn);
    waits.map(|(agent, _)| agent.clone()).collect()
}

impl Turn {
    fn of(change: &Change, aim: Aim<'_>, waiting: BTreeSet<AgentId>) -> Self {
        let agents = aim.with_spares.unwrap_or(aim.agents);
        let agents = state(change, (agents, aim.first), &waiting);
        Self { agents, waiting }
    }

    /// The same without those that are there only meanwhile.
    pub fn without_spares(&self, change: &Change, aim: Aim<'_>) -> Vec<AgentSpec> {
        state(change, (aim.agents, aim.first), &self.waiting)
    }
}

/// The system in which those are still as they were that wait.
fn state(
    change: &Change,
    (agents, first): (&[AgentSpec], &NameServerName),
    waiting: &BTreeSet<AgentId>,
) -> Vec<AgentSpec> {
    let former = |agent: &AgentId| {
        let mut altered = change.altered.iter();
        altered.find(|it| it.to.name == *agent).map(|it| &it.from)
    };
    let now = agents
        .iter()
        .map(|agent| match waiting.contains(&agent.name) {
            true => former(&agent.name).unwrap_or(agent).clone(),
            false => agent.clone(),
        });
    let mut all: Vec<AgentSpec> = now.chain(change.removed.iter().cloned()).collect();
    // Each lets in whoever has a wire to it in this state.
    admit(&mut all, first);
    all
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

    fn between(from: &[AgentSpec], to: &[AgentSpec]) -> Vec<Turn> {
        let first = NameServerName::only();
        let aim = Aim {
            agents: to,
            with_spares: None,
            first: &first,
        };
        states_between(&Change::between(from, to), aim)
    }

    fn agent(name: &str, host: &str, parallel: Option<usize>) -> AgentSpec {
        AgentSpec {
            host: host.parse::<HostName>().unwrap(),
            update: parallel.map(|parallel| Update {
                group: "Worker".parse().unwrap(),
                parallel,
                order: UpdateOrder::StopFirst,
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
            let turns = between(&system("here", parallel), &system("there", parallel));
            let all: Vec<usize> = turns.iter().map(|turn| moved(&turn.agents)).collect();
            assert_eq!(all, counts, "{parallel:?}");
        }
        assert!(between(&system("here", None), &system("there", None)).is_empty());
    }

    #[test]
    fn what_comes_is_there_from_the_first_turn_and_what_goes_until_the_last() {
        let (mut from, mut to) = (system("here", Some(3)), system("there", Some(3)));
        from.push(agent("Old", "here", None));
        to.push(agent("New", "here", None));
        let turns = between(&from, &to);
        assert_eq!(turns.len(), 1);
        let names: Vec<&str> = turns[0]
            .agents
            .iter()
            .map(|it| it.name.name.as_str())
            .collect();
        assert_eq!(names, ["W0", "W1", "W2", "W3", "W4", "New", "Old"]);
        // Each state is reached by changes that are part of the whole.
        let first = Change::between(&from, &turns[0].agents);
        assert_eq!((first.anew().count(), first.removed.len()), (3, 0));
        let last = Change::between(&turns[0].agents, &to);
        assert_eq!(
            (last.anew().count(), last.added.len(), last.removed.len()),
            (2, 0, 1)
        );
    }

    #[test]
    fn more_are_there_before_any_goes_and_go_in_the_end() {
        let first = NameServerName::only();
        let start_first = |mut agents: Vec<AgentSpec>| {
            for agent in &mut agents {
                agent.update.as_mut().unwrap().order = UpdateOrder::StartFirst;
            }
            agents
        };
        let from = start_first(system("here", Some(2)));
        let wide = start_first(
            (0..7)
                .map(|n| agent(&format!("W{n}"), "there", Some(2)))
                .collect(),
        );
        let to = &wide[..5];
        let change = Change::between(&from, to);
        assert_eq!(spare_groups(&change), ["Worker".parse().unwrap()].into());
        let aim = Aim {
            agents: to,
            with_spares: Some(&wide),
            first: &first,
        };
        let turns = states_between(&change, aim);
        let all: Vec<_> = turns
            .iter()
            .map(|it| (it.agents.len(), moved(&it.agents)))
            .collect();
        // Two more of the new ones, then two at a time; there are never fewer than five beside those that begin.
        assert_eq!(all, [(7, 2), (7, 4), (7, 6), (7, 7)]);
        assert_eq!(moved(&turns[1].without_spares(&change, aim)), 2);
        // What changes back has no spares.
        assert!(spare_groups(&Change::between(to, to)).is_empty());
    }
}
