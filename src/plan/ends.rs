//! The order in which agents end: an agent before those in its `after`, a requester before the agents that answer it. Pure.

use super::turns::{Waits, turns};
use crate::model::{AgentId, Topology};

/// The turns in which agents end that have to do with each other so; the others may end at any time. Those of a
/// circle end in one turn.
pub fn ends(topology: &Topology) -> Vec<Vec<AgentId>> {
    let mut waits = Waits::new();
    for (first, then) in pairs(topology).filter(|(first, then)| first != then) {
        waits.entry(then).or_default().insert(first);
        waits.entry(first).or_default();
    }
    let turns = turns(waits).into_iter();
    turns.map(|turn| turn.into_iter().collect()).collect()
}

/// Pairs of agents: the first ends before the second.
fn pairs(topology: &Topology) -> impl Iterator<Item = (&AgentId, &AgentId)> {
    let connections = topology.wires().filter_map(|(client, it)| {
        let (client, server) = (&client.name, &it.to.agent);
        match (it.kind.asks(), it.kind.answers()) {
            (true, _) => Some((client, server)),
            (false, true) => Some((server, client)),
            (false, false) => None,
        }
    });
    let programs = topology.agents.iter();
    let programs = programs.filter_map(|it| Some((&it.name, it.program.as_ref()?)));
    let launched = programs.flat_map(|(name, program)| {
        let referred = program.references().filter_map(|it| it.agent());
        let before = referred.chain(&program.after);
        before.map(move |other| (name, other))
    });
    connections.chain(launched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Source, load};

    fn turns(agents: &str) -> Vec<Vec<String>> {
        let source = Source {
            name: "x.yaml".into(),
            stem: "x".into(),
            folder: "/".into(),
        };
        let topology = load(format!("osb: 1\n{agents}").as_bytes(), &source).unwrap();
        let names = |turn: Vec<AgentId>| turn.iter().map(ToString::to_string).collect();
        ends(&topology).into_iter().map(names).collect()
    }

    #[test]
    fn who_asks_ends_before_who_answers_and_who_came_after_before() {
        let text = "
agents:
  Desk: { bind: { ask: { kind: REP, handler: echo } } }
  Asker: { bind: { out: PUSH } }
  Sink: {}
  Late: { command: [x], speaks: nothing, after: Asker }
connections:
  - { agent: Asker, to: Desk.ask }
  - { agent: Sink, to: Asker.out }
";
        assert_eq!(turns(text), [vec!["Late"], vec!["Asker"], vec!["Desk"]]);
    }

    #[test]
    fn a_circle_ends_at_once_and_who_has_nothing_to_do_with_it_has_no_turn() {
        let text = "
agents:
  A: { bind: { ask: { kind: REP, handler: echo } } }
  B: { bind: { ask: { kind: REP, handler: echo } } }
  C: { bind: { out: PUB } }
connections:
  - { agent: A, to: B.ask, alias: b }
  - { agent: B, to: A.ask, alias: a }
";
        assert_eq!(turns(text), [vec!["A", "B"]]);
    }
}
