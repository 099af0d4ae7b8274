//! Graphs of topologies and of what is seen, their parts, and what of them is one.

use std::time::Duration;

use super::*;
use crate::model::{AgentInfo, Topology};
use crate::render::samples::{alice, bob, carol};
use crate::topology::{Source, load};

/// The graph of a file.
fn declared(text: &str) -> Graph {
    Graph::declared(&topology(text))
}

fn topology(text: &str) -> Topology {
    let text = format!("osb: 1\nname: shop\n{text}");
    let source = Source {
        name: "demo".to_owned(),
        stem: "demo".to_owned(),
        folder: "/srv/demo".into(),
    };
    load(&text, &source).unwrap_or_else(|problems| panic!("{problems:?}"))
}

const POOL: &str = "
agents:
  Feed: { bind: { tasks: PUSH, news: PUB } }
  Worker: { replicas: 3 }
  Sink: { bind: { results: { kind: PULL, handler: discard } } }
  Board: {}
connections:
  - { agent: Worker*, to: Feed.tasks, alias: tasks, handler: forward:results }
  - { agent: Worker*, to: Sink.results, alias: results }
  - { agent: Board, to: Feed.news, alias: news, handler: { eur: log, usd: log } }
";

fn titles(graph: &Graph, expand: bool) -> Vec<(usize, String)> {
    let bundled = graph.bundled(expand);
    let nodes = bundled.nodes.iter();
    nodes
        .map(|it| (it.agents().len(), it.agents()[0].id.to_string()))
        .collect()
}

fn seen(agents: Vec<AgentInfo>) -> Graph {
    Graph::seen(&Look {
        system: None,
        hosts: Vec::new(),
        agents: agents
            .into_iter()
            .map(|info| SeenAgent {
                id: info.name.clone().into(),
                group: None,
                info,
                told: Told::default(),
            })
            .collect(),
    })
}

#[test]
fn a_file_has_wires_in_the_direction_of_messages_and_topics() {
    let graph = declared(POOL);
    let wires: Vec<String> = graph
        .wires
        .iter()
        .filter_map(|it| match (&it.from, &it.to) {
            (Point::Socket(from), Point::Socket(to)) => {
                Some(format!("{from} {to} {:?}", it.topics))
            }
            _ => None,
        })
        .collect();
    assert_eq!(wires[0], r#"Feed.news Board.news {"eur", "usd"}"#);
    assert!(
        wires.contains(&"Feed.tasks Worker1.tasks {}".to_owned()),
        "{wires:?}"
    );
    assert!(
        wires.contains(&"Worker1.results Sink.results {}".to_owned()),
        "{wires:?}"
    );
    assert_eq!(wires.len(), 7);
    assert!(
        graph
            .agents
            .iter()
            .all(|it| it.presence == Presence::Declared)
    );
}

#[test]
fn replicas_are_one_until_one_of_them_stands_otherwise() {
    let mut graph = declared(POOL);
    assert!(titles(&graph, false).contains(&(3, "Worker0".to_owned())));
    assert_eq!(titles(&graph, true).len(), 6);
    let dead = graph
        .agents
        .iter_mut()
        .find(|it| it.id.name.as_str() == "Worker1");
    dead.unwrap().presence = Presence::Known {
        state: State::Failed,
        why: None,
    };
    let titles = titles(&graph, false);
    assert!(
        titles.contains(&(2, "Worker0".to_owned())) && titles.contains(&(1, "Worker1".to_owned()))
    );
}

#[test]
fn agents_of_like_names_that_are_wired_otherwise_are_not_one() {
    let chain = "
agents:
  Stage1: { bind: { out: PUSH } }
  Stage2: { bind: { out: PUSH } }
  Stage3: { bind: { out: PUSH } }
connections:
  - { agent: Stage2, to: Stage1.out, alias: in, handler: log }
  - { agent: Stage3, to: Stage2.out, alias: in, handler: log }
";
    assert_eq!(titles(&declared(chain), false).len(), 3);
    let pairs = "
agents:
  Left: { replicas: 2, bind: { out: PUSH } }
  Right: { replicas: 2 }
connections:
  - { agent: Right0, to: Left0.out, alias: in, handler: log }
  - { agent: Right1, to: Left1.out, alias: in, handler: log }
";
    let graph = declared(pairs);
    let bundled = graph.bundled(false);
    assert_eq!((bundled.nodes.len(), bundled.edges.len()), (2, 1));
    assert_eq!(bundled.edges[0].wires.len(), 2);
}

#[test]
fn names_narrow_it_to_what_they_are_wired_to() {
    let graph = declared(POOL);
    let narrowed = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
        graph.narrowed(&names)
    };
    let board = narrowed(&["Board"]).unwrap();
    let names: Vec<String> = board.agents.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(names, ["Board", "Feed"]);
    assert_eq!(
        board.agents[1].sockets.len(),
        1,
        "without those that have nothing to do with it"
    );
    assert_eq!(narrowed(&["W*"]).unwrap().wires.len(), 6);
    assert_eq!(narrowed(&[]).unwrap(), graph);
    assert_eq!(
        narrowed(&["Bord"]),
        Err(NoSuchAgent::Called("Bord".to_owned()))
    );
    assert_eq!(narrowed(&["X*"]), Err(NoSuchAgent::Begins("X".to_owned())));
}

#[test]
fn what_runs_has_states_proofs_and_ends_that_nobody_knows() {
    let graph = seen(vec![alice(), bob(), carol()]);
    let [inbox, news] = [&graph.wires[0], &graph.wires[1]];
    assert_eq!(inbox.from, Point::Socket("Alice.main".parse().unwrap()));
    assert_eq!(inbox.proof, Some(Proof::Suspect), "as an end of it is");
    assert_eq!(
        news.from,
        Point::Outside(Some("tcp://10.0.0.5:1234".to_owned()))
    );
    assert_eq!(news.proof, Some(Proof::Lost));
    assert_eq!(graph.agents[2].host, None);
    let alone = seen(vec![bob()]);
    assert_eq!(alone.agents[0].id.to_string(), "Alice");
    assert_eq!(alone.agents[0].presence, Presence::Missing);
    assert_eq!(alone.agents[0].sockets[0].role, Role::Server);
}

#[test]
fn a_rate_is_of_one_life() {
    let counts = |received: u64| {
        let stats = crate::model::SocketStats {
            received,
            ..Default::default()
        };
        [("in".parse::<Alias>().unwrap(), stats)].into()
    };
    let second = Duration::from_secs(2);
    let rate = rates(&counts(10), &counts(30), second);
    assert_eq!(rate.values().next().unwrap().received, 10.0);
    assert!(
        rates(&counts(30), &counts(10), second).is_empty(),
        "it has begun anew"
    );
    assert!(rates(&counts(1), &counts(1), Duration::ZERO).is_empty());
}
