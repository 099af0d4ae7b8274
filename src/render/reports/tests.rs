//! Every report in every form.

use serde_json::json;

use super::*;
use crate::render::{Output, Report, Style, samples};

/// The three forms, one below the other.
pub(super) fn forms(report: &dyn Report) -> String {
    let form = |output| {
        report.render(
            output,
            Style {
                color: false,
                width: None,
            },
        )
    };
    let narrow = Style {
        color: false,
        width: Some(80),
    };
    for line in report.table(narrow).lines() {
        // Sentences are a terminal's to break.
        let table = line.contains("  ");
        assert!(!table || line.chars().count() <= 80, "{line}");
    }
    [Output::Table, Output::Json, Output::Names]
        .map(form)
        .join("\n---\n")
}

fn agents() -> Vec<Listed> {
    let agents = [samples::alice(), samples::bob(), samples::carol()];
    agents.map(Listed::from).into()
}

fn of_two() -> Vec<Listed> {
    let lab = |agent| (Some("lab".parse().unwrap()), agent);
    let main = |agent| (Some(crate::model::NameServerName::only()), agent);
    Listed::all([
        main(samples::alice()),
        lab(samples::alice()),
        lab(samples::bob()),
    ])
}

#[test]
fn agents_of_several_name_servers_are_told_apart() {
    insta::assert_snapshot!(forms(&Agents(of_two())));
    let names = Connections(of_two()).names();
    assert_eq!(names, ["Bob.inbox", "Bob.news"]);
    let names = Addresses(of_two()).names();
    assert_eq!(names[..2], ["Alice@lab.main", "Alice@main.main"]);
}

#[test]
fn agents_in_every_form() {
    insta::assert_snapshot!(forms(&Agents(agents())));
}

#[test]
fn no_agents() {
    insta::assert_snapshot!(forms(&Agents(vec![])));
}

#[test]
fn states_have_colours() {
    let text = Agents(agents()).render(
        Output::Table,
        Style {
            color: true,
            width: None,
        },
    );
    assert!(text.contains("\u{1b}[38;5;10mrunning"), "{text:?}");
    assert!(
        !Agents(agents())
            .render(
                Output::Json,
                Style {
                    color: true,
                    width: None,
                }
            )
            .contains('\u{1b}')
    );
}

#[test]
fn hosts_in_every_form() {
    let measured = Measured {
        load: 0.25,
        memory: 16 << 30,
        memory_available: 12 << 30,
        round_trip_ms: 1.25,
        clock_offset_ms: -0.5,
        files: Some(crate::model::Amount {
            files: 12,
            bytes: 3 << 20,
        }),
    };
    let row = |measured| HostRow {
        group: None,
        host: samples::host(),
        measured,
    };
    let rows = vec![row(Some(measured)), row(None)];
    insta::assert_snapshot!(forms(&Hosts(rows)));
}

#[test]
fn connections_in_every_form() {
    insta::assert_snapshot!(forms(&Connections(agents())));
}

#[test]
fn what_has_ended_is_connected_to_nothing() {
    let ended = crate::model::AgentInfo {
        state: crate::model::State::Failed,
        ..samples::bob()
    };
    let shown = forms(&Connections(vec![ended.into()]));
    assert!(!shown.contains("proven"), "{shown}");
}

#[test]
fn addresses_in_every_form() {
    let addresses = samples::alice().addresses;
    let address = addresses.values().next().unwrap().clone();
    insta::assert_snapshot!("one_address", forms(&BareAddress(address)));
    insta::assert_snapshot!("addresses_of_one", forms(&AddressesOfAgent(addresses)));
    insta::assert_snapshot!("addresses_of_all", forms(&Addresses(agents())));
}

#[test]
fn systems_in_every_form() {
    let row = |name: &str, state, pid| SystemRow {
        name: name.parse().unwrap(),
        state,
        nameserver: "tcp://127.0.0.1:7400".to_owned(),
        nameservers: vec![NameServerRow {
            name: crate::model::NameServerName::only(),
            state,
            address: "tcp://127.0.0.1:7400".to_owned(),
            pid,
        }],
        pid,
        file: format!("{name}.yaml"),
        reason: None,
    };
    let damaged = SystemRow {
        nameserver: String::new(),
        nameservers: Vec::new(),
        file: String::new(),
        reason: Some("…/broken/system.json cannot be read: EOF at line 1".to_owned()),
        ..row("broken", SystemState::Damaged, None)
    };
    let rows = vec![
        damaged,
        row("lab", SystemState::Dead, None),
        row("quickstart", SystemState::Running, Some(99)),
    ];
    insta::assert_snapshot!(forms(&Systems(rows)));
}

#[test]
fn values_in_every_form() {
    let answer = Answer(json!({ "worker": "one", "load": [1, 2.5] }));
    insta::assert_snapshot!("answer", forms(&answer));
    insta::assert_snapshot!("answer_of_text", forms(&Answer(json!("hi"))));
    let attributes = [("greeting", json!("Hello")), ("received", json!([1, "x"]))];
    let attributes = attributes
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    insta::assert_snapshot!("attributes", forms(&Attributes(attributes)));
    assert_eq!(forms(&Done), "\n---\nnull\n---\n");
}

#[test]
fn waited_in_every_form() {
    let row = |name: &str, state, address: Option<&str>| WaitedRow {
        name: name.to_owned(),
        state,
        address: address.map(str::to_owned),
    };
    use crate::model::State;
    let rows = vec![
        row("Alice.main", State::Running, Some("tcp://127.0.0.1:40123")),
        row("Once", State::Stopped, None),
    ];
    insta::assert_snapshot!(forms(&Waited(rows)));
}

const TOPOLOGY: &str = "
osb: 1
name: news
agents:
  News:
    bind: { feed: PUB }
    timers: [{ every: 1s, send: feed, topic: sport, message: won }]
  Fan: { command: [sh, fan.sh] }
  Desk: { bind: { in: { kind: PULL, handler: collect } } }
connections:
  - { agent: Fan, to: News.feed, handler: { sport: command } }
  - { agent: News, to: Desk.in, alias: desk }
";

fn topology() -> crate::model::Topology {
    let source = crate::topology::Source {
        name: "news.yaml".into(),
        stem: "news".into(),
        folder: "/srv".into(),
    };
    crate::topology::load(TOPOLOGY, &source).unwrap()
}

#[test]
fn a_valid_topology_in_every_form() {
    insta::assert_snapshot!(forms(&Checked {
        file: "news.yaml".into(),
        topology: topology()
    }));
}

/// Some of it goes to another machine.
fn with_files() -> crate::model::Topology {
    let text = "osb: 1\nsecurity: none\nnameserver: 10.0.0.5:0\nhosts: { lab1: { ssh: lab1 } }\nagents:\n  A: { host: lab1, command: [x], sync: [lab, b.py] }\n  B: { host: lab1, command: [x], sync: { paths: [lab], except: ['*.pyc'] } }\n";
    let source = crate::topology::Source {
        name: "files.yaml".into(),
        stem: "files".into(),
        folder: "/srv".into(),
    };
    crate::topology::load(text, &source).unwrap()
}

#[test]
fn files_that_go_along_in_every_form() {
    let checked = Checked {
        file: "files.yaml".into(),
        topology: with_files(),
    };
    insta::assert_snapshot!("checked_with_files", forms(&checked));
    let plan = Planned(crate::plan::Plan::new(with_files()));
    let style = Style {
        color: false,
        width: None,
    };
    insta::assert_snapshot!("planned_with_files", plan.render(Output::Table, style));
}

#[test]
fn an_expanded_topology_in_every_form() {
    insta::assert_snapshot!(forms(&Expanded(topology())));
}

#[test]
fn a_plan_in_every_form() {
    insta::assert_snapshot!(forms(&Planned(crate::plan::Plan::new(topology()))));
}

#[test]
fn a_system_that_is_up_in_every_form() {
    let mut plan = crate::plan::Plan::new(topology());
    for (agent, name) in plan.agents.iter_mut().zip(["Alice", "Bob", "Carol"]) {
        agent.name = name.parse().unwrap();
    }
    let report = crate::up::UpReport {
        plan,
        nameservers: vec![(
            crate::model::NameServerName::only(),
            "tcp://127.0.0.1:7400".into(),
        )],
        agents: agents().into_iter().map(|it| (it.id, it.info)).collect(),
        hosts: vec![samples::host()],
        outcome: crate::up::Outcome::BroughtUp,
        undrained: Vec::new(),
        out_of_reach: crate::up::OutOfReach::default(),
    };
    insta::assert_snapshot!(forms(&Up(report.clone())));
    let again = Up(crate::up::UpReport {
        outcome: crate::up::Outcome::Unchanged,
        ..report.clone()
    });
    let text = again.render(
        Output::Table,
        Style {
            color: false,
            width: None,
        },
    );
    assert!(
        text.starts_with("news is up already, unchanged: 3 agents"),
        "{text}"
    );
    let main = crate::model::NameServerName::only;
    let back = crate::up::BroughtBack {
        nameservers: vec![main()],
        hosts: vec![(main(), "local".parse().unwrap())],
        agents: vec!["Bob".parse().unwrap()],
    };
    let again = Up(crate::up::UpReport {
        outcome: crate::up::Outcome::BroughtBack(back),
        out_of_reach: crate::up::OutOfReach {
            hosts: vec![crate::up::LostHost {
                host: "lab2".parse().unwrap(),
                nameserver: main(),
                agents: vec!["Carol".parse().unwrap()],
                cause: None,
            }],
            agents: vec!["Carol".parse().unwrap()],
        },
        ..report
    });
    insta::assert_snapshot!("a_system_that_is_up_again_in_every_form", forms(&again));
}

#[test]
fn a_system_that_is_down_in_every_form() {
    use crate::down::StoppedAgent;
    use crate::wire::StopStage;
    let stopped = [("Alice", StopStage::Asked), ("Bob", StopStage::Killed)];
    let report = crate::down::DownReport {
        stopped: stopped
            .map(|(agent, stage)| StoppedAgent {
                agent: agent.parse().unwrap(),
                stage,
                unsent: match stage {
                    StopStage::Asked => [("main".parse().unwrap(), 12)].into(),
                    _ => Default::default(),
                },
                killed: match stage {
                    StopStage::Killed => vec![crate::model::Leftover {
                        pid: 4711,
                        command: "python3 serve.py".into(),
                    }],
                    _ => Vec::new(),
                },
            })
            .to_vec(),
        orphans: vec!["Carol".parse().unwrap()],
        ..Default::default()
    };
    let system = Some("news".parse().unwrap());
    insta::assert_snapshot!(
        "down",
        forms(&Down {
            system: system.clone(),
            report
        })
    );
    let nothing = crate::down::DownReport {
        nothing: true,
        ..Default::default()
    };
    insta::assert_snapshot!(
        "nothing_to_take_down",
        forms(&Down {
            system,
            report: nothing
        })
    );
}

#[test]
fn traffic_in_every_form() {
    use crate::model::SocketStats;
    let stats = SocketStats {
        received: 12,
        sent: 0,
        dropped: 3,
        waiting: 0,
        unconfirmed: 2,
        matched: None,
        garbled: 1,
    };
    let status = crate::wire::AgentStatus {
        state: crate::model::State::Running,
        sockets: [("inbox".parse().unwrap(), stats)].into(),
        garbage_lines: 2,
        skipped_ticks: 1,
        admits: [(
            "inbox".parse().unwrap(),
            vec!["Alice".to_owned(), "W*".to_owned()],
        )]
        .into(),
        queued: [].into(),
        usage: None,
    };
    insta::assert_snapshot!(forms(&Sockets(vec![("Bob".parse().unwrap(), status)])));
}

#[test]
fn maps_too_are_in_the_order_that_people_expect() {
    let status = crate::wire::AgentStatus {
        state: crate::model::State::Running,
        sockets: ["in10", "in2"]
            .map(|alias| (alias.parse().unwrap(), crate::model::SocketStats::default()))
            .into(),
        garbage_lines: 0,
        skipped_ticks: 0,
        admits: [].into(),
        queued: [].into(),
        usage: None,
    };
    let sockets = Sockets(vec![("Bob".parse().unwrap(), status)]);
    let attributes = ["x10", "x9"].map(|name| (name.to_owned(), json!(1)));
    for (forms, first, second) in [
        (forms(&sockets), "in2", "in10"),
        (forms(&Attributes(attributes.into())), "x9", "x10"),
    ] {
        let [first, second] =
            [first, second].map(|name| forms.match_indices(name).map(|(at, _)| at));
        let pairs: Vec<_> = first.zip(second).collect();
        assert_eq!(pairs.len(), 3, "{forms}");
        assert!(pairs.iter().all(|(one, other)| one < other), "{forms}");
    }
}

#[test]
fn timers_in_every_form() {
    use crate::model::{Millis, TimerAction, TimerInfo, When};
    let timer = |alias: &str, when, action, due_ms| TimerInfo {
        alias: alias.parse().unwrap(),
        when,
        action,
        due_ms,
        fired: 3,
        skipped: 0,
        failed: 0,
    };
    let beat = timer(
        "beat",
        When::Every(Millis::from_secs(1)),
        TimerAction::call("look", serde_json::json!({"deep": true})),
        Some(Millis::new(250)),
    );
    let late = timer(
        "timer-2",
        When::After(Millis::new(1500)),
        TimerAction::set("late", true),
        None,
    );
    let beat = TimerInfo { failed: 2, ..beat };
    insta::assert_snapshot!(forms(&Timers(vec![(
        "Bob".parse().unwrap(),
        vec![beat, late]
    )])));
}

#[test]
fn what_was_closed_in_every_form() {
    let unsent = [("in", 0), ("out", 3), ("spare", 1)];
    let unsent = unsent.map(|(alias, count)| (alias.parse().unwrap(), count));
    insta::assert_snapshot!(forms(&Closed(unsent.into())));
}

#[test]
fn a_new_connection_in_every_form() {
    let agents = agents();
    let mut connected = agents.iter().flat_map(|agent| {
        let connections = agent.info.connections.iter();
        connections.map(|connection| Connected {
            client: agent.id.clone(),
            connection: connection.clone(),
        })
    });
    insta::assert_snapshot!(forms(&connected.next().unwrap()));
}

#[test]
fn what_a_doctor_has_found_in_every_form() {
    use crate::doctor::{Diagnosis, HostFinding, PortFinding, ProgramFinding, Verdict, WayFinding};
    let host = |name: &str, reach, address: &str, osb: Option<&str>| HostFinding {
        name: name.parse().unwrap(),
        reach,
        address: address.parse().ok(),
        osb: osb.map(str::to_owned),
        copy: false,
        verdict: Verdict::Well,
    };
    let bad = |reason: &str, remedy: &str| Verdict::Bad {
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    };
    let unknown = Verdict::Unknown {
        reason: "lab3 was not reached".to_owned(),
    };
    let way = |from: &str, to: &str, short: &str, verdict| WayFinding {
        from: from.parse().unwrap(),
        to: to.parse().ok(),
        address: "10.0.0.11:5000".parse().ok(),
        uses: vec!["Bob.in to Alice.main".to_owned()],
        ms: (verdict == Verdict::Well).then_some(0.25),
        short: short.to_owned(),
        verdict,
    };
    let silent = bad(
        "nobody answered lab2 at 10.0.0.11:5000 within 3s",
        "a firewall?",
    );
    let diagnosis = Diagnosis {
        system: "two".parse().unwrap(),
        hosts: vec![
            host("local", "local", "10.0.0.1", Some("0.1.0")),
            host("lab1", "ssh", "10.0.0.11", Some("0.1.0")),
            HostFinding {
                copy: true,
                ..host("lab2", "ssh", "10.0.0.12", Some("0.0.1"))
            },
            HostFinding {
                verdict: bad("stage connect: Connection refused", "is the machine up?"),
                ..host("lab3", "ssh", "", None)
            },
        ],
        programs: vec![ProgramFinding {
            host: "lab3".parse().unwrap(),
            program: "python3".to_owned(),
            agents: ["A", "B", "C", "D"]
                .map(|name| name.parse().unwrap())
                .into(),
            path: None,
            verdict: unknown.clone(),
        }],
        ports: vec![PortFinding {
            host: "lab1".parse().unwrap(),
            address: "10.0.0.11:5000".parse().unwrap(),
            uses: vec!["Alice.main".to_owned()],
            verdict: Verdict::Well,
        }],
        ways: vec![
            way("lab1", "local", "0.2 ms", Verdict::Well),
            way("lab2", "local", "0.3 ms", Verdict::Well),
            way("lab2", "lab1", "0.4 ms", Verdict::Well),
            way("lab2", "lab1", "no answer", silent),
            way("lab3", "", "?", unknown),
        ],
    };
    insta::assert_snapshot!(forms(&Diagnosed(diagnosis)));
}
