//! The least name server: a ROUTER and a hash map. A question is `[id][name]`, its answer
//! `[id][address]`. It is what osb's name server is held against.

use std::collections::HashMap;

use zmq::{Context, Message, SNDMORE};

use super::curve::{self, Way};

/// The name of the socket `socket` of the agent `agent`, both being numbers.
pub(crate) fn names(agent: usize, socket: usize) -> (String, String) {
    (format!("agent-{agent}"), format!("socket-{socket}"))
}

/// Which socket of which agent is the `n`th, if each agent has so many.
pub(crate) fn place(n: usize, each: usize) -> (usize, usize) {
    (n / each, n % each)
}

/// How many sockets each of 100 agents has, or of 10 if there are so few.
pub(crate) fn sockets_each(total: usize) -> usize {
    total.div_ceil(100).max(1)
}

/// Serves so many names until it is killed, having printed where.
pub(crate) fn serve(way: Way, total: usize) {
    let context = Context::new();
    let router = context.socket(zmq::ROUTER).expect("a socket");
    for set in [zmq::Socket::set_sndhwm, zmq::Socket::set_rcvhwm] {
        set(&router, 100_000).expect("an option of every socket");
    }
    curve::bind(&router, way);
    let known = filled(total);
    let (mut from, mut id, mut name) = (Message::new(), Message::new(), Message::new());
    loop {
        for frame in [&mut from, &mut id, &mut name] {
            router.recv(frame, 0).expect("three frames");
        }
        let address: &[u8] = known.get(&name[..]).map_or(b"", Vec::as_slice);
        router.send(&from[..], SNDMORE).expect("the asker is there");
        router.send(&id[..], SNDMORE).expect("the asker is there");
        router.send(address, 0).expect("the asker is there");
    }
}

fn filled(total: usize) -> HashMap<Vec<u8>, Vec<u8>> {
    let each = sockets_each(total);
    let entry = |n| {
        let (agent, socket) = place(n, each);
        let (agent, socket) = names(agent, socket);
        (
            format!("{agent}.{socket}").into_bytes(),
            address(n).into_bytes(),
        )
    };
    (0..total).map(entry).collect()
}

/// An address, none of them being dialled.
pub(crate) fn address(n: usize) -> String {
    format!("tcp://127.0.0.1:{}", 10_000 + n % 50_000)
}
