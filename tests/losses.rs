//! Nothing is lost in silence: what was sent, once for each subscriber that matched, was received, or dropped, or is
//! unconfirmed, to the message; whether readers are slow, stopped, killed or cut off.

use crate::common::lab::{DESK, lab};
use crate::common::{Bench, kill, wait_for, wait_until};
use nix::libc::{SIGCONT, SIGKILL, SIGSTOP};
use serde_json::Value;

/// The counts of one socket, out of `ls sockets -o json`.
fn counts(sockets: &Value, agent: &str, alias: &str) -> Value {
    let agents = sockets.as_array().unwrap();
    let of = agents.iter().find(|it| it["agent"] == agent);
    of.unwrap_or_else(|| panic!("no {agent}: {sockets}"))["sockets"][alias].clone()
}

fn number(counts: &Value, key: &str) -> u64 {
    let number = counts[key].as_u64();
    number.unwrap_or_else(|| panic!("no {key}: {counts}"))
}

fn socket(bench: &Bench, agent: &str, alias: &str) -> Value {
    counts(&bench.json(&["ls", "sockets"]), agent, alias)
}

/// Waits until what was sent, and what became of it, is the same in sum and stays so: nothing is on its way.
fn settled(list: impl Fn() -> Value, writer: (&str, &str), readers: &[(&str, &str)]) -> Settled {
    wait_for("the sum comes out", || {
        let sockets = list();
        let sent = counts(&sockets, writer.0, writer.1);
        let received = readers
            .iter()
            .map(|(agent, alias)| number(&counts(&sockets, agent, alias), "received"));
        let sum = Settled {
            due: sent["matched"]
                .as_u64()
                .unwrap_or_else(|| number(&sent, "sent")),
            received: received.sum(),
            dropped: number(&sent, "dropped"),
            unconfirmed: number(&sent, "unconfirmed"),
        };
        (sum.due == sum.received + sum.dropped + sum.unconfirmed).then_some(sum)
    })
}

#[derive(Debug)]
struct Settled {
    due: u64,
    received: u64,
    dropped: u64,
    unconfirmed: u64,
}

/// Pushes messages into an agent's socket from outside.
struct Feeder {
    socket: zmq::Socket,
    _context: zmq::Context,
}

impl Feeder {
    fn to(bench: &Bench, agent: &str, alias: &str) -> Self {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::PUSH).unwrap();
        socket.set_linger(0).unwrap();
        let address = bench.ok(&["addr", agent, alias]);
        socket.connect(address.trim()).unwrap();
        Self {
            socket,
            _context: context,
        }
    }

    fn feed(&self, count: usize, size: usize) {
        let message = format!("\"{}\"", "x".repeat(size));
        for _ in 0..count {
            self.socket.send(message.as_str(), 0).unwrap();
        }
    }
}

fn relay(kind: &str, agents: &str, connections: &str) -> String {
    format!(
        "osb: 1\nname: sums\nagents:\n  Relay:\n    bind:\n      in: {{ kind: PULL, handler: 'forward:out' }}\n      out: {kind}\n{agents}connections:\n{connections}"
    )
}

/// The flood is more than all queues and the kernel's buffers hold.
const FLOOD: usize = 20_000;
const SIZE: usize = 1000;

#[test]
fn a_publisher_counts_each_message_that_a_slow_subscriber_missed() {
    for kind in ["PUB", "{ kind: SYNC_PUB, handler: echo }"] {
        let bench = Bench::new();
        let said = bench.up(&relay(
            kind,
            "  Quick: {}\n  Slow: {}\n",
            "  - { agent: Quick, to: Relay.out, alias: news, handler: discard }\n  - { agent: Slow, to: Relay.out, alias: news, handler: discard }\n",
        ));
        assert_eq!(said.code, 0, "{said}");
        let feeder = Feeder::to(&bench, "Relay", "in");
        let slow = bench.pid("Slow");
        kill(slow, SIGSTOP);
        feeder.feed(FLOOD, SIZE);
        kill(slow, SIGCONT);
        let flood = u64::try_from(FLOOD).unwrap();
        wait_until("all is sent", || {
            number(&socket(&bench, "Relay", "out"), "sent") == flood
        });
        let readers = [("Quick", "news"), ("Slow", "news")];
        let sum = settled(
            || bench.json(&["ls", "sockets"]),
            ("Relay", "out"),
            &readers,
        );
        assert_eq!(sum.due, 2 * flood, "{kind}: {sum:?}");
        assert_eq!(sum.unconfirmed, 0, "{kind}: both live: {sum:?}");
        assert!(sum.dropped > 1000, "{kind}: {sum:?}");
        wait_until("the log says so", || {
            let log = bench.log("sums", "Relay");
            log.contains("out: messages have not reached their readers")
        });
        bench.ok(&["down"]);
    }
}

/// Two readers share the messages; one is stopped with its queue full, and then killed.
#[test]
fn what_a_killed_reader_had_is_unconfirmed() {
    let reader_connects = relay(
        "PUSH",
        "  Dead: {}\n  Live: {}\n",
        "  - { agent: Dead, to: Relay.out, alias: inbox, handler: discard }\n  - { agent: Live, to: Relay.out, alias: inbox, handler: discard }\n",
    );
    let by_ipc = reader_connects.replace("out: PUSH", "out: { kind: PUSH, transport: ipc }");
    for topology in [reader_connects, by_ipc] {
        let bench = Bench::new();
        let said = bench.up(&topology);
        assert_eq!(said.code, 0, "{said}");
        let feeder = Feeder::to(&bench, "Relay", "in");
        feeder.feed(1000, SIZE);
        let received = |agent: &str| number(&socket(&bench, agent, "inbox"), "received");
        wait_until("all has come", || {
            received("Dead") + received("Live") == 1000
        });
        let before = received("Dead");
        assert!(before > 100, "{before}");
        // Reports go with the beat of a second, and nothing outside shows that one has come.
        std::thread::sleep(std::time::Duration::from_secs(4));
        let dead = bench.pid("Dead");
        kill(dead, SIGSTOP);
        feeder.feed(FLOOD, SIZE);
        kill(dead, SIGKILL);
        wait_until("its end is known", || {
            bench.agent("Dead")["state"] == "failed"
        });
        let relayed = || number(&socket(&bench, "Relay", "in"), "received");
        let all = 1000 + u64::try_from(FLOOD).unwrap();
        wait_until("all is sent", || {
            relayed() == all && number(&socket(&bench, "Relay", "out"), "sent") == all
        });
        let sum = wait_for("the sum comes out", || {
            let sockets = bench.json(&["ls", "sockets"]);
            let out = counts(&sockets, "Relay", "out");
            let live = number(&counts(&sockets, "Live", "inbox"), "received");
            let (dropped, unconfirmed) = (number(&out, "dropped"), number(&out, "unconfirmed"));
            (before + live + dropped + unconfirmed == all).then_some((live, dropped, unconfirmed))
        });
        assert!(sum.2 > 100, "{sum:?}");
        wait_until("the log says so", || {
            bench
                .log("sums", "Relay")
                .contains("nobody confirms messages that went by them")
        });
        bench.ok(&["down"]);
    }
}

/// Each subscriber has its own share of the sum.
#[test]
fn what_a_killed_subscriber_had_is_unconfirmed() {
    for kind in ["PUB", "{ kind: SYNC_PUB, handler: echo }"] {
        let bench = Bench::new();
        let said = bench.up(&relay(
            kind,
            "  Dead: {}\n  Live: {}\n",
            "  - { agent: Dead, to: Relay.out, alias: news, handler: discard }\n  - { agent: Live, to: Relay.out, alias: news, handler: discard }\n",
        ));
        assert_eq!(said.code, 0, "{said}");
        let feeder = Feeder::to(&bench, "Relay", "in");
        feeder.feed(500, SIZE);
        let received = |agent: &str| number(&socket(&bench, agent, "news"), "received");
        wait_until("all has come", || {
            received("Dead") == 500 && received("Live") == 500
        });
        // As above.
        std::thread::sleep(std::time::Duration::from_secs(4));
        let dead = bench.pid("Dead");
        kill(dead, SIGSTOP);
        feeder.feed(500, SIZE);
        wait_until("all is sent", || {
            let live = bench.json(&["ls", "sockets"]);
            number(&counts(&live, "Live", "news"), "received") == 1000
        });
        kill(dead, SIGKILL);
        wait_until("its end is known", || {
            bench.agent("Dead")["state"] == "failed"
        });
        let sum = wait_for("the sum comes out", || {
            let sockets = bench.json(&["ls", "sockets"]);
            let out = counts(&sockets, "Relay", "out");
            let live = number(&counts(&sockets, "Live", "news"), "received");
            let (dropped, unconfirmed) = (number(&out, "dropped"), number(&out, "unconfirmed"));
            let matched = number(&out, "matched");
            (500 + live + dropped + unconfirmed == matched).then_some((
                matched,
                dropped,
                unconfirmed,
            ))
        });
        assert_eq!(sum, (2000, 0, 500), "{kind}");
        bench.ok(&["down"]);
    }
}

/// The one that has connected keeps for the next connection what no connection has taken. At the end, that is in the
/// report of `down`.
#[test]
fn a_writer_that_connects_counts_what_a_killed_reader_had_and_keeps_the_rest() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: sums\nagents:\n  Relay:\n    bind:\n      in: { kind: PULL, handler: 'forward:out' }\n  Dead: { bind: { inbox: { kind: PULL, handler: discard } } }\nconnections:\n  - { agent: Relay, to: Dead.inbox, alias: out }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let feeder = Feeder::to(&bench, "Relay", "in");
    feeder.feed(1000, SIZE);
    let received = || number(&socket(&bench, "Dead", "inbox"), "received");
    wait_until("all has come", || received() == 1000);
    // As above.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let dead = bench.pid("Dead");
    kill(dead, SIGSTOP);
    feeder.socket.set_sndtimeo(2000).unwrap();
    let message = format!("\"{}\"", "x".repeat(SIZE));
    while feeder.socket.send(message.as_str(), 0).is_ok() {}
    kill(dead, SIGKILL);
    wait_until("its end is known", || {
        bench.agent("Dead")["state"] == "failed"
    });
    let out = wait_for("the sum comes out", || {
        let out = socket(&bench, "Relay", "out");
        let of = |key| number(&out, key);
        let sum = 1000 + of("dropped") + of("unconfirmed") + of("waiting");
        (of("sent") == sum && of("unconfirmed") > 0).then_some(out)
    });
    assert!(number(&out, "waiting") > 100, "{out}");
    let taken = number(&socket(&bench, "Relay", "in"), "received");
    let held = taken - number(&out, "sent");
    let down = bench.json(&["down"]);
    let agents = down["agents"].as_array().unwrap();
    let relay = agents.iter().find(|it| it["agent"] == "Relay").unwrap();
    let unsent = number(&relay["unsent"], "out");
    assert_eq!(unsent, held + number(&out, "waiting"), "{down} after {out}");
}

/// What went into a cable that was out is lost for sure: its reader lives, and says what has come.
#[test]
fn what_was_lost_to_a_reader_that_was_cut_off_is_dropped() {
    let Some(lab) = lab(2) else { return };
    let config = lab.ssh_config().display().to_string();
    let text = "x".repeat(SIZE);
    let said = lab.up(&format!(
        r#"
osb: 1
name: sums
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, ssh_config: {config} }}
  lab2: {{ ssh: lab2, ssh_config: {config} }}
agents:
  Alice:
    host: lab1
    bind: {{ main: PUSH, news: PUB }}
    timers:
      - {{ every: 1ms, send: main, message: {text} }}
      - {{ every: 1ms, send: news, message: {text} }}
      - {{ every: 2ms, send: out, message: {text} }}
  Bob: {{ host: lab2, bind: {{ box: {{ kind: PULL, handler: discard }} }} }}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: discard }}
  - {{ agent: Bob, to: Alice.news, alias: news, handler: discard }}
  - {{ agent: Alice, to: Bob.box, alias: out }}
"#
    ));
    assert_eq!(said.code, 0, "{said}");
    let list = || lab.json(&["ls", "sockets"]);
    wait_until("messages flow", || {
        number(&counts(&list(), "Bob", "box"), "received") > 100
    });
    lab.cut("lab2", false);
    wait_until("the writer has given up", || {
        lab.log("lab1", "Alice")
            .contains("the connection with 10.77.0.12:")
    });
    lab.cut("lab2", true);
    wait_until("all are proven again", || {
        let connections = lab.json(&["ls", "connections"]);
        let all = connections.as_array().unwrap();
        all.iter().all(|it| it["proof"] == "proven")
    });
    // It may take a while until what it is asked reaches it again.
    let received = || {
        let sockets = list();
        let mut agents = sockets.as_array().unwrap().iter();
        let bob = agents.find(|it| it["agent"] == "Bob")?;
        Some(number(&bob["sockets"]["news"], "received"))
    };
    let before = wait_for("it answers again", received);
    wait_until("messages flow again", || {
        received().is_some_and(|now| now > before + 100)
    });
    lab.ok(&["stop-timer", "Alice", "--all"]);
    for (writer, reader) in [("main", "inbox"), ("news", "news"), ("out", "box")] {
        let sum = wait_for("the readers have told all", || {
            let sum = settled(list, ("Alice", writer), &[("Bob", reader)]);
            (sum.unconfirmed == 0).then_some(sum)
        });
        assert!(sum.received > 200, "{writer}: {sum:?}");
        if writer == "news" {
            assert!(sum.dropped > 0, "{writer}: {sum:?}");
        }
    }
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn what_was_not_sent_at_the_end_is_in_the_report_of_down() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: sums\nagents:\n  Alice: {}\n  Bob: { bind: { inbox: { kind: PULL, handler: discard } } }\nconnections:\n  - { agent: Alice, to: Bob.inbox, alias: out }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    kill(bench.pid("Bob"), SIGKILL);
    wait_until("it is lost", || {
        bench.json(&["ls", "connections"])[0]["proof"] == "lost"
    });
    // ZeroMQ keeps them for when its peer is back.
    for _ in 0..5 {
        bench.ok(&["send", "Alice", "out", "\"hi\""]);
    }
    let down = bench.json(&["down"]);
    let agents = down["agents"].as_array().unwrap();
    let alice = agents.iter().find(|it| it["agent"] == "Alice").unwrap();
    assert_eq!(alice["unsent"], serde_json::json!({ "out": 5 }), "{down}");
    bench.assert_nothing_left();
}
