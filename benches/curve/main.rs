//! What CURVE costs bare libzmq: messages, round trips and new connections, in the clear and encrypted,
//! by the programs that `messages` holds osb against. With CURVE on, osb is held against these.

#[path = "../messages/bare.rs"]
#[allow(dead_code, reason = "the part of it that is needed here")]
mod bare;
#[path = "../common/mod.rs"]
mod common;
#[path = "../messages/limit.rs"]
mod limit;

use std::time::Duration;

use common::table::bytes;
use common::{Aim, Options, Table, paired, role};
use limit::Limit;

/// The two ways: how the roles of `bare` are called.
const WAYS: [&str; 2] = ["", "curve+"];
const COLUMNS: [&str; 2] = ["in the clear", "CURVE"];
const SIZES: [usize; 3] = [10, 1 << 10, 64 << 10];
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 11;

fn main() {
    if let Some((role, arguments)) = role() {
        return bare::play(&role, &arguments);
    }
    let options = Options::from_env();
    push(options);
    requests(options);
    handshakes(options);
}

fn push(options: Options) {
    let table = Table::of("PUSH and PULL, bare", "messages a second", COLUMNS);
    for size in SIZES {
        for relayed in [false, true] {
            let [plain, curve] = WAYS.map(|way| Limit::push_by(way, relayed));
            let time = options.round(ROUND);
            let pair = paired(
                options.rounds(ROUNDS),
                || bare::feed(&plain.entry, size, "raw", time),
                || bare::feed(&curve.entry, size, "raw", time),
            );
            let how = if relayed {
                "forwarded and received"
            } else {
                "received"
            };
            table.row(&format!("{}, {how}", bytes(size)), pair, Aim::None);
        }
    }
}

fn requests(options: Options) {
    let table = Table::of("REQ and REP, bare", "round trips a second", COLUMNS);
    for size in [10, 1 << 10] {
        let [plain, curve] = WAYS.map(Limit::reply_by);
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
    let [plain, curve] = WAYS.map(Limit::reply_by);
    let time = options.round(ROUND);
    let pair = paired(
        options.rounds(ROUNDS),
        || bare::connect(&plain.entry, time),
        || bare::connect(&curve.entry, time),
    );
    table.row("connect, ask once, close", pair, Aim::None);
}
