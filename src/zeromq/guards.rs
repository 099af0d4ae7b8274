//! Bounds on what a peer can make this process keep.
//!
//! libzmq bounds each frame, and each queue by its whole messages. The patches `message_bounds` and `handshake_frames`
//! of `vendor/zmq-sys` bound what comes before there is a whole message: frames of a handshake, and messages that
//! never end.

use zmq::Socket;

use super::option::set_int;
use crate::model::Guard;

/// What the sockets of osb have: each is a patch of the libzmq that osb brings, and without them osb is not built.
pub const GUARDS: [Guard; 3] = Guard::ALL;

/// How many frames a message may have. Those of osb have three at most, and routing adds a few.
const MOST_FRAMES: i32 = 16;
/// The option of `message_bounds`, which no other libzmq has.
const MAX_FRAMES: i32 = 0x6f73_6208;

/// The options of `queue_bytes`: each so many bytes of a message count as one more message.
const IN_QUEUE_UNIT: i32 = 0x6f73_6209;
const OUT_QUEUE_UNIT: i32 = 0x6f73_620a;

/// The queues of each connection that is accepted are full by their bytes, too: at as many times `incoming`, and
/// `outgoing`, as there may be messages. To be called before the socket is bound.
pub fn bound_queues(socket: &mut Socket, incoming: i32, outgoing: i32) -> zmq::Result<()> {
    set_int(socket, IN_QUEUE_UNIT, incoming)?;
    set_int(socket, OUT_QUEUE_UNIT, outgoing)
}

/// A connection ends whose peer sends larger messages than `largest`, in all their frames, or too many frames. To be
/// called before the socket is bound or connected.
pub fn bound_messages(socket: &mut Socket, largest: i64) -> zmq::Result<()> {
    socket.set_maxmsgsize(largest)?;
    set_int(socket, MAX_FRAMES, MOST_FRAMES)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::zeromq::{EVENTS, Seen, admit_by_key, draw_keys, monitor, next_event};
    use zmq::Context;

    const LARGEST: usize = 1 << 20;
    const MORE: u8 = 1;
    const LONG: u8 = 2;
    const COMMAND: u8 = 4;

    /// ZMTP's greeting (its RFC 23).
    fn greeting(mechanism: &str) -> Vec<u8> {
        let mut name = mechanism.as_bytes().to_vec();
        name.resize(20, 0);
        let signature_and_version = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
        [&signature_and_version[..], &name, &[0; 32]].concat()
    }

    /// What comes before the bytes of a frame.
    fn head(flags: u8, size: usize) -> Vec<u8> {
        [&[flags | LONG][..], &(size as u64).to_be_bytes()].concat()
    }

    fn frame(flags: u8, size: usize) -> Vec<u8> {
        [head(flags, size), vec![0; size]].concat()
    }

    /// A peer that writes ZMTP byte by byte, over a connection that is there.
    struct Peer(TcpStream);

    impl Peer {
        fn greeted(mut stream: TcpStream, mechanism: &str) -> Self {
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            stream.write_all(&greeting(mechanism)).unwrap();
            stream.read_exact(&mut [0; 64]).unwrap();
            Self(stream)
        }

        /// Without keys, as a socket of that kind.
        fn ready(stream: TcpStream, kind: &str) -> Self {
            let mut peer = Self::greeted(stream, "NULL");
            let kind_size = (kind.len() as u32).to_be_bytes();
            let content = [b"\x05READY\x0bSocket-Type", &kind_size[..], kind.as_bytes()].concat();
            peer.0.write_all(&head(COMMAND, content.len())).unwrap();
            peer.0.write_all(&content).unwrap();
            // Its READY, of at most 255 bytes.
            let mut head = [0; 2];
            peer.0.read_exact(&mut head).unwrap();
            peer.0.read_exact(&mut vec![0; head[1].into()]).unwrap();
            peer
        }

        /// Whether the other side has ended the connection, which it does soon or never.
        fn is_hung_up_on(&mut self, soon: bool) -> bool {
            let patience = if soon { 60_000 } else { 300 };
            self.0
                .set_read_timeout(Some(Duration::from_millis(patience)))
                .unwrap();
            loop {
                match self.0.read(&mut [0; 4096]) {
                    Ok(0) => return true,
                    Ok(_) => {}
                    Err(error) => return error.kind() != ErrorKind::WouldBlock,
                }
            }
        }
    }

    fn made(context: &Context, kind: zmq::SocketType) -> Socket {
        let mut socket = context.socket(kind).unwrap();
        socket.set_linger(0).unwrap();
        // Nothing ends for want of time.
        socket.set_handshake_ivl(0).unwrap();
        bound_messages(&mut socket, LARGEST as i64).unwrap();
        socket
    }

    fn bind(socket: &Socket) -> String {
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let address = socket.get_last_endpoint().unwrap().unwrap();
        address.trim_start_matches("tcp://").to_owned()
    }

    #[test]
    fn before_a_handshake_no_frame_is_large() {
        let context = Context::new();
        for closed in [false, true] {
            let mut socket = made(&context, zmq::PULL);
            if closed {
                admit_by_key(&mut socket, &draw_keys().unwrap().secret, "").unwrap();
                socket.set_handshake_ivl(0).unwrap();
            }
            let at = bind(&socket);
            for (size, too_large) in [(4096, false), (4097, true), (LARGEST, true)] {
                let mechanism = if closed { "CURVE" } else { "NULL" };
                let mut peer = Peer::greeted(TcpStream::connect(&at).unwrap(), mechanism);
                peer.0.write_all(&head(COMMAND, size)).unwrap();
                assert_eq!(peer.is_hung_up_on(too_large), too_large, "{closed} {size}");
            }
        }
    }

    #[test]
    fn after_it_messages_may_be_as_large_as_ever() {
        let context = Context::new();
        let socket = made(&context, zmq::PULL);
        let mut peer = Peer::ready(TcpStream::connect(bind(&socket)).unwrap(), "PUSH");
        peer.0.write_all(&frame(0, LARGEST)).unwrap();
        assert_eq!(socket.recv_bytes(0).unwrap().len(), LARGEST);
        // And have as many frames as they may.
        for _ in 1..MOST_FRAMES {
            peer.0.write_all(&frame(MORE, 10)).unwrap();
        }
        peer.0.write_all(&frame(0, 10)).unwrap();
        assert_eq!(
            socket.recv_multipart(0).unwrap().len(),
            MOST_FRAMES as usize
        );
        assert!(!peer.is_hung_up_on(false));
    }

    #[test]
    fn a_message_that_does_not_end_ends_the_connection() {
        let context = Context::new();
        let socket = made(&context, zmq::PULL);
        let at = bind(&socket);
        let endless = [
            // Of frames,
            (MOST_FRAMES as usize + 1, 1),
            // and of bytes.
            (3, LARGEST / 2),
        ];
        for (frames, size) in endless {
            let mut peer = Peer::ready(TcpStream::connect(&at).unwrap(), "PUSH");
            peer.0.write_all(&frame(0, 1)).unwrap();
            for _ in 0..frames {
                // The other side may have had enough already.
                let _ = peer.0.write_all(&frame(MORE, size));
            }
            assert!(peer.is_hung_up_on(true), "{frames} frames of {size} bytes");
            // What was whole before has arrived, and nothing of the rest.
            assert_eq!(socket.recv_multipart(0).unwrap(), [[0]]);
            assert_eq!(socket.poll(zmq::POLLIN, 0).unwrap(), 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever frames come, whole messages within the bounds arrive, and the first one beyond ends the connection.
        #[test]
        fn messages_arrive_whole_and_within_bounds(
            frames in prop::collection::vec((prop::bool::weighted(0.85), 0usize..36 << 10), 1..60)
        ) {
            const LARGEST: usize = 32 << 10;
            const BESIDE: usize = 64 << 10;
            let (mut whole, mut current) = (Vec::new(), Vec::new());
            let ends = frames.iter().any(|(more, size)| {
                let fits = current.len() < MOST_FRAMES as usize
                    && current.iter().sum::<usize>() + size <= LARGEST + BESIDE;
                let counts = *more || !current.is_empty();
                current.push(*size);
                if !more {
                    whole.push(std::mem::take(&mut current));
                }
                *size > LARGEST || (counts && !fits)
            });
            if ends && current.is_empty() {
                // The one that ends it was its own last frame.
                whole.pop();
            }
            let context = Context::new();
            let mut socket = made(&context, zmq::PULL);
            bound_messages(&mut socket, LARGEST as i64).unwrap();
            socket.set_rcvtimeo(60_000).unwrap();
            let mut peer = Peer::ready(TcpStream::connect(bind(&socket)).unwrap(), "PUSH");
            for (more, size) in &frames {
                let _ = peer.0.write_all(&frame(u8::from(*more), *size));
            }
            for sizes in &whole {
                let message = socket.recv_multipart(0).unwrap();
                prop_assert_eq!(&message.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
            }
            prop_assert_eq!(peer.is_hung_up_on(ends), ends);
            prop_assert_eq!(socket.poll(zmq::POLLIN, 0).unwrap(), 0);
        }
    }

    /// What is sent is counted by the one who reads nothing.
    #[test]
    fn queues_are_full_by_their_bytes_and_go_on_when_they_are_read() {
        let context = Context::new();
        let mut router = made(&context, zmq::ROUTER);
        router.set_rcvhwm(100).unwrap();
        router.set_sndhwm(100).unwrap();
        router.set_router_mandatory(true).unwrap();
        bound_queues(&mut router, 1 << 10, 10 << 10).unwrap();
        let dealer = made(&context, zmq::DEALER);
        dealer.set_rcvhwm(1).unwrap();
        dealer.set_sndhwm(1).unwrap();
        dealer.set_identity(b"d").unwrap();
        dealer.connect(&format!("tcp://{}", bind(&router))).unwrap();
        dealer.send("here", 0).unwrap();
        assert_eq!(router.recv_multipart(0).unwrap()[1], b"here");

        // 50 KiB count as 5 messages more; what the kernel takes is some MiB.
        let large = vec![7; 50 << 10];
        let mut given = 0;
        while router
            .send_multipart([&b"d"[..], &large], zmq::DONTWAIT)
            .is_ok()
        {
            given += 1;
            assert!(given < 10_000, "the queue is never full");
            std::thread::yield_now();
        }
        for _ in 0..given {
            assert_eq!(dealer.recv_bytes(0).unwrap().len(), large.len());
        }
        // There is room again.
        router.send_multipart([&b"d"[..], &large], 0).unwrap();
        assert_eq!(dealer.recv_bytes(0).unwrap().len(), large.len());

        // The other way: the one who writes is held back, and nothing is lost.
        dealer.set_sndtimeo(500).unwrap();
        let mut sent = 0u32;
        while dealer.send(&large[..], 0).is_ok() {
            sent += 1;
            assert!(sent < 10_000, "the queue is never full");
        }
        for _ in 0..sent {
            assert_eq!(router.recv_multipart(0).unwrap()[1].len(), large.len());
        }
        dealer.send("more", 0).unwrap();
        assert_eq!(router.recv_multipart(0).unwrap()[1], b"more");
    }

    /// Larger than all that the queue may have: it goes, one by one.
    #[test]
    fn nothing_is_too_large_for_an_empty_queue() {
        let context = Context::new();
        let mut pull = made(&context, zmq::PULL);
        pull.set_rcvhwm(2).unwrap();
        bound_queues(&mut pull, 1, 1).unwrap();
        let push = made(&context, zmq::PUSH);
        push.connect(&format!("tcp://{}", bind(&pull))).unwrap();
        for round in 0..20 {
            push.send(vec![round; LARGEST], 0).unwrap();
        }
        for round in 0..20 {
            assert_eq!(pull.recv_bytes(0).unwrap(), vec![round; LARGEST]);
        }
    }

    /// libzmq would give it up for good, and say nothing.
    #[test]
    fn who_has_dialled_such_a_peer_dials_again() {
        let context = Context::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = made(&context, zmq::PULL);
        let monitor = monitor(&context, &socket, EVENTS).unwrap();
        socket
            .connect(&format!("tcp://{}", listener.local_addr().unwrap()))
            .unwrap();
        for size in [1, LARGEST + 1] {
            let mut peer = Peer::ready(listener.accept().unwrap().0, "PUSH");
            peer.0.write_all(&frame(0, 1)).unwrap();
            assert_eq!(socket.recv_bytes(0).unwrap(), [0]);
            for _ in 0..=MOST_FRAMES {
                let _ = peer.0.write_all(&frame(MORE, size));
            }
            assert!(peer.is_hung_up_on(true));
        }
        let _third = Peer::ready(listener.accept().unwrap().0, "PUSH");
        let mut lost = 0;
        while lost < 2 {
            assert_eq!(monitor.poll(zmq::POLLIN, 60_000).unwrap(), 1);
            lost += usize::from(next_event(&monitor).is_some_and(|(seen, _)| seen == Seen::Lost));
        }
    }
}
