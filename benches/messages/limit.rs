//! The limit: bare sockets, each in a process of its own.

use std::time::{Duration, Instant};

use super::bare;
use super::common::Child;

/// Bare processes, and where messages are put in.
#[allow(dead_code, reason = "not every bench uses everything")]
pub struct Limit {
    pub entry: String,
    processes: Vec<Child>,
}

#[allow(dead_code, reason = "not every bench uses everything")]
impl Limit {
    /// A process that receives; with a relay before it or not.
    pub fn push(relayed: bool) -> Self {
        Self::push_by("", relayed)
    }

    /// The same, by another way than in the clear: `curve+`.
    pub fn push_by(way: &str, relayed: bool) -> Self {
        if relayed {
            let (mut limit, exit) = Self::relay(way, "push");
            limit.processes.push(Child::role("drain", &[&exit]));
            return limit;
        }
        Self::alone(&format!("{way}drain"))
    }

    /// A process that answers with what it is asked.
    pub fn reply() -> Self {
        Self::reply_by("")
    }

    /// The same by another way.
    pub fn reply_by(way: &str) -> Self {
        Self::alone(&format!("{way}echo"))
    }

    /// A process that asks, by a DEALER, and one that answers, by a ROUTER.
    pub fn request() -> Self {
        let mut desk = Child::role("answer", &[]);
        let mut asker = Child::role("request", &[&desk.line()]);
        Self {
            entry: asker.line(),
            processes: vec![asker, desk],
        }
    }

    /// A relay that publishes, and so many that subscribe.
    pub fn publish(subscribers: usize) -> Self {
        let (mut limit, exit) = Self::relay("", "pub");
        let subscriber = |_| Child::role("subscribe", &[&exit]);
        limit.processes.extend((0..subscribers).map(subscriber));
        // Nothing tells when a PUB has seen its subscribers.
        std::thread::sleep(Duration::from_millis(500));
        limit
    }

    fn alone(role: &str) -> Self {
        let mut process = Child::role(role, &[]);
        Self {
            entry: process.line(),
            processes: vec![process],
        }
    }

    fn relay(way: &str, kind: &str) -> (Self, String) {
        let mut relay = Child::role(&format!("{way}relay"), &[kind]);
        let (entry, exit) = (relay.line(), relay.line());
        (
            Self {
                entry,
                processes: vec![relay],
            },
            exit,
        )
    }

    /// How many messages a second reached subscribers.
    pub fn published(&mut self, size: usize, time: Duration) -> f64 {
        let began = Instant::now();
        bare::feed(&self.entry, size, "raw", time);
        let elapsed = began.elapsed().as_secs_f64();
        let subscribers = self.processes.iter_mut().skip(1);
        subscribers.map(Child::number).sum::<f64>() / elapsed
    }
}
