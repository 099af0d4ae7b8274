//! The thread that owns a member's DEALER socket: it sends what it is handed, gives answers to the
//! callers that wait for them, and sends heartbeats. It does not know what the answers mean.

use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::eventfd::EventFd;
use tokio::sync::{mpsc as channel, oneshot};

use super::ProxyError;
use super::admission::Admission;
use super::incoming::Incoming;
use super::inflight::InFlight;
use super::known_server::KnownServer;
use super::watch::{WATCH_ID, Watchers, lock};
use crate::model::timing::{DEAD_PEER_INTERVAL, HEARTBEAT_INTERVAL};
use crate::model::{Dial, Millis, PublicKey, harmless};
use crate::wire::{Envelope, Event, Fault, MessageKind, NameServerRequest, Peer, body, read_body};
use crate::zeromq::{
    EVENTS, Seen, control_dealer, hang_up_dead, monitor, next_event, stop_monitor,
};

/// How long what was handed over may take to leave when the link is dropped, in milliseconds.
const LINGER_MS: i32 = 500;
/// How many messages may be on their way in each direction.
const QUEUE: i32 = 100_000;

/// The body of an answer, or why there is none.
pub(super) type Answer = Result<Vec<u8>, ProxyError>;

/// What the thread is to do.
pub(super) enum Command {
    Ask {
        envelope: Envelope,
        body: Vec<u8>,
        /// What is said if there is no answer in time.
        late: ProxyError,
        answer: oneshot::Sender<Answer>,
    },
    Tell {
        envelope: Envelope,
        body: Vec<u8>,
    },
    Close,
}

/// What ties the thread to its link.
pub(super) struct Lines {
    /// Its orders.
    pub commands: mpsc::Receiver<Command>,
    /// That there are some.
    pub wake: Arc<EventFd>,
    /// Where it passes on messages that are no answers.
    pub unasked: channel::UnboundedSender<Incoming>,
    /// Where it says whether there is a connection.
    pub is_in: Arc<AtomicBool>,
    /// By which key the name server is known, if it admits by key.
    pub server: Option<Arc<KnownServer>>,
}

/// The thread's side.
pub(super) struct Driver {
    socket: zmq::Socket,
    /// Tells of its handshakes.
    monitor: zmq::Socket,
    admission: Admission,
    _context: zmq::Context,
    /// Of the name server.
    address: String,
    lines: Lines,
    watchers: Arc<Mutex<Watchers>>,
    in_flight: InFlight<(ProxyError, oneshot::Sender<Answer>)>,
    next_heartbeat: Instant,
    next_look: Instant,
}

impl Driver {
    pub(super) fn new(
        to: &Dial,
        admission: Admission,
        lines: Lines,
        watchers: Arc<Mutex<Watchers>>,
    ) -> Result<Self, ProxyError> {
        let context = zmq::Context::new();
        let socket = control_dealer(&context, to, QUEUE, LINGER_MS)?;
        let monitor = monitor(&context, &socket, EVENTS)?;
        socket.connect(&to.address)?;
        Ok(Self {
            socket,
            monitor,
            admission,
            _context: context,
            address: to.address.clone(),
            lines,
            watchers,
            in_flight: InFlight::default(),
            next_heartbeat: Instant::now() + HEARTBEAT_INTERVAL,
            next_look: Instant::now() + DEAD_PEER_INTERVAL,
        })
    }

    pub(super) fn run(mut self) {
        self.serve();
        stop_monitor(&mut self.socket);
    }

    fn serve(&mut self) {
        loop {
            let mut items = [
                self.socket.as_poll_item(zmq::POLLIN),
                zmq::PollItem::from_fd(self.lines.wake.as_raw_fd(), zmq::POLLIN),
                self.monitor.as_poll_item(zmq::POLLIN),
            ];
            match zmq::poll(&mut items, self.poll_timeout()) {
                Ok(_) | Err(zmq::Error::EINTR) => {}
                Err(_) => return,
            }
            let [received, woken, seen] = items.map(|item| item.is_readable());
            if received {
                self.receive_all();
            }
            // Before anything is asked on the next connection.
            if seen {
                self.watch_admission();
            }
            if woken {
                let _ = self.lines.wake.read();
                if self.take_commands().is_break() {
                    return;
                }
            }
            self.on_time(Instant::now());
        }
    }

    fn poll_timeout(&self) -> i64 {
        let deadlines = [self.in_flight.next_deadline(), self.admission.deadline()];
        let next = deadlines.into_iter().flatten();
        let next = next.fold(self.next_heartbeat, Instant::min);
        let left = next.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
    }

    fn take_commands(&mut self) -> ControlFlow<()> {
        while let Ok(command) = self.lines.commands.try_recv() {
            match command {
                Command::Ask {
                    envelope,
                    body,
                    late,
                    answer,
                } => {
                    if let Some(shut) = self.admission.shut() {
                        let _ = answer.send(Err(shut.clone()));
                        continue;
                    }
                    let limit = Millis::new(envelope.deadline_ms.into());
                    let deadline = Instant::now() + limit.duration();
                    self.in_flight.insert(envelope.id, deadline, (late, answer));
                    self.send(&envelope, body);
                }
                Command::Tell { envelope, body } => self.send(&envelope, body),
                Command::Close => return ControlFlow::Break(()),
            }
        }
        ControlFlow::Continue(())
    }

    /// Never blocks: a queue that is full for so long means that the other end does not read,
    /// and callers that wait for answers learn it from their deadlines.
    fn send(&mut self, envelope: &Envelope, content: Vec<u8>) {
        let header = envelope.encode();
        if self
            .socket
            .send(header, zmq::SNDMORE | zmq::DONTWAIT)
            .is_ok()
        {
            let _ = self.socket.send(content, zmq::DONTWAIT);
        }
    }

    fn receive_all(&mut self) {
        while let Ok(mut frames) = self.socket.recv_multipart(zmq::DONTWAIT) {
            let (Some(content), Some(header)) = (frames.pop(), frames.pop()) else {
                continue;
            };
            if let (true, Ok(envelope)) = (frames.is_empty(), Envelope::decode(&header)) {
                self.on_message(envelope, content);
            }
        }
    }

    fn on_message(&mut self, envelope: Envelope, content: Vec<u8>) {
        match envelope.kind {
            MessageKind::Reply => self.on_answer(envelope.id, Ok(content)),
            MessageKind::Error => {
                let error = match read_body::<Fault>(&content) {
                    Ok(fault) => ProxyError::Fault(fault),
                    Err(fault) => ProxyError::BadAnswer {
                        reason: fault.to_string(),
                    },
                };
                self.on_answer(envelope.id, Err(error));
            }
            MessageKind::Event => self.on_event(&content),
            MessageKind::Request | MessageKind::Oneway => self.on_request(envelope, content),
        }
    }

    fn on_answer(&mut self, id: u64, answer: Answer) {
        if let Some((_, waiter)) = self.in_flight.take(id) {
            let _ = waiter.send(answer);
            return;
        }
        let mut watchers = lock(&self.watchers);
        let snapshot = || answer.and_then(|content| Ok(read_body(&content)?));
        if id != WATCH_ID {
            return watchers.on_answer(id, snapshot);
        }
        match snapshot() {
            Ok(snapshot) => watchers.on_renewed(snapshot),
            Err(why) => watchers.close(&why),
        }
    }

    fn on_event(&mut self, content: &[u8]) {
        match read_body::<Event>(content) {
            Ok(Event::Unregistered {}) => {
                let _ = self.lines.unasked.send(Incoming::Unregistered);
                if lock(&self.watchers).any() {
                    let envelope = Envelope::request(WATCH_ID, 0, Peer::NameServer);
                    self.send(&envelope, body(&NameServerRequest::Watch {}));
                }
            }
            Ok(Event::Presence(presence)) => {
                let _ = self.lines.unasked.send(Incoming::Presence(presence));
            }
            Ok(Event::Renew {}) => {
                let _ = self.lines.unasked.send(Incoming::Renew);
            }
            Ok(Event::NameserverKey { key }) => self.on_nameserver_key(key),
            // No peer dials a client.
            Ok(Event::Revoked { .. } | Event::TookOver {} | Event::Unguarded { .. }) | Err(_) => {}
            Ok(event) => lock(&self.watchers).on_event(event),
        }
    }

    /// In an open system nobody could know who says so.
    fn on_nameserver_key(&mut self, key: PublicKey) {
        let Some(server) = &self.lines.server else {
            return;
        };
        if let Err(error) = server.replace(&mut self.socket, key) {
            let error = error.to_string();
            let _ = writeln!(
                std::io::stderr(),
                "warning: the name server has another key, which cannot be written down: {}; the former one will be refused",
                harmless(&error)
            );
        }
    }

    fn on_request(&mut self, envelope: Envelope, content: Vec<u8>) {
        let (kind, id, peer) = (envelope.kind, envelope.id, envelope.peer.clone());
        let request = Incoming::Request {
            envelope,
            body: content,
        };
        if self.lines.unasked.send(request).is_err() && kind == MessageKind::Request {
            let reason = "this member answers no requests".to_owned();
            let outcome: Result<(), Fault> = Err(Fault::Refused { reason });
            let content = outcome.as_ref().err().map(body).unwrap_or_default();
            self.send(&Envelope::answer(&outcome, id, peer), content);
        }
    }

    fn watch_admission(&mut self) {
        while let Some((seen, _)) = next_event(&self.monitor) {
            let was_in = self.admission.is_in();
            if seen == Seen::Connected {
                self.admission.on_connected(Instant::now());
            }
            if self.admission.note(seen) {
                self.shut_out();
            }
            self.lines
                .is_in
                .store(self.admission.is_in(), Ordering::Relaxed);
            if was_in && !self.admission.is_in() {
                self.on_lost();
            }
            if self.admission.take_returned() {
                // At once: a name server that has begun anew says that it does not know this member.
                self.next_heartbeat = Instant::now();
            }
        }
    }

    /// Answers find their way by the connection: to what was asked on this one they never will. Whether it was done is
    /// not known.
    fn on_lost(&mut self) {
        self.receive_all();
        for (_, waiter) in self.in_flight.take_all() {
            let _ = waiter.send(Err(ProxyError::Closed));
        }
    }

    /// No request from here will be answered.
    fn shut_out(&mut self) {
        let Some(why) = self.admission.shut().cloned() else {
            return;
        };
        for (_, waiter) in self.in_flight.take_all() {
            let _ = waiter.send(Err(why.clone()));
        }
        lock(&self.watchers).close(&why);
        let _ = self.lines.unasked.send(Incoming::NotLetIn(why));
    }

    fn on_time(&mut self, now: Instant) {
        if self.admission.on_time(now) {
            self.shut_out();
        }
        while let Some((late, waiter)) = self.in_flight.expired(now) {
            let _ = waiter.send(Err(late));
        }
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + HEARTBEAT_INTERVAL;
            let heartbeat = body(&NameServerRequest::Heartbeat {});
            self.send(&Envelope::oneway(Peer::NameServer), heartbeat);
            self.look_for_the_dead(now);
        }
    }

    /// A connection whose other end has gone without a word is made anew: heartbeats are under way on it,
    /// so that the kernel alone would not notice for a quarter of an hour.
    fn look_for_the_dead(&mut self, now: Instant) {
        if now >= self.next_look {
            self.next_look = now + DEAD_PEER_INTERVAL;
            hang_up_dead(|end| end.leads_to(&self.address));
        }
    }
}
