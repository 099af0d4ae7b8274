//! Ways to the name server that are slow, lose what they carry, or are cut for a moment.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::Duration;

use crate::common::lab::{DESK, lab};
use crate::common::relay::Relay;
use crate::common::slow::{self, Cable};
use osb::proxy::NameServer;
use osb::wire::AgentRequest;

use crate::common::{Bench, TIMEOUT, wait_until};

/// Processes that end with the test.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A name server that was started by hand, and its address.
fn nameserver(bench: &Bench) -> (Running, String) {
    let mut child = bench.spawn(&["ns", "--bind", "127.0.0.1:0"]);
    let mut address = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut address).unwrap();
    (Running(vec![child]), address.trim().to_owned())
}

#[test]
fn what_is_asked_of_an_agent_that_dials_anew_waits_for_it() {
    let bench = Bench::new();
    let (mut running, address) = nameserver(&bench);
    let relay = Relay::to(&address);
    running
        .0
        .push(bench.spawn(&["agent", "Alice", "--ns", &relay.address]));
    let ns = NameServer::connect(&address).unwrap();
    wait_until("Alice is there", || ns.proxy("Alice").is_ok());
    let alice = ns.proxy("Alice").unwrap();
    alice.wait_for_running(TIMEOUT).unwrap();
    for n in 0..3 {
        relay.cut();
        // Before it answers that, it has seen that Alice's connection is gone.
        ns.ping().unwrap();
        // By the proxy's connection and in order: when the name server has answered, it has been asked for both.
        let attributes = [("n".to_owned(), n.into())].into();
        let request = AgentRequest::SetAttr { attributes };
        let (set, told) = (alice.ask::<()>(&request), alice.oneway());
        told.set_attr("told", n).unwrap();
        ns.ping().unwrap();
        relay.release();
        set.wait().unwrap();
        assert_eq!(alice.get_attr("n").unwrap(), n);
        assert_eq!(alice.get_attr("told").unwrap(), n);
    }
}

/// By ssh and closed, as systems on several machines are if nothing else is said.
#[test]
fn a_system_comes_up_where_the_way_is_slow_and_loses_a_tenth() {
    let Some(lab) = lab(2).filter(|_| slow::can_be_made()) else {
        return;
    };
    lab.lengthen_cable(Cable {
        delay: Duration::from_millis(200),
        lost: 10,
    });
    let host = |name: &str| {
        let config = lab.ssh_config().display().to_string();
        format!("  {name}: {{ ssh: {name}, ssh_config: {config} }}\n")
    };
    let said = lab.up(&format!(
        "osb: 1\nname: slow\nnameserver: {DESK}:7400\nhosts:\n  local: {{ address: {DESK} }}\n{}{}agents:\n  Alice: {{ host: lab1, bind: {{ main: PUSH }} }}\n  Bob: {{ host: lab2 }}\n  Carol: {{}}\nconnections:\n  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: discard }}\n  - {{ agent: Carol, to: Alice.main, alias: inbox, handler: discard }}\n",
        host("lab1"),
        host("lab2")
    ));
    assert_eq!(said.code, 0, "{said}");
    let hosts = lab.json(&["ls", "hosts"]);
    let mut far = hosts
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["name"] != "local");
    // The cable is what it is said to be.
    assert!(
        far.all(|it| it["machine"]["round_trip_ms"].as_f64() >= Some(400.0)),
        "{hosts}"
    );
    lab.ok(&["set", "Alice", "n=1"]);
    lab.ok(&["down"]);
}
