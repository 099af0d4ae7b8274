//! The thread that owns a member's DEALER socket: it sends what it is handed, gives answers to those
//! who wait for them, and keeps the heartbeat. What the answers mean is none of its business.

use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::eventfd::EventFd;
use tokio::sync::{mpsc as channel, oneshot};

use super::ProxyError;
use super::inflight::InFlight;
use super::link::Incoming;
use super::watch::{WATCH_ID, Watchers, lock};
use crate::model::Millis;
use crate::wire::{Envelope, Event, Fault, MessageKind, NameServerRequest, Peer, body, read_body};
use crate::zeromq::control_dealer;

/// How often a member says that it still works.
const HEARTBEAT: Duration = Duration::from_secs(1);
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
        what: String,
        answer: oneshot::Sender<Answer>,
    },
    Tell {
        envelope: Envelope,
        body: Vec<u8>,
    },
    Close,
}

/// The thread's side.
pub(super) struct Driver {
    socket: zmq::Socket,
    _context: zmq::Context,
    commands: mpsc::Receiver<Command>,
    wake: Arc<EventFd>,
    unasked: channel::UnboundedSender<Incoming>,
    watchers: Arc<Mutex<Watchers>>,
    in_flight: InFlight<(String, Millis, oneshot::Sender<Answer>)>,
    next_heartbeat: Instant,
}

impl Driver {
    pub(super) fn new(
        address: &str,
        commands: mpsc::Receiver<Command>,
        wake: Arc<EventFd>,
        unasked: channel::UnboundedSender<Incoming>,
        watchers: Arc<Mutex<Watchers>>,
    ) -> Result<Self, ProxyError> {
        let context = zmq::Context::new();
        let socket = control_dealer(&context, address, QUEUE, LINGER_MS)?;
        socket.connect(address)?;
        Ok(Self {
            socket,
            _context: context,
            commands,
            wake,
            unasked,
            watchers,
            in_flight: InFlight::default(),
            next_heartbeat: Instant::now() + HEARTBEAT,
        })
    }

    pub(super) fn run(mut self) {
        loop {
            let mut items = [
                self.socket.as_poll_item(zmq::POLLIN),
                zmq::PollItem::from_fd(self.wake.as_raw_fd(), zmq::POLLIN),
            ];
            match zmq::poll(&mut items, self.poll_timeout()) {
                Ok(_) | Err(zmq::Error::EINTR) => {}
                Err(_) => return,
            }
            if items[1].is_readable() {
                let _ = self.wake.read();
                if self.take_commands().is_break() {
                    return;
                }
            }
            self.receive_all();
            self.on_time(Instant::now());
        }
    }

    fn poll_timeout(&self) -> i64 {
        let next = self
            .in_flight
            .next_deadline()
            .map_or(self.next_heartbeat, |deadline| {
                deadline.min(self.next_heartbeat)
            });
        let left = next.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
    }

    fn take_commands(&mut self) -> ControlFlow<()> {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Ask {
                    envelope,
                    body,
                    what,
                    answer,
                } => {
                    let limit = Millis::new(envelope.deadline_ms.into());
                    let deadline = Instant::now() + limit.duration();
                    self.in_flight
                        .insert(envelope.id, deadline, (what, limit, answer));
                    self.send(&envelope, body);
                }
                Command::Tell { envelope, body } => self.send(&envelope, body),
                Command::Close => return ControlFlow::Break(()),
            }
        }
        ControlFlow::Continue(())
    }

    /// Never blocks: a queue that is full for so long means that nobody reads at the other end,
    /// and those who wait for answers learn it from their deadlines.
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
        if let Some((_, _, waiter)) = self.in_flight.take(id) {
            let _ = waiter.send(answer);
        } else if id == WATCH_ID
            && let Ok(snapshot) = answer.and_then(|content| Ok(read_body(&content)?))
        {
            lock(&self.watchers).on_snapshot(snapshot);
        }
    }

    fn on_event(&mut self, content: &[u8]) {
        match read_body::<Event>(content) {
            Ok(Event::Stranger {}) => {
                let _ = self.unasked.send(Incoming::Stranger);
                if lock(&self.watchers).any() {
                    let envelope = Envelope::request(WATCH_ID, 0, Peer::NameServer);
                    self.send(&envelope, body(&NameServerRequest::Watch {}));
                }
            }
            Ok(event) => lock(&self.watchers).on_event(event),
            Err(_) => {}
        }
    }

    fn on_request(&mut self, envelope: Envelope, content: Vec<u8>) {
        let (kind, id, peer) = (envelope.kind, envelope.id, envelope.peer.clone());
        let request = Incoming::Request {
            envelope,
            body: content,
        };
        if self.unasked.send(request).is_err() && kind == MessageKind::Request {
            let reason = "this member answers no requests".to_owned();
            let outcome: Result<(), Fault> = Err(Fault::Refused { reason });
            let content = outcome.as_ref().err().map(body).unwrap_or_default();
            self.send(&Envelope::answer(&outcome, id, peer), content);
        }
    }

    fn on_time(&mut self, now: Instant) {
        while let Some((what, limit, waiter)) = self.in_flight.expired(now) {
            let _ = waiter.send(Err(ProxyError::Timeout { what, limit }));
        }
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + HEARTBEAT;
            let heartbeat = body(&NameServerRequest::Heartbeat {});
            self.send(&Envelope::oneway(Peer::NameServer), heartbeat);
        }
    }
}
