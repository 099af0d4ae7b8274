//! The second socket of a SYNC channel: requests go by it from the subscriber to the publisher. The
//! answers do not come back by it, but among the publications.

use std::collections::{BTreeSet, VecDeque};

use zmq::{Context, Message, Socket};

use super::endpoint::Bound;
use super::make::make;
use super::send::Envelope;
use crate::model::Kind;
use crate::wire::ReplyToken;
use crate::zeromq::{EVENTS, monitor as watch, stop_monitor};

/// How many requesters a publisher knows at a time: unknown peers can subscribe too.
const MAX_REQUESTERS: usize = 10_000;
/// How many requests wait for the subscription of their requester.
const EARLY: usize = 1000;

/// The request socket, at one end or the other.
pub(crate) enum RequestSocket {
    /// SYNC_PUB: requests arrive.
    Answers(Answers),
    /// SYNC_SUB: requests leave.
    Asks {
        socket: Socket,
        monitor: Option<Socket>,
        /// Under which the answers come.
        token: ReplyToken,
        /// Requests that left by a connection that is lost.
        stranded: Vec<u64>,
    },
}

/// The publisher's end.
pub(crate) struct Answers {
    pub socket: Socket,
    pub bound: Option<Bound>,
    /// The requesters that have subscribed to answers, and so will get them.
    requesters: BTreeSet<ReplyToken>,
    early: VecDeque<Early>,
}

/// A request that has overtaken the subscription to its answer: they come by different sockets.
pub(crate) struct Early {
    pub path: Envelope,
    pub body: Message,
    token: ReplyToken,
}

impl RequestSocket {
    /// The request socket of a socket of that kind, if it has one.
    pub(crate) fn of(context: &Context, kind: Kind) -> zmq::Result<Option<Self>> {
        Ok(match kind {
            Kind::SyncPub => Some(RequestSocket::Answers(Answers {
                socket: make(context, Kind::AsyncRep)?,
                bound: None,
                requesters: BTreeSet::new(),
                early: VecDeque::new(),
            })),
            Kind::SyncSub => Some(RequestSocket::Asks {
                socket: make(context, Kind::AsyncReq)?,
                monitor: None,
                token: ReplyToken::random(),
                stranded: Vec::new(),
            }),
            Kind::Push
            | Kind::Pull
            | Kind::Pub
            | Kind::Sub
            | Kind::Req
            | Kind::Rep
            | Kind::AsyncReq
            | Kind::AsyncRep => None,
        })
    }

    pub(crate) fn socket(&self) -> &Socket {
        match self {
            RequestSocket::Answers(request_socket) => &request_socket.socket,
            RequestSocket::Asks { socket, .. } => socket,
        }
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket {
        match self {
            RequestSocket::Answers(request_socket) => &mut request_socket.socket,
            RequestSocket::Asks { socket, .. } => socket,
        }
    }

    pub(crate) fn monitor(&self) -> Option<&Socket> {
        match self {
            RequestSocket::Answers(_) => None,
            RequestSocket::Asks { monitor, .. } => monitor.as_ref(),
        }
    }

    pub(crate) fn token(&self) -> Option<&ReplyToken> {
        match self {
            RequestSocket::Answers(_) => None,
            RequestSocket::Asks { token, .. } => Some(token),
        }
    }

    /// Takes note of requests that left by a connection that was lost.
    pub(crate) fn strand(&mut self, requests: Vec<u64>) {
        if let RequestSocket::Asks { stranded, .. } = self {
            stranded.extend(requests);
        }
    }

    /// Takes them out.
    pub(crate) fn take_stranded(&mut self) -> Vec<u64> {
        match self {
            RequestSocket::Asks { stranded, .. } => std::mem::take(stranded),
            RequestSocket::Answers(_) => Vec::new(),
        }
    }

    /// Where requests go.
    pub(crate) fn address(&self) -> Option<&str> {
        match self {
            RequestSocket::Answers(request_socket) => request_socket
                .bound
                .as_ref()
                .map(|bound| bound.address.as_str()),
            RequestSocket::Asks { .. } => None,
        }
    }

    /// Watches its connections.
    pub(crate) fn watch(&mut self, context: &Context) -> zmq::Result<()> {
        if let RequestSocket::Asks {
            socket,
            monitor: monitor @ None,
            ..
        } = self
        {
            *monitor = Some(watch(context, socket, EVENTS)?);
        }
        Ok(())
    }

    /// A subscription has come or gone. True if a requester is new.
    pub(crate) fn note_subscription(&mut self, begins: bool, subscription: &[u8]) -> bool {
        let RequestSocket::Answers(request_socket) = self else {
            return false;
        };
        match ReplyToken::from_subscription(subscription) {
            Some(token) if begins => {
                request_socket.requesters.len() < MAX_REQUESTERS
                    && request_socket.requesters.insert(token)
            }
            Some(token) => {
                request_socket.requesters.remove(&token);
                false
            }
            None => false,
        }
    }

    /// Closes it and removes its file.
    pub(crate) fn close(self) {
        match self {
            RequestSocket::Asks {
                mut socket,
                monitor,
                ..
            } => {
                // First, as for every socket that is watched.
                stop_monitor(&mut socket);
                drop(socket);
                drop(monitor);
            }
            RequestSocket::Answers(Answers {
                mut socket, bound, ..
            }) => {
                stop_monitor(&mut socket);
                drop(socket);
                if let Some(file) = bound.and_then(|bound| bound.file) {
                    file.remove();
                }
            }
        }
    }
}

impl Answers {
    /// Whether an answer under that token would reach its requester.
    pub(crate) fn knows(&self, token: &ReplyToken) -> bool {
        self.requesters.contains(token)
    }

    /// Keeps a request until its requester has subscribed. True if the oldest one had to go for it.
    pub(crate) fn keep(&mut self, token: ReplyToken, path: Envelope, body: Message) -> bool {
        let full = self.early.len() >= EARLY;
        if full {
            self.early.pop_front();
        }
        self.early.push_back(Early { path, body, token });
        full
    }

    /// A kept request whose requester has subscribed by now.
    pub(crate) fn next_known(&mut self) -> Option<Early> {
        let known = |early: &Early| self.requesters.contains(&early.token);
        let at = self.early.iter().position(known)?;
        self.early.remove(at)
    }
}
