//! In which order programs are launched: each after those that it refers to, or is to come after.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{AgentId, AgentSpec, Program, Ready};

/// A program that is started when all is wired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaunchPlan {
    pub agent: AgentId,
    /// Those whose programs have to be ready before.
    pub after: Vec<AgentId>,
    /// What those wait for that come after this one.
    pub ready: Ready,
    /// And that it is healthy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub healthy: bool,
}

impl LaunchPlan {
    /// Whether it is ready as soon as it is started.
    pub fn is_prompt(&self) -> bool {
        self.ready == Ready::Started && !self.healthy
    }

    /// What is waited for, as in "waiting for its end".
    pub fn awaited(&self) -> String {
        match (&self.ready, self.healthy) {
            (Ready::Started, true) => "its health".to_owned(),
            (ready, true) => format!("{ready}, and its health"),
            (ready, false) => ready.to_string(),
        }
    }

    /// The same launch where all but those `among` the agents stand already.
    pub(super) fn after_those(&self, among: impl Fn(&AgentId) -> bool) -> Self {
        let after = self.after.iter().filter(|it| among(it));
        Self {
            after: after.cloned().collect(),
            ..self.clone()
        }
    }
}

/// The launches that the agents need, in an order in which they can be made.
pub(super) fn of(agents: &[AgentSpec]) -> Vec<LaunchPlan> {
    let programs: BTreeMap<&AgentId, &Program> = agents
        .iter()
        .filter_map(|agent| Some((&agent.name, agent.program.as_ref()?)))
        .filter(|(_, program)| program.is_launched())
        .collect();
    let launched = agents.iter().filter_map(|agent| {
        let program = programs.get(&agent.name)?;
        let referred = program.references().filter_map(|it| it.agent());
        let before: BTreeSet<&AgentId> = referred.chain(&program.after).collect();
        let waits = |other: &&AgentId| **other != agent.name && programs.contains_key(other);
        Some(LaunchPlan {
            agent: agent.name.clone(),
            after: before.into_iter().filter(waits).cloned().collect(),
            ready: program.ready.clone(),
            healthy: program.ready_when_healthy,
        })
    });
    in_order(launched.collect())
}

fn in_order(launches: Vec<LaunchPlan>) -> Vec<LaunchPlan> {
    let mut order = Order::new(&launches);
    let mut by_name: BTreeMap<AgentId, LaunchPlan> = launches
        .into_iter()
        .map(|launch| (launch.agent.clone(), launch))
        .collect();
    let mut sorted = Vec::with_capacity(by_name.len());
    loop {
        let next = order.launchable();
        if next.is_empty() {
            // A valid topology leaves nothing over.
            sorted.extend(by_name.into_values());
            return sorted;
        }
        for agent in next {
            order.on_ready(&agent);
            sorted.extend(by_name.remove(&agent));
        }
    }
}

/// Those of `launches`, which are in order, that are ready as soon as they are started, and come after such
/// only; and the rest.
pub(super) fn turns(launches: &[LaunchPlan]) -> (Vec<LaunchPlan>, Vec<LaunchPlan>) {
    let mut prompt: BTreeSet<&AgentId> = BTreeSet::new();
    for launch in launches {
        if launch.is_prompt() && launch.after.iter().all(|it| prompt.contains(it)) {
            prompt.insert(&launch.agent);
        }
    }
    let launches = launches.iter().cloned();
    launches.partition(|it| prompt.contains(&it.agent))
}

/// The agents that may be launched, as those before them become ready.
#[derive(Debug)]
pub struct Order {
    /// In the order of the plan, each with those that it still waits for.
    waiting: Vec<(AgentId, BTreeSet<AgentId>)>,
}

impl Order {
    pub fn new(launches: &[LaunchPlan]) -> Self {
        let waiting = launches.iter().map(|launch| {
            let before = launch.after.iter().cloned().collect();
            (launch.agent.clone(), before)
        });
        Self {
            waiting: waiting.collect(),
        }
    }

    /// The same, where `ready` are ready already.
    pub fn among<'a>(launches: &[LaunchPlan], ready: impl Iterator<Item = &'a AgentId>) -> Self {
        let mut order = Self::new(launches);
        ready.for_each(|agent| order.on_ready(agent));
        order
    }

    /// The agents that wait for no other; each is returned once.
    pub fn launchable(&mut self) -> Vec<AgentId> {
        let free = |(_, before): &mut (AgentId, BTreeSet<AgentId>)| before.is_empty();
        let next = self.waiting.extract_if(.., free);
        next.map(|(agent, _)| agent).collect()
    }

    /// A program is ready.
    pub fn on_ready(&mut self, agent: &AgentId) {
        for (_, before) in &mut self.waiting {
            before.remove(agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(agent: &str, after: &[&str]) -> LaunchPlan {
        LaunchPlan {
            agent: agent.parse().unwrap(),
            after: after.iter().map(|name| name.parse().unwrap()).collect(),
            ready: Ready::Started,
            healthy: false,
        }
    }

    fn names(launches: &[LaunchPlan]) -> Vec<&str> {
        launches.iter().map(|it| it.agent.name.as_str()).collect()
    }

    #[test]
    fn each_comes_after_those_it_waits_for() {
        let sorted = in_order(vec![
            launch("Client", &["Server", "Prepare"]),
            launch("Server", &["Prepare"]),
            launch("Other", &[]),
            launch("Prepare", &[]),
        ]);
        assert_eq!(names(&sorted), ["Other", "Prepare", "Server", "Client"]);
    }

    #[test]
    fn those_that_do_not_depend_on_each_other_are_launched_at_once() {
        let launches = [launch("A", &[]), launch("B", &[]), launch("C", &["A", "B"])];
        let mut order = Order::new(&launches);
        let [a, b, c] = launches.map(|launch| launch.agent);
        assert_eq!(order.launchable(), [a.clone(), b.clone()]);
        order.on_ready(&a);
        assert!(order.launchable().is_empty());
        order.on_ready(&b);
        assert_eq!(order.launchable(), [c]);
        assert!(order.launchable().is_empty());
    }

    #[test]
    fn who_waits_for_what_takes_its_time_has_a_later_turn() {
        let job = LaunchPlan {
            ready: Ready::Done,
            ..launch("Prepare", &[])
        };
        let all = [
            launch("Other", &[]),
            job,
            launch("Next", &["Other"]),
            launch("Client", &["Prepare", "Other"]),
            launch("Last", &["Client"]),
        ];
        let (prompt, rest) = turns(&all);
        assert_eq!(names(&prompt), ["Other", "Next"]);
        assert_eq!(names(&rest), ["Prepare", "Client", "Last"]);
    }

    #[test]
    fn a_circle_ends() {
        let sorted = in_order(vec![launch("A", &["B"]), launch("B", &["A"])]);
        assert_eq!(names(&sorted), ["A", "B"]);
    }
}
