//! What each level may ask for, and under whose name.

use super::*;

/// Requests of every kind to the name server that do no harm if they are carried out.
fn questions() -> Vec<NameServerRequest> {
    let key = draw_keys().unwrap().public;
    let nobody = "Nobody".parse().unwrap();
    vec![
        NameServerRequest::Announce(
            serde_json::from_value(serde_json::json!({"role":"host","name":"nobody",
                "incarnation":1,"pid":1,"version":"0","uptime_ms":0}))
            .unwrap(),
        ),
        NameServerRequest::Heartbeat {},
        NameServerRequest::Leave { end: None },
        NameServerRequest::Addr {
            agent: "Alice".parse().unwrap(),
            alias: "out".parse().unwrap(),
        },
        NameServerRequest::Agents { name: None },
        NameServerRequest::Hosts {},
        NameServerRequest::Watch {},
        NameServerRequest::Exited {
            agent: "Nobody".parse().unwrap(),
            incarnation: osb::wire::Incarnation(1),
            exit: osb::model::ExitReport {
                status: Some(0),
                signal: None,
                log: vec![],
                cause: None,
            },
            asked: true,
            then: osb::model::AfterEnd::Stays,
        },
        NameServerRequest::Follow {
            agents: ["Alice".parse().unwrap()].into(),
        },
        NameServerRequest::Entrust {
            agents: vec!["Nobody".parse().unwrap()],
            to: "nobody".parse().unwrap(),
        },
        NameServerRequest::Forget {
            agents: vec!["Nobody".parse().unwrap()],
        },
        NameServerRequest::Successors {},
        NameServerRequest::TakeOver {
            agent: "Nobody".parse().unwrap(),
            incarnation: osb::wire::Incarnation(1),
        },
        NameServerRequest::Ping {},
        NameServerRequest::Shutdown {},
        NameServerRequest::Admit(KeyEntry::lasting(key, Holder::Agent(nobody))),
        NameServerRequest::Join { key },
        NameServerRequest::Whose { key },
        NameServerRequest::Keys {},
        NameServerRequest::Revoke(KeysOf::Key(key)),
        NameServerRequest::Rotate {
            host: "nobody".parse().unwrap(),
            until: None,
        },
        NameServerRequest::Renew { key },
        NameServerRequest::RotateNameserver { grace: 60 },
        NameServerRequest::Expiring {},
        NameServerRequest::Journal { after: 0 },
        NameServerRequest::Happened {
            life: osb::wire::Incarnation(1),
            kept: 0,
            events: Vec::new(),
        },
        NameServerRequest::Events {
            after: None,
            wait_ms: 0,
        },
    ]
}

/// Requests to Alice, by their JSON: every verb there is.
/// A request as it is on the wire.
fn of<T: serde::de::DeserializeOwned>(method: &str, params: Value) -> T {
    let request = serde_json::json!({"method": method, "params": params});
    serde_json::from_value(request.clone()).unwrap_or_else(|e| panic!("{e}: {request}"))
}

fn program() -> Value {
    serde_json::json!({"argv":["true"],"env":{},"cwd":"/","speaks":"lines","ready":"started",
        "timeout":null,"after":[]})
}

fn spec(name: &str) -> Value {
    serde_json::json!({"name":name,"host":"local","attach":false,"program":program(),
        "attributes":{"mine":1},"bind":[],"timers":[],"start_timeout":1000,"settle":0})
}

/// Requests of every kind to a host daemon.
fn requests_to_a_host() -> Vec<HostRequest> {
    let nothing = serde_json::json!({});
    vec![
        of("start", serde_json::json!({"spec": spec("Mine")})),
        of(
            "launch",
            serde_json::json!({"agent":"Alice","values":{},"timers":false,"timeout":100}),
        ),
        of("lead", serde_json::json!({"agents":["Alice"],"to":"go"})),
        of("keep", serde_json::json!({"agents":["Alice"]})),
        of("restart", serde_json::json!({"agent":"Nobody"})),
        of("spawn", serde_json::json!({"spec": spec("Mine")})),
        of("remove", serde_json::json!({"agent":"Alice","grace":1})),
        of(
            "program_ended",
            serde_json::json!({"incarnation":1,"exit":{"status":1,"signal":null,"log":[]}}),
        ),
        of("attach", serde_json::json!({"spec": spec("Nobody")})),
        of("alter", serde_json::json!({"spec": spec("Nobody")})),
        of("forget", serde_json::json!({"agents":["Nobody"]})),
        of("stop", serde_json::json!({"agent":"Alice","grace":1})),
        of("ties", nothing.clone()),
        of("agents", nothing.clone()),
        of(
            "attributes",
            serde_json::json!({"agent":"Alice","name":null}),
        ),
        of("leftovers", nothing.clone()),
        of("facts", nothing),
        of("logs", serde_json::json!({"from":[],"bytes":100,"wait":0})),
        of(
            "examine",
            serde_json::json!({"host":"local","address":null,"nameserver":null,"programs":[],
                "bind":["127.0.0.1:0"],"token":"mine"}),
        ),
        of("dial", serde_json::json!({"targets":[]})),
        of("end_examination", serde_json::json!({"token":"mine"})),
        of("shutdown", serde_json::json!({"grace":1})),
    ]
}

/// The verbs of one of the three that are asked, as specs/security.md lists them all.
fn verbs_of(whom: &str) -> Vec<String> {
    let page = common::repository().join("specs").join("security.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = format!("| {whom} | `");
    let rows = page.lines().filter_map(|line| line.strip_prefix(&row));
    let mut verbs: Vec<String> = rows
        .map(|rest| rest.split('`').next().unwrap().to_owned())
        .collect();
    verbs.sort();
    verbs
}

fn assert_complete(whom: &str, asked: &[impl Asked]) {
    let mut verbs: Vec<String> = asked.iter().map(|it| it.verb().to_owned()).collect();
    verbs.sort();
    assert_eq!(verbs, verbs_of(whom), "every verb of {whom} is asked");
}

/// The token of a tap.
const TAP: &str = "00112233445566778899aabbccddeeff";

/// Requests of every kind to an agent.
fn requests_to_alice() -> Vec<AgentRequest> {
    let nothing = serde_json::json!({});
    let nowhere = serde_json::json!({"kind":"PUSH","role":"server","transport":"tcp",
        "address":"tcp://127.0.0.1:1","serializer":"json"});
    vec![
        of("addr", serde_json::json!({"alias": null})),
        of(
            "bind",
            serde_json::json!({"alias":"mine","kind":"PULL","endpoint":null,"serializer":"json",
                "handlers":null}),
        ),
        of(
            "connect",
            serde_json::json!({"alias":"mine","server":nowhere,"to":null,"handlers":null,
                "token":null,"timeout":100}),
        ),
        of(
            "connect_to",
            serde_json::json!({"alias":"mine","to":"Bob.inbox","handlers":null}),
        ),
        of(
            "admit",
            serde_json::json!({"alias":"in","holder":{"agent":"Mine"}}),
        ),
        of(
            "dismiss",
            serde_json::json!({"alias":"in","holder":{"agent":"Mine"}}),
        ),
        of(
            "configure",
            serde_json::json!({"spec": spec("Alice"), "version": 9}),
        ),
        of(
            "alter",
            serde_json::json!({"from": 9, "version": 10, "spec": spec("Alice"), "edits": []}),
        ),
        of("wire", serde_json::json!({"aliases":null})),
        of("probe", serde_json::json!({"alias":"feed","token":"x"})),
        of("prove", serde_json::json!({"alias":"feed","tokens":[]})),
        of("unprobe", serde_json::json!({"alias":"feed","token":"x"})),
        of(
            "launch",
            serde_json::json!({"program":program(),"timeout":100}),
        ),
        of(
            "timer",
            serde_json::json!({"alias":null,"when":{"every":5},
                "action":{"call":{"method":"mine","params":{}}}}),
        ),
        of("attributes", nothing.clone()),
        of("follow_attributes", serde_json::json!({"for_ms": 1})),
        of("get_attr", serde_json::json!({"name": "treasure"})),
        of("set_attr", serde_json::json!({"attributes": {"mine": 1}})),
        of(
            "send",
            serde_json::json!({"alias":"out","message":"poison","topic":null}),
        ),
        of("ask", serde_json::json!({"alias":"out","message":"poison"})),
        of(
            "send_recv",
            serde_json::json!({"alias":"out","message":"poison"}),
        ),
        of("call", serde_json::json!({"name":"x","params":null})),
        of(
            "close",
            serde_json::json!({"alias":"nothing","linger":null}),
        ),
        of("close_all", serde_json::json!({"linger":null})),
        of(
            "subscribe",
            serde_json::json!({"alias":"x","handlers":{"all":[]}}),
        ),
        of("unsubscribe", serde_json::json!({"alias":"x","topics":[]})),
        of("adopt", serde_json::json!({"system":"mine"})),
        of("release", serde_json::json!({"system":"mine"})),
        of("lead", serde_json::json!({"to":"settle"})),
        of("wait", serde_json::json!({"alias":"out"})),
        of("confirm", serde_json::json!({"alias":"out","lines":[]})),
        of("arrived", serde_json::json!({"alias":"in","lines":[]})),
        of("leave_out", serde_json::json!({"alias":"out","lines":[]})),
        of("left", serde_json::json!({"alias":"in","lines":[]})),
        of("drain", nothing.clone()),
        of("resume", nothing.clone()),
        of("timers", nothing.clone()),
        of("stop_timer", serde_json::json!({"alias":"x"})),
        of("stop_timers", nothing.clone()),
        of("is_running", nothing.clone()),
        of("sockets", nothing.clone()),
        of("status", nothing.clone()),
        of("tap", serde_json::json!({"token": TAP})),
        of("keep_tap", serde_json::json!({"token": TAP})),
        of("tapped", serde_json::json!({"token": TAP, "wait": 0})),
        of("untap", serde_json::json!({"token": TAP})),
        of("rate", nothing.clone()),
        of("log", serde_json::json!({"level":"info","text":"mine"})),
        of("quiet", nothing.clone()),
        of("shutdown", nothing),
    ]
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, ProxyError>) -> bool {
    matches!(answer, Err(ProxyError::Fault(Fault::NotPermitted { .. })))
}

/// Every level asks for everything that is not its business, and for what is and does no harm.
#[test]
fn every_level_gets_what_is_its_own_and_nothing_else() {
    assert_complete("the name server", &questions());
    assert_complete("a host daemon", &requests_to_a_host());
    assert_complete("an agent", &requests_to_alice());
    let system = up();
    let lasting = Term::Lasting;
    let join = Term::Join {
        until: u64::MAX,
        lasts: None,
    };
    let holders = [
        (Access::Join, Holder::Host("later".parse().unwrap()), join),
        (
            Access::Read,
            operator("reader", OperatorAccess::Read),
            lasting,
        ),
        (
            Access::Tap,
            operator("looker", OperatorAccess::Tap),
            lasting,
        ),
        (
            Access::Agent,
            Holder::Agent("Mallory".parse().unwrap()),
            lasting,
        ),
        (Access::Host, Holder::Host("evil".parse().unwrap()), lasting),
        (
            Access::Control,
            operator("pilot", OperatorAccess::Control),
            lasting,
        ),
    ];
    let mut refused = 0;
    for (level, holder, term) in holders {
        let keys = system.admit(holder, term);
        for request in questions() {
            // A new connection each time: what one of them does is not to help the next.
            let nameserver = system.dial(Some(keys.clone()));
            let may = request.permitted_to(level).is_ok();
            let harmful = matches!(
                request,
                NameServerRequest::Shutdown {} | NameServerRequest::Join { .. }
            );
            if may && harmful {
                continue;
            }
            let answer = nameserver.ask::<Value>(&request).wait();
            assert_eq!(refusal(answer), !may, "{level} {}", request.verb());
            refused += usize::from(!may);
        }
        let nameserver = system.dial(Some(keys.clone()));
        for request in requests_to_alice() {
            let alice = Peer::Agent("Alice".parse().unwrap());
            let may = request.permitted_to(level).is_ok();
            // A host reaches its own agents only, and Alice is none of this one's.
            let reaches = !matches!(level, Access::Join | Access::Host);
            if may && reaches && level == Access::Control {
                continue;
            }
            let wait = Duration::from_secs(10);
            let answer = nameserver.link().ask::<Value>(alice, &request, wait).wait();
            assert_eq!(
                refusal(answer),
                !(may && reaches),
                "{level} {}",
                request.verb()
            );
            refused += usize::from(!may);
        }
        for request in requests_to_a_host() {
            let may = request.permitted_to(level).is_ok();
            if may && level == Access::Control {
                continue;
            }
            let host = Peer::Host("system/local".parse().unwrap());
            // An agent reaches its own host only, and this one was not started by it.
            let reaches = level != Access::Agent;
            let wait = Duration::from_secs(10);
            let answer = nameserver.link().ask::<Value>(host, &request, wait).wait();
            let is_refused = !(may && reaches);
            assert_eq!(refusal(answer), is_refused, "{level} {}", request.verb());
            refused += usize::from(!may);
        }
    }
    assert!(refused > 150, "{refused}");
    let attributes = system.bench.json(&["get", "Alice"]);
    assert!(attributes.get("mine").is_none());
    system.down();
}

#[test]
fn nobody_takes_anothers_name() {
    let system = up();
    let mallory = system.admit(Holder::Agent("Mallory".parse().unwrap()), Term::Run);
    let evil = system.admit(Holder::Host("evil".parse().unwrap()), Term::Run);
    let agent = |name: &str, host: Value| {
        let announcement = serde_json::json!({"role":"agent","name":name,"incarnation":5,"host":host,
            "pid":1,"state":"running","uptime_ms":0,"addresses":{},"connections":[]});
        NameServerRequest::Announce(serde_json::from_value(announcement).unwrap())
    };
    let tell = |keys: &Credentials, request: &NameServerRequest| {
        let nameserver = system.dial(Some(keys.clone()));
        nameserver
            .ask::<()>(request)
            .wait()
            .map_err(|it| it.to_string())
    };
    let refused = tell(&mallory, &agent("Alice", Value::Null)).unwrap_err();
    assert!(refused.contains("the key of agent Mallory"), "{refused}");
    // Nor does he say that another host has started him.
    assert!(tell(&mallory, &agent("Mallory", "system/local".into())).is_err());
    assert_eq!(tell(&mallory, &agent("Mallory", Value::Null)), Ok(()));
    // A host lets in no agent that lives elsewhere, and nobody who is not an agent.
    let key = draw_keys().unwrap().public;
    for holder in [
        Holder::Agent("Alice".parse().unwrap()),
        Holder::Host("local".parse().unwrap()),
        Holder::Host("system/local".parse().unwrap()),
        operator("me", OperatorAccess::Admin),
    ] {
        let admit = NameServerRequest::Admit(KeyEntry::lasting(key, holder));
        assert!(tell(&evil, &admit).is_err());
    }
    let pilot = system.admit(operator("pilot", OperatorAccess::Control), Term::Run);
    let admit = KeyEntry::lasting(key, operator("me", OperatorAccess::Admin));
    assert!(tell(&pilot, &NameServerRequest::Admit(admit)).is_err());
    system.down();
}
