//! `osb addr Alice main` as a whole process, against a bare process that opens one socket, asks
//! once, prints and ends.

#[path = "../common/mod.rs"]
mod common;

use std::process::{Command, Stdio};
use std::time::Instant;

use common::pairs::Pair;
use common::system::succeeded;
use common::{Aim, Child, Options, System, Table, Way, paired, registry, role};

const TOPOLOGY: &str = "osb: 1\nname: bench\nagents:\n  Alice: { bind: { main: PUSH } }\n";

fn main() {
    match role() {
        None => bench(Options::from_env()),
        Some((role, _)) if role == "registry" => registry::serve(Way::Clear, 1),
        Some((_, arguments)) => ask_once(&arguments[0]),
    }
}

fn bench(options: Options) {
    let mut bare = Child::role("registry", &[]);
    let address = bare.line();
    let system = System::up_of(TOPOLOGY);
    let nameserver = system.record().groups[0].nameserver.clone();
    let table = Table::new("`osb addr Alice main` as a process", "milliseconds");
    let rounds = if options.quick { 40 } else { 400 };
    let limit = || milliseconds(own("ask-once").arg(&address));
    let addr = |arguments: &[&str]| milliseconds(system.osb().args(arguments));
    let pair = paired(rounds, limit, || addr(&["addr", "Alice", "main"]));
    table.row("the system found by its record", pair, Aim::AtMost(1.3));
    let pair = paired(rounds, limit, || {
        addr(&["--ns", &nameserver, "addr", "Alice", "main"])
    });
    table.row("the name server given by --ns", pair, Aim::AtMost(1.3));
    parts(rounds, &system, &table);
}

/// What of it is the start of a process: one that prints its version and asks nobody.
fn parts(rounds: usize, system: &System, table: &Table) {
    let nothing = || milliseconds(&mut own("nothing"));
    let pair: Pair = paired(rounds, nothing, || {
        milliseconds(system.osb().arg("--version"))
    });
    table.row("of it: a start and an end, nobody asked", pair, Aim::None);
}

fn own(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program has a path"));
    command.args(["--role", role]).stdin(Stdio::null());
    if role == "nothing" {
        command.arg("");
    }
    command
}

fn milliseconds(command: &mut Command) -> f64 {
    let began = Instant::now();
    succeeded(command.output());
    began.elapsed().as_secs_f64() * 1e3
}

/// The least that the job takes.
fn ask_once(address: &str) {
    if address.is_empty() {
        return println!("nothing");
    }
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).expect("a socket");
    socket.connect(address).expect("an address");
    let question: [&[u8]; 2] = [b"1", b"agent-0.socket-0"];
    socket.send_multipart(question, 0).expect("it is connected");
    let answer = socket.recv_multipart(0).expect("an answer");
    println!("{}", String::from_utf8_lossy(&answer[1]));
}
