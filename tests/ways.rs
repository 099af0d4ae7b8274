//! Ways to the name server that are slow, lose what they carry, or are cut for a moment.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::Duration;

use crate::common::relay::{Relay, Way};
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
    let relay = Relay::to(&address, Way::default());
    running
        .0
        .push(bench.spawn(&["agent", "Alice", "--ns", &relay.address]));
    let ns = NameServer::connect(&address).unwrap();
    wait_until("Alice is there", || ns.proxy("Alice").is_ok());
    let alice = ns.proxy("Alice").unwrap();
    alice.wait_for_running(TIMEOUT).unwrap();
    for n in 0..3 {
        relay.cut();
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

/// As far as TCP shows it: 400 ms there and back, and a tenth of all pieces are sent again a round trip later.
#[test]
fn a_system_comes_up_where_the_way_is_slow_and_loses_a_tenth() {
    let bench = Bench::new();
    let (mut running, address) = nameserver(&bench);
    let way = Way {
        delay: Duration::from_millis(200),
        lost: 10,
        again: Duration::from_millis(600),
    };
    let relay = Relay::to(&address, way);
    running
        .0
        .push(bench.spawn(&["agent", "Alice", "--ns", &relay.address]));
    let topology = format!(
        "osb: 1\nname: slow\nnameserver: {{ attach: '{}' }}\nagents:\n  Alice: {{ attach: true, bind: {{ main: PUSH }} }}\n  Bob: {{}}\n  Carol: {{}}\nconnections:\n  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: discard }}\n  - {{ agent: Carol, to: Alice.main, alias: inbox, handler: discard }}\n",
        relay.address
    );
    let said = bench.up(&topology);
    assert_eq!(said.code, 0, "{said}");
    bench.ok(&["set", "Alice", "n=1"]);
    bench.ok(&["down"]);
}
