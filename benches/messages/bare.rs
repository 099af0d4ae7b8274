//! Bare sockets: the programs that the limit consists of, and those that feed both sides.

use std::time::{Duration, Instant};

use osb::model::Dial;
use zmq::{Context, Message, Socket, SocketType};

use super::common::Way;
use super::common::curve::{self, dial, printed};

/// Runs one of the programs until it is killed. It prints where it is bound.
pub(crate) fn play(role: &str, arguments: &[String]) {
    let context = Context::new();
    let (way, role) = Way::of(role);
    let bound = |kind| bound(&context, kind, way);
    match (role, arguments) {
        ("drain", []) => drain(&bound(zmq::PULL)),
        ("drain", [at]) => drain(&connected(&context, zmq::PULL, &printed(at))),
        ("subscribe", [at]) => subscribe(&connected(&context, zmq::SUB, &printed(at))),
        ("echo", _) => echo(&bound(zmq::REP)),
        ("answer", _) => answer(&bound(zmq::ROUTER)),
        ("request", [at]) => {
            let inbox = bound(zmq::PULL);
            request(&inbox, &connected(&context, zmq::DEALER, &printed(at)));
        }
        ("relay", [kind]) => {
            let inbox = bound(zmq::PULL);
            let kind = if kind == "pub" { zmq::PUB } else { zmq::PUSH };
            relay(&inbox, &bound(kind));
        }
        other => panic!("no role {other:?}"),
    }
}

/// It prints how it is to be dialled.
fn bound(context: &Context, kind: SocketType, way: Way) -> Socket {
    let socket = context.socket(kind).expect("a socket");
    curve::bind(&socket, way);
    socket
}

fn connected(context: &Context, kind: SocketType, to: &Dial) -> Socket {
    let socket = context.socket(kind).expect("a socket");
    socket.set_linger(0).expect("an option of every socket");
    dial(&socket, to);
    socket
}

fn drain(inbox: &Socket) {
    let mut message = Message::new();
    while inbox.recv(&mut message, 0).is_ok() {}
}

fn echo(inbox: &Socket) {
    let mut message = Message::new();
    while inbox.recv(&mut message, 0).is_ok() {
        let body = std::mem::replace(&mut message, Message::new());
        inbox.send(body, 0).expect("the asker is there");
    }
}

fn relay(inbox: &Socket, outbox: &Socket) {
    let mut message = Message::new();
    while inbox.recv(&mut message, 0).is_ok() {
        let body = std::mem::replace(&mut message, Message::new());
        outbox.send(body, 0).expect("an outbox waits for room");
    }
}

/// Gives every request back.
fn answer(desk: &Socket) {
    while let Ok(frames) = desk.recv_multipart(0) {
        desk.send_multipart(frames, 0).expect("the asker is there");
    }
}

/// Sends what comes in as requests, and lets the answers go. As many are under way as an agent has.
fn request(inbox: &Socket, desk: &Socket) {
    const UNDER_WAY: u64 = 4096;
    let mut message = Message::new();
    let (mut asked, mut answered) = (0u64, 0u64);
    loop {
        let room = asked - answered < UNDER_WAY;
        let mut items = [
            desk.as_poll_item(zmq::POLLIN),
            inbox.as_poll_item(if room {
                zmq::POLLIN
            } else {
                zmq::PollEvents::empty()
            }),
        ];
        zmq::poll(&mut items, -1).expect("nobody interrupts");
        while desk.recv(&mut message, zmq::DONTWAIT).is_ok() {
            answered += u64::from(!message.get_more());
        }
        while asked - answered < UNDER_WAY && inbox.recv(&mut message, zmq::DONTWAIT).is_ok() {
            asked += 1;
            let body = std::mem::replace(&mut message, Message::new());
            let id = asked.to_be_bytes();
            desk.send(&id[..], zmq::SNDMORE).expect("room");
            desk.send("", zmq::SNDMORE).expect("room");
            desk.send(body, 0).expect("room");
        }
    }
}

/// Prints how many came whenever no more do.
fn subscribe(inbox: &Socket) {
    inbox.set_subscribe(b"").expect("an option of every SUB");
    let mut message = Message::new();
    let mut count = 0u64;
    loop {
        inbox
            .set_rcvtimeo(if count > 0 { 200 } else { -1 })
            .expect("an option");
        match inbox.recv(&mut message, 0) {
            Ok(()) => count += 1,
            Err(_) => {
                println!("{count}");
                count = 0;
            }
        }
    }
}

/// Pushes for a while as fast as the other end takes it, and tells how many a second were taken.
pub(crate) fn feed(to: &Dial, size: usize, serializer: &str, time: Duration) -> f64 {
    let context = Context::new();
    let outbox = context.socket(zmq::PUSH).expect("a socket");
    // Whatever is still under way is taken while nothing is measured.
    outbox.set_linger(2_000).expect("an option of every socket");
    outbox
        .set_sndtimeo(10_000)
        .expect("an option of every socket");
    dial(&outbox, to);
    let body = payload(size, serializer);
    feed_for(&outbox, &body, time / 5);
    let began = Instant::now();
    let count = feed_for(&outbox, &body, time);
    count as f64 / began.elapsed().as_secs_f64()
}

/// Some bytes of that size, or some text that is JSON.
fn payload(size: usize, serializer: &str) -> Vec<u8> {
    let mut body = vec![b'x'; size];
    if serializer == "json" {
        (body[0], body[size - 1]) = (b'"', b'"');
    }
    body
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

/// Asks and waits for the answer, again and again. Tells how often a second.
pub(crate) fn ask(whom: &Dial, size: usize, time: Duration) -> f64 {
    let context = Context::new();
    let asker = connected(&context, zmq::REQ, whom);
    let body = payload(size, "raw");
    let mut answer = Message::new();
    let mut trips = |time: Duration| {
        let began = Instant::now();
        let mut count = 0u64;
        while began.elapsed() < time {
            asker.send(&body, 0).expect("it is connected");
            asker.recv(&mut answer, 0).expect("an answer");
            count += 1;
        }
        count as f64 / began.elapsed().as_secs_f64()
    };
    trips(time / 5);
    trips(time)
}

/// Connects and asks once, again and again, each time as a new peer. Tells how often a second.
#[allow(dead_code, reason = "not every bench uses everything")]
pub(crate) fn connect(whom: &Dial, time: Duration) -> f64 {
    let context = Context::new();
    let began = Instant::now();
    let mut count = 0u64;
    while began.elapsed() < time {
        let asker = connected(&context, zmq::REQ, whom);
        asker.send("x", 0).expect("it waits to be connected");
        asker.recv_msg(0).expect("an answer");
        count += 1;
    }
    count as f64 / began.elapsed().as_secs_f64()
}
