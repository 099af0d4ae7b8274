//! Join files, operators' keys, key files, and who is told that a system is open.

use super::*;
use crate::common::closed_system::keys;

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
        Term::Join {
            until: 1,
            lasts: None,
        },
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
    let host = KeyFile::read(&dir.path().join("host-local.key")).unwrap();
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

/// The order of starting does not matter, with a join file either.
#[test]
fn an_agent_with_a_join_file_waits_for_the_name_server() {
    let bench = Bench::new();
    let folder = bench.ok(&["keys", "init", "x"]);
    let (folder, file) = (folder.trim(), bench.files().join("Bob.join"));
    let join = ["keys", "join", "agent", "Bob", "--to", path(&file)];
    bench.ok(&[&["--system", "x"][..], &join].concat());
    let address = format!("127.0.0.1:{}", common::free_port());
    let mut bob = bench.spawn(&["agent", "Bob", "--ns", &address, "--join", path(&file)]);
    let heard = common::listen(bob.stderr.take().unwrap());
    wait_until("it says that it waits", || {
        heard.lock().unwrap().contains("waiting for it, to join")
    });
    let mut ns = bench.spawn(&["ns", "--bind", &address, "--keys", folder]);
    let key = format!("{folder}/operator.key");
    let there = ["--ns", &address, "--key", &key, "wait", "Bob"];
    wait_until("it has joined", || bench.osb(&there).code == 0);
    for process in [&mut bob, &mut ns] {
        common::kill(i32::try_from(process.id()).unwrap(), 15);
        process.wait().unwrap();
    }
}

/// By the operator's key alone: the machine has no keys of that name server.
#[test]
fn a_system_comes_up_at_a_closed_name_server_of_others() {
    let (theirs, bench) = (Bench::new(), Bench::new());
    let folder = theirs.ok(&["keys", "init", "theirs"]);
    let address = format!("127.0.0.1:{}", common::free_port());
    let mut ns = theirs.spawn(&["ns", "--bind", &address, "--keys", folder.trim()]);
    let key = format!("{}/operator.key", folder.trim());
    let there = ["--ns", &address, "--key", &key, "ls"];
    wait_until("it is there", || theirs.osb(&there).code == 0);
    let topology = format!(
        "osb: 1\nname: ours\nsecurity: curve\nnameserver: {{ attach: '{address}' }}\nagents: {{ Alice: {{}} }}\n"
    );
    let file = bench.file("topology.yaml", &topology);
    bench.ok(&["--key", &key, "up", &file]);
    let alice = ["--ns", &address, "--key", &key, "set", "Alice", "n=1"];
    bench.ok(&alice);
    // What it has there is no name server's.
    let said = bench.osb(&["keys", "show"]);
    assert!(!said.stderr.contains("nameserver.key"), "{said}");
    bench.ok(&["--key", &key, "down"]);
    bench.assert_nothing_left();
    common::kill(i32::try_from(ns.id()).unwrap(), 15);
    ns.wait().unwrap();
}

#[test]
fn keys_that_cannot_be_read_are_not_a_port_that_is_taken() {
    let bench = Bench::new();
    let folder = bench.ok(&["keys", "init", "system"]);
    let file = Path::new(folder.trim()).join("nameserver.key");
    std::fs::write(&file, "nonsense").unwrap();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("nameserver.key"), "{said}");
    assert!(said.stderr.contains("that file of keys"), "{said}");
    assert!(!said.stderr.contains("the port is taken"), "{said}");
}
