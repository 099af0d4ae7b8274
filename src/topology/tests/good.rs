//! Topologies that are fine, and exactly what is read from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::{read, wires};
use crate::model::{
    Action, Admits, AgentSpec, BindSpec, Endpoint, Handlers, HostSpec, Kind, Millis,
    NameServerEntry, NameServerName, NameServerSpec, Program, Reach, Replies, Security, Serializer,
    TimerAction, TimerSpec, Topology, When, WireSpec,
};

pub(super) const EXAMPLE: &str = r#"
osb: 1
name: quickstart
nameserver: 127.0.0.1:0
defaults: { transport: tcp, serializer: json, start_timeout: 30s, restart: never }

agents:
  Alice:
    host: local
    transport: tcp
    attributes: { greeting: Hello }
    bind:
      main: PUSH
      ask: { kind: REP, transport: tcp, addr: "127.0.0.1:1234", serializer: msgpack, handler: echo }
    timers:
      - { every: 1s, send: main, message: "Hello, Bob!" }
  Bob:
    command: [python3, bob.py]
    env: { LEVEL: info, COUNT: 3, DEBUG: true }
    cwd: ./work
    start_timeout: 5s
  News:
    bind:
      feed: { kind: PUB, transport: ipc }
  Carol:
    attributes: { received: [] }

connections:
  - { agent: Bob, to: Alice.main, alias: inbox }
  - { agent: Carol, to: News.feed, alias: news, handler: { sport: log, "": [collect, log] } }
"#;

fn any_port() -> Endpoint {
    Endpoint::Tcp {
        ip: "127.0.0.1".parse().unwrap(),
        port: 0,
    }
}

fn agent(name: &str) -> AgentSpec {
    AgentSpec {
        name: name.parse().unwrap(),
        attach: false,
        host: "local".parse().unwrap(),
        program: None,
        attributes: BTreeMap::new(),
        bind: Vec::new(),
        wires: Vec::new(),
        timers: Vec::new(),
        start_timeout: Millis::from_secs(30),
        settle: Millis::new(500),
        logs: crate::model::LogLimits::default(),
        restart: crate::model::Restart::default(),
        on_failed: None,
        stop_timeout: None,
        keep: std::collections::BTreeSet::new(),
        with: BTreeMap::new(),
        update: None,
        spawned: None,
    }
}

fn socket(alias: &str, kind: Kind, endpoint: Endpoint) -> BindSpec {
    BindSpec {
        alias: alias.parse().unwrap(),
        kind,
        endpoint: Some(endpoint),
        serializer: Serializer::Json,
        handlers: Some(Handlers::none()),
        admits: Admits::default(),
    }
}

fn admitting(client: &str, socket: BindSpec) -> BindSpec {
    BindSpec {
        admits: Admits {
            wires: [client.parse().unwrap()].into(),
            ..Admits::default()
        },
        ..socket
    }
}

fn alice() -> AgentSpec {
    let endpoint = Endpoint::Tcp {
        ip: "127.0.0.1".parse().unwrap(),
        port: 1234,
    };
    let ask = BindSpec {
        serializer: Serializer::Msgpack,
        handlers: Some(Handlers::one(Action::Echo)),
        ..socket("ask", Kind::Rep, endpoint)
    };
    let timer = TimerSpec {
        alias: None,
        when: When::Every(Millis::from_secs(1)),
        action: TimerAction::Send {
            alias: "main".parse().unwrap(),
            message: json!("Hello, Bob!"),
            topic: None,
        },
    };
    AgentSpec {
        attributes: BTreeMap::from([("greeting".into(), json!("Hello"))]),
        bind: vec![
            admitting("Bob", socket("main", Kind::Push, any_port())),
            ask,
        ],
        timers: vec![timer],
        ..agent("Alice")
    }
}

fn bob() -> AgentSpec {
    let env = [("LEVEL", "info"), ("COUNT", "3"), ("DEBUG", "true")];
    let argv = ["python3", "bob.py"].map(str::to_owned);
    let program = Program {
        env: env.map(|(k, v)| (k.into(), v.into())).into(),
        ..Program::of_words(argv, PathBuf::from("/srv/agents/work"))
    };
    AgentSpec {
        program: Some(program),
        start_timeout: Millis::from_secs(5),
        wires: vec![wire(
            "inbox",
            "Alice.main",
            Kind::Pull,
            Handlers::one(Action::Command),
        )],
        ..agent("Bob")
    }
}

fn wire(alias: &str, to: &str, kind: Kind, handlers: Handlers) -> WireSpec {
    WireSpec {
        alias: alias.parse().unwrap(),
        to: to.parse().unwrap(),
        kind,
        serializer: Some(Serializer::Json),
        handlers,
        replies: Replies::default(),
        resting: false,
    }
}

#[test]
fn the_example_is_read_as_it_stands() {
    let news = AgentSpec {
        bind: vec![admitting(
            "Carol",
            socket("feed", Kind::Pub, Endpoint::Ipc { path: None }),
        )],
        ..agent("News")
    };
    let by_topic = Handlers::ByTopic(BTreeMap::from([
        ("sport".to_owned(), vec![Action::Log]),
        (String::new(), vec![Action::Collect, Action::Log]),
    ]));
    let carol = AgentSpec {
        attributes: BTreeMap::from([("received".into(), json!([]))]),
        wires: vec![wire("news", "News.feed", Kind::Sub, by_topic)],
        ..agent("Carol")
    };
    let expected = Topology {
        name: "quickstart".parse().unwrap(),
        security: Security::None,
        nameservers: vec![NameServerEntry {
            name: NameServerName::only(),
            at: NameServerSpec::Launch("127.0.0.1:0".parse().unwrap()),
            host: None,
        }],
        hosts: vec![HostSpec {
            name: "local".parse().unwrap(),
            address: "127.0.0.1".parse().ok(),
            reach: Reach::Local,
            labels: [].into(),
        }],
        agents: vec![alice(), bob(), news, carol],
    };
    assert_eq!(read(EXAMPLE).unwrap(), expected);
}

#[test]
fn little_is_needed() {
    let topology = read("osb: 1").unwrap();
    assert_eq!(topology.name.as_str(), "quickstart", "the file's stem");
    assert_eq!(topology.hosts.len(), 1);
    let topology = read("osb: 1\nagents:\n  Alice:\n  Bob: {}\nconnections:\n").unwrap();
    assert_eq!(topology.agents, [agent("Alice"), agent("Bob")]);
}

#[test]
fn name_servers_are_launched_or_attached_to() {
    let read = |value: &str| {
        let topology = read(&format!("osb: 1\nnameserver: {value}")).unwrap();
        let [only] = &topology.nameservers[..] else {
            panic!("one name server");
        };
        assert_eq!(only.name, NameServerName::only());
        only.at
    };
    let at = |text: &str| text.parse().unwrap();
    assert_eq!(
        read("127.0.0.1:7400"),
        NameServerSpec::Launch(at("127.0.0.1:7400"))
    );
    assert_eq!(read("\"[::1]:0\""), NameServerSpec::Launch(at("[::1]:0")));
    assert_eq!(
        read("{ launch: 127.0.0.2:0, host: local }"),
        NameServerSpec::Launch(at("127.0.0.2:0"))
    );
    assert_eq!(
        read("{ attach: 10.0.0.5:7400 }"),
        NameServerSpec::Attach(at("10.0.0.5:7400"))
    );
}

#[test]
fn a_name_server_may_be_on_another_machine() {
    let text = "osb: 1\nhosts: { lab1: { ssh: lab1, address: 10.0.0.11 } }\nnameserver: { launch: 0.0.0.0:0, host: lab1 }";
    let topology = read(text).unwrap();
    let entry = &topology.nameservers[0];
    assert_eq!(entry.host, Some("lab1".parse().unwrap()));
    assert_eq!(
        entry.at,
        NameServerSpec::Launch("0.0.0.0:0".parse().unwrap())
    );
    let written = crate::topology::Flat::of(&topology).to_yaml();
    assert!(written.contains("host: lab1"), "{written}");
}

#[test]
fn sockets_are_bound_where_they_are_told() {
    let endpoint = |socket: &str| {
        let text = format!(
            "osb: 1\nsecurity: none\nhosts: {{ local: {{ address: 10.0.0.7 }} }}\nagents: {{ A: {{ bind: {{ x: {socket} }} }} }}"
        );
        read(&text).unwrap().agents[0].bind[0]
            .endpoint
            .as_ref()
            .unwrap()
            .to_string()
    };
    assert_eq!(endpoint("PUB"), "tcp://10.0.0.7:0");
    assert_eq!(
        endpoint("{ kind: PUB, addr: 10.0.0.8 }"),
        "tcp://10.0.0.8:0"
    );
    assert_eq!(
        endpoint("{ kind: PUB, addr: \"[::1]:5\" }"),
        "tcp://[::1]:5"
    );
    assert_eq!(
        endpoint("{ kind: PUB, addr: \"0.0.0.0:99\" }"),
        "tcp://0.0.0.0:99"
    );
    assert_eq!(endpoint("{ kind: PUB, transport: ipc }"), "ipc://");
    assert_eq!(
        endpoint("{ kind: PUB, transport: ipc, addr: a.sock }"),
        "ipc://a.sock"
    );
    assert_eq!(
        endpoint("{ kind: PUB, transport: ipc, addr: /run/a }"),
        "ipc:///run/a"
    );
}

#[test]
fn the_nearest_default_wins() {
    let text = "
osb: 1
defaults: { transport: ipc, serializer: raw, start_timeout: 2s }
agents:
  A: { bind: { x: PUB, y: { kind: PUB, transport: tcp } } }
  B: { transport: tcp, serializer: msgpack, start_timeout: 3s, bind: { x: PUB, y: { kind: PUB, serializer: json } } }
";
    let topology = read(text).unwrap();
    let seen: Vec<_> = topology
        .agents
        .iter()
        .flat_map(|agent| {
            agent.bind.iter().map(|b| {
                (
                    b.endpoint.as_ref().unwrap().transport().as_str(),
                    b.serializer.as_str(),
                    agent.start_timeout.to_string(),
                )
            })
        })
        .collect();
    let seen: Vec<_> = seen
        .iter()
        .map(|(t, s, d)| format!("{t} {s} {d}"))
        .collect();
    assert_eq!(
        seen,
        ["ipc raw 2s", "tcp raw 2s", "tcp msgpack 3s", "tcp json 3s"]
    );
}

#[test]
fn handlers_go_by_default_and_by_word() {
    let text = "
osb: 1
agents:
  A: { bind: { a: PULL, r: { kind: REP, handler: 'forward:q' }, s: { kind: PULL, handler: [log, 'forward:out'] }, out: PUSH } }
  B: { command: [b], bind: { a: PULL, r: REP, p: PUB } }
connections:
  - { agent: A, to: B.r, alias: q }
  - { agent: A, to: B.p, kind: SUB }
";
    let topology = read(text).unwrap();
    let shown = |handlers: &Handlers| {
        handlers
            .actions()
            .map(Action::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let of = |agent: usize| {
        topology.agents[agent]
            .bind
            .iter()
            .map(|b| shown(b.handlers.as_ref().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0), ["log", "forward:q", "log forward:out", ""]);
    assert_eq!(of(1), ["command", "command", ""]);
    let wires = super::wires(&topology);
    assert_eq!(wires[0].kind, Kind::Req);
    assert_eq!(wires[1].alias.as_str(), "p", "the target's alias");
    assert_eq!(shown(&wires[1].handlers), "log");
}

#[test]
fn connections_that_ask_say_how_answers_are_handled() {
    let topology = read(
        "
osb: 1
agents:
  A:
    bind:
      desk: { kind: ASYNC_REP, handler: echo }
      rep: { kind: REP, handler: echo }
      feed: { kind: SYNC_PUB, handler: echo }
  B: { bind: { out: PUSH } }
connections:
  - { agent: B, to: A.desk, wait: 500ms, on_error: [log, 'forward:out'] }
  - { agent: B, to: A.rep, handler: collect, wait: 2s }
  - { agent: B, to: A.feed, handler: { a: 'forward:feed' }, on_reply: discard }
  - { agent: B, to: A.feed, alias: more }
",
    )
    .unwrap();
    let [channel, req, feed, more] = wires(&topology)[..] else {
        panic!("four connections");
    };
    assert_eq!(feed.kind, Kind::SyncSub);
    assert_eq!(feed.handlers.subscriptions(), ["a"]);
    assert_eq!(feed.replies.on_reply, Some(vec![Action::Discard]));
    assert_eq!(more.handlers, Handlers::one(Action::Log));
    assert_eq!(more.replies.on_reply, Some(vec![Action::Log]));
    assert_eq!(channel.kind, Kind::AsyncReq);
    assert_eq!(channel.handlers, Handlers::one(Action::Log));
    let replies = Replies {
        on_reply: None,
        wait: Some(Millis::new(500)),
        on_error: Some(vec![Action::Log, Action::Forward("out".parse().unwrap())]),
    };
    assert_eq!(channel.replies, replies);
    assert_eq!(req.replies.wait, Some(Millis::new(2000)));
    assert_eq!(req.replies.on_error, None);
}

#[test]
fn dots_in_names_are_told_apart_by_the_agents_there_are() {
    let text = "osb: 1\nagents: { a.b: { bind: { c.d: PUSH } }, a: {}, x: {} }\nconnections: [{ agent: x, to: a.b.c.d }]";
    let to = wires(&read(text).unwrap())[0].to.clone();
    assert_eq!((&*to.agent.to_string(), to.alias.as_str()), ("a.b", "c.d"));
}

#[test]
fn anchors_serve_as_templates() {
    let text = "
osb: 1
agents:
  A: &worker { attributes: { n: 1 }, bind: { in: PULL } }
  B: { <<: *worker, attributes: { n: 2 } }
  C: *worker
";
    let topology = read(text).unwrap();
    let n: Vec<_> = topology
        .agents
        .iter()
        .map(|agent| agent.attributes["n"].clone())
        .collect();
    assert_eq!(n, [json!(1), json!(2), json!(1)]);
    assert!(topology.agents.iter().all(|agent| agent.bind.len() == 1));
}

#[test]
fn timers_send_any_json() {
    let text = "
osb: 1
agents:
  A:
    bind: { feed: PUB, raw: { kind: PUSH, serializer: raw } }
    timers:
      - { after: 0s, send: feed, message: ~, topic: news }
      - { every: 500ms, send: raw, message: { $base64: /wA= } }
";
    let timers = &read(text).unwrap().agents[0].timers;
    let send = |alias: &str, message, topic: Option<&str>| TimerAction::Send {
        alias: alias.parse().unwrap(),
        message,
        topic: topic.map(|topic| topic.parse().unwrap()),
    };
    assert_eq!(timers[0].action, send("feed", json!(null), Some("news")));
    assert_eq!(timers[0].when, When::After(Millis::new(0)));
    let bytes = json!({ "$base64": "/wA=" });
    assert_eq!(timers[1].action, send("raw", bytes, None));
}

#[test]
fn timers_call_and_set_under_names_of_their_own() {
    let text = "
osb: 1
agents:
  A:
    command: [sh]
    timers:
      - { every: 1s, alias: poll, call: look, params: { deep: true } }
      - { every: 1s, call: look }
      - { after: 2s, set: { late: true, x: [1] } }
";
    let timers = &read(text).unwrap().agents[0].timers;
    let call = |params| TimerAction::Call {
        method: "look".to_owned(),
        params,
    };
    assert_eq!(timers[0].alias.as_ref().unwrap().as_str(), "poll");
    assert_eq!(timers[0].action, call(json!({ "deep": true })));
    assert_eq!(
        (&timers[1].alias, &timers[1].action),
        (&None, &call(json!(null)))
    );
    let attributes = [("late".into(), json!(true)), ("x".into(), json!([1]))].into();
    assert_eq!(timers[2].action, TimerAction::Set { attributes });
}

#[test]
fn the_example_of_the_specification_is_fine() {
    let specification = include_str!("../../../specs/topology.md");
    let example = specification
        .split("```yaml")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let topology = read(example).unwrap();
    assert_eq!((topology.agents.len(), topology.wires().count()), (2, 1));
}

#[test]
fn a_logger_is_connected_to_all_others() {
    let logger = "osb: 1\nname: x\nagents: { A: {}, B: {}, W: {} }\nlogger: { agent: W, handler: { error: collect } }\n";
    let topology = read(logger).unwrap();
    let sockets: Vec<String> = topology
        .agents
        .iter()
        .flat_map(|agent| {
            agent
                .bind
                .iter()
                .map(move |it| format!("{}.{}", agent.name, it.alias))
        })
        .collect();
    assert_eq!(sockets, ["A.osb.log", "B.osb.log"]);
    let wires: Vec<String> = topology
        .wires()
        .map(|(agent, it)| format!("{} {} {}", agent.client(it), it.kind, it.to))
        .collect();
    assert_eq!(wires, ["W.log.A SUB A.osb.log", "W.log.B SUB B.osb.log"]);
    let by_error = [("error".to_owned(), vec![Action::Collect])];
    assert_eq!(
        self::wires(&topology)[0].handlers,
        Handlers::ByTopic(by_error.into())
    );
}

#[test]
fn agents_are_at_their_name_servers_and_found_there() {
    let text = "
osb: 1
nameservers: { main: , lab: 127.0.0.1:7401, far: { attach: 127.0.0.1:7402 } }
agents:
  A: { bind: { x: PUSH } }
  A@lab: { bind: { x: PUSH } }
  B@main: {}
  C: { nameserver: far }
connections:
  - { agent: B, to: A@lab.x, alias: lab }
  - { agent: B, to: A@main.x }
  - { agent: C, to: A@main.x }
";
    let topology = read(text).unwrap();
    let names: Vec<_> = topology
        .agents
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(
        names,
        ["A", "A@lab", "B", "C@far"],
        "the first needs no mention"
    );
    let wires: Vec<_> = topology
        .wires()
        .map(|(agent, it)| format!("{} {}", agent.client(it), it.to))
        .collect();
    assert_eq!(wires, ["B.lab A@lab.x", "B.x A.x", "C@far.x A.x"]);
    let specs: Vec<_> = topology.nameservers.iter().map(|it| it.at).collect();
    let at = |text: &str| text.parse().unwrap();
    assert_eq!(
        specs,
        [
            NameServerSpec::Launch(at("127.0.0.1:0")),
            NameServerSpec::Launch(at("127.0.0.1:7401")),
            NameServerSpec::Attach(at("127.0.0.1:7402"))
        ]
    );
}

const MACHINES: &str = r#"
osb: 1
security: none
nameserver: { attach: 10.0.0.5:7400 }
hosts:
  local: { address: 10.0.0.5 }
  lab1: { ssh: me@lab1, address: 10.0.0.11, port: 2222, identity: keys/lab, labels: [gpu] }
  lab2: { attach: true, labels: [gpu, big] }
agents:
  W: { replicas: 3, on: { label: gpu }, bind: { out: PUSH, fixed: { kind: PUSH, addr: 0.0.0.0 } } }
  A: { host: lab1, bind: { in: PULL, file: { kind: PUSH, transport: ipc } } }
  B: { host: lab1 }
connections:
  - { agent: W*, to: A.in, alias: main }
  - { agent: B, to: A.file, alias: near }
"#;

#[test]
fn replicas_are_spread_and_bound_where_they_run() {
    let topology = read(MACHINES).unwrap();
    let places: Vec<String> = topology
        .agents
        .iter()
        .map(|agent| {
            let endpoints = agent
                .bind
                .iter()
                .map(|bind| bind.endpoint.as_ref().unwrap().to_string());
            let endpoints: Vec<String> = endpoints.collect();
            format!("{} {} {}", agent.name, agent.host, endpoints.join(" "))
        })
        .collect();
    let expected = [
        "W0 lab1 tcp://10.0.0.11:0 tcp://0.0.0.0:0",
        "W1 lab2 tcp://0.0.0.0:0 tcp://0.0.0.0:0",
        "W2 lab1 tcp://10.0.0.11:0 tcp://0.0.0.0:0",
        "A lab1 tcp://10.0.0.11:0 ipc://",
        "B lab1 ",
    ];
    assert_eq!(places, expected);
    let Reach::Ssh(ssh) = &topology.hosts[1].reach else {
        panic!("{:?}", topology.hosts);
    };
    assert_eq!(ssh.identity, Some("/srv/agents/keys/lab".into()));
    assert_eq!(ssh.port, Some(2222));
    let flat = crate::topology::Flat::of(&topology).to_yaml();
    assert_eq!(read(&flat).unwrap(), topology);
}
