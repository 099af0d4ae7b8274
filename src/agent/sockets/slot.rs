//! One data socket with all that belongs to it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use zmq::{Context, DONTWAIT, Message, Socket};

use super::desk::{self, Desk};
use super::endpoint::{self, Bound, Place};
use super::link::{Link, Seen};
use super::outbox::Outbox;
use super::{BindError, raw};
use crate::model::{
    Address, Alias, ConnectionInfo, Endpoint, Handlers, Kind, Proof, Replies, Role, Serializer,
    SocketStats, Target, Transport,
};
use crate::wire::{ProofToken, sync_subscription};

/// The largest message accepted: 256 MiB.
const LARGEST_MESSAGE: i64 = 256 << 20;
/// How long a closed socket may still send, in milliseconds.
const LINGER: i32 = 1000;
/// How many peers may be about to connect at a time. Those beyond would try again only after a
/// second.
const BACKLOG: i32 = 4096;
/// How many tokens of proof a publisher keeps at a time: strangers can subscribe too.
const TOKENS: usize = 10_000;

/// A socket, what arrives there, and where it leads.
pub struct Slot {
    pub alias: Alias,
    pub kind: Kind,
    pub serializer: Serializer,
    pub handlers: Rc<Handlers>,
    /// Where it asks: how answers are handled.
    pub replies: Rc<Replies>,
    pub socket: Socket,
    pub monitor: Option<Socket>,
    pub links: Vec<Link>,
    pub outbox: Outbox,
    pub stats: SocketStats,
    /// SYNC_PUB and SYNC_SUB: by which requests go.
    pub desk: Option<Box<Desk>>,
    bound: Option<Bound>,
    tokens: BTreeSet<ProofToken>,
}

/// What a monitor has seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct News {
    /// A proof is another than before.
    pub changed: bool,
    /// The socket's only connection was lost, if only for a moment.
    pub lost: bool,
    /// It is there again.
    pub again: bool,
}

impl News {
    fn note(&mut self, link: &mut Link, seen: Seen, now: Duration, only: bool) {
        let was_lost = link.proof() == Proof::Lost;
        let changed = link.note(seen, now);
        self.changed |= changed;
        self.lost |= only && changed && seen == Seen::Lost;
        self.again |= only && changed && was_lost && seen == Seen::Proven;
    }
}

impl Slot {
    /// Makes the socket; it leads nowhere yet.
    pub fn new(
        context: &Context,
        alias: Alias,
        kind: Kind,
        serializer: Serializer,
        handlers: Handlers,
    ) -> zmq::Result<Self> {
        Ok(Self {
            socket: make(context, kind)?,
            alias,
            kind,
            serializer,
            handlers: Rc::new(handlers),
            replies: Rc::default(),
            monitor: None,
            links: Vec::new(),
            outbox: Outbox::default(),
            stats: SocketStats::default(),
            desk: Desk::of(context, kind)?.map(Box::new),
            bound: None,
            tokens: BTreeSet::new(),
        })
    }

    pub fn bind(&mut self, endpoint: &Endpoint, place: &Place) -> Result<(), BindError> {
        let (socket, alias) = (&mut self.socket, &self.alias);
        let bound = match self.desk.as_deref_mut() {
            Some(Desk::Answers(desk)) => {
                let (bound, beside) =
                    endpoint::bind_both(socket, &mut desk.socket, alias, endpoint, place)?;
                desk.bound = Some(beside);
                bound
            }
            _ => endpoint::bind(socket, alias, endpoint, place)?,
        };
        self.bound = Some(bound);
        Ok(())
    }

    /// Where it is bound, or else whom it is connected to first, as osBrain's addresses of clients.
    pub fn address(&self) -> Option<Address> {
        self.server_address().or_else(|| {
            let link = self.links.first()?;
            Some(Address {
                kind: self.kind,
                role: Role::Client,
                ..link.server.clone()
            })
        })
    }

    fn server_address(&self) -> Option<Address> {
        let bound = self.bound.as_ref()?;
        let transport = match bound.file {
            Some(_) => Transport::Ipc,
            None => Transport::Tcp,
        };
        Some(Address {
            kind: self.kind,
            role: Role::Server,
            transport,
            address: bound.address.clone(),
            requests: self
                .desk
                .as_ref()
                .and_then(|desk| desk.address())
                .map(str::to_owned),
            serializer: self.serializer,
        })
    }

    /// Begins to connect, watched from the first moment. Tells the number of the link; one that is
    /// there already is not made again.
    pub fn connect(
        &mut self,
        context: &Context,
        server: Address,
        to: Option<Target>,
        now: Duration,
    ) -> Result<usize, String> {
        let same = |link: &Link| link.server.address == server.address;
        let there = self.links.iter().position(same);
        if let Some(at) = there.filter(|at| self.links[*at].failure().is_none()) {
            return Ok(at);
        }
        self.watch(context).map_err(|e| e.message().to_owned())?;
        dial(&mut self.socket, &server.address, there.is_some())?;
        let desk = match &mut self.desk {
            None => None,
            Some(desk) => {
                let lacking = || format!("{} has no address for requests", server.address);
                let requests = server.requests.clone().ok_or_else(lacking)?;
                dial(desk.socket_mut(), &requests, there.is_some())?;
                let address = Address {
                    address: requests,
                    ..server.clone()
                };
                Some(Link::new(address, to.clone(), now))
            }
        };
        let link = Link::new(server, to, now).with_desk(desk);
        let Some(at) = there else {
            self.links.push(link);
            return Ok(self.links.len() - 1);
        };
        self.links[at] = link;
        Ok(at)
    }

    fn watch(&mut self, context: &Context) -> zmq::Result<()> {
        if self.monitor.is_none() {
            let name = format!("inproc://monitor/{}", self.alias);
            self.monitor = Some(desk::watch(context, &self.socket, &name)?);
        }
        match &mut self.desk {
            Some(desk) => desk.watch(context, &self.alias),
            None => Ok(()),
        }
    }

    /// Reads what the monitor has seen.
    pub fn read_monitor(&mut self, now: Duration) -> News {
        let mut news = News::default();
        while let Some((seen, address)) = self.monitor.as_ref().and_then(next_event) {
            let only = self.links.len() == 1;
            let linked = |link: &&mut Link| only || link.server.address.as_bytes() == address;
            if let Some(link) = self.links.iter_mut().find(linked) {
                news.note(link, seen, now, only);
            }
        }
        news
    }

    /// The same for the connections by which requests go.
    pub fn read_desk_monitor(&mut self, now: Duration) -> News {
        let mut news = News::default();
        let monitor = || self.desk.as_ref().and_then(|desk| desk.monitor());
        while let Some((seen, address)) = monitor().and_then(next_event) {
            let only = self.links.len() == 1;
            let desks = self
                .links
                .iter_mut()
                .filter_map(|link| link.desk.as_deref_mut());
            let mut linked = desks.filter(|it| only || it.server.address.as_bytes() == address);
            if let Some(link) = linked.next() {
                news.note(link, seen, now, only);
            }
        }
        news
    }

    /// Subscribes to all that its handlers are for; SYNC_SUB, to its answers too.
    pub fn subscribe_to_handlers(&self) {
        for topic in self.handlers.subscriptions() {
            self.subscribe_topic(topic);
        }
        if let Some(token) = self.desk.as_ref().and_then(|desk| desk.token()) {
            self.subscribe(&token.subscription());
        }
    }

    pub fn subscribe_topic(&self, topic: &str) {
        match self.kind {
            Kind::SyncSub => self.subscribe(&sync_subscription(topic)),
            _ => self.subscribe(topic.as_bytes()),
        }
    }

    /// Subscribes to these very bytes.
    pub fn subscribe(&self, prefix: &[u8]) {
        // The socket is a SUB: there is nothing that could be wrong.
        let _ = self.socket.set_subscribe(prefix);
    }

    pub fn unsubscribe(&self, prefix: &[u8]) {
        let _ = self.socket.set_unsubscribe(prefix);
    }

    /// A publisher takes note of what a subscriber wants. True if it is a new token, of a proof or of
    /// an asker.
    pub fn note_subscription(&mut self, frame: &[u8]) -> bool {
        let Some((&what, subscription)) = frame.split_first() else {
            return false;
        };
        match (what, ProofToken::from_subscription(subscription)) {
            (1, Some(token)) if self.tokens.len() < TOKENS => self.tokens.insert(token),
            (0, Some(token)) => {
                self.tokens.remove(&token);
                false
            }
            (0 | 1, None) => match &mut self.desk {
                Some(desk) => desk.note_subscription(what == 1, subscription),
                None => false,
            },
            _ => false,
        }
    }

    pub fn has_seen(&self, tokens: &[ProofToken]) -> bool {
        tokens.iter().all(|token| self.tokens.contains(token))
    }

    pub fn connections(&self) -> impl Iterator<Item = ConnectionInfo> + '_ {
        self.links.iter().map(|link| link.info(&self.alias))
    }

    /// Closes the socket and removes its file.
    pub fn close(self) {
        drop(self.monitor);
        drop(self.socket);
        if let Some(desk) = self.desk {
            desk.close();
        }
        if let Some(file) = self.bound.and_then(|bound| bound.file) {
            file.remove();
        }
    }
}

/// Begins to connect; anew, if libzmq has given the address up.
fn dial(socket: &mut Socket, address: &str, anew: bool) -> Result<(), String> {
    if address.starts_with("tcp://[") {
        socket.set_ipv6(true).map_err(|e| e.message().to_owned())?;
    }
    if anew {
        let _ = socket.disconnect(address);
    }
    raw::connect(socket, address).map_err(|e| e.reason())
}

fn next_event(monitor: &Socket) -> Option<(Seen, Vec<u8>)> {
    loop {
        let frame = monitor.recv_bytes(DONTWAIT).ok()?;
        let address = monitor.recv_bytes(DONTWAIT).ok()?;
        if let Some(seen) = Seen::decode(&frame) {
            return Some((seen, address));
        }
    }
}

/// Makes the socket of libzmq that does the work of `kind`.
pub(super) fn make(context: &Context, kind: Kind) -> zmq::Result<Socket> {
    let mut socket = context.socket(match kind {
        Kind::Push => zmq::PUSH,
        Kind::Pull => zmq::PULL,
        // It shows the publisher who subscribes.
        Kind::Pub | Kind::SyncPub => zmq::XPUB,
        Kind::Sub | Kind::SyncSub => zmq::SUB,
        // They speak as REQ and REP do, and can have many requests under way.
        Kind::Req | Kind::AsyncReq => zmq::DEALER,
        Kind::Rep | Kind::AsyncRep => zmq::ROUTER,
    })?;
    socket.set_linger(LINGER)?;
    socket.set_maxmsgsize(LARGEST_MESSAGE)?;
    socket.set_backlog(BACKLOG)?;
    match kind {
        Kind::Pub | Kind::SyncPub => {
            socket.set_xpub_verbose(true)?;
            // An option that every XPUB has.
            let _ = raw::set_nodrop(&mut socket, true);
        }
        // No request goes to a peer that is not there.
        Kind::Req | Kind::AsyncReq => socket.set_immediate(true)?,
        // An answer to a peer that has gone is counted, instead of vanishing.
        Kind::Rep | Kind::AsyncRep => {
            socket.set_router_mandatory(true)?;
            // A peer that chose its own identity may come back with it.
            socket.set_router_handover(true)?;
        }
        _ => {}
    }
    Ok(socket)
}

/// Receives a frame into `frame`; false if there is none.
pub fn receive(socket: &Socket, frame: &mut Message) -> bool {
    loop {
        match socket.recv(frame, DONTWAIT) {
            Ok(()) => return true,
            Err(zmq::Error::EINTR) => {}
            Err(_) => return false,
        }
    }
}
