//! The agent's connection to its name server: one DEALER, which the agent never waits for.
//!
//! While the name server is away the agent goes on. Heartbeats are dropped then, answers are kept
//! within bounds, and when the connection is back the agent announces itself first.

use std::collections::VecDeque;

use zmq::{Context, DONTWAIT, SNDMORE, Socket};

use crate::model::{Dial, PublicKey};
use crate::proxy::{Admission, KnownServer};
use crate::state::StateError;
use crate::wire::Envelope;
use crate::zeromq::{EVENTS, control_dealer, monitor, next_event, stop_monitor};

/// How long the last words may take at the end, in milliseconds.
const LINGER: i32 = 300;
const QUEUE: i32 = 1000;
/// How many bytes of answers are kept while the line is down.
const KEPT: usize = 16 << 20;

/// What a message is to the line when it is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Soon outdated: let it go.
    Light,
    /// A member waits for it: keep it.
    Heavy,
}

/// The line.
pub(crate) struct Control {
    socket: Socket,
    /// Tells of its handshakes.
    monitor: Socket,
    admission: Admission,
    /// By which key the name server is known, if it admits by key.
    server: Option<KnownServer>,
    kept: VecDeque<(Vec<u8>, Vec<u8>)>,
    kept_bytes: usize,
    down: bool,
    last_id: u64,
}

impl Control {
    /// Begins to connect.
    pub(crate) fn connect(context: &Context, to: &Dial) -> zmq::Result<Self> {
        let socket = control_dealer(context, to, QUEUE, LINGER)?;
        // What is sent to a name server that is not there would reach its successor, too late.
        socket.set_immediate(true)?;
        let monitor = monitor(context, &socket, EVENTS)?;
        socket.connect(&to.address)?;
        Ok(Self {
            socket,
            monitor,
            admission: Admission::new(to, None),
            server: to.keys.as_ref().map(KnownServer::of),
            kept: VecDeque::new(),
            kept_bytes: 0,
            down: false,
            last_id: 0,
        })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn monitor(&self) -> &Socket {
        &self.monitor
    }

    /// Reads what its monitor has seen. Tells why the name server does not let this agent in, once,
    /// if that is so.
    pub(crate) fn look(&mut self) -> Option<String> {
        let mut shut = false;
        while let Some((seen, _)) = next_event(&self.monitor) {
            shut |= self.admission.note(seen);
        }
        self.admission
            .shut()
            .filter(|_| shut)
            .map(ToString::to_string)
    }

    /// Whether the line is there again, to a name server that may know nothing of this agent. It is told once.
    pub(crate) fn take_returned(&mut self) -> bool {
        self.admission.take_returned()
    }

    /// The name server has another key, by which it is dialled next time. Tells whether that is news.
    pub(crate) fn expect(&mut self, key: PublicKey) -> Result<bool, StateError> {
        match &self.server {
            Some(server) => server.replace(&mut self.socket, key),
            None => Ok(false),
        }
    }

    /// Whether it is to be told when the socket can take messages again.
    pub(crate) fn down(&self) -> bool {
        self.down
    }

    /// A number for a request of the agent's own.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn send(&mut self, envelope: &Envelope, body: Vec<u8>, weight: Weight) {
        let header = envelope.encode();
        if !self.down && self.transmit(&header, &body) {
            return;
        }
        self.down = true;
        if weight == Weight::Heavy {
            self.keep(header, body);
        }
    }

    /// The oldest answers, which are waited for least, make room.
    fn keep(&mut self, header: Vec<u8>, body: Vec<u8>) {
        self.kept_bytes += header.len() + body.len();
        self.kept.push_back((header, body));
        while self.kept_bytes > KEPT {
            let Some((header, body)) = self.kept.pop_front() else {
                return;
            };
            self.kept_bytes -= header.len() + body.len();
        }
    }

    /// The socket takes messages again: `first` is sent before all that was kept.
    pub(crate) fn restore(&mut self, first: (&Envelope, Vec<u8>)) {
        self.down = false;
        self.send(first.0, first.1, Weight::Light);
        while let Some((header, body)) = self.kept.front() {
            if !self.transmit(header, body) {
                self.down = true;
                return;
            }
            self.kept_bytes -= header.len() + body.len();
            self.kept.pop_front();
        }
    }

    /// The next message, in frames.
    pub(crate) fn receive(&self) -> Option<Vec<Vec<u8>>> {
        self.socket.recv_multipart(DONTWAIT).ok()
    }

    fn transmit(&self, header: &[u8], body: &[u8]) -> bool {
        // A socket that takes the first frame takes the second.
        self.socket.send(header, DONTWAIT | SNDMORE).is_ok()
            && self.socket.send(body, DONTWAIT).is_ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // First, as for every socket that is watched.
        stop_monitor(&mut self.socket);
    }
}
