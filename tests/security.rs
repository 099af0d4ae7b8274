//! Strangers, and members who want more than they may: what osb has to refuse, by the real binary.
//! specs/security.md says against whom what is protected.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::closed_system::{ClosedSystem, keys};
use crate::common::{self, Bench, wait_for, wait_until};
use osb::access::Asked;
use osb::model::{
    Access, AgentInfo, Credentials, Dial, Holder, KeyEntry, KeyPair, KeysOf, OperatorAccess, Term,
};
use osb::proxy::{NameServer, ProxyError};
use osb::state::KeyFile;
use osb::wire::{AgentRequest, Fault, HostRequest, NameServerRequest, Peer};
use osb::zeromq::draw_keys;
use serde_json::Value;

const SYSTEM: &str = "
osb: 1
name: system
security: curve
agents:
  Alice:
    attributes: { treasure: xyzzy-gold }
    bind:
      out: PUSH
      feed: { kind: PUB }
      in: { kind: PULL, handler: collect }
      ask: { kind: REP, handler: echo }
    timers: [{ every: 20ms, send: out, message: xyzzy-message }, { every: 20ms, send: feed, topic: t, message: xyzzy-news }]
  Bob:
connections:
  - { agent: Bob, to: Alice.out, alias: inbox, handler: collect }
  - { agent: Bob, to: Alice.feed, alias: news, handler: { t: collect } }
";

fn up() -> ClosedSystem {
    ClosedSystem::up(SYSTEM)
}

/// How many messages have reached Bob.
fn received(system: &ClosedSystem) -> usize {
    let attributes = system.bench.json(&["get", "Bob"]);
    attributes["received"].as_array().map_or(0, Vec::len)
}

/// Twenty messages more reach him.
fn bob_goes_on(system: &ClosedSystem) {
    let before = received(system);
    wait_until("Bob goes on receiving", || received(system) > before + 20);
}

fn hears_no_more(sub: &zmq::Socket) {
    wait_until("nothing more is heard", || {
        while sub.recv_bytes(zmq::DONTWAIT).is_ok() {}
        sub.poll(zmq::POLLIN, 500).unwrap() == 0
    });
}

fn operator(name: &str, access: OperatorAccess) -> Holder {
    let name = name.parse().unwrap();
    Holder::Operator { name, access }
}

fn is_not_let_in(nameserver: &NameServer) -> bool {
    matches!(nameserver.ping(), Err(ProxyError::NotLetIn { .. }))
}

#[test]
fn no_key_or_a_wrong_one_is_told_at_once() {
    let system = up();
    let mut wrong_server = system.random();
    wrong_server.server = draw_keys().unwrap().public;
    let mut owner_of_another = system.owner.clone();
    owner_of_another.server = wrong_server.server;
    let strangers = [
        None,
        Some(system.random()),
        Some(wrong_server),
        Some(owner_of_another),
    ];
    for keys in strangers {
        let nameserver = system.dial(keys);
        assert!(is_not_let_in(&nameserver), "{:?}", nameserver.ping());
        // And so it stays.
        assert!(nameserver.agents().is_err());
    }
    let said = Bench::new().osb(&["--ns", &system.address, "ls", "agents"]);
    assert_eq!(said.code, 4, "{said}");
    assert!(said.stderr.contains("it wants a key"), "{said}");
    assert!(said.stderr.contains("--key FILE"), "{said}");
    assert_eq!(system.owner().agents().unwrap().len(), 2);
    system.down();
}

/// A raw socket of ZeroMQ's, such as anybody has.
fn raw_socket(
    context: &zmq::Context,
    kind: zmq::SocketType,
    keys: Option<&Credentials>,
    address: &str,
) -> zmq::Socket {
    let socket = context.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_sndtimeo(300).unwrap();
    if let Some(keys) = keys {
        osb::zeromq::dial_with(&socket, keys).unwrap();
    }
    socket.connect(address).unwrap();
    socket
}

#[test]
fn data_sockets_are_for_agents_of_the_system() {
    let system = up();
    let server = system.socket("out").key.unwrap();
    let mut random = system.random();
    random.server = server;
    // The owner may do everything at the name server; an agent he is not.
    let mut owner = system.owner.clone();
    owner.server = server;
    let context = zmq::Context::new();
    for keys in [None, Some(&random), Some(&owner)] {
        let at = |alias| system.socket(alias).address;
        let pull = raw_socket(&context, zmq::PULL, keys, &at("out"));
        let sub = raw_socket(&context, zmq::SUB, keys, &at("feed"));
        sub.set_subscribe(b"").unwrap();
        let push = raw_socket(&context, zmq::PUSH, keys, &at("in"));
        let _ = push.send("\"poison\"", 0);
        let req = raw_socket(&context, zmq::REQ, keys, &at("ask"));
        let _ = req.send("\"hello\"", 0);
        bob_goes_on(&system);
        for socket in [&pull, &sub, &req] {
            assert_eq!(socket.poll(zmq::POLLIN, 100).unwrap(), 0);
        }
    }
    let attributes = system.bench.json(&["get", "Alice"]);
    assert_eq!(
        attributes["received"],
        serde_json::json!([]),
        "{attributes}"
    );
    let stats = system.bench.json(&["ls", "sockets"]);
    assert!(!stats.to_string().contains("poison"));
    system.down();
}

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
            },
            asked: true,
        },
        NameServerRequest::Entrust {
            agents: vec!["Nobody".parse().unwrap()],
            to: "nobody".parse().unwrap(),
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
        of("attach", serde_json::json!({"spec": spec("Nobody")})),
        of("stop", serde_json::json!({"agent":"Alice","grace":1})),
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
            "configure",
            serde_json::json!({"spec": spec("Alice"), "version": 9}),
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
        of("start", nothing.clone()),
        of("settle", serde_json::json!({"within":100})),
        of("wait", serde_json::json!({"alias":"out"})),
        of("confirm", serde_json::json!({"alias":"out","lines":[]})),
        of("arrived", serde_json::json!({"alias":"in","lines":[]})),
        of("go", nothing.clone()),
        of("timers", nothing.clone()),
        of("stop_timer", serde_json::json!({"alias":"x"})),
        of("stop_timers", nothing.clone()),
        of("is_running", nothing.clone()),
        of("status", nothing.clone()),
        of("log", serde_json::json!({"level":"info","text":"mine"})),
        of("stop", nothing.clone()),
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
    let join = Term::Join { until: u64::MAX };
    let holders = [
        (Access::Join, Holder::Host("later".parse().unwrap()), join),
        (
            Access::Read,
            operator("reader", OperatorAccess::Read),
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
            let wait = Duration::from_secs(10);
            let answer = nameserver.link().ask::<Value>(host, &request, wait).wait();
            assert_eq!(refusal(answer), !may, "{level} {}", request.verb());
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

#[test]
fn revocation_ends_live_connections() {
    let system = up();
    let reader = system.admit(operator("reader", OperatorAccess::Read), Term::Lasting);
    let live = system.dial(Some(reader.clone()));
    live.ping().unwrap();
    let mut watch = live.watch();
    system.bench.ok(&["keys", "revoke", "operator", "reader"]);
    wait_until("the live connection has ended", || is_not_let_in(&live));
    assert!(is_not_let_in(&system.dial(Some(reader))));
    let end = watch.wait_until("the end", Duration::from_secs(10), |_| None::<()>);
    assert!(matches!(end, Err(ProxyError::Closed)), "{end:?}");

    // An agent that is put out gets no more messages, and the others go on.
    let carol = system.bench.files().join("carol.join");
    system
        .bench
        .ok(&["keys", "join", "agent", "Carol", "--to", path(&carol)]);
    let arguments = [
        "agent",
        "Carol",
        "--ns",
        &system.address,
        "--join",
        path(&carol),
    ];
    let mut process = system.bench.spawn(&arguments);
    // No topology has her: she is waited for when she is there.
    common::wait_until("Carol has registered", || {
        system.bench.osb(&["wait", "Carol"]).code == 0
    });
    system.bench.ok(&[
        "connect",
        "Carol",
        "tap",
        "--to",
        "Alice.feed",
        "--handler",
        "t=collect",
    ]);
    wait_until("Carol hears", || {
        let attributes = system.bench.json(&["get", "Carol"]);
        attributes["received"]
            .as_array()
            .is_some_and(|it| it.len() > 3)
    });
    let out = system.bench.ok(&["keys", "revoke", "agent", "Carol"]);
    assert_eq!(out, "agent Carol is out\n");
    let status = wait_for("Carol's end", || process.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let agents = system.bench.json(&["ls", "agents"]);
    let mut carol = agents.as_array().unwrap().iter();
    let carol = carol.find(|it| it["name"] == "Carol").unwrap();
    assert_eq!(carol["state"], "failed");
    bob_goes_on(&system);
    system.down();
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A connection is cut by the one who lets in, even if who was let in does not care.
#[test]
fn agents_hang_up_on_members_whose_keys_are_revoked() {
    let system = up();
    let mut mallory = system.admit(Holder::Agent("Mallory".parse().unwrap()), Term::Run);
    let feed = system.socket("feed");
    mallory.server = feed.key.unwrap();
    let context = zmq::Context::new();
    let sub = raw_socket(&context, zmq::SUB, Some(&mallory), &feed.address);
    sub.set_subscribe(b"").unwrap();
    assert_eq!(sub.poll(zmq::POLLIN, 10_000).unwrap(), 1, "nothing heard");
    system.bench.ok(&["keys", "revoke", "agent", "Mallory"]);
    hears_no_more(&sub);
    bob_goes_on(&system);
    system.down();
}

/// A host that says that one of its agents begins anew, while it goes on by the former key.
#[test]
fn a_host_that_is_put_out_keeps_no_agent_within() {
    let system = up();
    let lab = system.admit(Holder::Host("lab".parse().unwrap()), Term::Lasting);
    let lab = system.dial(Some(lab));
    let mallory = || {
        let mut keys = system.random();
        let holder = Holder::Agent("Mallory".parse().unwrap());
        let admit = NameServerRequest::Admit(KeyEntry::lasting(keys.own.public, holder));
        lab.ask::<()>(&admit).wait().unwrap();
        keys.server = system.socket("feed").key.unwrap();
        keys
    };
    let context = zmq::Context::new();
    let listen = |keys: &Credentials| {
        let sub = raw_socket(
            &context,
            zmq::SUB,
            Some(keys),
            &system.socket("feed").address,
        );
        sub.set_subscribe(b"").unwrap();
        sub
    };
    let former = mallory();
    let sub = listen(&former);
    assert_eq!(sub.poll(zmq::POLLIN, 10_000).unwrap(), 1, "nothing heard");
    let _now = mallory();
    let again = listen(&former);
    assert_eq!(again.poll(zmq::POLLIN, 1000).unwrap(), 0, "let in again");
    system.bench.ok(&["keys", "revoke", "host", "lab"]);
    hears_no_more(&sub);
    bob_goes_on(&system);
    system.down();
}

/// Passes bytes on between a member and the name server, and keeps them.
struct Wire {
    address: String,
    there: Arc<Mutex<Vec<Vec<u8>>>>,
    back: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn copy(mut from: TcpStream, mut to: TcpStream, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        kept.lock().unwrap().push(buffer[..count].to_vec());
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

impl Wire {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let server = server.trim_start_matches("tcp://").to_owned();
        let (there, back) = (Arc::default(), Arc::default());
        let (kept_there, kept_back) = (Arc::clone(&there), Arc::clone(&back));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let onward = TcpStream::connect(&server).unwrap();
                let (client_2, onward_2) =
                    (client.try_clone().unwrap(), onward.try_clone().unwrap());
                let (there, back) = (Arc::clone(&kept_there), Arc::clone(&kept_back));
                thread::spawn(move || copy(client, onward, there));
                thread::spawn(move || copy(onward_2, client_2, back));
            }
        });
        Self {
            address,
            there,
            back,
        }
    }

    fn all(&self) -> Vec<u8> {
        let mut all = self.there.lock().unwrap().concat();
        all.extend(self.back.lock().unwrap().concat());
        all
    }
}

#[test]
fn who_listens_on_the_wire_learns_nothing_and_what_he_says_again_does_nothing() {
    let system = up();
    let wire = Wire::to(&system.address);
    let through = NameServer::dial(&Dial {
        address: wire.address.clone(),
        keys: Some(system.owner.clone()),
    })
    .unwrap();
    let alice = through.proxy("Alice").unwrap();
    alice.set_attr("counter", 1).unwrap();
    assert_eq!(alice.get_attr("treasure").unwrap(), "xyzzy-gold");
    drop(through);
    let all = wire.all();
    assert!(all.len() > 1000, "{}", all.len());
    for secret in [
        "xyzzy", "Alice", "treasure", "counter", "set_attr", "method",
    ] {
        let seen = all.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!seen, "{secret} went over the wire in the clear");
    }
    system.bench.ok(&["set", "Alice", "counter=2"]);
    // The same bytes again, at the same pace.
    let said = wire.there.lock().unwrap().clone();
    for _ in 0..3 {
        let at = system.address.trim_start_matches("tcp://");
        let mut again = TcpStream::connect(at).unwrap();
        again
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        for bytes in &said {
            let _ = again.write_all(bytes);
            let _ = again.read(&mut [0; 4096]);
        }
    }
    assert_eq!(system.bench.json(&["get", "Alice", "counter"]), 2);
    system.down();
}

#[test]
fn a_join_file_is_good_once_for_one_name_and_for_its_time() {
    let system = up();
    let file = system.bench.files().join("Carol.join");
    system
        .bench
        .ok(&["keys", "join", "agent", "Carol", "--to", path(&file)]);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let elsewhere = Bench::new();
    let begin = |bench: &Bench, name: &str, file: &Path| {
        bench.spawn(&["agent", name, "--ns", &system.address, "--join", path(file)])
    };
    let end = |process: std::process::Child| {
        let output = process.wait_with_output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let said = end(begin(&elsewhere, "Dave", &file));
    assert!(said.contains("the key is that of agent Carol"), "{said}");
    let mut carol = begin(&elsewhere, "Carol", &file);
    // No topology has her: she is waited for when she is there.
    common::wait_until("Carol has registered", || {
        system.bench.osb(&["wait", "Carol"]).code == 0
    });
    common::kill(i32::try_from(carol.id()).unwrap(), 15);
    carol.wait().unwrap();
    // The same user there has a key now, and begins again with the file as it is.
    let mut carol = begin(&elsewhere, "Carol", &file);
    wait_until("Carol is there again", || {
        let agents: Vec<AgentInfo> = system.owner().agent_infos().unwrap();
        let pid = Some(carol.id());
        agents
            .iter()
            .any(|it| it.name.as_str() == "Carol" && it.pid == pid)
    });
    // A copy of it is worth nothing.
    let said = end(begin(&Bench::new(), "Carol", &file));
    assert!(said.contains("it does not know this key"), "{said}");
    common::kill(i32::try_from(carol.id()).unwrap(), 15);
    carol.wait().unwrap();
    // One whose time is over.
    let keys = system.admit(
        Holder::Agent("Eve".parse().unwrap()),
        Term::Join { until: 1 },
    );
    assert!(is_not_let_in(&system.dial(Some(keys))));
    system.down();
}

#[test]
fn an_operator_who_may_read_reads_and_no_more() {
    let system = up();
    let key = system.bench.files().join("ana.key");
    system
        .bench
        .ok(&["keys", "new", "ana", "--level", "read", "--to", path(&key)]);
    let desk = Bench::new();
    let ana = |arguments: &[&str]| {
        let whole = [&["--ns", &system.address, "--key", path(&key)], arguments].concat();
        desk.osb(&whole)
    };
    for arguments in [
        &["ls", "agents"][..],
        &["ls", "hosts"],
        &["ls", "sockets"],
        &["addr", "Alice", "out"],
        &["wait", "Alice"],
        &["timers", "Alice"],
    ] {
        let said = ana(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said}");
    }
    for arguments in [
        &["get", "Alice"][..],
        &["set", "Alice", "x=1"],
        &["send", "Alice", "out", "\"x\""],
        &["call", "Alice", "x"],
        &["shutdown", "Alice"],
        &["keys", "show"],
        &["log", "Alice", "x"],
    ] {
        let said = ana(arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {said}");
        assert!(said.stderr.contains("not for the level read"), "{said}");
    }
    let json = ana(&["-o", "json", "get", "Alice"]);
    assert!(json.stderr.contains("\"not_permitted\""), "{json}");
    system.down();
}

#[test]
fn keys_that_others_can_read_are_not_used() {
    let bench = Bench::new();
    bench.ok(&["keys", "init", "system"]);
    let key = keys(&bench, "system").operator_path();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("chmod 600"), "{said}");
    bench.assert_nothing_left();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(bench.up(SYSTEM).code, 0);
    // No secret shows in a process list, an environment or a log.
    let secrets = secrets(&bench);
    assert!(secrets.len() >= 3);
    for pid in bench.processes() {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            for secret in &secrets {
                assert!(!text.windows(40).any(|it| it == secret.as_bytes()));
            }
        }
    }
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

fn secrets(bench: &Bench) -> Vec<String> {
    let dir = keys(bench, "system");
    let own = |pair: KeyPair| String::from(pair.secret);
    let host = KeyFile::read(&dir.host_path(&"local".parse().unwrap())).unwrap();
    vec![
        own(dir.server().unwrap()),
        own(dir.operator().unwrap().own),
        own(host.own),
    ]
}

#[test]
fn keys_are_kept_over_a_restart_of_the_name_server_and_can_be_changed_while_it_sleeps() {
    let bench = Bench::new();
    bench.ok(&["keys", "init", "system"]);
    let key = bench.files().join("ana.key");
    bench.ok(&["keys", "new", "ana", "--level", "read", "--to", path(&key)]);
    assert_eq!(bench.up(SYSTEM).code, 0);
    let address = || {
        let systems = bench.json(&["ls", "systems"]);
        systems[0]["nameserver"].as_str().unwrap().to_owned()
    };
    let ana =
        |address: &str| Bench::new().osb(&["--ns", address, "--key", path(&key), "ls", "agents"]);
    assert_eq!(ana(&address()).code, 0);
    bench.ok(&["keys", "rotate"]);
    assert_eq!(bench.json(&["ls", "agents"]).as_array().unwrap().len(), 2);
    bench.ok(&["down"]);
    bench.ok(&["keys", "rotate"]);
    bench.ok(&["keys", "revoke", "operator", "ana"]);
    assert_eq!(bench.up(SYSTEM).code, 0);
    assert_eq!(ana(&address()).code, 4);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn what_is_open_to_other_machines_says_so_each_time() {
    let bench = Bench::new();
    let topology = "osb: 1\nname: open\nsecurity: none\nnameserver: 0.0.0.0:0\nagents: { A: }\n";
    let up = bench.up(topology);
    assert_eq!(up.code, 0, "{up}");
    assert!(up.stderr.contains("nothing protects this system"), "{up}");
    let ls = bench.osb(&["ls", "agents"]);
    assert!(ls.stderr.contains("nothing protects this system"), "{ls}");
    bench.ok(&["down"]);
    // Left to itself, it is closed.
    let up = bench.up(&topology.replace("security: none\n", ""));
    assert_eq!(up.code, 0, "{up}");
    assert!(!up.stderr.contains("nothing protects"), "{up}");
    assert_eq!(bench.json(&["keys", "show"]).as_array().unwrap().len(), 3);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// Agents of one name server that connect to those of another are let in there.
#[test]
fn wires_lead_from_one_closed_name_server_to_another() {
    let bench = Bench::new();
    let up = bench.up(
        "osb: 1\nname: pair\nsecurity: curve\nnameservers: { hub: 127.0.0.1:0, lab: 127.0.0.1:0 }\nagents:\n  Alice: { nameserver: hub, bind: { out: PUSH }, timers: [{ every: 20ms, send: out, message: hi }] }\n  Bob: { nameserver: lab }\n  Carol: { nameserver: lab }\nconnections: [{ agent: Bob, to: Alice.out, alias: in, handler: collect }]\n",
    );
    assert_eq!(up.code, 0, "{up}");
    let heard = |name: &str| {
        let attributes = bench.json(&["get", name]);
        attributes["received"].as_array().map_or(0, Vec::len) > 3
    };
    wait_until("Bob hears", || heard("Bob"));
    bench.ok(&[
        "connect",
        "Carol",
        "tap",
        "--to",
        "Alice.out",
        "--handler",
        "collect",
    ]);
    wait_until("Carol hears", || heard("Carol"));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
