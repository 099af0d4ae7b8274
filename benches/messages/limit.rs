//! The limit: bare sockets, each in a process of its own.

use std::time::{Duration, Instant};

use osb::model::Dial;

use super::bare;
use super::common::curve::printed;
use super::common::{Child, Way};

/// Bare processes, and where messages are put in.
#[allow(dead_code, reason = "not every bench uses everything")]
pub(crate) struct Limit {
    pub entry: Dial,
    processes: Vec<Child>,
}

#[allow(dead_code, reason = "not every bench uses everything")]
impl Limit {
    /// A process that receives; with a relay before it or not.
    pub(crate) fn push(way: Way, relayed: bool) -> Self {
        if relayed {
            let (mut limit, exit) = Self::relay(way, "push");
            limit.processes.push(Child::role("drain", &[&exit]));
            return limit;
        }
        Self::alone(way, "drain")
    }

    /// A process that answers with what it is asked.
    pub(crate) fn reply(way: Way) -> Self {
        Self::alone(way, "echo")
    }

    /// A process that asks, by a DEALER, and one that answers, by a ROUTER.
    pub(crate) fn request() -> Self {
        let mut desk = Child::role("answer", &[]);
        let mut asker = Child::role("request", &[&desk.line()]);
        Self {
            entry: printed(&asker.line()),
            processes: vec![asker, desk],
        }
    }

    /// A relay that publishes, and so many that subscribe.
    pub(crate) fn publish(subscribers: usize) -> Self {
        let (mut limit, exit) = Self::relay(Way::Clear, "pub");
        let subscriber = |_| Child::role("subscribe", &[&exit]);
        limit.processes.extend((0..subscribers).map(subscriber));
        // Nothing tells when a PUB has seen its subscribers.
        std::thread::sleep(Duration::from_millis(500));
        limit
    }

    fn alone(way: Way, role: &str) -> Self {
        let mut process = Child::role(&format!("{}{role}", way.prefix()), &[]);
        Self {
            entry: printed(&process.line()),
            processes: vec![process],
        }
    }

    fn relay(way: Way, kind: &str) -> (Self, String) {
        let mut relay = Child::role(&format!("{}relay", way.prefix()), &[kind]);
        let (entry, exit) = (printed(&relay.line()), relay.line());
        (
            Self {
                entry,
                processes: vec![relay],
            },
            exit,
        )
    }

    /// How many messages a second reached subscribers.
    pub(crate) fn published(&mut self, size: usize, time: Duration) -> f64 {
        let began = Instant::now();
        bare::feed(&self.entry, size, "raw", time);
        let elapsed = began.elapsed().as_secs_f64();
        let subscribers = self.processes.iter_mut().skip(1);
        subscribers.map(Child::number).sum::<f64>() / elapsed
    }
}
