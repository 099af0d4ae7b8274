//! Every example is brought up, does what its README says, and goes down.

mod common;

use common::{Bench, Said, entries, repository, wait_for, wait_until};
use serde_json::{Value, json};

fn up(bench: &Bench, example: &str) {
    let topology = repository()
        .join("examples")
        .join(example)
        .join("topology.yaml");
    let said: Said = bench.osb(&["up", topology.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said}");
}

fn down(bench: &Bench) {
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn every_example_is_described_and_tested() {
    let tests = include_str!("examples.rs");
    for example in entries(&repository().join("examples")) {
        let dir = repository().join("examples").join(&example);
        assert!(
            dir.join("README.md").exists() || !dir.is_dir(),
            "{example} has no README.md"
        );
        assert!(
            !dir.is_dir() || tests.contains(&format!("up(&bench, \"{example}\")")),
            "{example} is not tested"
        );
    }
}

#[test]
fn quickstart() {
    let bench = Bench::new();
    up(&bench, "quickstart");
    wait_until("Bob is greeted", || {
        bench.ok(&["logs", "Bob"]).contains("Hello, Bob!")
    });
    down(&bench);
}

#[test]
fn req_rep() {
    let bench = Bench::new();
    up(&bench, "req-rep");
    let answer = bench.json(&["send", "Bob", "ask", "\"And once by hand?\"", "--wait"]);
    assert_eq!(answer, "Received And once by hand?");
    wait_until("Bob's timer gets an answer", || {
        bench
            .osb(&["get", "Bob", "received"])
            .stdout
            .contains("Received This is my request!")
    });
    down(&bench);
}

#[test]
fn pub_sub() {
    let bench = Bench::new();
    up(&bench, "pub-sub");
    wait_until("the fan reads", || {
        bench.ok(&["logs", "Fan"]).contains("The visitors won")
    });
    wait_until("the farmer acts", || {
        bench.ok(&["logs", "Farmer"]).contains("bring in the hay")
    });
    assert!(
        !bench.ok(&["logs", "Fan"]).contains("Rain"),
        "the fan does not read about the weather"
    );
    wait_until("the archive has both", || {
        let said = bench.osb(&["get", "Archive", "received"]).stdout;
        said.contains("The visitors won") && said.contains("Rain")
    });
    down(&bench);
}

#[test]
fn async_req_rep() {
    let bench = Bench::new();
    up(&bench, "async-req-rep");
    wait_until("the answer is handled", || {
        bench.ok(&["logs", "Bob"]).contains("alice: Hello, Bob!")
    });
    let log = bench.ok(&["logs", "Bob"]);
    assert!(log.contains("WARN  hasty: no answer within 500ms"), "{log}");
    wait_until("the late answer is reported", || {
        let log = bench.ok(&["logs", "Bob"]);
        log.contains("hasty: a message is lost: an answer that came too late")
    });
    let received = json!([{ "$error": "no answer within 500ms" }, "Hello, Bob!"]);
    assert_eq!(bench.json(&["get", "Bob", "received"]), received);
    let ask = ["send", "Bob", "alice", "\"And now?\""];
    let own = ["--within", "1ms", "--on-error", "collect"];
    bench.ok(&[&ask[..], &own].concat());
    wait_until("the request's own handler runs", || {
        let received = bench.json(&["get", "Bob", "received"]);
        received[2] == json!({ "$error": "no answer within 1ms" })
    });
    assert_eq!(bench.json(&[&ask[..], &["--wait"]].concat()), "Hello, Bob!");
    down(&bench);
}

#[test]
fn sync_pub_sub() {
    let bench = Bench::new();
    up(&bench, "sync-pub-sub");
    let connections = bench.json(&["ls", "connections"]);
    let connections = connections.as_array().unwrap();
    assert_eq!(connections.len(), 2, "one for each client");
    for connection in connections {
        assert_eq!(connection["from"], "Publisher.publisher");
        assert_eq!(connection["kinds"], json!(["SYNC_PUB", "SYNC_SUB"]));
        assert_eq!(connection["proof"], "proven");
    }
    let answer = json!("Received Request from A!");
    let of_a = wait_for("the answer is there", || {
        let said = bench.osb(&["-o", "json", "get", "ClientA", "received"]);
        let items: Vec<Value> = serde_json::from_str(&said.stdout).ok()?;
        let done = items.contains(&json!("There was a request"));
        done.then_some(items)
    });
    let at = of_a.iter().position(|item| *item == answer).unwrap();
    assert_eq!(of_a[at + 1], "There was a request", "{of_a:?}");
    assert!(of_a.contains(&json!("Publication...")));
    let answer = bench.json(&["send", "ClientB", "publisher", "\"And B?\"", "--wait"]);
    assert_eq!(answer, "Received And B?");
    wait_until("B has its topic, twice", || {
        bench.json(&["get", "ClientB", "received"])
            == json!(["There was a request", "There was a request"])
    });
    let of_a = bench.json(&["get", "ClientA", "received"]);
    assert!(
        !of_a.as_array().unwrap().contains(&answer),
        "it is B's alone"
    );
    let address = bench.json(&["addr", "Publisher", "publisher"]);
    assert_ne!(address["requests"], address["address"]);
    down(&bench);
}

#[test]
fn ventilator() {
    let bench = Bench::new();
    up(&bench, "ventilator");
    wait_until("all results are there", || {
        bench.ok(&["call", "Sink", "count"]).trim() == "100"
    });
    let by_worker = bench.json(&["get", "Sink", "by_worker"]);
    assert_eq!(
        by_worker.as_object().unwrap().len(),
        5,
        "every worker has its share: {by_worker}"
    );
    down(&bench);
}

#[test]
fn dispatcher() {
    let bench = Bench::new();
    up(&bench, "dispatcher");
    bench.ok(&[
        "wait",
        "--ended",
        "Worker0",
        "Worker1",
        "Worker2",
        "--timeout",
        "60s",
    ]);
    assert_eq!(bench.json(&["get", "Dispatcher", "given"]), json!(20));
    wait_until("the workers have ended well", || {
        (0..3).all(|n| bench.agent(&format!("Worker{n}"))["state"] == "stopped")
    });
    down(&bench);
}
