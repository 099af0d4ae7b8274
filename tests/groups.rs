//! Several name servers in one topology, each with its agents.

use crate::common::{Bench, Said, kill, kill_with_keeper, wait_for, wait_until};
use serde_json::{Value, json};

/// Two groups; an agent of the second hears the first, and one of the first hears the second.
const TWO: &str = r#"
osb: 1
name: two
nameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }
agents:
  Alice:
    bind: { main: PUSH }
    timers: [{ every: 20ms, send: main, message: from main }]
  Alice@lab:
    bind: { main: PUSH }
    timers: [{ every: 20ms, send: main, message: from lab }]
  Bob: {}
  Carol: { nameserver: lab }
connections:
  - { agent: Bob, to: Alice@lab.main, alias: inbox, handler: collect }
  - { agent: Carol, to: Alice@main.main, alias: inbox, handler: collect }
"#;

fn comes_up(bench: &Bench, topology: &str) {
    let said = bench.up(topology);
    assert_eq!(said.code, 0, "{said}");
}

fn hears(bench: &Bench, agent: &str, message: &str) {
    let before = bench.json(&["get", agent, "received"]);
    let before = before.as_array().unwrap().len();
    wait_until(&format!("{agent} hears {message}"), || {
        let received = bench.json(&["get", agent, "received"]);
        let received = received.as_array().unwrap();
        received.len() > before && received.last().unwrap() == message
    });
}

fn collects(bench: &Bench, agent: &str) {
    wait_until(&format!("{agent} has heard something"), || {
        bench.osb(&["get", agent, "received"]).code == 0
    });
}

/// What `ls systems` says of the name servers.
fn nameservers(bench: &Bench) -> Vec<(String, String, Value)> {
    let systems = bench.json(&["ls", "systems"]);
    let nameservers = systems[0]["nameservers"].as_array().unwrap();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let row = |it: &Value| (text(&it["name"]), text(&it["state"]), it["pid"].clone());
    nameservers.iter().map(row).collect()
}

fn pid_of(bench: &Bench, name: &str) -> i32 {
    let all = nameservers(bench);
    let (_, _, pid) = all.iter().find(|it| it.0 == name).unwrap();
    i32::try_from(pid.as_i64().unwrap()).unwrap()
}

fn states(bench: &Bench) -> Vec<String> {
    let all = nameservers(bench);
    all.iter().map(|it| format!("{} {}", it.0, it.1)).collect()
}

#[test]
fn agents_are_told_apart_by_their_name_servers() {
    let bench = Bench::new();
    comes_up(&bench, TWO);
    collects(&bench, "Bob");
    collects(&bench, "Carol");
    hears(&bench, "Bob", "from lab");
    hears(&bench, "Carol", "from main");

    let names = bench.ok(&["ls", "-o", "names"]);
    assert_eq!(names, "Alice@lab\nAlice@main\nBob\nCarol\n");
    let agents = bench.json(&["ls"]);
    assert_eq!(agents[0]["name"], "Alice");
    assert_eq!(agents[0]["group"], "lab");
    assert_ne!(agents[0]["nameserver"], agents[1]["nameserver"]);
    assert!(bench.ok(&["ls"]).contains("NAMESERVER"));
    assert_eq!(states(&bench), ["main running", "lab running"]);

    let connections = bench.json(&["ls", "connections"]);
    assert_eq!(connections[0]["from"], "Alice@lab.main");
    assert_eq!(connections[1]["from"], "Alice@main.main");

    let lab = bench.ok(&["addr", "Alice@lab", "main"]);
    assert_eq!(bench.ok(&["addr", "Alice@lab.main"]), lab);
    assert_ne!(bench.ok(&["addr", "Alice@main", "main"]), lab);
    let said = bench.osb(&["addr", "Alice", "main"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(
        said.stderr.contains("say which: Alice@main, Alice@lab"),
        "{said}"
    );
    for command in [
        &["wait", "Alice"][..],
        &["logs", "Alice"],
        &["get", "Alice"],
        &["timers", "Alice"],
    ] {
        let said = bench.osb(command);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.stderr.contains("Alice@lab"), "{said}");
    }
    bench.ok(&["wait", "Alice@lab", "Alice@main.main", "Bob"]);
    bench.ok(&["logs", "Alice@lab", "Alice@main", "Carol@lab"]);
    bench.ok(&["set", "Alice@lab", "x", "1"]);
    assert_eq!(bench.json(&["get", "Alice@lab", "x"]), json!(1));
    assert_eq!(bench.osb(&["get", "Alice@main", "x"]).code, 1);
    let said = bench.osb(&["get", "Bob@lab"]);
    assert!(said.stderr.contains("another name server"), "{said}");
    let said = bench.osb(&["get", "Bob@lob"]);
    assert!(said.stderr.contains("did you mean lab?"), "{said}");
    let again = bench.up(TWO);
    assert!(again.stdout.contains("unchanged"), "{again}");

    assert_eq!(bench.ok(&["down"]).trim(), "two is down: 4 agents ended");
    bench.assert_nothing_left();
}

#[test]
fn one_group_goes_and_comes_back_and_the_other_stays() {
    let bench = Bench::new();
    comes_up(&bench, TWO);
    collects(&bench, "Bob");
    collects(&bench, "Carol");
    let (bob, main) = (bench.pid("Bob"), pid_of(&bench, "main"));
    let down = bench.ok(&["down", "--only", "lab"]);
    assert_eq!(down.trim(), "lab of two is down: 2 agents ended");
    assert_eq!(states(&bench), ["main running", "lab down"]);
    assert_eq!(bench.ok(&["ls", "-o", "names"]), "Alice\nBob\n");
    let said = bench.osb(&["get", "Carol@lab"]);
    assert_eq!(said.code, 4, "{said}");
    assert!(said.stderr.contains("osb up"), "{said}");
    assert!(bench.ok(&["down", "--only", "lab"]).contains("nothing"));
    let said = bench.osb(&["down", "--only", "lap"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stderr.contains("did you mean lab?"), "{said}");

    let said = bench.up(TWO);
    assert_eq!(said.code, 0, "{said}");
    assert!(!said.stdout.contains("unchanged"), "{said}");
    assert_eq!((bench.pid("Bob"), pid_of(&bench, "main")), (bob, main));
    // Bob is connected to where Alice of the lab is now, and the new Carol to the old Alice.
    hears(&bench, "Bob", "from lab");
    collects(&bench, "Carol");
    hears(&bench, "Carol", "from main");
    let connections = bench.json(&["ls", "connections"]);
    let connections = connections.as_array().unwrap();
    assert_eq!(connections.len(), 2, "{connections:?}");
    assert!(
        connections.iter().all(|it| it["proof"] == "proven"),
        "{connections:?}"
    );
    // The last one that goes takes the system along.
    bench.ok(&["down", "--only", "lab"]);
    let down = bench.ok(&["down", "--only", "main"]);
    // Alice has sent on while nobody was there to take it.
    assert!(down.starts_with("two is down: 2 agents ended"), "{down}");
    bench.assert_nothing_left();
}

#[test]
fn a_dead_name_server_does_not_hide_the_others_agents() {
    let bench = Bench::new();
    comes_up(&bench, TWO);
    kill_with_keeper(pid_of(&bench, "lab"));
    let said: Said = wait_for("lab is dead", || {
        let said = bench.osb(&["ls", "-o", "names"]);
        said.stderr.contains("lab").then_some(said)
    });
    assert_eq!((said.code, said.stdout.as_str()), (0, "Alice\nBob\n"));
    assert!(
        said.stderr
            .contains("what is registered at the name server lab is missing"),
        "{said}"
    );
    assert_eq!(states(&bench), ["main running", "lab dead"]);
    assert_eq!(bench.osb(&["addr", "Alice@main", "main"]).code, 0);
    assert_eq!(bench.osb(&["addr", "Alice@lab", "main"]).code, 4);
    let said = bench.osb(&["get", "Carol"]);
    assert!(said.stderr.contains("name server lab"), "{said}");
    // What is left of it goes, and it is brought up anew.
    let bob = bench.pid("Bob");
    comes_up(&bench, TWO);
    assert_eq!(bench.pid("Bob"), bob);
    assert_eq!(states(&bench), ["main running", "lab running"]);
    collects(&bench, "Carol");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_group_that_cannot_come_back_leaves_the_other_as_it_was() {
    let bench = Bench::new();
    let missing = bench.files().join("program.sh");
    let topology = format!(
        "osb: 1\nname: two\nnameservers: {{ main: 127.0.0.1:0, lab: 127.0.0.1:0 }}\nagents:\n  Alice: {{ bind: {{ main: PUSH }} }}\n  Bob@lab: {{ command: [sh, {}] }}\nconnections: [{{ agent: Bob, to: Alice.main }}]\n",
        missing.display()
    );
    bench.file("program.sh", "while read -r line; do :; done\n");
    comes_up(&bench, &topology);
    let alice = bench.pid("Alice");
    bench.ok(&["down", "--only", "lab"]);
    std::fs::remove_file(&missing).unwrap();
    let said = bench.up(&topology);
    // It may be seen to have failed only after it has come up.
    if said.code != 0 {
        assert!(said.stderr.contains("Bob@lab"), "{said}");
        assert_eq!(states(&bench), ["main running", "lab down"]);
    } else {
        wait_until("Bob has failed", || bench.agent("Bob")["state"] == "failed");
        bench.ok(&["down", "--only", "lab"]);
    }
    assert_eq!(bench.pid("Alice"), alice);
    bench.file("program.sh", "while read -r line; do :; done\n");
    comes_up(&bench, &topology);
    assert_eq!(bench.pid("Alice"), alice);
    // One is altered, and the other begins anew: its wire leads to another name server's agent.
    comes_up(&bench, &topology.replace("PUSH", "PUB"));
    assert_eq!(bench.pid("Alice"), alice);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn an_up_that_is_killed_while_it_brings_a_group_back_leaves_the_other() {
    let bench = Bench::new();
    let topology = TWO.replace("Carol: {", "Dora@lab: { attach: true }\n  Carol: {");
    let path = bench.file("two.yaml", &topology);
    let mut up = bench.spawn(&["up", &path]);
    let start_dora = || {
        wait_until("the name server of the lab is there", || {
            let systems = bench.osb(&["ls", "systems"]).stdout;
            systems.contains("lab starting")
        });
        bench.spawn(&["agent", "Dora@lab"])
    };
    let mut dora = start_dora();
    assert!(up.wait().unwrap().success());
    let alice = bench.json(&["addr", "Alice@main", "main"]);
    bench.ok(&["down", "--only", "lab"]);
    kill(i32::try_from(dora.id()).unwrap(), 9);
    dora.wait().unwrap();
    let said = bench.osb(&["agent", "Dora@lab"]);
    assert_eq!(said.code, 4, "{said}");

    let mut up = bench.spawn(&["up", &path]);
    wait_until("the lab is being brought up", || {
        states(&bench) == ["main running", "lab starting"]
    });
    kill(i32::try_from(up.id()).unwrap(), 9);
    up.wait().unwrap();
    wait_until("what was begun is taken back", || {
        states(&bench) == ["main running", "lab dead"]
    });
    assert_eq!(bench.json(&["addr", "Alice@main", "main"]), alice);
    let mut up = bench.spawn(&["up", &path]);
    let mut dora = start_dora();
    assert!(up.wait().unwrap().success());
    assert_eq!(states(&bench), ["main running", "lab running"]);
    let down = bench.ok(&["down"]);
    assert!(
        down.contains("released, because others started them: Dora@lab"),
        "{down}"
    );
    kill(i32::try_from(dora.id()).unwrap(), 15);
    dora.wait().unwrap();
    bench.assert_nothing_left();
}

#[test]
fn sockets_are_connected_and_subscribed_across_while_agents_run() {
    let bench = Bench::new();
    comes_up(
        &bench,
        r#"
osb: 1
name: news
nameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }
defaults: { transport: ipc }
agents:
  News: { bind: { feed: PUB } }
  News@lab: { bind: { feed: PUB } }
  Fan: { nameserver: lab }
connections:
  - { agent: Fan, to: News@main.feed, alias: news, handler: { sport: collect } }
"#,
    );
    bench.ok(&[
        "subscribe",
        "Fan",
        "news",
        "weather",
        "--handler",
        "collect",
    ]);
    bench.ok(&[
        "send",
        "News@main",
        "feed",
        "\"rain\"",
        "--topic",
        "weather",
    ]);
    collects(&bench, "Fan");
    assert_eq!(bench.json(&["get", "Fan", "received"]), json!(["rain"]));
    let said = bench.osb(&["connect", "Fan", "more", "--to", "News.feed"]);
    assert_eq!(said.code, 2, "{said}");
    let made = bench.json(&["connect", "Fan", "more", "--to", "News@main.feed"]);
    assert_eq!(
        (&made["from"], &made["proof"]),
        (&json!("News@main.feed"), &json!("proven"))
    );
    let made = bench.json(&["connect", "Fan", "own", "--to", "News@lab.feed"]);
    assert_eq!(made["from"], "News.feed");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
