//! One entry for many agents, and connections of many.

use super::bad::told;
use super::read;
use crate::model::Topology;

fn wires(topology: &Topology) -> Vec<String> {
    let shown = topology
        .wires()
        .map(|(agent, wire)| format!("{} {}", agent.client(wire), wire.to));
    shown.collect()
}

#[test]
fn replicas_are_numbered_and_know_their_number() {
    let text = "osb: 1\nagents: { Boss: { bind: { jobs: PUSH } }, W: { replicas: 3, command: [w], env: { A: b } } }\nconnections: [{ agent: W*, to: Boss.jobs }]";
    let topology = read(text).unwrap();
    let names: Vec<_> = topology
        .agents
        .iter()
        .map(|a| a.name.name.as_str())
        .collect();
    assert_eq!(names, ["Boss", "W0", "W1", "W2"]);
    let env = |at: usize| &topology.agents[at].program.as_ref().unwrap().env;
    assert_eq!(env(3)["OSB_REPLICA"], "2".into());
    assert_eq!(env(3)["A"], "b".into());
    assert_eq!(
        wires(&topology),
        [
            "W0.jobs Boss.jobs",
            "W1.jobs Boss.jobs",
            "W2.jobs Boss.jobs"
        ]
    );
}

#[test]
fn a_star_in_the_target_gives_each_its_alias() {
    let text = "osb: 1\nagents: { W: { replicas: 2, bind: { in: PULL } }, Wx: { bind: { in: PULL } }, Boss: {}, Other: {} }\nconnections: [{ agent: Boss, to: W*.in }, { agent: Other, to: W*.in, alias: w- }]";
    assert_eq!(
        wires(&read(text).unwrap()),
        [
            "Boss.in0 W0.in",
            "Boss.in1 W1.in",
            "Boss.inx Wx.in",
            "Other.w-0 W0.in",
            "Other.w-1 W1.in",
            "Other.w-x Wx.in",
        ]
    );
}

#[test]
fn many_are_numbered_as_sorted_by_the_file() {
    let text = "osb: 1\nagents: { W: { replicas: 10000 }, }\n";
    let topology = read(text).unwrap();
    assert_eq!(topology.agents.len(), 10_000);
    assert_eq!(topology.agents[11].name.name.as_str(), "W11");
}

#[test]
fn what_is_wrong_with_many() {
    let frame = "osb: 1\nagents: { Boss: { bind: { jobs: PUSH } }, W: { replicas: 3, bind: { in: PULL } } }\nconnections: [{ {} }]";
    let of = |part: &str| frame.replace("{ {} }", part);
    let texts = [
        of("{ agent: W, to: Boss.jobs }"),
        of("{ agent: Boss, to: W.in }"),
        of("{ agent: V*, to: Boss.jobs }"),
        of("{ agent: Boss, to: V*.in }"),
        of("{ agent: Bsos*, to: Boss.jobs }"),
        of("{ agent: W*, to: W*.in }"),
        of("{ agent: W*x, to: Boss.jobs }"),
        of("{ agent: ' *', to: Boss.jobs }"),
        of("{ agent: Boss, to: W*in }"),
        of("{ agent: Boss, to: W*.i*n }"),
        of("{ agent: Boss, to: W*.out }"),
        of("{ agent: W*, to: Boss.jbos }"),
        of("{ agent: W*, to: Boss.jobs, alias: in }"),
        of("{ agent: W*, to: Boss.jobs, handler: echo }"),
        of("{ agent: '*', to: Boss.jobs }"),
        "osb: 1\nagents: { W1: {}, W: { replicas: 3 } }".to_owned(),
        "osb: 1\nagents: { W: { replicas: 9000 }, V: { replicas: 1001 } }".to_owned(),
        "osb: 1\nagents: { V: { replicas: 1 } }\nconnections: [{ agent: V, to: V.x }]".to_owned(),
        format!("osb: 1\nagents: {{ {}: {{ replicas: 2 }} }}", "a".repeat(63)),
        "osb: 1\nagents: { W: { replicas: 3, timers: [{ every: 1s, send: x, message: 1 }], bind: { y: REP } } }".to_owned(),
        format!("osb: 1\nagents: {{ W: {{ replicas: 10000, attributes: {{ x: [{}] }} }} }}", "1,".repeat(200)),
    ];
    insta::assert_snapshot!(told(texts.iter().map(String::as_str)));
}
