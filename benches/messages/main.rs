//! Messages from agent to agent, against bare libzmq sockets in as many processes.
//!
//! Agents do not send of their own accord at full speed, so that one is fed from outside: a bare
//! process pushes to it as fast as it can, and it forwards. The limit has a bare relay in the same
//! place. "Received" leaves the relay out: the bare process pushes to an agent that discards.

mod bare;
#[path = "../common/mod.rs"]
mod common;
mod limit;
mod ours;

use std::time::Duration;

use common::table::bytes;
use common::{Aim, Options, Table, Way, paired, role};
use limit::Limit;
use ours::Agents;

/// Bytes of a message, and which share of the limit is aimed at.
const SIZES: [(usize, Aim); 3] = [
    (10, Aim::AtLeast(0.5)),
    (1 << 10, Aim::AtLeast(0.9)),
    (64 << 10, Aim::AtLeast(0.9)),
];
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 11;

fn main() {
    if let Some((role, arguments)) = role() {
        return bare::play(&role, &arguments);
    }
    let options = Options::from_env();
    push(options);
    requests(options);
    channels(options);
    publish(options);
}

fn push(options: Options) {
    let table = Table::new("PUSH and PULL", "messages a second");
    for (serializer, aim_of_json) in [("raw", None), ("json", Some(Aim::AtLeast(0.5)))] {
        for (size, aim) in SIZES {
            let aim = aim_of_json.unwrap_or(aim);
            for relayed in [false, true] {
                let limit = Limit::push(Way::Clear, relayed);
                let ours = Agents::push(Way::Clear, serializer, relayed);
                let time = options.round(ROUND);
                let pair = paired(
                    options.rounds(ROUNDS),
                    || bare::feed(&limit.entry, size, serializer, time),
                    || bare::feed(&ours.entry, size, serializer, time),
                );
                let how = if relayed {
                    "forwarded and received"
                } else {
                    "received"
                };
                table.row(&format!("{} {serializer}, {how}", bytes(size)), pair, aim);
            }
        }
    }
}

fn requests(options: Options) {
    let table = Table::new("REQ and REP, one at a time", "round trips a second");
    for size in [10, 1 << 10] {
        let limit = Limit::reply(Way::Clear);
        let ours = Agents::reply(Way::Clear);
        let time = options.round(ROUND);
        let pair = paired(
            options.rounds(ROUNDS),
            || bare::ask(&limit.entry, size, time),
            || bare::ask(&ours.entry, size, time),
        );
        table.row(
            &format!("{} raw, echo", bytes(size)),
            pair,
            Aim::AtLeast(0.9),
        );
    }
}

/// Requests and answers by channels, up to 4,096 under way, against a DEALER and a ROUTER.
fn channels(options: Options) {
    let table = Table::new(
        "ASYNC_REQ and SYNC_SUB, many at a time",
        "requests a second",
    );
    for (channel, client) in [("ASYNC_REP", "ASYNC_REQ"), ("SYNC_PUB", "SYNC_SUB")] {
        for size in [10, 1 << 10] {
            let limit = Limit::request();
            let ours = Agents::request(channel);
            let time = options.round(ROUND);
            let pair = paired(
                options.rounds(ROUNDS),
                || bare::feed(&limit.entry, size, "raw", time),
                || bare::feed(&ours.entry, size, "raw", time),
            );
            let what = format!("{client}, {} raw, echo", bytes(size));
            table.row(&what, pair, Aim::None);
        }
    }
}

/// What is counted is what reached the subscribers: publishers drop what these cannot take.
fn publish(options: Options) {
    let table = Table::new("PUB and SUB", "messages a second, all subscribers together");
    for (kind, subscribers) in [("PUB", 1), ("PUB", 10), ("SYNC_PUB", 1), ("SYNC_PUB", 10)] {
        let mut limit = Limit::publish(subscribers);
        let ours = Agents::publish(kind, subscribers);
        let time = options.round(ROUND);
        let pair = paired(
            options.rounds(ROUNDS),
            || limit.published(10, time),
            || ours.published(10, time),
        );
        let what = format!("{kind}, 10 B raw, {subscribers} subscribers");
        table.row(&what, pair, Aim::AtLeast(0.5));
    }
}
