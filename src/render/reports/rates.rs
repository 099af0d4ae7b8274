//! `osb rate`: how much goes through each socket, how large, how evenly, and what waits or is lost.

use std::time::Duration;

use serde::Serialize;

use crate::model::{AgentId, Alias, Kind, SocketStats, Traffic};
use crate::render::json::json_line;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Table, bad};
use crate::render::{Report, Style};

/// What has gone through sockets in an interval.
pub struct SocketRates {
    /// In order.
    pub rows: Vec<RateRow>,
    /// How many rows have room; None: all.
    pub room: Option<usize>,
}

/// One socket.
pub struct RateRow {
    pub agent: AgentId,
    pub alias: Alias,
    pub kind: Kind,
    /// How long the interval was, by the agent's clock.
    pub interval: Duration,
    pub received: Traffic,
    pub sent: Traffic,
    /// What waits to leave.
    pub queued: u64,
    /// What was lost in the interval.
    pub lost: u64,
    /// All in all.
    pub stats: SocketStats,
}

impl RateRow {
    /// Whether nothing has happened.
    pub fn is_still(&self) -> bool {
        self.received.messages + self.sent.messages + self.queued + self.lost == 0
    }

    fn name(&self) -> String {
        format!("{}.{}", self.agent, self.alias)
    }

    /// The way that more went: most sockets have one.
    fn busier(&self) -> &Traffic {
        match self.received.messages > self.sent.messages {
            true => &self.received,
            false => &self.sent,
        }
    }

    fn per_second(&self, count: u64) -> f64 {
        match self.interval.as_secs_f64() {
            seconds if seconds > 0.0 => count as f64 / seconds,
            _ => 0.0,
        }
    }
}

impl Report for SocketRates {
    fn table(&self, style: Style) -> String {
        let room = self.room.unwrap_or(self.rows.len());
        let shown = self.rows.iter().take(room);
        let table = Table::new(style)
            .column("SOCKET", Needed, RateRow::name)
            .column("IN/S", Needed, |it: &RateRow| {
                number(it.per_second(it.received.messages))
            })
            .column("OUT/S", Needed, |it| {
                number(it.per_second(it.sent.messages))
            })
            .column("BYTES/S", Spare(1), |it| {
                size(it.per_second(it.received.bytes + it.sent.bytes))
            })
            .column("SIZE", Spare(3), |it| sizes(it.busier()))
            .column("JITTER", Spare(2), |it| {
                it.busier().jitter().map_or(String::new(), short)
            })
            .column("QUEUE", Needed, |it| doubtful(it.queued))
            .column("LOST", Needed, |it| bad(it.lost))
            .render(shown);
        match self.rows.len().saturating_sub(room) {
            0 => table,
            more => format!("{table}\n… and {more} more"),
        }
    }

    fn json(&self) -> String {
        let objects: Vec<Object<'_>> = self.rows.iter().map(Object::of).collect();
        json_line(&objects)
    }

    fn names(&self) -> Vec<String> {
        self.rows.iter().map(RateRow::name).collect()
    }
}

#[derive(Serialize)]
struct Object<'a> {
    agent: &'a AgentId,
    alias: &'a Alias,
    kind: Kind,
    interval_s: f64,
    received: Way,
    sent: Way,
    queued: u64,
    lost: u64,
    totals: &'a SocketStats,
}

#[derive(Serialize)]
struct Way {
    messages: u64,
    bytes: u64,
    messages_per_s: f64,
    bytes_per_s: f64,
    jitter_us: Option<f64>,
    size_p50: Option<u64>,
    size_p99: Option<u64>,
}

impl<'a> Object<'a> {
    fn of(row: &'a RateRow) -> Self {
        let way = |it: &Traffic| Way {
            messages: it.messages,
            bytes: it.bytes,
            messages_per_s: rounded(row.per_second(it.messages)),
            bytes_per_s: rounded(row.per_second(it.bytes)),
            jitter_us: it.jitter().map(|it| rounded(it.as_secs_f64() * 1e6)),
            size_p50: it.size_at(50),
            size_p99: it.size_at(99),
        };
        Self {
            agent: &row.agent,
            alias: &row.alias,
            kind: row.kind,
            interval_s: rounded(row.interval.as_secs_f64()),
            received: way(&row.received),
            sent: way(&row.sent),
            queued: row.queued,
            lost: row.lost,
            totals: &row.stats,
        }
    }
}

/// To a thousandth: more would only be noise.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn number(rate: f64) -> String {
    match rate {
        rate if rate <= 0.0 => String::new(),
        rate if rate < 10.0 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

fn doubtful(count: u64) -> String {
    match count {
        0 => String::new(),
        count => count.to_string(),
    }
}

/// `312`, `48.1 kB`, `1.2 MB`.
fn size(bytes: f64) -> String {
    const STEPS: [(f64, &str); 3] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let step = STEPS.iter().find(|(step, _)| bytes >= *step);
    match step {
        _ if bytes <= 0.0 => String::new(),
        None => format!("{bytes:.0}"),
        Some((step, unit)) => format!("{:.1} {unit}", bytes / step),
    }
}

/// What half of the messages do not exceed, and 99 in a hundred.
fn sizes(traffic: &Traffic) -> String {
    match (traffic.size_at(50), traffic.size_at(99)) {
        (Some(half), Some(most)) if half == most => size_of(half),
        (Some(half), Some(most)) => format!("{}…{}", size_of(half), size_of(most)),
        _ => String::new(),
    }
}

fn size_of(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        bytes => size(bytes as f64),
    }
}

/// `0.4 ms`, `12 ms`, `1.2 s`.
fn short(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::reports::tests::forms;

    fn traffic(sizes: &[usize], every: Duration) -> Traffic {
        let mut traffic = Traffic::default();
        for (at, size) in sizes.iter().enumerate() {
            let jitter = Duration::from_micros(100) * u32::from(at % 2 == 0);
            traffic.note(*size, (at > 0).then(|| every + jitter));
        }
        traffic
    }

    fn row(name: &str, received: Traffic, sent: Traffic) -> RateRow {
        let (agent, alias) = name.split_once('.').unwrap();
        RateRow {
            agent: agent.parse().unwrap(),
            alias: alias.parse().unwrap(),
            kind: Kind::Push,
            interval: Duration::from_secs(2),
            received,
            sent,
            queued: 0,
            lost: 0,
            stats: SocketStats::default(),
        }
    }

    #[test]
    fn rates_in_all_forms() {
        let ms = Duration::from_millis;
        let none = Traffic::default;
        let mut busy = row("Alice.main", none(), traffic(&[1000; 50], ms(40)));
        busy.queued = 12;
        let mut losing = row(
            "Bob.inbox",
            traffic(&[10, 10, 10, 2_000_000], ms(500)),
            none(),
        );
        losing.lost = 3;
        let rates = SocketRates {
            rows: vec![busy, losing, row("Carol.still", none(), none())],
            room: Some(2),
        };
        assert!(rates.rows[2].is_still());
        insta::assert_snapshot!(forms(&rates));
    }
}
