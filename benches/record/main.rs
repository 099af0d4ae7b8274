//! `osb record` beside a bare process that pushes 300,000 messages of 100 bytes a second to 10 sockets: how many are in the file, and
//! how many are not.

#[path = "../common/mod.rs"]
mod common;

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use common::curve::dial;
use common::{Options, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use zmq::{Context, Socket};

const SOCKETS: usize = 10;
const PER_SECOND: u64 = 300_000;
const SIZE: usize = 100;
/// How often the feeder sends what is due.
const TICK: Duration = Duration::from_millis(1);
const ROUND: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let options = Options::from_env();
    println!("\nrecord: {SOCKETS} sockets, {PER_SECOND} messages a second of {SIZE} B");
    println!(
        "{:<32} {:>10} {:>10} {:>8} {:>9}",
        "", "sent", "recorded", "lost", "a second"
    );
    for (what, agents, compress) in [
        ("10 sockets of one agent", 1, "none"),
        ("10 sockets of one agent, lz4", 1, "lz4"),
        ("10 agents", SOCKETS, "none"),
    ] {
        let system = System::up_of(&topology(agents));
        let file = tempfile::tempdir().expect("a folder");
        let path = file.path().join("run.mcap");
        let path = path.to_str().expect("it is text");
        let recorder = begin(&system, path, compress);
        let (sent, took) = feed(&system, agents, options.round(ROUND));
        let received = || received(&system);
        while received() < sent {
            std::thread::sleep(TICK);
        }
        end(recorder);
        let contents = system
            .osb()
            .args(["ls", path, "-o", "json"])
            .output()
            .expect("it runs");
        let contents: Value = serde_json::from_slice(&contents.stdout).expect("it is JSON");
        let recorded = contents["messages"].as_u64().unwrap_or_default();
        let lost: u64 = contents["lost"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|it| it.1.as_u64())
            .sum();
        let rate = sent as f64 / took.as_secs_f64();
        println!("{what:<32} {sent:>10} {recorded:>10} {lost:>8} {rate:>9.0}");
        assert_eq!(recorded + lost, sent, "what is missing is counted");
    }
    ExitCode::SUCCESS
}

/// So many agents, which have ten sockets among them.
fn topology(agents: usize) -> String {
    let mut text = String::from("osb: 1\nname: bench\nagents:\n");
    for agent in 0..agents {
        // Into a text nothing fails.
        let _ = writeln!(text, "  A{agent}:\n    bind:");
        for socket in 0..SOCKETS / agents {
            let _ = writeln!(
                text,
                "      s{socket}: {{ kind: PULL, handler: discard, serializer: raw }}"
            );
        }
    }
    text
}

/// One who records, and has begun.
fn begin(system: &System, path: &str, compress: &str) -> Child {
    let mut command = system.osb();
    command.args(["record", "--file", path, "--compress", compress]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("it runs");
    let told = BufReader::new(process.stderr.take().expect("a pipe"));
    let mut lines = told.lines().map_while(Result::ok);
    assert!(lines.any(|it| it.starts_with("recording into")));
    std::thread::spawn(move || lines.for_each(drop));
    process
}

fn end(mut recorder: Child) {
    let pid = Pid::from_raw(recorder.id().cast_signed());
    kill(pid, Signal::SIGINT).expect("it runs");
    assert!(recorder.wait().expect("it ends").success());
}

/// Sends what is due at each tick, counted from the beginning. Tells how many, and how long it took.
fn feed(system: &System, agents: usize, time: Duration) -> (u64, Duration) {
    let context = Context::new();
    let each = SOCKETS / agents;
    let sockets: Vec<Socket> = (0..SOCKETS)
        .map(|at| {
            let to = system.dial(&format!("A{}", at / each), &format!("s{}", at % each));
            let socket = context.socket(zmq::PUSH).expect("a socket");
            dial(&socket, &to);
            socket
        })
        .collect();
    let body = [b'x'; SIZE];
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < time {
        let due = (start.elapsed().as_secs_f64() * PER_SECOND as f64) as u64;
        while sent < due {
            let at = usize::try_from(sent).expect("it fits") % SOCKETS;
            sockets[at].send(&body[..], 0).expect("it is sent");
            sent += 1;
        }
        std::thread::sleep(TICK);
    }
    (sent, start.elapsed())
}

/// How many have come, by the counts of the sockets.
fn received(system: &System) -> u64 {
    let sockets = system
        .osb()
        .args(["ls", "sockets", "-o", "json"])
        .output()
        .expect("it runs");
    let sockets: Value = serde_json::from_slice(&sockets.stdout).expect("it is JSON");
    let agents = sockets.as_array().into_iter().flatten();
    let all = agents.flat_map(|it| it["sockets"].as_object().into_iter().flatten());
    all.filter_map(|it| it.1["received"].as_u64()).sum()
}
