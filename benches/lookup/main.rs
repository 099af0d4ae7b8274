//! Look-up through the name server, against the least that does the job: a ROUTER and a hash map.
//!
//! The same client program asks both: one thread, so many sockets, so many questions in flight on
//! each. Questions are made beforehand and answers only glanced at, so that servers are measured.

mod client;
#[path = "../common/mod.rs"]
mod common;
mod servers;

use std::time::Duration;

use common::{Aim, Options, Table, Way, registry, role};
use servers::Servers;

/// How many sockets are registered.
const REGISTERED: [usize; 3] = [10, 1_000, 100_000];
/// Clients, questions in flight of each, and what is aimed at.
const LOADS: [(usize, usize, f64); 6] = [
    (1, 1, 0.9),
    (8, 1, 0.9),
    (64, 1, 0.9),
    (1, 64, 0.7),
    (8, 64, 0.7),
    (64, 64, 0.7),
];

fn main() {
    if let Some((_, arguments)) = role() {
        return registry::serve(Way::Clear, arguments[0].parse().expect("a number"));
    }
    let options = Options::from_env();
    let table = Table::new("Look-up", "answers a second");
    for &total in options.some(&REGISTERED, 2) {
        measure(options, &table, total);
    }
}

fn measure(options: Options, table: &Table, total: usize) {
    let servers = Servers::start(Way::Clear, total);
    for (clients, window, aim) in LOADS {
        let load = client::Load {
            clients,
            window,
            time: options.round(Duration::from_millis(300)),
        };
        let pair = servers.measure(load, options.rounds(7));
        let what = format!("{total} sockets, {clients} clients, {window} in flight");
        table.row(&what, pair, Aim::AtLeast(aim));
    }
}
