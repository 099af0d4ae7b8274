//! What peers can make a process of osb keep: strangers before their handshake, and members by messages without end.

use super::*;
use crate::common::most_memory;

/// So many come to each process.
const STRANGERS: usize = 1000;
/// In KiB: what all of them together may cost.
const BOUND: usize = 64 << 10;
const MIB: usize = 1 << 20;

/// ZMTP's greeting (its RFC 23), and then what comes before the bytes of a command of that size.
fn greeting_and_head(size: usize) -> Vec<u8> {
    let mut mechanism = b"CURVE".to_vec();
    mechanism.resize(20, 0);
    let signature_and_version = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    let head = [&[6][..], &(size as u64).to_be_bytes()].concat();
    [&signature_and_version[..], &mechanism, &[0; 32], &head].concat()
}

/// One who announces as much as a message may have, and sends it as long as anybody takes it.
fn announce_and_send(address: &str, size: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address.trim_start_matches("tcp://")).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let content = vec![1; 64 << 10];
    let _ = stream.write_all(&greeting_and_head(size));
    for _ in 0..16 {
        if stream.write_all(&content).is_err() {
            break;
        }
    }
    stream
}

#[test]
fn strangers_cost_no_memory_whatever_they_announce() {
    let system = up();
    let (nameserver, alice) = (
        system.bench.pid_of(" ns ").unwrap(),
        system.bench.pid("Alice"),
    );
    let before = [nameserver, alice].map(most_memory);
    let data = system.socket("in").address;
    let owner = system.owner();
    owner.ping().unwrap();
    let mut slowest = Duration::ZERO;
    // All of them are there at a time.
    osb::process::raise_descriptors(None);
    let mut there = Vec::new();
    for number in 0..STRANGERS {
        there.push(announce_and_send(&system.address, 16 * MIB));
        there.push(announce_and_send(&data, 256 * MIB));
        if number % 50 == 0 {
            let began = Instant::now();
            owner.ping().unwrap();
            slowest = slowest.max(began.elapsed());
        }
    }
    bob_goes_on(&system);
    for (pid, before) in [nameserver, alice].into_iter().zip(before) {
        let grown = most_memory(pid) - before;
        eprintln!("{STRANGERS} strangers: {grown} KiB; members were served within {slowest:?}");
        assert!(grown < BOUND / 2, "{grown} KiB");
    }
    drop(there);
    system.down();
}

/// libzmq sends a message when it is whole, and so it has many frames instead of no end: to the other side it is the same.
#[test]
fn no_member_fills_the_memory_by_a_message_without_end() {
    let system = up();
    let context = zmq::Context::new();
    let join = Term::Join {
        until: u64::MAX,
        lasts: None,
    };
    let joining = system.admit(Holder::Host("later".parse().unwrap()), join);
    let member = system.admit(Holder::Agent("Mallory".parse().unwrap()), Term::Run);
    let socket = system.socket("in");
    let at_alice = Credentials {
        server: socket.key.unwrap(),
        ..member.clone()
    };
    let (nameserver, alice) = (
        system.bench.pid_of(" ns ").unwrap(),
        system.bench.pid("Alice"),
    );
    for (pid, keys, kind, address, size) in [
        (nameserver, &joining, zmq::DEALER, &system.address, MIB),
        (nameserver, &member, zmq::DEALER, &system.address, 16),
        (alice, &at_alice, zmq::PUSH, &socket.address, MIB),
    ] {
        let before = most_memory(pid);
        let mallory = Admitted::dial(&context, kind, keys, address);
        let frames = (200 * MIB / size).min(100_000);
        let frame = zmq::Message::from(vec![1; size]);
        for number in 1..=frames {
            let flags = if number == frames { 0 } else { zmq::SNDMORE };
            mallory.socket.send(&frame[..], flags).unwrap();
        }
        mallory.wait_for(Seen::Lost);
        let grown = most_memory(pid) - before;
        eprintln!("{frames} frames of {size} bytes: {grown} KiB");
        assert!(grown < BOUND, "{grown} KiB");
    }
    assert_eq!(
        system.bench.json(&["get", "Alice"])["received"],
        serde_json::json!([])
    );
    bob_goes_on(&system);
    system.down();
}
