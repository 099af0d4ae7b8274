//! A member's one connection to the name server: a DEALER socket owned by a thread of its own.
//!
//! Others hand it requests through a channel and wake it by an eventfd; answers come back through
//! one-shot channels, which can be waited for with or without an async runtime. It knows nothing of
//! what is asked. The thread itself is `driver`'s.

use std::future::Future;
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc as channel, oneshot};

use super::ProxyError;
use super::admission::Admission;
use super::driver::{Answer, Command, Driver, Lines};
use super::incoming::Incoming;
use super::known_server::KnownServer;
use super::watch::Watchers;
use crate::model::timing::LINK_CONNECT_TIMEOUT;
use crate::model::{Dial, Millis, PublicKey};
use crate::wire::{Envelope, Fault, MessageKind, Peer, body, read_body};

/// A connection to the name server.
pub struct Link {
    address: String,
    server: Option<Arc<KnownServer>>,
    commands: mpsc::Sender<Command>,
    wake: Arc<EventFd>,
    next_id: AtomicU64,
    is_in: Arc<AtomicBool>,
    pub(super) watchers: Arc<Mutex<Watchers>>,
    thread: Option<JoinHandle<()>>,
}

/// An answer that is on its way. Await it, or [`Pending::wait`] for it.
pub struct Pending<T> {
    answer: oneshot::Receiver<Answer>,
    of: PhantomData<fn() -> T>,
}

impl Link {
    /// Dials the name server. What reaches this member unasked comes out of the second value; drop it
    /// to refuse requests. That it does not let this one in shows with the first question, within
    /// three seconds.
    pub fn open(to: &Dial) -> Result<(Self, channel::UnboundedReceiver<Incoming>), ProxyError> {
        Self::dial(to, Some(LINK_CONNECT_TIMEOUT))
    }

    /// As [`Link::open`], but no name server has to listen there yet: it is dialled until one does.
    pub fn open_unprobed(
        to: &Dial,
    ) -> Result<(Self, channel::UnboundedReceiver<Incoming>), ProxyError> {
        Self::dial(to, None)
    }

    fn dial(
        to: &Dial,
        patience: Option<Duration>,
    ) -> Result<(Self, channel::UnboundedReceiver<Incoming>), ProxyError> {
        let address = &to.address;
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
        let to = Dial {
            address: address.clone(),
            keys: to.keys.clone(),
        };
        let admission = Admission::new(&to, patience);
        let server = to.keys.as_ref().map(|keys| Arc::new(KnownServer::of(keys)));
        let is_in = Arc::default();
        let lines = Lines {
            commands: received,
            wake: wake.clone(),
            unasked,
            is_in: Arc::clone(&is_in),
            server: server.clone(),
        };
        let driver = Driver::new(&to, admission, lines, watchers.clone())?;
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
            server,
            commands,
            wake,
            next_id: AtomicU64::new(1),
            is_in,
            watchers,
            thread: Some(thread),
        };
        if patience.is_some() {
            // While ZeroMQ shakes hands.
            probe(&resolved).map_err(unreachable)?;
        }
        Ok((link, incoming))
    }

    /// The key by which the name server is known by now, if it admits by key.
    pub fn server_key(&self) -> Option<PublicKey> {
        self.server.as_ref().map(|server| server.key())
    }

    /// Whether there is a connection now, and its handshake done.
    pub fn is_in(&self) -> bool {
        self.is_in.load(Ordering::Relaxed)
    }

    /// What was dialled: `tcp://host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn host_and_port(&self) -> &str {
        self.address.trim_start_matches("tcp://")
    }

    /// Asks `peer`; the answer is on its way when this returns.
    pub fn ask<T: DeserializeOwned>(
        &self,
        peer: Peer,
        request: &impl Serialize,
        timeout: Duration,
    ) -> Pending<T> {
        let limit = Millis::from(timeout);
        let late = match &peer {
            Peer::NameServer => ProxyError::Mute {
                address: self.host_and_port().to_owned(),
                limit,
            },
            other => ProxyError::Timeout {
                what: format!("an answer of {other}"),
                limit,
                standing: None,
            },
        };
        let id = self.next_id();
        let deadline_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let (answer, receiver) = oneshot::channel();
        let envelope = Envelope::request(id, deadline_ms.max(1), peer);
        self.hand_over(Command::Ask {
            envelope,
            body: body(request),
            late,
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

    /// Whether members are known by keys.
    pub(super) fn is_closed(&self) -> bool {
        self.server.is_some()
    }

    /// A number for a request.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks under a number of the caller's own; the answer is the driver's to handle.
    pub(super) fn send_raw(&self, envelope: Envelope, request: &impl Serialize) {
        self.hand_over(Command::Tell {
            envelope,
            body: body(request),
        });
    }

    fn hand_over(&self, command: Command) {
        // If the thread has ended, dropping the command tells the one that waits for its answer.
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

impl<T> Pending<T> {
    /// What could not be asked at all: its answer is that.
    pub(super) fn failed(why: ProxyError) -> Self {
        let (answer, receiver) = oneshot::channel();
        // The receiver is here.
        let _ = answer.send(Err(why));
        Self {
            answer: receiver,
            of: PhantomData,
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

/// ZeroMQ keeps trying silently where no socket listens; a plain connection says so at once.
fn probe(resolved: &[SocketAddr]) -> Result<(), String> {
    let mut reason = "the name has no address".to_owned();
    for address in resolved {
        match TcpStream::connect_timeout(address, LINK_CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string().to_lowercase(),
        }
    }
    Err(match reason.find(" (os error") {
        Some(end) => reason[..end].to_owned(),
        None => reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NameServerRequest;

    #[test]
    fn what_was_asked_on_a_connection_that_is_lost_is_not_waited_for() {
        let context = zmq::Context::new();
        let silent = context.socket(zmq::ROUTER).unwrap();
        silent.bind("tcp://127.0.0.1:*").unwrap();
        let address = silent.get_last_endpoint().unwrap().unwrap();
        let (link, _incoming) = Link::open(&Dial::plain(&address)).unwrap();
        let day = Duration::from_secs(86_400);
        let answer = link.ask::<()>(Peer::NameServer, &NameServerRequest::Hosts {}, day);
        // It has arrived.
        silent.recv_multipart(0).unwrap();
        drop(silent);
        assert!(matches!(answer.wait(), Err(ProxyError::Closed)));
    }
}
