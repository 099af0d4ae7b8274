//! Clients that ask for addresses as fast as answers come.

use std::time::{Duration, Instant};

use osb::model::Dial;
use osb::wire::{Envelope, MessageKind, NameServerRequest, Peer, body};
use zmq::{Context, DONTWAIT, Message, POLLIN, SNDMORE, Socket};

use super::common::curve::dial;
use super::common::registry::{names, place, sockets_each};

/// How many different questions are asked, at most.
const DIFFERENT: usize = 1000;

/// Questions of two frames each, and how to see that an answer is one.
pub(crate) struct Questions {
    frames: Vec<[Vec<u8>; 2]>,
    is_answer: fn(&[u8], &[u8]) -> bool,
}

impl Questions {
    /// For the least name server.
    pub(crate) fn bare(total: usize) -> Self {
        Self {
            frames: asked(total, |agent, alias| {
                [
                    7u64.to_be_bytes().to_vec(),
                    format!("{agent}.{alias}").into_bytes(),
                ]
            }),
            is_answer: |_, address| !address.is_empty(),
        }
    }

    /// In the real words of osb.
    pub(crate) fn osb(total: usize) -> Self {
        Self {
            frames: asked(total, |agent, alias| {
                let (agent, alias) = (
                    agent.parse().expect("a name"),
                    alias.parse().expect("a name"),
                );
                let header = Envelope::request(7, 10_000, Peer::NameServer).encode();
                [header, body(&NameServerRequest::Addr { agent, alias })]
            }),
            is_answer: |header, _| header.get(4) == Some(&(MessageKind::Reply as u8)),
        }
    }
}

fn asked(total: usize, question: impl Fn(&str, &str) -> [Vec<u8>; 2]) -> Vec<[Vec<u8>; 2]> {
    let each = sockets_each(total);
    let count = total.min(DIFFERENT);
    let nth = |n: usize| {
        // Spread over all that are registered, in no order.
        let (agent, socket) = place((n * 7919) % total, each);
        let (agent, alias) = names(agent, socket);
        question(&agent, &alias)
    };
    (0..count).map(nth).collect()
}

/// What is put on a name server.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub clients: usize,
    /// Questions in flight of each client.
    pub window: usize,
    pub time: Duration,
}

impl Load {
    /// Answers a second.
    pub(crate) fn put_on(self, server: &Dial, questions: &Questions) -> f64 {
        let context = Context::new();
        let mut asker = Asker {
            clients: (0..self.clients)
                .map(|_| dialled(&context, server))
                .collect(),
            questions,
            next: 0,
        };
        for client in 0..self.clients {
            (0..self.window).for_each(|_| asker.ask(client));
        }
        asker.run_for(self.time / 4);
        let began = Instant::now();
        let answers = asker.run_for(self.time);
        answers as f64 / began.elapsed().as_secs_f64()
    }
}

fn dialled(context: &Context, server: &Dial) -> Socket {
    let socket = context.socket(zmq::DEALER).expect("a socket");
    socket.set_linger(0).expect("an option of every socket");
    dial(&socket, server);
    socket
}

struct Asker<'a> {
    clients: Vec<Socket>,
    questions: &'a Questions,
    next: usize,
}

impl Asker<'_> {
    fn ask(&mut self, client: usize) {
        let [first, second] = &self.questions.frames[self.next];
        self.next = (self.next + 1) % self.questions.frames.len();
        let socket = &self.clients[client];
        socket.send(&first[..], SNDMORE).expect("it is connected");
        socket.send(&second[..], 0).expect("it is connected");
    }

    /// Asks anew for each answer. Tells how many there were.
    fn run_for(&mut self, time: Duration) -> u64 {
        let began = Instant::now();
        let mut answers = 0;
        while began.elapsed() < time {
            for client in self.readable() {
                answers += self.take_answers(client);
            }
        }
        answers
    }

    fn readable(&self) -> Vec<usize> {
        let mut items: Vec<_> = self
            .clients
            .iter()
            .map(|it| it.as_poll_item(POLLIN))
            .collect();
        zmq::poll(&mut items, 5_000).expect("sockets can be waited for");
        let ready = |(at, item): (usize, &zmq::PollItem)| item.is_readable().then_some(at);
        items.iter().enumerate().filter_map(ready).collect()
    }

    /// Takes no more than were in flight, so that all clients have their turn.
    fn take_answers(&mut self, client: usize) -> u64 {
        let (mut first, mut second) = (Message::new(), Message::new());
        let mut answers = 0;
        while answers < 64 && self.clients[client].recv(&mut first, DONTWAIT).is_ok() {
            self.clients[client]
                .recv(&mut second, 0)
                .expect("two frames");
            assert!((self.questions.is_answer)(&first, &second), "an answer");
            answers += 1;
            self.ask(client);
        }
        answers
    }
}
