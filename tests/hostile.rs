//! Whatever bytes arrive at a port of osb, it goes on serving its members.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::closed_system::ClosedSystem;
use crate::common::{self, Bench, daemon_of, memory, wait_until};
use osb::model::{Credentials, Holder, Term};
use osb::wire::{Envelope, Fault, MessageKind, NameServerRequest, Peer, body, read_body};

const SYSTEM: &str = r#"
osb: 1
name: target
agents:
  Alice: { bind: { rep: { kind: REP, handler: echo, accept: "*" }, pull: { kind: PULL, handler: collect, accept: "*" }, pub: { kind: PUB, accept: "*" } } }
  Bob: {}
connections:
  - { agent: Bob, to: Alice.rep, alias: ask }
"#;

fn closed(system: &str) -> String {
    system.replace("name: target", "name: target\nsecurity: curve")
}

/// Bytes that look random and are the same each time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn port_of(address: &str) -> SocketAddr {
    address.trim().trim_start_matches("tcp://").parse().unwrap()
}

/// ZMTP's greeting (its RFC 23), by one that wants this mechanism.
fn greeting(mechanism: &str) -> Vec<u8> {
    let mut name = mechanism.as_bytes().to_vec();
    name.resize(20, 0);
    let signature_and_version = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    [&signature_and_version[..], &name, &[0; 32]].concat()
}

/// CURVE's first command (ZeroMQ's RFC 26) of the right length: whether its box holds together is found out by
/// mathematics only.
fn hello(seed: u64) -> Vec<u8> {
    let before = [&[4, 200, 5][..], b"HELLO", &[1, 0], &[0; 72]].concat();
    [
        before,
        noise(seed, 32),
        vec![0, 0, 0, 0, 0, 0, 0, 1],
        noise(seed + 1, 80),
    ]
    .concat()
}

/// Raw TCP: noise, a half greeting, a whole greeting and then noise or what begins well, an HTTP request, silence.
fn raw_attacks(at: SocketAddr) -> Vec<TcpStream> {
    let mut left_open = Vec::new();
    for seed in 0..30 {
        let plain = greeting("NULL");
        let attacks = [
            noise(seed, 1 + (seed as usize * 97) % 4000),
            plain[..(seed as usize) % plain.len()].to_vec(),
            [plain, noise(seed, 500)].concat(),
            [greeting("CURVE"), noise(seed, 500)].concat(),
            [greeting("CURVE"), hello(seed)].concat(),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            Vec::new(),
        ];
        for attack in attacks {
            let mut stream = TcpStream::connect(at).unwrap();
            let _ = stream.write_all(&attack);
            if seed.is_multiple_of(3) {
                left_open.push(stream);
            } else {
                stream
                    .set_read_timeout(Some(Duration::from_millis(1)))
                    .unwrap();
                let _ = stream.read(&mut [0; 64]);
            }
        }
    }
    left_open
}

/// Well-formed ZeroMQ with contents that are none of osb's.
fn frame_attacks(
    context: &zmq::Context,
    at: &str,
    kind: zmq::SocketType,
    keys: Option<&Credentials>,
) {
    let socket = context.socket(kind).unwrap();
    socket.set_linger(1000).unwrap();
    if let Some(keys) = keys {
        osb::zeromq::dial_with(&socket, keys).unwrap();
    }
    socket.connect(at).unwrap();
    let header = Envelope::request(1, 1000, Peer::NameServer).encode();
    let send = |frames: &[Vec<u8>]| socket.send_multipart(frames, 0).unwrap();
    for seed in 0..200u64 {
        let junk = noise(seed, (seed as usize * 31) % 3000);
        send(std::slice::from_ref(&junk));
        send(&[junk.clone(), junk.clone()]);
        send(&[header.clone(), junk.clone()]);
        send(&[
            [&header[..3], &junk[..junk.len().min(30)]].concat(),
            b"{}".to_vec(),
        ]);
        send(&[Vec::new(), junk.clone(), Vec::new(), junk]);
        send(std::slice::from_ref(&header));
    }
    let deep = "[".repeat(100_000);
    send(&[header.clone(), deep.into_bytes()]);
    send(&[header.clone(), vec![b' '; 1 << 20]]);
    send(&[header, b"{\"method\":\"exited\",\"params\":{}}".to_vec()]);
    send(&vec![b"x".to_vec(); 1000]);
}

#[test]
fn the_name_server_and_agents_survive_any_bytes() {
    let bench = Bench::new();
    assert_eq!(bench.up(SYSTEM).code, 0);
    let nameserver = bench.agent("Alice")["nameserver"]
        .as_str()
        .unwrap()
        .to_owned();
    let (alice, bob) = (bench.pid("Alice"), bench.pid("Bob"));
    let context = zmq::Context::new();
    let mut left_open = raw_attacks(port_of(&nameserver));
    frame_attacks(&context, &nameserver, zmq::DEALER, None);
    for (alias, kind) in [
        ("rep", zmq::DEALER),
        ("pull", zmq::PUSH),
        ("pub", zmq::XSUB),
    ] {
        let address = bench.ok(&["addr", "Alice", alias]);
        left_open.extend(raw_attacks(port_of(&address)));
        frame_attacks(&context, address.trim(), kind, None);
    }
    // What is sent now comes after all that on the same sockets of Alice.
    assert_eq!(
        bench.json(&["send", "Bob", "ask", "\"still there?\"", "--wait"]),
        "still there?"
    );
    assert_eq!((bench.pid("Alice"), bench.pid("Bob")), (alice, bob));
    assert_eq!(bench.agent("Alice")["state"], "running");
    let sockets = bench.json(&["ls", "sockets"]);
    let garbled = |alias: &str| sockets[0]["sockets"][alias]["garbled"].as_u64().unwrap();
    assert!(
        garbled("rep") > 0 && garbled("pull") > 0,
        "what was not readable is counted: {sockets}"
    );
    drop(left_open);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// The same where unknown peers do not get so far: a peer that is admitted sends the frames.
#[test]
fn a_closed_system_survives_any_bytes_even_of_its_members() {
    let system = ClosedSystem::up(&closed(SYSTEM));
    let bench = &system.bench;
    let (alice, bob) = (bench.pid("Alice"), bench.pid("Bob"));
    let mallory = Holder::Agent("Mallory".parse().unwrap());
    let mallory = system.admit(mallory, Term::Run);
    let context = zmq::Context::new();
    let mut left_open = raw_attacks(port_of(&system.address));
    frame_attacks(&context, &system.address, zmq::DEALER, Some(&mallory));
    for (alias, kind) in [
        ("rep", zmq::DEALER),
        ("pull", zmq::PUSH),
        ("pub", zmq::XSUB),
    ] {
        let socket = system.socket(alias);
        let mut keys = mallory.clone();
        keys.server = socket.key.unwrap();
        left_open.extend(raw_attacks(port_of(&socket.address)));
        frame_attacks(&context, &socket.address, kind, Some(&keys));
    }
    assert_eq!(
        bench.json(&["send", "Bob", "ask", "\"still there?\"", "--wait"]),
        "still there?"
    );
    assert_eq!((bench.pid("Alice"), bench.pid("Bob")), (alice, bob));
    let sockets = || bench.json(&["ls", "sockets"]);
    for alias in ["rep", "pull"] {
        wait_until("what was not readable is counted", || {
            sockets()[0]["sockets"][alias]["garbled"].as_u64().unwrap() > 0
        });
    }
    drop(left_open);
    system.down();
}

#[test]
fn a_malformed_request_is_answered_with_what_is_wrong() {
    let bench = Bench::new();
    assert_eq!(bench.up(SYSTEM).code, 0);
    let nameserver = bench.agent("Alice")["nameserver"]
        .as_str()
        .unwrap()
        .to_owned();
    let context = zmq::Context::new();
    let dealer = context.socket(zmq::DEALER).unwrap();
    dealer.set_linger(0).unwrap();
    dealer.set_rcvtimeo(20_000).unwrap();
    dealer.connect(&nameserver).unwrap();
    let ask = |to: &str, content: &[u8]| {
        let envelope = Envelope::request(7, 5000, to.parse().unwrap());
        dealer
            .send_multipart([&envelope.encode()[..], content], 0)
            .unwrap();
        let frames = dealer.recv_multipart(0).unwrap();
        let envelope = Envelope::decode(&frames[0]).unwrap();
        assert_eq!(envelope.id, 7);
        (envelope.kind, frames[1].clone())
    };
    for to in ["", "Alice"] {
        for content in [
            &b"{}"[..],
            b"",
            b"[1",
            b"{\"method\":\"fly\",\"params\":{}}",
            b"\xff\xfe",
        ] {
            let (kind, answer) = ask(to, content);
            assert_eq!(kind, MessageKind::Error);
            let fault: Fault = read_body(&answer).unwrap();
            assert!(matches!(fault, Fault::BadRequest { .. }), "{fault:?}");
        }
    }
    let ping = body(&NameServerRequest::Ping {});
    assert_eq!(ask("", &ping).0, MessageKind::Reply);
    // Another version of the protocol is told so.
    let mut header = Envelope::request(7, 5000, Peer::NameServer).encode();
    header[3] = 9;
    dealer.send_multipart([&header[..], &ping], 0).unwrap();
    let frames = dealer.recv_multipart(0).unwrap();
    assert!(String::from_utf8_lossy(&frames[1]).contains("one release of osb"));
}

/// How many strangers come at a time. It is more than most shells allow.
const STRANGERS: usize = 10_000;

/// As many as this machine allows, in as many words.
fn strangers() -> usize {
    osb::process::raise_descriptors(None);
    let (soft, _) = limits(std::process::id() as i32);
    let possible = soft.saturating_sub(1000).min(STRANGERS);
    if possible < STRANGERS {
        eprintln!(
            "only {possible} of {STRANGERS} strangers: this machine allows {soft} descriptors"
        );
    }
    possible
}

/// How many descriptors a process may have: the soft limit and the hard one.
fn limits(pid: i32) -> (usize, usize) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut words = line.unwrap().split_whitespace().skip(3);
    let mut number = || words.next().unwrap().parse().unwrap_or(usize::MAX);
    (number(), number())
}

fn descriptors(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

/// `osb up` with the limit that a shell usually has.
fn up_with_few_descriptors(bench: &Bench, topology: &str) {
    let file = bench.file("topology.yaml", topology);
    let osb = bench.command(&["up", &file]);
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -S -n 1013 && exec \"$0\" \"$@\""])
        .arg(osb.get_program())
        .args(osb.get_args())
        .envs(
            osb.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env_remove("OSB_NAMESERVER")
        .current_dir(osb.get_current_dir().unwrap());
    assert!(command.output().unwrap().status.success());
}

/// Strangers who connect and say nothing, or begin a greeting, or end with it.
fn crowd(at: SocketAddr, count: usize) -> Vec<TcpStream> {
    let greetings = [
        Vec::new(),
        greeting("NULL")[..10].to_vec(),
        greeting("CURVE"),
    ];
    let come = |seed: usize| {
        let mut stream = TcpStream::connect(at).unwrap();
        let _ = stream.write_all(&greetings[seed % greetings.len()]);
        stream
    };
    (0..count).map(come).collect()
}

/// Garbage without end, each time by another connection, until `ends`.
fn flood(at: SocketAddr, ends: &AtomicBool) {
    let mut seed = 0;
    while !ends.load(Ordering::Relaxed) {
        seed += 1;
        let garbage = match seed % 3 {
            0 => [greeting("CURVE"), hello(seed)].concat(),
            1 => [greeting("CURVE"), noise(seed, 500)].concat(),
            _ => noise(seed, 20_000),
        };
        if let Ok(mut stream) = TcpStream::connect(at) {
            let _ = stream.write_all(&garbage);
        }
    }
}

/// Ends the flood, also when what is asked meanwhile fails: or the test would wait for it for ever.
struct EndsWith<'e>(&'e AtomicBool);

impl Drop for EndsWith<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn thousands_of_strangers_do_not_keep_members_out() {
    // One after the other: together they would be too many for this process.
    for system in [SYSTEM.to_owned(), closed(SYSTEM)] {
        strangers_do_not_keep_members_out(&system);
    }
}

fn strangers_do_not_keep_members_out(system: &str) {
    let count = strangers();
    let bench = Bench::new();
    let program = "\n  Carol: { command: [sh, -c, 'ulimit -S -n; exec cat >/dev/null'] }";
    up_with_few_descriptors(
        &bench,
        &system.replace("\n  Bob: {}", &format!("\n  Bob: {{}}{program}")),
    );
    let nameserver = bench.pid_of(" ns ").unwrap();
    let alice = bench.pid("Alice");
    let host = bench.pid_of(" host ").unwrap();
    for pid in [daemon_of(nameserver), alice, daemon_of(host)] {
        let (soft, hard) = limits(pid);
        assert_eq!(
            soft, hard,
            "it may have as many descriptors as there can be"
        );
    }
    wait_until("a program has what it would have without osb", || {
        bench.ok(&["logs", "Carol"]).contains("1013")
    });

    let before = [nameserver, alice].map(memory);
    let control = port_of(bench.agent("Alice")["nameserver"].as_str().unwrap());
    let data = port_of(&bench.ok(&["addr", "Alice", "rep"]));
    let there = [crowd(control, count / 2), crowd(data, count / 2)];
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for at in [control, data] {
            let ends = &ends;
            scope.spawn(move || flood(at, ends));
        }
        let _flood = EndsWith(&ends);
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            let began = Instant::now();
            assert!(bench.ok(&["addr", "Alice", "rep"]).contains("tcp://"));
            slowest = slowest.max(began.elapsed());
            let answer = bench.json(&["send", "Bob", "ask", "\"still there?\"", "--wait"]);
            assert_eq!(answer, "still there?");
        }
        eprintln!("who newly dials was served within {slowest:?}");
    });
    let grown = [nameserver, alice].map(memory);
    // A peer that does not finish its greeting is hung up on.
    for mut stream in there.into_iter().flatten() {
        stream.set_read_timeout(Some(common::TIMEOUT)).unwrap();
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert_ne!(
            end,
            Err(std::io::ErrorKind::WouldBlock),
            "a stranger is still there"
        );
    }
    wait_until("nothing is left of the strangers", || {
        [nameserver, alice]
            .iter()
            .all(|pid| descriptors(*pid) < 100)
    });
    for (before, grown) in before.into_iter().zip(grown) {
        let each = grown.saturating_sub(before) * 1024 / (count / 2);
        eprintln!("{each} bytes for each stranger");
        assert!(each < 100_000, "{before} KiB became {grown} KiB");
    }
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// One that nobody writes to would hold the command up for ever.
#[test]
fn a_pipe_is_no_topology() {
    let bench = Bench::new();
    let pipe = bench.files().join("pipe.yaml");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    bench.file(
        "one.yaml",
        "osb: 1\ninclude: [pipe.yaml]\nagents: { A: {} }\n",
    );
    for file in ["pipe.yaml", "one.yaml"] {
        for command in ["check", "plan", "up", "doctor"] {
            let said = bench.osb(&[command, file]);
            assert_ne!(said.code, 0, "osb {command} {file}: {said}");
            let why = "what comes through a pipe is read with -";
            assert!(said.stderr.contains(why), "osb {command} {file}: {said}");
        }
    }
}
