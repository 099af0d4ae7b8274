//! What sockets tell of their connections, called lines, and of what their subscribers have missed. Nobody but
//! the libzmq of `vendor/zmq-sys` knows these options.

use std::net::SocketAddr;

use super::option::{get_bytes, get_u64, set_bytes, set_int};

const MATCHED: i32 = 0x6f73_6201;
const LOST: i32 = 0x6f73_6202;
const KEEP_LINES: i32 = 0x6f73_6203;
const LINES: i32 = 0x6f73_6204;
const ENDED_LINE: i32 = 0x6f73_6205;
const QUEUED: i32 = 0x6f73_6206;
const LEAVE_OUT: i32 = 0x6f73_6207;
/// Longer than the text of one line.
const LINE_BYTES: usize = 1024;

/// One connection of a socket, from handshake to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it was dialled from here.
    pub dialled: bool,
    /// What both ends call it: the place of the one that dialled. None for messages that were given up before
    /// any line could take them.
    pub name: Option<Box<str>>,
    /// The place of the other end, as it was given where it was dialled.
    pub there: Box<str>,
    /// How many messages it has taken; while it stands, with those that wait for it.
    pub given: u64,
    /// How many messages have come by it.
    pub received: u64,
}

/// From now on the socket keeps a record of its lines. Before it is bound or connected.
pub fn keep_lines(socket: &mut zmq::Socket) -> zmq::Result<()> {
    set_int(socket, KEEP_LINES, 1)
}

/// The lines that stand.
pub fn lines(socket: &mut zmq::Socket) -> Vec<Line> {
    let text = lines_text(socket);
    text_of(&text).lines().filter_map(Line::read).collect()
}

/// A PUSH or DEALER gives no more messages to the line of that name, which stays. Tells whether there is one.
pub fn leave_out(socket: &mut zmq::Socket, line: &str) -> bool {
    let text = lines_text(socket);
    let dialler = |text: &str| -> Option<String> {
        let mut words = text.split(' ');
        let (how, here, there) = (words.next()?, words.next()?, words.next()?);
        Some(if how == "dialled" { here } else { there }.to_owned())
    };
    let mut diallers = text_of(&text).lines().filter_map(dialler);
    let place = diallers.find(|place| name(place).as_deref() == Some(line));
    place.is_some_and(|place| set_bytes(socket, LEAVE_OUT, place.as_bytes()).is_ok())
}

fn lines_text(socket: &mut zmq::Socket) -> Vec<u8> {
    let mut room = LINE_BYTES;
    loop {
        match get_bytes(socket, LINES, room) {
            Ok(text) => return text,
            // There are more than that.
            Err(zmq::Error::EINVAL) if room < usize::MAX / 4 => room *= 4,
            Err(_) => return Vec::new(),
        }
    }
}

/// One that has ended, which is told once.
pub fn next_ended(socket: &mut zmq::Socket) -> Option<Line> {
    loop {
        let text = get_bytes(socket, ENDED_LINE, LINE_BYTES).ok()?;
        match text_of(&text).trim_end() {
            "" => return None,
            text => {
                if let Some(line) = Line::read(text) {
                    return Some(line);
                }
            }
        }
    }
}

/// How many messages the socket has taken that no line has taken yet.
pub fn queued(socket: &mut zmq::Socket) -> u64 {
    get_u64(socket, QUEUED).unwrap_or_default()
}

/// XPUB: how many subscribers its messages have matched, in sum.
pub fn matched(socket: &mut zmq::Socket) -> u64 {
    get_u64(socket, MATCHED).unwrap_or_default()
}

/// XPUB: how many of these did not get the message, because their queues were full.
pub fn missed(socket: &mut zmq::Socket) -> u64 {
    get_u64(socket, LOST).unwrap_or_default()
}

fn text_of(bytes: &[u8]) -> &str {
    let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    std::str::from_utf8(text).unwrap_or_default()
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut next = || words.next();
        let (how, here, there, given, received) = (next()?, next()?, next()?, next()?, next()?);
        let dialled = how == "dialled";
        Some(Self {
            dialled,
            name: name(if dialled { here } else { there }),
            there: there.into(),
            given: given.parse().ok()?,
            received: received.trim_end().parse().ok()?,
        })
    }
}

/// The same at both ends, whatever version of IP each thinks it is.
fn name(place: &str) -> Option<Box<str>> {
    if place == "-" {
        return None;
    }
    let at = place
        .strip_prefix("tcp://")
        .and_then(|at| at.parse::<SocketAddr>().ok());
    Some(match at {
        Some(at) => SocketAddr::new(at.ip().to_canonical(), at.port())
            .to_string()
            .into(),
        None => place.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zeromq::{connections, cut};
    use std::time::{Duration, Instant};
    use zmq::{Context, DONTWAIT, Socket};

    fn made(context: &Context, kind: zmq::SocketType) -> Socket {
        let mut socket = context.socket(kind).unwrap();
        keep_lines(&mut socket).unwrap();
        socket.set_linger(0).unwrap();
        socket
    }

    fn bound(context: &Context, kind: zmq::SocketType) -> (Socket, String) {
        let socket = made(context, kind);
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let address = socket.get_last_endpoint().unwrap().unwrap();
        (socket, address)
    }

    fn wait_until(mut true_now: impl FnMut() -> bool) {
        let began = Instant::now();
        while !true_now() {
            assert!(began.elapsed() < Duration::from_secs(60), "waited in vain");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn ended(socket: &mut Socket) -> Line {
        let mut line = None;
        wait_until(|| {
            // libzmq does what there is to do when it is asked something.
            socket.get_events().unwrap();
            line = next_ended(socket);
            line.is_some()
        });
        line.unwrap()
    }

    /// Ends the connection to `address` without a word from libzmq.
    fn cut_the_one_to(address: &str) {
        cut(&connections().find(|end| end.leads_to(address)).unwrap());
    }

    #[test]
    fn both_ends_call_a_line_the_same_and_count_alike() {
        let context = Context::new();
        for transport in ["tcp", "ipc"] {
            let dir = tempfile::tempdir().unwrap();
            let mut push = made(&context, zmq::PUSH);
            let place = match transport {
                "tcp" => "tcp://127.0.0.1:*".to_owned(),
                _ => format!("ipc://{}", dir.path().join("s").display()),
            };
            push.bind(&place).unwrap();
            let mut pull = made(&context, zmq::PULL);
            pull.connect(&push.get_last_endpoint().unwrap().unwrap())
                .unwrap();
            for _ in 0..3 {
                push.send("hi", 0).unwrap();
            }
            for _ in 0..3 {
                pull.recv_bytes(0).unwrap();
            }
            let (there, here) = (lines(&mut push), lines(&mut pull));
            assert_eq!((there.len(), here.len()), (1, 1));
            assert!(!there[0].dialled && here[0].dialled && there[0].name.is_some());
            assert_eq!(there[0].name, here[0].name, "{transport}");
            assert_eq!((there[0].given, here[0].received), (3, 3));
            assert_eq!((next_ended(&mut push), queued(&mut push)), (None, 0));
        }
    }

    #[test]
    fn a_line_that_is_left_out_stays_and_gets_no_more() {
        let context = Context::new();
        for push_dials in [false, true] {
            let mut push = made(&context, zmq::PUSH);
            let pulls = [(); 2].map(|()| match push_dials {
                true => bound(&context, zmq::PULL),
                false => (made(&context, zmq::PULL), String::new()),
            });
            if !push_dials {
                push.bind("tcp://127.0.0.1:*").unwrap();
            }
            let address = push.get_last_endpoint().unwrap().unwrap();
            for (pull, at) in &pulls {
                match push_dials {
                    true => push.connect(at).unwrap(),
                    false => pull.connect(&address).unwrap(),
                }
            }
            wait_until(|| {
                // libzmq does what there is to do when it is asked something.
                push.get_events().unwrap();
                lines(&mut push).len() == 2
            });
            let [(mut leaving, _), (staying, _)] = pulls;
            push.send("1", 0).unwrap();
            push.send("2", 0).unwrap();
            leaving.recv_bytes(0).unwrap();
            let line = lines(&mut leaving).remove(0).name.unwrap();
            assert!(leave_out(&mut push, &line));
            assert!(!leave_out(&mut push, "10.0.0.1:1"));
            for _ in 0..5 {
                push.send("3", 0).unwrap();
            }
            for _ in 0..6 {
                staying.recv_bytes(0).unwrap();
            }
            assert_eq!(leaving.poll(zmq::POLLIN, 0).unwrap(), 0);
            let given: Vec<u64> = lines(&mut push).iter().map(|it| it.given).collect();
            assert_eq!(given.iter().sum::<u64>(), 7);
            assert_eq!(lines(&mut push).len(), 2, "it stands");
        }
    }

    #[test]
    fn who_is_left_out_by_all_can_still_answer() {
        let context = Context::new();
        let (mut dealer, address) = bound(&context, zmq::DEALER);
        let mut rep = made(&context, zmq::REP);
        rep.connect(&address).unwrap();
        dealer.send_multipart(["", "ask"], 0).unwrap();
        rep.recv_bytes(0).unwrap();
        let line = lines(&mut rep).remove(0).name.unwrap();
        assert!(leave_out(&mut dealer, &line));
        assert_eq!(dealer.poll(zmq::POLLOUT, 0).unwrap(), 0);
        rep.send("answer", 0).unwrap();
        assert_eq!(dealer.recv_multipart(0).unwrap()[1], b"answer");
        let line = lines(&mut dealer).remove(0);
        assert_eq!((line.given, line.received), (1, 1));
    }

    #[test]
    fn lines_that_end_tell_what_was_lost_whichever_end_dialled() {
        for push_dials in [false, true] {
            let context = Context::new();
            let (near, far) = match push_dials {
                true => (zmq::PULL, zmq::PUSH),
                false => (zmq::PUSH, zmq::PULL),
            };
            let (server, address) = bound(&context, near);
            let client = made(&context, far);
            client.connect(&address).unwrap();
            let (mut push, mut pull) = match push_dials {
                true => (client, server),
                false => (server, client),
            };
            let large = vec![0u8; 100_000];
            let mut sent = 0;
            push.send(&large, 0).unwrap();
            pull.recv_bytes(0).unwrap();
            while push.poll(zmq::POLLOUT, 300).unwrap() == 1 {
                push.send(&large, DONTWAIT).unwrap();
                sent += 1;
            }
            assert!(sent > 100, "{sent}");
            cut_the_one_to(&address);
            let given = ended(&mut push);
            let mut received = 1;
            while pull.poll(zmq::POLLIN, 500).unwrap() == 1 {
                pull.recv_bytes(0).unwrap();
                received += 1;
            }
            let arrived = ended(&mut pull);
            assert_eq!(given.name, arrived.name);
            match push_dials {
                // The bound end's queue went with the line.
                false => {
                    assert_eq!((given.given, arrived.received), (sent + 1, received));
                }
                // What had not been taken went by the next one.
                true => {
                    let lost = given.given - arrived.received;
                    assert_eq!(received + lost, sent + 1);
                }
            }
        }
    }

    #[test]
    fn what_waits_for_a_line_is_known_and_given_up_with_it() {
        let context = Context::new();
        let mut push = made(&context, zmq::PUSH);
        // Nobody listens there.
        push.connect("tcp://127.0.0.1:1").unwrap();
        for _ in 0..5 {
            push.send("hi", 0).unwrap();
        }
        assert_eq!(queued(&mut push), 5);
        push.disconnect("tcp://127.0.0.1:1").unwrap();
        let line = ended(&mut push);
        assert_eq!((line.name, line.given), (None, 5));
    }

    #[test]
    fn publishers_count_for_each_subscriber_once() {
        let context = Context::new();
        let (mut publisher, address) = bound(&context, zmq::XPUB);
        publisher.set_sndhwm(10).unwrap();
        let quick = made(&context, zmq::SUB);
        // Two of its prefixes match, and it is one subscriber all the same.
        quick.set_subscribe(b"a").unwrap();
        quick.set_subscribe(b"ab").unwrap();
        quick.connect(&address).unwrap();
        let other = made(&context, zmq::SUB);
        other.set_subscribe(b"c").unwrap();
        other.connect(&address).unwrap();
        for _ in 0..3 {
            publisher.recv_bytes(0).unwrap();
        }
        publisher.send("abc", 0).unwrap();
        quick.recv_bytes(0).unwrap();
        assert_eq!((matched(&mut publisher), missed(&mut publisher)), (1, 0));
        publisher.send("xyz", 0).unwrap();
        assert_eq!(matched(&mut publisher), 1);
        // Now nobody reads, and it is a flood.
        let large = [b"ab".to_vec(), vec![0; 100_000]].concat();
        for _ in 0..2000 {
            publisher.send(&large, DONTWAIT).unwrap();
        }
        assert_eq!(matched(&mut publisher), 2001);
        let mut received = 0;
        while quick.poll(zmq::POLLIN, 500).unwrap() == 1 {
            quick.recv_bytes(0).unwrap();
            received += 1;
        }
        let missed = missed(&mut publisher);
        assert!(missed > 0);
        assert_eq!(received + missed, 2000);
    }

    /// A reader whose queue is full has stopped reading; then its connection is made anew.
    #[test]
    fn a_reader_that_has_stalled_survives_a_new_connection() {
        let context = Context::new();
        let (push, address) = bound(&context, zmq::PUSH);
        let mut pull = made(&context, zmq::PULL);
        pull.set_rcvhwm(4).unwrap();
        pull.connect(&address).unwrap();
        let large = vec![0u8; 100_000];
        for _ in 0..3 {
            while push.poll(zmq::POLLOUT, 300).unwrap() == 1 {
                push.send(&large, DONTWAIT).unwrap();
            }
            cut_the_one_to(&address);
            for _ in 0..3 {
                pull.recv_bytes(0).unwrap();
            }
            while pull.poll(zmq::POLLIN, 200).unwrap() == 1 {
                pull.recv_bytes(0).unwrap();
            }
            ended(&mut pull);
        }
        push.send("still there", 0).unwrap();
        while pull.recv_bytes(0).unwrap() != b"still there" {}
    }
}
