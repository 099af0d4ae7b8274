//! A member's one connection to the name server: a DEALER socket owned by a thread of its own.
//!
//! Others hand it requests through a channel and wake it by an eventfd; answers come back through
//! one-shot channels, which can be waited for with or without an async runtime. It knows nothing of
//! what is asked.

use std::future::Future;
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc as channel, oneshot};

use super::ProxyError;
use super::inflight::InFlight;
use super::watch::Watchers;
use crate::model::Millis;
use crate::wire::{Envelope, Event, Fault, MessageKind, NameServerRequest, Peer, body, read_body};
use crate::zeromq::control_dealer;

/// How often a member says that it still works.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long what was handed over may take to leave when the link is dropped, in milliseconds.
const LINGER_MS: i32 = 500;
/// How many messages may be on their way in each direction.
const QUEUE: i32 = 100_000;

/// The body of an answer, or why there is none.
type Answer = Result<Vec<u8>, ProxyError>;

/// What reaches a member unasked, other than what it watches.
#[derive(Debug)]
pub enum Incoming {
    /// A request (or a one-way message) for this member. Answer it by [`Link::reply`].
    Request { envelope: Envelope, body: Vec<u8> },
    /// The name server does not know this member: announce it again.
    Stranger,
}

enum Command {
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

/// A connection to the name server.
pub struct Link {
    address: String,
    commands: mpsc::Sender<Command>,
    wake: Arc<EventFd>,
    next_id: AtomicU64,
    pub(super) watchers: Arc<Mutex<Watchers>>,
    thread: Option<JoinHandle<()>>,
}

/// An answer that is on its way. Await it, or [`Pending::wait`] for it.
pub struct Pending<T> {
    answer: oneshot::Receiver<Answer>,
    of: PhantomData<fn() -> T>,
}

impl Link {
    /// Dials the name server at `address` (`tcp://host:port`, or `host:port`). What reaches this
    /// member unasked comes out of the second value; drop it to refuse requests.
    pub fn open(address: &str) -> Result<(Self, channel::UnboundedReceiver<Incoming>), ProxyError> {
        let host_and_port = address.strip_prefix("tcp://").unwrap_or(address);
        let unreachable = |reason| ProxyError::Unreachable {
            address: host_and_port.to_owned(),
            reason,
        };
        let resolved = resolve(host_and_port).map_err(unreachable)?;
        let address = format!("tcp://{host_and_port}");
        let wake = Arc::new(
            EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
                .map_err(|errno| zmq::Error::from_raw(errno as i32))?,
        );
        let (commands, received) = mpsc::channel();
        let (unasked, incoming) = channel::unbounded_channel();
        let watchers = Arc::new(Mutex::new(Watchers::default()));
        let driver = Driver::new(&address, received, wake.clone(), unasked, watchers.clone())?;
        let thread = std::thread::Builder::new()
            .name("osb-link".to_owned())
            .stack_size(256 << 10)
            .spawn(move || driver.run())
            .map_err(|error| ProxyError::Unreachable {
                address: address.clone(),
                reason: format!("no thread for the connection: {error}"),
            })?;
        let link = Self {
            address,
            commands,
            wake,
            next_id: AtomicU64::new(1),
            watchers,
            thread: Some(thread),
        };
        // While ZeroMQ shakes hands.
        probe(&resolved).map_err(unreachable)?;
        Ok((link, incoming))
    }

    /// What was dialled: `tcp://host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks `peer`; the answer is on its way when this returns.
    pub fn ask<T: DeserializeOwned>(
        &self,
        peer: Peer,
        request: &impl Serialize,
        timeout: Duration,
    ) -> Pending<T> {
        let what = match &peer {
            Peer::NameServer => "an answer of the name server".to_owned(),
            other => format!("an answer of {other}"),
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let deadline_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let (answer, receiver) = oneshot::channel();
        let envelope = Envelope::request(id, deadline_ms.max(1), peer);
        self.hand_over(Command::Ask {
            envelope,
            body: body(request),
            what,
            answer,
        });
        Pending {
            answer: receiver,
            of: PhantomData,
        }
    }

    /// Tells `peer` something and wants no answer.
    pub fn tell(&self, peer: Peer, request: &impl Serialize) {
        let envelope = Envelope::oneway(peer);
        self.hand_over(Command::Tell {
            envelope,
            body: body(request),
        });
    }

    /// Answers a request that came as [`Incoming::Request`].
    pub fn reply<T: Serialize>(&self, request: &Envelope, outcome: Result<T, Fault>) {
        if request.kind != MessageKind::Request {
            return;
        }
        let envelope = Envelope::answer(&outcome, request.id, request.peer.clone());
        let content = match &outcome {
            Ok(result) => body(result),
            Err(fault) => body(fault),
        };
        self.hand_over(Command::Tell {
            envelope,
            body: content,
        });
    }

    /// Asks under a number of the caller's own; the answer is the driver's to handle.
    pub(super) fn send_raw(&self, envelope: Envelope, request: &impl Serialize) {
        self.hand_over(Command::Tell {
            envelope,
            body: body(request),
        });
    }

    fn hand_over(&self, command: Command) {
        // If the thread has ended, dropping the command tells whoever waits for its answer.
        if self.commands.send(command).is_ok() {
            let _ = self.wake.write(1);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.hand_over(Command::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<T: DeserializeOwned> Pending<T> {
    /// Blocks until the answer or its deadline. Not for async code, which awaits instead.
    pub fn wait(self) -> Result<T, ProxyError> {
        read_answer(self.answer.blocking_recv())
    }
}

impl<T: DeserializeOwned> Future for Pending<T> {
    type Output = Result<T, ProxyError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(read_answer)
    }
}

fn read_answer<T: DeserializeOwned>(
    received: Result<Answer, oneshot::error::RecvError>,
) -> Result<T, ProxyError> {
    let content = received.unwrap_or(Err(ProxyError::Closed))?;
    read_body(&content).map_err(|fault| ProxyError::BadAnswer {
        reason: fault.to_string(),
    })
}

fn resolve(host_and_port: &str) -> Result<Vec<SocketAddr>, String> {
    let resolved = host_and_port.to_socket_addrs();
    Ok(resolved.map_err(|error| error.to_string())?.collect())
}

/// ZeroMQ keeps trying in silence where nobody listens; a plain connection says so at once.
fn probe(resolved: &[SocketAddr]) -> Result<(), String> {
    let mut reason = "the name has no address".to_owned();
    for address in resolved {
        match TcpStream::connect_timeout(address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string().to_lowercase(),
        }
    }
    Err(match reason.find(" (os error") {
        Some(end) => reason[..end].to_owned(),
        None => reason,
    })
}

/// The thread's side.
struct Driver {
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
    fn new(
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

    fn run(mut self) {
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

    fn take_commands(&mut self) -> std::ops::ControlFlow<()> {
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
                Command::Close => return std::ops::ControlFlow::Break(()),
            }
        }
        std::ops::ControlFlow::Continue(())
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
        } else if id == super::watch::WATCH_ID
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
                    let envelope = Envelope::request(super::watch::WATCH_ID, 0, Peer::NameServer);
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

/// A watcher that panicked while it held the lock leaves the list as good as it was.
pub(super) fn lock(watchers: &Mutex<Watchers>) -> std::sync::MutexGuard<'_, Watchers> {
    watchers
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
