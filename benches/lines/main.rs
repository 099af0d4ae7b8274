//! Bytes to a program in Python and from it: behind the lines, by the helper, and in them as base64. The limit are bare processes: one
//! that writes what it receives by a bare socket to a pipe, and a loop in Python that reads it there, and writes it back or not.

#[allow(dead_code, reason = "it does nothing but feed here")]
#[path = "../messages/bare.rs"]
mod bare;
#[path = "../common/mod.rs"]
mod common;
mod programs;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::curve::{bind, printed};
use common::table::bytes;
use common::{Aim, Child, Options, System, Table, Way, paired, role};
use programs::{BARE, Lines};

/// Bytes of a message.
const SIZES: [usize; 2] = [1 << 10, 100_000];
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 11;

fn main() {
    if let Some((_, arguments)) = role() {
        return hand_on(&arguments);
    }
    if !programs::has_python() {
        return println!("skipped: there is no python3");
    }
    let options = Options::from_env();
    let table = Table::new("JSON lines with bytes", "messages a second");
    for size in SIZES {
        for back in [false, true] {
            for lines in [Lines::Frames, Lines::Base64] {
                row(&table, options, size, back, lines);
            }
        }
    }
}

fn row(table: &Table, options: Options, size: usize, back: bool, lines: Lines) {
    let way_back = if back { "back" } else { "" };
    let mut limit = Child::role("program", &[&size.to_string(), way_back]);
    let limit = printed(&limit.line());
    let system = System::up_of(&topology(lines, back));
    let ours = system.dial("Bob", "in");
    let time = options.round(ROUND);
    let pair = paired(
        options.rounds(ROUNDS),
        || bare::feed(&limit, size, "bytes", time),
        || bare::feed(&ours, size, "bytes", time),
    );
    let how = if back { "sent on" } else { "handled" };
    table.row(&format!("{}, {lines}, {how}", bytes(size)), pair, Aim::None);
}

/// Bob has a program, which handles what is pushed, or sends it on to Carol.
fn topology(lines: Lines, back: bool) -> String {
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lib");
    let script = serde_json::to_string(lines.program(back)).expect("it is text");
    format!(
        "osb: 1
name: bench
defaults: {{ serializer: raw }}
agents:
  Bob:
    command: [python3, -c, {script}]
    env: {{ PYTHONPATH: {library} }}
    bind: {{ in: {{ kind: PULL, accept: '*' }}, out: PUSH }}
  Carol: {{}}
connections:
  - {{ agent: Carol, to: Bob.out, alias: inbox, handler: discard }}
"
    )
}

/// Hands on what comes in by a pipe, and lets go what comes back by another.
fn hand_on(arguments: &[String]) {
    let context = zmq::Context::new();
    let inbox = context.socket(zmq::PULL).expect("a socket");
    bind(&inbox, Way::Clear);
    let mut child = Command::new("python3")
        .args(["-c", BARE])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut output = child.stdout.take().expect("a pipe");
    std::thread::spawn(move || {
        let mut chunk = vec![0; 1 << 16];
        while output.read(&mut chunk).is_ok_and(|count| count > 0) {}
    });
    let mut input = child.stdin.take().expect("a pipe");
    let mut message = zmq::Message::new();
    while inbox.recv(&mut message, 0).is_ok() {
        input.write_all(&message).expect("it reads");
    }
    drop(input);
    let _ = child.wait();
}
