//! How long commands wait, and what they say when it was in vain.

use crate::common::{Bench, Said, daemon_of, kill, wait_until};
use nix::libc::{SIGCONT, SIGSTOP};

/// Mute reads its lines and never says a word; Bob asks it, and is not patient.
const SYSTEM: &str = r#"
osb: 1
name: patience
agents:
  Mute:
    command: [sh, -c, "cat >/dev/null"]
    settle: 0s
    bind: { rep: REP }
  Bob: { bind: { main: PUSH, news: PUB } }
connections:
  - { agent: Bob, to: Mute.rep, alias: ask, wait: 300ms }
"#;

fn system() -> Bench {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    bench
}

fn end(bench: &Bench) {
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

fn assert_says(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(said.code, code, "{said}");
    for part in parts {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_request_is_waited_for_as_long_as_its_connection_says() {
    let bench = system();
    let said = bench.osb(&["send", "Bob", "ask", "1", "--wait"]);
    assert_says(&said, 5, &["longer than 300ms", "flush its output"]);
    let said = bench.osb(&["send", "Bob", "ask", "1", "--wait", "--timeout", "450ms"]);
    assert_says(&said, 5, &["longer than 450ms"]);
    let said = bench.osb(&["send", "Bob", "main", "1", "--wait"]);
    assert_says(&said, 1, &["main is a PUSH socket: it cannot ask"]);
    let said = bench.osb(&["call", "Mute", "anything", "--timeout", "200ms"]);
    assert_says(
        &said,
        5,
        &["Mute.anything took longer than 200ms", "flush its output"],
    );
    end(&bench);
}

#[test]
fn who_will_never_come_is_not_waited_for() {
    let bench = system();
    let systems = bench.json(&["ls", "systems"]);
    let address = systems[0]["nameserver"].as_str().unwrap();
    for words in [&["--system", "patience"][..], &["--ns", address]] {
        for (name, hint) in [
            ("Bobb", "did you mean Bob?"),
            ("Mut.rep", "did you mean Mute?"),
        ] {
            let said = bench.osb(&[words, &["wait", "Bob", name, "--timeout", "60s"]].concat());
            assert_says(&said, 1, &["error: no agent is called ", hint]);
        }
    }
    // It is known, and not there yet.
    let said = bench.osb(&["wait", "Bob.later", "--timeout", "50ms"]);
    assert_says(&said, 5, &["Bob.later (Bob is running, without it)"]);
    end(&bench);
}

#[test]
fn a_name_server_that_does_not_answer_is_named() {
    let bench = system();
    let systems = bench.json(&["ls", "systems"]);
    let pid = i32::try_from(systems[0]["pid"].as_i64().unwrap()).unwrap();
    let address = systems[0]["nameserver"].as_str().unwrap();
    let says = format!(
        "the name server at {} does not answer",
        address.trim_start_matches("tcp://")
    );
    let pid = daemon_of(pid);
    kill(pid, SIGSTOP);
    for command in [
        &["wait", "Bob", "Bobb"][..],
        &["get", "Bob"],
        &["call", "Mute", "x"],
        &["send", "Bob", "main", "1"],
    ] {
        let said = bench.osb(&[command, &["--timeout", "200ms"]].concat());
        assert_says(&said, 4, &[&says, "its process hangs"]);
        assert!(!said.stderr.contains("not registered"), "{said}");
    }
    kill(pid, SIGCONT);
    end(&bench);
}

/// A requester that asked before it was found out has waited no longer than it took to find out.
#[test]
fn who_waits_for_an_agent_that_is_given_up_is_told_why() {
    let bench = system();
    let pid = bench.pid("Bob");
    kill(pid, SIGSTOP);
    let commands: &[&[&str]] = &[
        &["get", "Bob"],
        &["set", "Bob", "x=1"],
        &["call", "Bob", "x"],
        &["send", "Bob", "main", "1"],
        &["send", "Bob", "ask", "1", "--wait"],
        &["get", "B*", "x"],
    ];
    let ask = |command: &&[&str]| bench.spawn(&[*command, &["--timeout", "600s"]].concat());
    let asked: Vec<_> = commands.iter().map(ask).collect();
    for (command, asked) in commands.iter().zip(asked) {
        let said = Said::from(asked.wait_with_output().unwrap());
        let says = "Bob is unreachable: nothing was heard of it for ";
        assert!(format!("{said}").contains(says), "{command:?}: {said}");
    }
    kill(pid, SIGCONT);
    wait_until("it is back", || bench.agent("Bob")["state"] == "running");
    // One that does not answer is stopped all the same.
    kill(pid, SIGSTOP);
    bench.ok(&["stop", "Bob", "--grace", "100ms"]);
    assert_eq!(bench.agent("Bob")["state"], "stopped");
    end(&bench);
}

#[test]
fn an_agent_that_is_silent_is_said_to_be() {
    let bench = system();
    let pid = bench.pid("Bob");
    kill(pid, SIGSTOP);
    wait_until("suspicion", || bench.agent("Bob")["state"] == "suspect");
    let said = bench.osb(&["get", "Bob", "--timeout", "200ms"]);
    assert_says(
        &said,
        5,
        &["did not happen within 200ms: it has been suspect for "],
    );
    wait_until("it is given up", || {
        bench.agent("Bob")["state"] == "unreachable"
    });
    let commands: &[&[&str]] = &[
        &["get", "Bob"],
        &["set", "Bob", "x=1"],
        &["call", "Bob", "x"],
        &["send", "Bob", "main", "1"],
        &["send", "Bob", "ask", "1", "--wait"],
        &["send", "Bob", "ask", "1", "--within", "1s"],
        &["bind", "Bob", "more", "PUSH"],
        &["connect", "Bob", "more", "--to", "Mute.rep"],
        &["close", "Bob", "main"],
        &["subscribe", "Bob", "news", "x"],
        &["unsubscribe", "Bob", "news", "x"],
        &["every", "Bob", "1s", "set", "x=1"],
        &["after", "Bob", "1s", "set", "x=1"],
        &["timers", "Bob"],
        &["stop-timer", "Bob", "x"],
        &["log", "Bob", "x"],
    ];
    for command in commands {
        let said = bench.osb(&[command, &["--timeout", "60s"][..]].concat());
        let says = "error: Bob is unreachable: nothing was heard of it for ";
        assert_says(&said, 4, &[says, "`osb logs Bob`"]);
    }
    for what in ["sockets", "timers"] {
        let command = match what {
            "timers" => vec!["timers"],
            what => vec!["ls", what],
        };
        let said = bench.osb(&[&command[..], &["--timeout", "60s"]].concat());
        assert_says(&said, 0, &["Bob does not tell: Bob is unreachable"]);
    }
    kill(pid, SIGCONT);
    wait_until("it is back", || bench.agent("Bob")["state"] == "running");
    bench.ok(&["get", "Bob"]);
    end(&bench);
}
