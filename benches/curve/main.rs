//! CURVE: what it costs bare libzmq, and osb with it beside bare libzmq with it. The same of both in the
//! clear, in the same run, by the programs of `messages` and `lookup`.

#[path = "../messages/bare.rs"]
#[allow(dead_code, reason = "the part of it that is needed here")]
mod bare;
#[path = "../lookup/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;
#[path = "../messages/limit.rs"]
mod limit;
#[path = "../messages/ours.rs"]
mod ours;
#[path = "../lookup/servers.rs"]
mod servers;

use std::time::Duration;

use client::Load;
use common::table::bytes;
use common::{Aim, Options, Table, Way, paired, registry, role};
use limit::Limit;
use ours::Agents;
use servers::Servers;

const COLUMNS: [&str; 2] = ["in the clear", "CURVE"];
/// Bytes of a message, and which share of the limit is aimed at.
const SIZES: [(usize, Aim); 3] = [
    (10, Aim::AtLeast(0.5)),
    (1 << 10, Aim::AtLeast(0.9)),
    (64 << 10, Aim::AtLeast(0.9)),
];
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 11;
/// How many sockets are registered where one is looked up.
const REGISTERED: usize = 1000;
/// Clients, questions in flight of each, and what is aimed at.
const LOADS: [(usize, usize, f64); 4] = [(1, 1, 0.9), (8, 1, 0.9), (1, 64, 0.7), (8, 64, 0.7)];

fn main() {
    if let Some((role, arguments)) = role() {
        return match Way::of(&role) {
            (way, "registry") => registry::serve(way, arguments[0].parse().expect("a number")),
            _ => bare::play(&role, &arguments),
        };
    }
    let options = Options::from_env();
    push(options);
    requests(options);
    handshakes(options);
    agents(options);
    echoes(options);
    look_ups(options);
}

fn push(options: Options) {
    let table = Table::of("PUSH and PULL, bare", "messages a second", COLUMNS);
    for (size, _) in SIZES {
        for relayed in [false, true] {
            let [plain, curve] = Way::BOTH.map(|way| Limit::push(way, relayed));
            let time = options.round(ROUND);
            let pair = paired(
                options.rounds(ROUNDS),
                || bare::feed(&plain.entry, size, "raw", time),
                || bare::feed(&curve.entry, size, "raw", time),
            );
            table.row(&what(size, relayed), pair, Aim::None);
        }
    }
}

fn what(size: usize, relayed: bool) -> String {
    let how = if relayed { "forwarded and " } else { "" };
    format!("{}, {how}received", bytes(size))
}

fn requests(options: Options) {
    let table = Table::of("REQ and REP, bare", "round trips a second", COLUMNS);
    for size in [10, 1 << 10] {
        let [plain, curve] = Way::BOTH.map(Limit::reply);
        let time = options.round(ROUND);
        let pair = paired(
            options.rounds(ROUNDS),
            || bare::ask(&plain.entry, size, time),
            || bare::ask(&curve.entry, size, time),
        );
        table.row(&bytes(size), pair, Aim::None);
    }
}

/// One after the other, each with a question and its answer.
fn handshakes(options: Options) {
    let table = Table::of("New connections, bare", "a second", COLUMNS);
    let [plain, curve] = Way::BOTH.map(Limit::reply);
    let time = options.round(ROUND);
    let pair = paired(
        options.rounds(ROUNDS),
        || bare::connect(&plain.entry, time),
        || bare::connect(&curve.entry, time),
    );
    table.row("connect, ask once, close", pair, Aim::None);
}

fn agents(options: Options) {
    let table = Table::new("PUSH and PULL, agents", "messages a second");
    for (size, aim) in SIZES {
        for relayed in [false, true] {
            for way in Way::BOTH {
                let limit = Limit::push(way, relayed);
                let ours = Agents::push(way, "raw", relayed);
                let time = options.round(ROUND);
                let pair = paired(
                    options.rounds(ROUNDS),
                    || bare::feed(&limit.entry, size, "raw", time),
                    || bare::feed(&ours.entry, size, "raw", time),
                );
                table.row(&format!("{}, {way}", what(size, relayed)), pair, aim);
            }
        }
    }
}

fn echoes(options: Options) {
    let table = Table::new("REQ and REP, an agent echoes", "round trips a second");
    for size in [10, 1 << 10] {
        for way in Way::BOTH {
            let limit = Limit::reply(way);
            let ours = Agents::reply(way);
            let time = options.round(ROUND);
            let pair = paired(
                options.rounds(ROUNDS),
                || bare::ask(&limit.entry, size, time),
                || bare::ask(&ours.entry, size, time),
            );
            let what = format!("{}, {way}", bytes(size));
            table.row(&what, pair, Aim::AtLeast(0.9));
        }
    }
}

fn look_ups(options: Options) {
    let table = Table::new("Look-up", "answers a second");
    let servers = Way::BOTH.map(|way| (way, Servers::start(way, REGISTERED)));
    for (clients, window, aim) in LOADS {
        for (way, servers) in &servers {
            let load = Load {
                clients,
                window,
                time: options.round(ROUND),
            };
            let pair = servers.measure(load, options.rounds(ROUNDS));
            let what = format!("{clients} clients, {window} in flight, {way}");
            table.row(&what, pair, Aim::AtLeast(aim));
        }
    }
}
