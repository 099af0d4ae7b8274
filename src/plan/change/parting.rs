//! What agents that stay give no more work to, for a while, because its process ends: their connections to it. Pure.

use std::collections::BTreeSet;

use crate::model::{AgentId, AgentSpec, Kind, WireSpec};

/// Whether a message by such a socket goes to one peer of several, so that it is lost with that one.
fn gives_work(kind: Kind) -> bool {
    matches!(kind, Kind::Push | Kind::Req | Kind::AsyncReq)
}

/// Whether the agent has sockets by which others give it work.
pub fn gets_work(agent: &AgentSpec) -> bool {
    let bound = agent.bind.iter().map(|it| it.kind);
    let mut kinds = bound.chain(agent.wires.iter().map(|it| it.kind));
    kinds.any(|kind| matches!(kind, Kind::Pull | Kind::Rep | Kind::AsyncRep))
}

/// Those of these agents that have given work to some that go, and what they are to be until those are there again.
pub fn partings<'a>(
    agents: impl IntoIterator<Item = &'a AgentSpec>,
    gone: &BTreeSet<AgentId>,
) -> Vec<(&'a AgentSpec, AgentSpec)> {
    let is_left = |wire: &WireSpec| gives_work(wire.kind) && gone.contains(&wire.to.agent);
    let stays = agents.into_iter().filter(|it| !gone.contains(&it.name));
    let parting = stays.filter(|it| it.wires.iter().any(|wire| !wire.resting && is_left(wire)));
    let parted = |agent: &AgentSpec| {
        let mut parted = agent.clone();
        let wires = parted.wires.iter_mut();
        wires
            .filter(|wire| is_left(wire))
            .for_each(|wire| wire.resting = true);
        parted
    };
    parting.map(|agent| (agent, parted(agent))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Handlers, Replies};

    fn agent(name: &str, wires: &[(Kind, &str)]) -> AgentSpec {
        let wire = |(kind, to): &(Kind, &str)| WireSpec {
            alias: "out".parse().unwrap(),
            to: to.parse().unwrap(),
            kind: *kind,
            serializer: None,
            handlers: Handlers::none(),
            replies: Replies::default(),
            resting: false,
        };
        AgentSpec {
            wires: wires.iter().map(wire).collect(),
            ..AgentSpec::named(name.parse().unwrap())
        }
    }

    #[test]
    fn who_gives_work_parts_from_those_that_go_and_who_listens_does_not() {
        let agents = [
            agent("Boss", &[(Kind::Push, "A.in"), (Kind::Push, "B.in")]),
            agent("Ear", &[(Kind::Sub, "A.news")]),
            agent("A", &[(Kind::Req, "B.ask")]),
        ];
        let gone = BTreeSet::from(["A".parse().unwrap()]);
        let partings = partings(&agents, &gone);
        assert_eq!(partings.len(), 1, "{partings:?}");
        let (before, parted) = &partings[0];
        let resting =
            |agent: &AgentSpec| -> Vec<bool> { agent.wires.iter().map(|it| it.resting).collect() };
        assert_eq!(
            (resting(before), resting(parted)),
            (vec![false; 2], vec![true, false])
        );
    }

    #[test]
    fn work_is_what_one_of_several_gets() {
        assert!(gets_work(&agent("A", &[(Kind::Pull, "Boss.work")])));
        assert!(!gets_work(&agent(
            "A",
            &[(Kind::Sub, "Boss.news"), (Kind::Push, "Sink.in")]
        )));
    }
}
