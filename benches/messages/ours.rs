//! The same with agents of osb, brought up from a topology.

use std::fmt::Write;
use std::time::{Duration, Instant};

use osb::model::Dial;
use osb::proxy::NameServer;

use super::bare;
use super::common::{System, Way};

/// A system of agents, and where messages are put in.
#[allow(dead_code, reason = "not every bench uses everything")]
pub(crate) struct Agents {
    pub entry: Dial,
    nameserver: NameServer,
    subscribers: Vec<String>,
    _system: System,
}

#[allow(dead_code, reason = "not every bench uses everything")]
impl Agents {
    /// Bob discards; Alice before him forwards, or is not asked.
    pub(crate) fn push(way: Way, serializer: &str, relayed: bool) -> Self {
        let topology = format!(
            "osb: 1\nname: bench\nsecurity: {}\ndefaults: {{ serializer: {serializer} }}\nagents:\n\
             {ALICE}      out: PUSH\n\
             \x20 Bob:\n    bind:\n      in: {{ kind: PULL, handler: discard, accept: '*' }}\n\
             connections:\n  - {{ agent: Bob, to: Alice.out, alias: inbox, handler: discard }}\n",
            way.security()
        );
        Self::up(&topology, if relayed { "Alice" } else { "Bob" }, 0)
    }

    /// Bob echoes.
    pub(crate) fn reply(way: Way) -> Self {
        let topology = format!(
            "osb: 1\nname: bench\nsecurity: {}\ndefaults: {{ serializer: raw }}\nagents:\n  \
             Bob:\n    bind:\n      in: {{ kind: REP, handler: echo, accept: '*' }}\n",
            way.security()
        );
        Self::up(&topology, "Bob", 0)
    }

    /// Alice asks with what she gets, by a channel, and discards the answers; Bob echoes.
    pub(crate) fn request(channel: &str) -> Self {
        let on_reply = match channel {
            "SYNC_PUB" => ", on_reply: discard",
            _ => "",
        };
        let topology = format!(
            "osb: 1\nname: bench\ndefaults: {{ serializer: raw }}\nagents:\n{ALICE}\
             \x20 Bob:\n    bind:\n      desk: {{ kind: {channel}, handler: echo, accept: '*' }}\n\
             connections:\n  - {{ agent: Alice, to: Bob.desk, alias: out, handler: discard{on_reply} }}\n"
        );
        Self::up(&topology, "Alice", 0)
    }

    /// Alice publishes what she gets, by such a socket, and so many discard it.
    pub(crate) fn publish(kind: &str, subscribers: usize) -> Self {
        let handler = match kind {
            "SYNC_PUB" => ", handler: discard",
            _ => "",
        };
        let mut topology = format!(
            "osb: 1\nname: bench\ndefaults: {{ serializer: raw }}\nagents:\n{ALICE}      \
             out: {{ kind: {kind}{handler} }}\n"
        );
        let mut connections = String::from("connections:\n");
        for name in (0..subscribers).map(subscriber) {
            let _ = writeln!(topology, "  {name}: {{}}");
            let _ = writeln!(
                connections,
                "  - {{ agent: {name}, to: Alice.out, alias: inbox, handler: discard }}"
            );
        }
        Self::up(&(topology + &connections), "Alice", subscribers)
    }

    fn up(topology: &str, entry: &str, subscribers: usize) -> Self {
        let system = System::up_of(topology);
        Self {
            entry: system.dial(entry, "in"),
            nameserver: system.nameserver(),
            subscribers: (0..subscribers).map(subscriber).collect(),
            _system: system,
        }
    }

    /// How many messages a second reached subscribers.
    pub(crate) fn published(&self, size: usize, time: Duration) -> f64 {
        let before = self.received();
        let began = Instant::now();
        bare::feed(&self.entry, size, "raw", time);
        let elapsed = began.elapsed().as_secs_f64();
        (self.settled() - before) as f64 / elapsed
    }

    /// How many have been received once no more are.
    fn settled(&self) -> u64 {
        let mut last = self.received();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.received();
            if now == last {
                return now;
            }
            last = now;
        }
    }

    fn received(&self) -> u64 {
        let of = |name: &String| {
            let proxy = self.nameserver.proxy(name).expect("a name");
            let status = proxy.status().expect("it answers");
            let inbox = "inbox".parse().expect("an alias");
            status.sockets[&inbox].received
        };
        self.subscribers.iter().map(of).sum()
    }
}

/// An agent that forwards what is pushed to it; what it forwards to is still to be said.
const ALICE: &str =
    "  Alice:\n    bind:\n      in: { kind: PULL, handler: 'forward:out', accept: '*' }\n";

fn subscriber(n: usize) -> String {
    format!("Sub{n}")
}
