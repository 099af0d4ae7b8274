//! Every form of a graph: of a file, and of what runs when not all is well.

use super::*;
use crate::graph::{Host, Look, Rate, SeenAgent, Told};
use crate::model::{SocketStats, State};
use crate::render::{Drawing, samples};
use crate::topology::{Source, load};

const FILE: &str = r#"
osb: 1
name: shop
nameserver: 10.0.0.1:0
security: none
hosts:
  local: { address: 10.0.0.1 }
  lab2: { address: 10.0.0.2, attach: true }
agents:
  Feed: { bind: { tasks: PUSH, news: PUB, spare: PUB } }
  Worker: { host: lab2, replicas: 8 }
  Sink: { bind: { results: { kind: PULL, handler: discard }, ask: { kind: REP, handler: echo } } }
  Board: {}
connections:
  - { agent: Worker*, to: Feed.tasks, alias: tasks, handler: forward:results }
  - { agent: Worker*, to: Sink.results, alias: results }
  - { agent: Board, to: Feed.news, alias: news, handler: { "<b>\"'&#;|]": log, eur: log } }
  - { agent: Feed, to: Sink.ask, alias: ask, handler: log }
  - { agent: Sink, to: Feed.tasks, alias: own, handler: log }
"#;

fn of_file() -> Picture {
    let source = Source {
        name: "demo".to_owned(),
        stem: "demo".to_owned(),
        folder: "/srv/demo".into(),
    };
    picture(Graph::declared(&load(FILE, &source).unwrap()))
}

fn picture(graph: Graph) -> Picture {
    Picture {
        graph,
        expand: false,
        ascii: false,
    }
}

/// One that runs, one that is suspect, with a wire to who knows where, and one that has failed and that no host has started.
fn of_what_runs() -> Picture {
    let counted = |alias: &str, received, sent| {
        let stats = SocketStats {
            received,
            sent,
            dropped: 1,
            ..SocketStats::default()
        };
        let rate = Rate {
            received: received as f64 / 10.0,
            sent: sent as f64 / 10.0,
        };
        let alias: crate::model::Alias = alias.parse().unwrap();
        Told {
            sockets: Vec::new(),
            counts: [(alias.clone(), stats)].into(),
            rates: [(alias, rate)].into(),
        }
    };
    let agents = [
        (samples::alice(), counted("main", 0, 25_000)),
        (samples::bob(), counted("inbox", 12, 0)),
        (samples::carol(), Told::default()),
    ];
    let agents = agents.map(|(info, told)| SeenAgent {
        id: info.name.clone().into(),
        group: None,
        info,
        told,
    });
    picture(Graph::seen(&Look {
        system: "shop".parse().ok(),
        hosts: vec![
            Host {
                name: "local".parse().unwrap(),
                state: Some(State::Suspect),
            },
            Host {
                name: "lab2".parse().unwrap(),
                state: Some(State::Running),
            },
        ],
        agents: agents.into(),
    }))
}

fn both(form: Output) -> String {
    let [file, runs] = [of_file(), of_what_runs()].map(|it| it.render(form, Style::default()));
    format!("{file}\n\n{runs}")
}

#[test]
fn text() {
    insta::assert_snapshot!(both(Output::Table));
    assert_eq!(
        of_what_runs().names(),
        ["Alice", "Bob", "Carol"],
        "the names are the agents'"
    );
}

#[test]
fn text_is_cut_where_the_terminal_ends_and_is_ascii_where_that_is_all_there_is() {
    let style = Style {
        color: false,
        width: Some(40),
    };
    let mut picture = of_file();
    let narrow = picture.table(style);
    assert!(
        narrow.lines().all(|it| it.chars().count() <= 40),
        "{narrow}"
    );
    picture.ascii = true;
    let ascii = picture.table(Style::default());
    assert!(ascii.is_ascii(), "{ascii}");
    picture.expand = true;
    insta::assert_snapshot!(picture.table(Style::default()));
}

#[test]
fn json() {
    insta::assert_snapshot!(of_what_runs().json());
    let json: serde_json::Value = serde_json::from_str(&of_file().json()).unwrap();
    assert_eq!(json["agents"].as_array().unwrap().len(), 11);
    assert_eq!(json["of"], "file");
}

#[test]
fn svg() {
    let svg = both(Output::Drawing(Drawing::Svg));
    // The style is the same in each.
    let (before, rest) = svg.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!(format!("{before}{after}"));
    assert!(
        !of_file()
            .render(Output::Drawing(Drawing::Svg), Style::default())
            .contains("<b>")
    );
}

#[test]
fn dot() {
    insta::assert_snapshot!(both(Output::Drawing(Drawing::Dot)));
}

#[test]
fn mermaid() {
    let text = both(Output::Drawing(Drawing::Mermaid));
    insta::assert_snapshot!(text);
    let labels = text.split('"').skip(1).step_by(2);
    for label in labels {
        let plain = label.replace("<br/>", "");
        assert!(!plain.contains(['<', '>', '"', '|', '`', '&']), "{label}");
    }
}
