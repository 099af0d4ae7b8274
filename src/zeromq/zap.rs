//! ZAP (<https://rfc.zeromq.org/spec/27/>): libzmq asks, for each handshake in this process, whether
//! that key is to be admitted. The answer may come later; until then the handshake waits.
//!
//! It is not decided here which keys are admitted.

use zmq::{Context, DONTWAIT, Socket};

use super::Cookie;
use super::curve::{DOMAIN, ServerKey};
use crate::model::PublicKey;

const ENDPOINT: &str = "inproc://zeromq.zap.01";
const VERSION: &[u8] = b"1.0";
const CURVE: &[u8] = b"CURVE";

/// Where libzmq asks.
pub struct Zap {
    socket: Socket,
}

/// A handshake that waits.
#[derive(Debug)]
pub struct Handshake {
    /// The key of the peer that asks to be admitted.
    pub key: PublicKey,
    /// From which IP address.
    pub address: String,
    /// By which connection of this process.
    pub connection: Cookie,
    /// By which of this server's keys, if those can change.
    pub server_key: Option<ServerKey>,
    /// What stands for the socket that it comes to, as it was given to [`super::admit_by_key`].
    pub door: String,
    envelope: [Vec<u8>; 2],
}

/// What becomes of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Its messages will carry this text as their `User-Id`.
    Admitted(&'a str),
    /// The peer that dials is told, and does not try again.
    Refused(&'a str),
    /// The same: the key is good, but not at this socket.
    NoWire,
    /// The same: it has dialled by a key of this server whose time is over.
    FormerKey,
    /// It cannot be decided now: the connection is ended, and the peer may try again.
    Later,
}

impl Zap {
    /// Answers for all sockets of `context` from now on. To be made before any of them is bound.
    pub fn bind(context: &Context) -> zmq::Result<Self> {
        let socket = context.socket(zmq::ROUTER)?;
        socket.set_linger(0)?;
        // One that is not answered would wait in vain.
        socket.set_rcvhwm(0)?;
        socket.set_sndhwm(0)?;
        socket.bind(ENDPOINT)?;
        Ok(Self { socket })
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The next one that waits. What is none of osb's is refused at once.
    pub fn next(&self) -> Option<Handshake> {
        loop {
            let frames = self.socket.recv_multipart(DONTWAIT).ok()?;
            match Question::of(&frames) {
                Question::Ours(handshake) => return Some(handshake),
                Question::Foreign(envelope) => {
                    self.reply(&envelope, Verdict::Refused("not osb's"));
                }
                Question::Nothing => {}
            }
        }
    }

    pub fn answer(&self, handshake: &Handshake, verdict: Verdict<'_>) {
        self.reply(&handshake.envelope, verdict);
    }

    fn reply(&self, [to, id]: &[Vec<u8>; 2], verdict: Verdict<'_>) {
        let (status, text, user) = match verdict {
            Verdict::Admitted(user) => ("200", "", user),
            Verdict::Refused(why) => ("400", why, ""),
            // libzmq passes on the number alone: by it the two can be told apart (`super::Failure`).
            Verdict::NoWire => ("500", "no wire leads here", ""),
            Verdict::FormerKey => ("500", "dialled by a former key", ""),
            Verdict::Later => ("300", "later", ""),
        };
        let frames: [&[u8]; 8] = [
            to,
            b"",
            VERSION,
            id,
            status.as_bytes(),
            text.as_bytes(),
            user.as_bytes(),
            b"",
        ];
        // It fails only if the one who dialled has gone already.
        let _ = self.socket.send_multipart(frames, DONTWAIT);
    }
}

/// What libzmq has asked.
#[derive(Debug)]
pub enum Question {
    Ours(Handshake),
    /// It is to be answered, by this envelope.
    Foreign([Vec<u8>; 2]),
    /// It cannot be answered.
    Nothing,
}

impl Question {
    /// As it has come, with the one who asks in front.
    pub fn of(frames: &[Vec<u8>]) -> Self {
        let [
            from,
            _,
            version,
            id,
            domain,
            address,
            _,
            mechanism,
            credentials @ ..,
        ] = frames
        else {
            return Question::Nothing;
        };
        let envelope = [from.clone(), id.clone()];
        let ours = version == VERSION && mechanism == CURVE;
        let door = domain.strip_prefix(DOMAIN.as_bytes()).filter(|_| ours);
        if let ([key], Some(door)) = (credentials, door)
            && let Some(key) = key[..].try_into().ok().map(PublicKey::of)
            && let Some((address, connection, server_key)) = read(address)
        {
            return Question::Ours(Handshake {
                key,
                address,
                connection,
                server_key,
                door: String::from_utf8_lossy(door).into_owned(),
                envelope,
            });
        }
        Question::Foreign(envelope)
    }
}

/// The address is followed by the connection's cookie, and that by the number of the server's key. A peer whose
/// connection could not be ended is not admitted.
fn read(address: &[u8]) -> Option<(String, Cookie, Option<ServerKey>)> {
    let mut parts = std::str::from_utf8(address).ok()?.split('#');
    let (address, cookie) = (parts.next()?, Cookie(number(parts.next()?)?));
    let server_key = match parts.next() {
        Some(text) => Some(ServerKey(number(text)?)),
        None => None,
    };
    match parts.next() {
        Some(_) => None,
        None => Some((address.to_owned(), cookie, server_key)),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Credentials, KeyPair};
    use crate::zeromq::{self, Connections, Seen};

    struct Server {
        context: Context,
        zap: Option<Zap>,
        socket: Socket,
        keys: KeyPair,
        address: String,
    }

    fn server(zap: bool) -> Server {
        let context = Context::new();
        let zap = zap.then(|| Zap::bind(&context).unwrap());
        let keys = zeromq::draw_keys().unwrap();
        let mut socket = context.socket(zmq::PULL).unwrap();
        zeromq::admit_by_key(&mut socket, &keys.secret, "feed").unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let address = socket.get_last_endpoint().unwrap().unwrap();
        Server {
            context,
            zap,
            socket,
            keys,
            address,
        }
    }

    /// Someone who dials, with what is seen of that.
    fn dial(context: &Context, address: &str, keys: Option<Credentials>) -> (Socket, Socket) {
        let socket = context.socket(zmq::PUSH).unwrap();
        socket.set_linger(0).unwrap();
        if let Some(keys) = keys {
            zeromq::dial_with(&socket, &keys).unwrap();
        }
        let monitor = zeromq::monitor(context, &socket, zeromq::EVENTS).unwrap();
        socket.connect(address).unwrap();
        (socket, monitor)
    }

    fn credentials(server: &KeyPair) -> Credentials {
        Credentials::new(zeromq::draw_keys().unwrap(), server.public)
    }

    /// The first thing that tells how the handshake went.
    fn outcome(monitor: &Socket) -> Seen {
        loop {
            assert_eq!(
                monitor.poll(zmq::POLLIN, 10_000).unwrap(),
                1,
                "nothing seen"
            );
            match zeromq::next_event(monitor).map(|it| it.0) {
                None | Some(Seen::Connected | Seen::Retried) => {}
                Some(seen) => return seen,
            }
        }
    }

    fn answer_one(server: &Server, verdict: Verdict<'_>) -> Handshake {
        let zap = server.zap.as_ref().unwrap();
        assert_eq!(zap.socket().poll(zmq::POLLIN, 10_000).unwrap(), 1);
        let handshake = zap.next().unwrap();
        zap.answer(&handshake, verdict);
        handshake
    }

    #[test]
    fn who_is_let_in_is_known_by_name() {
        let server = server(true);
        let keys = credentials(&server.keys);
        let (client, monitor) = dial(&server.context, &server.address, Some(keys.clone()));
        let handshake = answer_one(&server, Verdict::Admitted("7"));
        assert_eq!(handshake.key, keys.own.public);
        assert_eq!(handshake.address, "127.0.0.1");
        assert_eq!(handshake.door, "feed");
        assert_eq!(outcome(&monitor), Seen::Proven);
        client.send("hello", 0).unwrap();
        let mut message = server.socket.recv_msg(0).unwrap();
        assert_eq!(message.gets("User-Id"), Some("7"));
        assert!(message.gets("__fd").is_some());
    }

    #[test]
    fn who_is_turned_away_is_told() {
        let server = server(true);
        let keys = credentials(&server.keys);
        let (_client, monitor) = dial(&server.context, &server.address, Some(keys));
        answer_one(&server, Verdict::Refused("unknown"));
        assert_eq!(outcome(&monitor), Seen::Failed(zeromq::Failure::Refused));
    }

    #[test]
    fn who_has_no_wire_is_told_so() {
        let server = server(true);
        let keys = credentials(&server.keys);
        let (_client, monitor) = dial(&server.context, &server.address, Some(keys));
        answer_one(&server, Verdict::NoWire);
        assert_eq!(outcome(&monitor), Seen::Failed(zeromq::Failure::NoWire));
    }

    #[test]
    fn who_comes_too_early_comes_again() {
        let server = server(true);
        let keys = credentials(&server.keys);
        let (_client, monitor) = dial(&server.context, &server.address, Some(keys));
        answer_one(&server, Verdict::Later);
        let zap = server.zap.as_ref().unwrap();
        // On a busy machine a handshake may take too long, and is begun once more.
        while zeromq::next_event(&monitor).is_none_or(|(seen, _)| seen != Seen::Proven) {
            if let Some(handshake) = zap.next() {
                zap.answer(&handshake, Verdict::Admitted("1"));
            }
            monitor.poll(zmq::POLLIN, 10).unwrap();
        }
    }

    fn wait_for(monitor: &Socket, wanted: Seen) {
        while outcome(monitor) != wanted {}
    }

    /// Whether or not a message has ever come by them.
    #[test]
    fn the_connections_of_a_key_are_known_from_its_handshakes_and_end_with_it() {
        let server = server(true);
        let dir = tempfile::tempdir().unwrap();
        let ipc = format!("ipc://{}", dir.path().join("s").display());
        server.socket.bind(&ipc).unwrap();
        let (ann, ben) = (credentials(&server.keys), credentials(&server.keys));
        let mut connections = Connections::default();
        let mut dialled = Vec::new();
        for (keys, at) in [
            (&ann, &server.address),
            (&ann, &ipc),
            (&ben, &server.address),
            (&ben, &ipc),
        ] {
            let one = dial(&server.context, at, Some(keys.clone()));
            let zap = server.zap.as_ref().unwrap();
            assert_eq!(zap.socket().poll(zmq::POLLIN, 10_000).unwrap(), 1);
            let handshake = zap.next().unwrap();
            connections.add(handshake.key, handshake.connection);
            zap.answer(&handshake, Verdict::Admitted("1"));
            wait_for(&one.1, Seen::Proven);
            dialled.push(one);
        }
        assert_eq!(connections.end(&[ann.own.public]), 2);
        for (_, monitor) in &dialled[..2] {
            wait_for(monitor, Seen::Lost);
        }
        for (socket, monitor) in &dialled[2..] {
            socket.send("still there", 0).unwrap();
            assert_eq!(server.socket.recv_bytes(0).unwrap(), b"still there");
            assert!(zeromq::next_event(monitor).is_none());
        }
    }

    /// A trap of libzmq: a server with a domain and nobody who answers would let everyone in.
    #[test]
    fn without_anybody_to_ask_nobody_is_let_in() {
        let server = server(false);
        let keys = credentials(&server.keys);
        let (client, monitor) = dial(&server.context, &server.address, Some(keys));
        assert!(matches!(outcome(&monitor), Seen::Failed(_) | Seen::Lost));
        let _ = client.send("hello", zmq::DONTWAIT);
        assert_eq!(server.socket.poll(zmq::POLLIN, 300).unwrap(), 0);
    }

    #[test]
    fn nobody_is_let_in_without_keys_or_with_the_wrong_server_in_mind() {
        let server = server(true);
        let other = zeromq::draw_keys().unwrap();
        for keys in [None, Some(credentials(&other))] {
            let (_client, monitor) = dial(&server.context, &server.address, keys);
            let seen = outcome(&monitor);
            eprintln!("{seen:?}");
            assert!(matches!(seen, Seen::Failed(_) | Seen::Lost));
        }
        assert_eq!(
            server.zap.unwrap().socket().poll(zmq::POLLIN, 0).unwrap(),
            0
        );
    }

    #[test]
    fn a_server_with_keys_does_not_talk_in_the_clear() {
        let context = Context::new();
        let plain = context.socket(zmq::PULL).unwrap();
        plain.bind("tcp://127.0.0.1:*").unwrap();
        let address = plain.get_last_endpoint().unwrap().unwrap();
        let keys = credentials(&zeromq::draw_keys().unwrap());
        let (_client, monitor) = dial(&context, &address, Some(keys));
        let seen = outcome(&monitor);
        eprintln!("{seen:?}");
        assert!(matches!(seen, Seen::Failed(_) | Seen::Lost));
    }
}
