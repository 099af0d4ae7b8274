//! Keys that expire, keys that are replaced, and what is done when one was stolen.

use super::*;

/// A host that has joined, on a machine of its own.
struct Lab {
    machine: Bench,
    daemon: std::process::Child,
    join: String,
}

impl Lab {
    fn join(system: &ClosedSystem) -> Self {
        let machine = Bench::new();
        let join = path(&machine.files().join("lab1.join")).to_owned();
        system
            .bench
            .ok(&["keys", "join", "host", "lab1", "--to", &join]);
        let daemon = Self::begin(&machine, &join, system);
        Self {
            machine,
            daemon,
            join,
        }
    }

    fn begin(machine: &Bench, join: &str, system: &ClosedSystem) -> std::process::Child {
        let arguments = ["host", "--ns", &system.address, "--name", "lab1"];
        let rest = ["--address", "127.0.0.1", "--join", join];
        let daemon = machine.spawn(&[&arguments[..], &rest].concat());
        let pid = u64::from(daemon.id());
        wait_until("lab1 is there", || {
            let hosts = system.bench.json(&["ls", "hosts"]);
            let mut hosts = hosts.as_array().unwrap().iter();
            hosts.any(|it| it["name"] == "lab1" && it["state"] == "running" && it["pid"] == pid)
        });
        daemon
    }

    fn end(&mut self) {
        common::kill(i32::try_from(self.daemon.id()).unwrap(), 15);
        self.daemon.wait().unwrap();
    }
}

/// The keys of lab1.
fn keys_of_lab(system: &ClosedSystem) -> Vec<Value> {
    let keys = system.bench.json(&["keys", "show"]);
    let keys = keys.as_array().unwrap().iter();
    let of_lab = keys.filter(|it| it["holder"]["host"] == "lab1");
    of_lab.cloned().collect()
}

#[test]
fn a_host_gets_another_key_without_joining_again() {
    let system = up();
    let mut lab = Lab::join(&system);
    let before = keys_of_lab(&system);
    let began = Instant::now();
    system
        .bench
        .ok(&["keys", "rotate", "host", "lab1", "--expires", "10d"]);
    eprintln!("the host has moved over in {:?}", began.elapsed());
    let after = keys_of_lab(&system);
    assert_eq!((before.len(), after.len()), (1, 1), "{after:?}");
    assert_ne!(before[0]["key"], after[0]["key"]);
    assert!(after[0]["term"]["until"].is_u64(), "{after:?}");
    let kinds = system.bench.json(&["keys", "log", "--on", "lab1"]);
    let kinds = kinds
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].as_str().unwrap());
    let kinds: Vec<&str> = kinds.filter(|it| *it != "asked").collect();
    assert_eq!(kinds, ["admitted", "joined", "rotated", "revoked"]);
    // It is the same daemon, and does what it is asked for.
    let hosts = system.bench.osb(&["-o", "json", "ls", "hosts"]);
    let warned = "the key of host lab1 expires on";
    assert!(hosts.stderr.contains(warned), "{hosts}");
    let hosts: Value = serde_json::from_str(&hosts.stdout).unwrap();
    let lab1 = hosts
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "lab1")
        .unwrap();
    assert_eq!(lab1["pid"], u64::from(lab.daemon.id()));
    assert!(lab1["machine"].is_object(), "{lab1}");
    // It has the key in its file.
    lab.end();
    lab.daemon = Lab::begin(&lab.machine, &lab.join, &system);
    assert_eq!(keys_of_lab(&system).len(), 1);
    // Of a host that `up` has started there is nothing to rotate.
    let said = system.bench.osb(&["keys", "rotate", "host", "local"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("new with each run"), "{said}");
    lab.end();
    system.down();
}

#[test]
fn a_key_expires_and_its_connections_end() {
    let system = up();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let until = now.unwrap().as_secs() + 2;
    let keys = system.admit(operator("eve", OperatorAccess::Read), Term::Until(until));
    let live = system.dial(Some(keys.clone()));
    live.ping().unwrap();
    wait_until("the live connection has ended", || is_not_let_in(&live));
    assert!(is_not_let_in(&system.dial(Some(keys))));
    let expired = system.bench.json(&["keys", "log", "--kind", "expired"]);
    assert_eq!(expired.as_array().unwrap().len(), 1, "{expired}");
    let file = system.bench.files().join("ana.key");
    let new = ["keys", "new", "ana", "--level", "read", "--to", path(&file)];
    system.bench.ok(&[&new[..], &["--expires", "13d"]].concat());
    for arguments in [["ls", "agents"], ["ls", "hosts"], ["ls", "sockets"]] {
        let said = system.bench.osb(&arguments);
        assert!(
            said.stderr.contains("the key of operator ana expires on"),
            "{said}"
        );
    }
    let quiet = system.bench.osb(&["-q", "ls", "agents"]);
    assert_eq!(quiet.stderr, "");
    system.down();
}

/// By which key the name server is known in a file.
fn server_in(file: &Path) -> osb::model::PublicKey {
    KeyFile::read_named(file).unwrap().server
}

fn ls_with(system: &ClosedSystem, key: &Path) -> common::Said {
    let who = ["--ns", &system.address, "--key", path(key), "ls"];
    Bench::new().osb(&who)
}

/// A name server that has died is started again, and all agents come by a new connection.
fn restart_nameserver(system: &ClosedSystem) {
    common::kill_with_keeper(system.bench.pid_of(" ns ").unwrap());
    let up = system.bench.up(SYSTEM);
    assert_eq!(up.code, 0, "{up}");
}

#[test]
fn the_name_server_gets_another_key_while_members_are_there() {
    let system = up();
    let bench = &system.bench;
    let mut lab = Lab::join(&system);
    let carol = joins(&system, "Carol", &lab.machine);
    let files: Vec<_> = ["ana.key", "away.key", "late.key"]
        .map(|it| bench.files().join(it))
        .into();
    let [ana, away, late] = &files[..] else {
        panic!()
    };
    let new = ["keys", "new", "ana", "--level", "read", "--to", path(ana)];
    bench.ok(&new);
    std::fs::copy(ana, away).unwrap();
    let pids = || ["Alice", "Bob", "Carol"].map(|name| bench.pid(name));
    let (before, former) = (pids(), server_in(ana));
    let watching = system.owner();
    watching.ping().unwrap();
    let began = Instant::now();
    let key = bench.ok(&["keys", "rotate", "nameserver", "--grace", "1h"]);
    eprintln!(
        "the name server has another key after {:?}",
        began.elapsed()
    );
    let key: osb::model::PublicKey = key.trim().parse().unwrap();
    assert_ne!(key, former);
    // Each has it where it has the former one: the owner, who has asked; a host and an agent that have joined; and
    // whoever dials by the former one while that is good.
    let owners = crate::common::closed_system::keys(bench, "system").operator_path();
    assert_eq!(server_in(&owners), key);
    let joined = lab.machine.state().join("osb/.joined");
    wait_until("those that have joined have it in their files", || {
        let files = std::fs::read_dir(&joined).unwrap().flatten();
        let known: Vec<_> = files.map(|it| server_in(&it.path())).collect();
        known == [key; 2]
    });
    let said = ls_with(&system, away);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(server_in(away), key);
    wait_until("a connection that is there is told, too", || {
        watching.link().server_key() == Some(key)
    });
    // Nobody has noticed.
    bob_goes_on(&system);
    watching.ping().unwrap();
    let again = bench.osb(&["keys", "rotate", "nameserver"]);
    assert!(again.stderr.contains("--at-once"), "{again}");
    // Both keys outlast the name server, and the agents come back by the new one.
    restart_nameserver(&system);
    assert_eq!(ls_with(&system, ana).code, 0);
    assert_eq!(server_in(ana), key);
    bob_goes_on(&system);
    std::fs::copy(ana, late).unwrap();
    bench.ok(&["keys", "rotate", "nameserver", "--at-once"]);
    let said = ls_with(&system, late);
    assert_eq!(said.code, 4, "{said}");
    assert!(said.stderr.contains("osb keys new"), "{said}");
    // Those who were there were told, and come back again.
    restart_nameserver(&system);
    bob_goes_on(&system);
    wait_until("all agents are as before", || {
        let agents = bench.json(&["ls", "agents"]);
        let mut agents = agents.as_array().unwrap().iter();
        agents.all(|it| it["state"] == "running")
    });
    assert_eq!(pids(), before);
    let events = bench.json(&["keys", "log", "--kind", "nameserver_rotated"]);
    assert_eq!(events.as_array().unwrap().len(), 2, "{events}");
    lab.end();
    common::kill(i32::try_from(carol.id()).unwrap(), 15);
    let mut carol = carol;
    carol.wait().unwrap();
    system.down();
}

/// In an open system anybody might say so.
#[test]
fn what_is_no_closed_name_server_cannot_tell_of_a_key() {
    let context = zmq::Context::new();
    let router = context.socket(zmq::ROUTER).unwrap();
    router.bind("tcp://127.0.0.1:*").unwrap();
    let address = router.get_last_endpoint().unwrap().unwrap();
    let member = NameServer::dial(&Dial::plain(&address)).unwrap();
    let asked = member.ask::<String>(&NameServerRequest::Ping {});
    let [from, header, _] = &router.recv_multipart(0).unwrap()[..] else {
        panic!()
    };
    let key = draw_keys().unwrap().public;
    let event = osb::wire::Event::NameserverKey { key };
    let event = [
        from.clone(),
        osb::wire::Envelope::event().encode(),
        osb::wire::body(&event),
    ];
    router.send_multipart(event, 0).unwrap();
    let ping = osb::wire::Envelope::decode(header).unwrap();
    let answer = Ok::<(), Fault>(());
    let answer = osb::wire::Envelope::answer(&answer, ping.id, Peer::NameServer);
    let answer = [from.clone(), answer.encode(), osb::wire::body(&"1")];
    router.send_multipart(answer, 0).unwrap();
    asked.wait().unwrap();
    assert_eq!(member.link().server_key(), None);
}

/// The commands that specs/stolen-key.md gives, each with its words.
fn commands() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../specs/stolen-key.md");
    let inline = page.split('`').skip(1).step_by(2);
    let blocks = page.lines().filter_map(|line| line.strip_prefix("    "));
    let commands = inline
        .chain(blocks)
        .filter_map(|text| text.strip_prefix("osb "));
    commands.map(|text| text.split(' ').collect()).collect()
}

/// Whoever follows the page in its order comes to its end, and the stolen keys are worth nothing.
#[test]
fn the_page_for_a_stolen_key_can_be_followed() {
    let system = up();
    let bench = &system.bench;
    let mut lab = Lab::join(&system);
    let stolen = bench.files().join("stolen.key");
    bench.ok(&[
        "keys",
        "new",
        "ana",
        "--level",
        "read",
        "--to",
        path(&stolen),
    ]);
    bench.ok(&[
        "keys",
        "join",
        "agent",
        "Carol",
        "--to",
        path(&bench.files().join("C.join")),
    ]);
    let of_thief = system.owner.clone();
    let unknown = system.admit(operator("thief", OperatorAccess::Admin), Term::Lasting);
    let unknown = unknown.own.public.to_string();
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    let began = Instant::now();
    // The host is put out in the end, so that it can be given another key before.
    let (last, first): (Vec<_>, Vec<_>) = commands
        .into_iter()
        .partition(|it| it[..] == ["keys", "revoke", "host", "lab1"]);
    assert_eq!(last.len(), 1);
    for mut command in first.into_iter().chain(last) {
        // What the page only speaks of.
        if command[..] == ["keys"] || command[..] == ["keys", "init"] {
            continue;
        }
        if let Some(key) = command.last_mut().filter(|it| **it == "KEY") {
            *key = &unknown;
        }
        let said = bench.osb(&command);
        assert_eq!(said.code, 0, "osb {command:?}: {said}");
    }
    eprintln!("all commands of the page took {:?}", began.elapsed());
    assert!(
        is_not_let_in(&system.dial(Some(of_thief))),
        "the owner's former key"
    );
    let ana = Bench::new().osb(&["--ns", &system.address, "--key", path(&stolen), "ls"]);
    assert_eq!(ana.code, 4, "{ana}");
    wait_for("lab1's end", || lab.daemon.try_wait().unwrap());
    bob_goes_on(&system);
    system.down();
}
