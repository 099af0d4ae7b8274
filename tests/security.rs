//! Strangers, and members who want more than they may: what osb has to refuse, by the real binary.
//! specs/security.md says against whom what is protected.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::closed_system::ClosedSystem;
use crate::common::{self, Bench, wait_for, wait_until};
use osb::access::Asked;
use osb::model::{
    Access, AgentInfo, Credentials, Dial, Holder, KeyEntry, KeyPair, KeysOf, OperatorAccess, Term,
};
use osb::proxy::{NameServer, ProxyError};
use osb::state::KeyFile;
use osb::wire::{AgentRequest, Fault, HostRequest, NameServerRequest, Peer};
use osb::zeromq::{Seen, draw_keys};
use serde_json::Value;

mod afar;
mod journal;
mod keys;
mod levels;
mod memory;
mod ownership;
mod readers;
mod revocation;
mod rotation;
mod strangers;

/// Its sockets accept every agent: what those can do whom a socket admits is tried here. Whom it admits is in
/// tests/admission.rs.
const SYSTEM: &str = r#"
osb: 1
name: system
security: curve
agents:
  Alice:
    attributes: { treasure: xyzzy-gold }
    bind:
      out: { kind: PUSH, accept: "*" }
      feed: { kind: PUB, accept: "*" }
      in: { kind: PULL, handler: collect, accept: "*" }
      ask: { kind: REP, handler: echo, accept: "*" }
    timers: [{ every: 20ms, send: out, message: xyzzy-message }, { every: 20ms, send: feed, topic: t, message: xyzzy-news }]
  Bob:
connections:
  - { agent: Bob, to: Alice.out, alias: inbox, handler: collect }
  - { agent: Bob, to: Alice.feed, alias: news, handler: { t: collect } }
"#;

fn up() -> ClosedSystem {
    ClosedSystem::up(SYSTEM)
}

/// How many messages have reached Bob.
fn received(system: &ClosedSystem) -> usize {
    let attributes = system.bench.json(&["get", "Bob"]);
    attributes["received"].as_array().map_or(0, Vec::len)
}

/// Twenty messages more reach him.
fn bob_goes_on(system: &ClosedSystem) {
    let before = received(system);
    wait_until("Bob goes on receiving", || received(system) > before + 20);
}

fn hears_no_more(sub: &zmq::Socket) {
    wait_until("nothing more is heard", || {
        while sub.recv_bytes(zmq::DONTWAIT).is_ok() {}
        sub.poll(zmq::POLLIN, 500).unwrap() == 0
    });
}

fn operator(name: &str, access: OperatorAccess) -> Holder {
    let name = name.parse().unwrap();
    Holder::Operator { name, access }
}

fn is_not_let_in(nameserver: &NameServer) -> bool {
    matches!(nameserver.ping(), Err(ProxyError::NotLetIn { .. }))
}

/// A raw socket of ZeroMQ's, such as anybody has.
fn raw_socket(
    context: &zmq::Context,
    kind: zmq::SocketType,
    keys: Option<&Credentials>,
    address: &str,
) -> zmq::Socket {
    let socket = context.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_sndtimeo(300).unwrap();
    if let Some(keys) = keys {
        osb::zeromq::dial_with(&socket, keys).unwrap();
    }
    socket.connect(address).unwrap();
    socket
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An agent that no topology has joins by a join file, from `elsewhere`.
fn joins(system: &ClosedSystem, name: &str, elsewhere: &Bench) -> std::process::Child {
    let bench = &system.bench;
    let file = bench.files().join(format!("{name}.join"));
    bench.ok(&["keys", "join", "agent", name, "--to", path(&file)]);
    let process = elsewhere.spawn(&[
        "agent",
        name,
        "--ns",
        &system.address,
        "--join",
        path(&file),
    ]);
    // It is waited for when it is there.
    wait_until("it has registered", || bench.osb(&["wait", name]).code == 0);
    process
}

/// A socket whose handshake was admitted. Nothing is sent over it yet.
struct Admitted {
    monitor: zmq::Socket,
    socket: zmq::Socket,
}

impl Drop for Admitted {
    /// libzmq waits for ever for one who no longer listens to what it has to tell.
    fn drop(&mut self) {
        osb::zeromq::stop_monitor(&mut self.socket);
    }
}

impl Admitted {
    /// Admitted by `keys` at `address`.
    fn dial(
        context: &zmq::Context,
        kind: zmq::SocketType,
        keys: &Credentials,
        address: &str,
    ) -> Self {
        let socket = context.socket(kind).unwrap();
        socket.set_linger(0).unwrap();
        osb::zeromq::dial_with(&socket, keys).unwrap();
        let monitor = osb::zeromq::monitor(context, &socket, osb::zeromq::EVENTS).unwrap();
        socket.connect(address).unwrap();
        let one = Self { monitor, socket };
        one.wait_for(Seen::Proven);
        one
    }

    fn wait_for(&self, wanted: Seen) {
        wait_until("it is seen", || self.has_seen(wanted));
    }

    fn has_seen(&self, wanted: Seen) -> bool {
        std::iter::from_fn(|| osb::zeromq::next_event(&self.monitor))
            .any(|(seen, _)| seen == wanted)
    }
}
