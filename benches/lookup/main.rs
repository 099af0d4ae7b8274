//! Look-up through the name server, against the least that does the job: a ROUTER and a hash map.
//!
//! The same client program asks both: one thread, so many sockets, so many questions in flight on
//! each. Questions are made beforehand and answers only glanced at, so that servers are measured.

mod client;
#[path = "../common/mod.rs"]
mod common;

use std::time::Duration;

use client::{Load, Questions};
use common::fill::Members;
use common::{Aim, Child, Options, Table, paired, registry, role};

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
        return registry::serve(arguments[0].parse().expect("a number"));
    }
    let options = Options::from_env();
    let table = Table::new("Look-up", "answers a second");
    for &total in options.some(&REGISTERED, 2) {
        measure(options, &table, total);
    }
}

fn measure(options: Options, table: &Table, total: usize) {
    let mut bare = Child::role("registry", &[&total.to_string()]);
    let bare_address = bare.line();
    let mut ns = Child::osb(&["ns", "--bind", "127.0.0.1:0"]);
    let ns_address = ns.line();
    let _members = Members::announce(&ns_address, total);
    let (of_bare, of_osb) = (Questions::bare(total), Questions::osb(total));
    for (clients, window, aim) in LOADS {
        let time = options.round(Duration::from_millis(300));
        let load = Load {
            clients,
            window,
            time,
        };
        let pair = paired(
            options.rounds(7),
            || load.put_on(&bare_address, &of_bare),
            || load.put_on(&ns_address, &of_osb),
        );
        let what = format!("{total} sockets, {clients} clients, {window} in flight");
        table.row(&what, pair, Aim::AtLeast(aim));
    }
}
