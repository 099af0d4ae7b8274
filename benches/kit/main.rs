//! Messages to a handler in Rust, which reads them as a type of its own, against a loop on a bare socket that does the
//! same with `serde_json::from_slice`.
//!
//! A bare process pushes to both as fast as it can. The agent is a program that osb has started (`speaks: osb`).

#[path = "../common/mod.rs"]
mod common;

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::curve::{bind, dial, printed};
use common::{Aim, Child, Options, System, Table, Way, paired, role};
use osb::kit::Agent;
use osb::model::Dial;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zmq::{Context, Message, Socket};

const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 11;

/// Ten bytes of JSON.
#[derive(Deserialize)]
struct Count {
    n: u32,
}

/// A kibibyte of JSON, mostly numbers.
#[derive(Deserialize)]
struct Quote {
    symbol: String,
    levels: Vec<(f64, u32)>,
}

/// The weight of a message, so that it is not read in vain.
trait Weigh {
    fn weight(&self) -> u64;
}

impl Weigh for Count {
    fn weight(&self) -> u64 {
        self.n.into()
    }
}

impl Weigh for Quote {
    fn weight(&self) -> u64 {
        (self.symbol.len() + self.levels.len()) as u64
    }
}

impl Weigh for String {
    fn weight(&self) -> u64 {
        self.len() as u64
    }
}

fn main() -> ExitCode {
    if let Some((role, arguments)) = role() {
        return play(&role, &arguments[0]);
    }
    let options = Options::from_env();
    let table = Table::new("a typed handler in Rust", "messages a second");
    for (what, name, body, aim) in [
        ("10 B, an object with a number", "count", count(), 0.6),
        (
            "1 KiB, an object with a list of pairs",
            "quote",
            quote(),
            0.8,
        ),
        ("1 KiB, text", "text", text(), 0.8),
    ] {
        let mut bare = Child::role("bare", &[name]);
        let limit = printed(&bare.line());
        let system = System::up_of(&topology(name));
        let ours = system.dial("Handler", "in");
        let time = options.round(ROUND);
        let pair = paired(
            options.rounds(ROUNDS),
            || feed(&limit, &body, time),
            || feed(&ours, &body, time),
        );
        table.row(what, pair, Aim::AtLeast(aim));
    }
    ExitCode::SUCCESS
}

fn play(role: &str, name: &str) -> ExitCode {
    match name {
        "count" => play_of::<Count>(role),
        "quote" => play_of::<Quote>(role),
        "text" => play_of::<String>(role),
        other => panic!("no message {other}"),
    }
}

fn play_of<T: DeserializeOwned + Weigh>(role: &str) -> ExitCode {
    match role {
        "bare" => {
            read_all::<T>();
            ExitCode::SUCCESS
        }
        "agent" => Agent::new(0u64)
            .handler("in", |agent, message: T| {
                agent.state = agent.state.wrapping_add(message.weight());
                Ok(())
            })
            .main(),
        other => panic!("no role {other}"),
    }
}

/// The minimum of the same work.
fn read_all<T: DeserializeOwned + Weigh>() {
    let context = Context::new();
    let inbox = context.socket(zmq::PULL).expect("a socket");
    bind(&inbox, Way::Clear);
    let (mut message, mut weight) = (Message::new(), 0u64);
    while inbox.recv(&mut message, 0).is_ok() {
        let read: T = serde_json::from_slice(&message).expect("it is one");
        weight = weight.wrapping_add(read.weight());
        std::hint::black_box(weight);
    }
}

fn topology(name: &str) -> String {
    let own = std::env::current_exe().expect("a program has a path");
    let command = serde_json::json!([own, "--role", "agent", name]);
    format!(
        "osb: 1\nname: bench\nagents:\n  Handler:\n    command: {command}\n    speaks: osb\n    bind:\n      in: {{ kind: PULL, serializer: json, accept: '*' }}\n"
    )
}

fn count() -> Vec<u8> {
    br#"{"n":1234}"#.to_vec()
}

fn quote() -> Vec<u8> {
    let mut json = r#"{"symbol":"OSB","levels":[[100.25,300]"#.to_owned();
    for level in 0u32.. {
        if json.len() >= 1010 {
            break;
        }
        let price = 100.25 - f64::from(level) / 100.0;
        write!(json, ",[{price},{}]", 10 + level).expect("it is text");
    }
    (json + "]}").into_bytes()
}

fn text() -> Vec<u8> {
    format!("\"{}\"", "x".repeat(1022)).into_bytes()
}

/// Pushes for a while as fast as the other end takes it, and tells how many a second were taken.
fn feed(to: &Dial, body: &[u8], time: Duration) -> f64 {
    let context = Context::new();
    let outbox = context.socket(zmq::PUSH).expect("a socket");
    outbox.set_linger(2_000).expect("an option of every socket");
    outbox
        .set_sndtimeo(10_000)
        .expect("an option of every socket");
    dial(&outbox, to);
    feed_for(&outbox, body, time / 5);
    let began = Instant::now();
    let count = feed_for(&outbox, body, time);
    count as f64 / began.elapsed().as_secs_f64()
}

fn feed_for(outbox: &Socket, body: &[u8], time: Duration) -> u64 {
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < time {
        for _ in 0..16 {
            outbox.send(body, 0).expect("the other end takes it");
        }
        count += 16;
    }
    count
}
