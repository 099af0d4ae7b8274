//! One data socket, with its links, queue and counters.

use std::collections::BTreeSet;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use zmq::{Context, Socket};

use super::account::Account;
use super::endpoint::{self, Bound, Place};
use super::id::LinkId;
use super::link::Link;
use super::make::make;
use super::onlookers::Onlookers;
use super::outbox::Outbox;
use super::request_socket::RequestSocket;
use super::{BindError, raw};
use crate::model::{
    Address, Admits, Alias, ConnectionInfo, Endpoint, Handlers, HeldEnd, HeldLink, HeldSocket,
    Holder, KeyPair, Kind, Proof, Replies, Role, Serializer, SocketId, SocketStats, Transport,
};
use crate::wire::{ProofToken, ReplyToken, sync_subscription};
use crate::zeromq::{CLOSED, Descriptor, EVENTS, End, Seen, monitor, next_event_by, stop_monitor};

/// How long to wait at most until a place is free again, in milliseconds.
const UNBINDING: i64 = 1000;
/// How many tokens of proof a publisher keeps at a time: unknown peers can subscribe too.
const TOKENS: usize = 10_000;

/// A socket, what arrives there, and where it leads.
pub(crate) struct Slot {
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
    /// What became of what went by its connections.
    pub account: Account,
    /// SYNC_PUB and SYNC_SUB: by which requests go.
    pub request_socket: Option<Box<RequestSocket>>,
    /// Who looks at what passes; none while nobody does.
    pub(super) onlookers: Option<Box<Onlookers>>,
    /// It has no alias any more, and is about to be closed.
    pub retired: bool,
    /// Where it was asked to be bound, if that was said.
    pub asked: Option<Endpoint>,
    /// A request has made it, and no spec has it.
    pub by_hand: bool,
    pub(super) bound: Option<Bound>,
    /// The agent's, in a closed system.
    pub(super) keys: Option<KeyPair>,
    /// The agents that it admits, if it is bound in a closed system.
    pub admits: Admits,
    /// Those that control has admitted besides, while the agent runs.
    pub(super) admitted: BTreeSet<Holder>,
    /// Addresses that a link once led to, whose last events may still come.
    former: BTreeSet<String>,
    /// SUB: each is subscribed to once, so that it can be taken back at once.
    subscribed: BTreeSet<Vec<u8>>,
    tokens: BTreeSet<ProofToken>,
}

/// What a monitor has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct News {
    /// A proof is another than before.
    pub changed: bool,
    /// The socket's only connection was lost, if only for a moment.
    pub lost: bool,
    /// It is there again.
    pub again: bool,
}

impl News {
    fn note(
        &mut self,
        link: &mut Link,
        (seen, by): (Seen, Option<Descriptor>),
        now: Duration,
        only: bool,
    ) {
        let was_lost = link.proof() == Proof::Lost;
        let changed = link.note_by(seen, by, now);
        self.changed |= changed;
        self.lost |= only && changed && seen == Seen::Lost;
        self.again |= only && changed && was_lost && seen == Seen::Proven;
    }
}

impl Slot {
    /// Makes the socket; it leads nowhere yet.
    pub(crate) fn new(
        context: &Context,
        alias: Alias,
        kind: Kind,
        serializer: Serializer,
        handlers: Handlers,
        keys: Option<&KeyPair>,
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
            account: Account::default(),
            request_socket: RequestSocket::of(context, kind)?.map(Box::new),
            onlookers: None,
            retired: false,
            asked: None,
            by_hand: false,
            bound: None,
            keys: keys.cloned(),
            admits: Admits::default(),
            admitted: BTreeSet::new(),
            former: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            tokens: BTreeSet::new(),
        })
    }

    pub(crate) fn bind(&mut self, endpoint: &Endpoint, place: &Place) -> Result<(), BindError> {
        self.close_to_unknown_keys().map_err(|error| BindError {
            address: endpoint.to_string(),
            reason: error.message().to_lowercase(),
        })?;
        let (socket, alias) = (&mut self.socket, &self.alias);
        let bound = match self.request_socket.as_deref_mut() {
            Some(RequestSocket::Answers(request_socket)) => {
                let (bound, beside) = endpoint::bind_both(
                    socket,
                    &mut request_socket.socket,
                    alias,
                    endpoint,
                    place,
                )?;
                request_socket.bound = Some(beside);
                bound
            }
            Some(RequestSocket::Asks { .. }) | None => {
                endpoint::bind(socket, alias, endpoint, place)?
            }
        };
        self.bound = Some(bound);
        Ok(())
    }

    /// Whether others connect to it.
    pub(crate) fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Where it is bound by TCP.
    fn ports(&self) -> impl Iterator<Item = u16> {
        let request_socket = match self.request_socket.as_deref() {
            Some(RequestSocket::Answers(request_socket)) => request_socket.bound.as_ref(),
            Some(RequestSocket::Asks { .. }) | None => None,
        };
        self.bound
            .iter()
            .chain(request_socket)
            .filter_map(Bound::port)
    }

    /// Whether that end of a connection is one of its own.
    pub(crate) fn has_end(&self, end: &End) -> bool {
        let dialled = |link: &Link| end.leads_to(&link.server.address);
        self.ports().any(|port| port == end.here.port())
            || self
                .links
                .iter()
                .any(|link| dialled(link) || link.request_socket.as_deref().is_some_and(dialled))
    }

    /// Where it is bound, or else the address it is connected to first, as osBrain's addresses of clients.
    pub(crate) fn address(&self) -> Option<Address> {
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
            key: self.keys.as_ref().map(|keys| keys.public),
            address: bound.address.clone(),
            requests: self
                .request_socket
                .as_ref()
                .and_then(|request_socket| request_socket.address())
                .map(str::to_owned),
            serializer: self.serializer,
        })
    }

    /// Begins to connect, watched from the first moment. Tells the number of the link; one that is
    /// there already is not made again, and one to the same target elsewhere is moved.
    pub(crate) fn connect(
        &mut self,
        context: &Context,
        server: Address,
        to: Option<SocketId>,
        now: Duration,
    ) -> Result<LinkId, String> {
        let same = |link: &Link| link.server.address == server.address;
        let there = self.links.iter().position(same);
        // A holder of another key is another agent.
        let is_good = |at: &usize| {
            let link = &self.links[*at];
            link.failure().is_none() && link.server.key == server.key
        };
        if let Some(at) = there.filter(is_good) {
            // What an address led to may be known only now.
            let known = &mut self.links[at].to;
            *known = known.take().or(to);
            return Ok(LinkId(at));
        }
        self.watch(context).map_err(|e| e.message().to_owned())?;
        self.take_key(&server)?;
        self.dial(&server.address, there.is_some())?;
        let request_socket = match &mut self.request_socket {
            None => None,
            Some(request_socket) => {
                let lacking = || format!("{} has no address for requests", server.address);
                let requests = server.requests.clone().ok_or_else(lacking)?;
                dial(request_socket.socket_mut(), &requests, there.is_some())?;
                let address = Address {
                    address: requests,
                    ..server.clone()
                };
                Some(Link::new(address, to.clone(), now))
            }
        };
        let moved = || {
            self.links
                .iter()
                .position(|link| to.is_some() && link.to == to)
        };
        let at = there.or_else(moved).unwrap_or(self.links.len());
        self.put_link(
            at,
            Link::new(server, to, now).with_request_socket(request_socket),
        );
        Ok(LinkId(at))
    }

    /// Begins to connect. A subscriber has nothing to send on a connection that it leaves but subscriptions: libzmq need not
    /// dial anew for them, by a key that may be good no more.
    fn dial(&mut self, address: &str, anew: bool) -> Result<(), String> {
        if !anew || !self.kind.subscribes() {
            return dial(&mut self.socket, address, anew);
        }
        let failed = |error: zmq::Error| error.message().to_owned();
        let linger = self.socket.get_linger().map_err(failed)?;
        self.socket.set_linger(0).map_err(failed)?;
        let dialled = dial(&mut self.socket, address, anew);
        self.socket.set_linger(linger).map_err(failed)?;
        dialled
    }

    /// Ends a connection and begins it anew, at the same address.
    pub(crate) fn redial(&mut self, id: LinkId, now: Duration) -> Result<(), String> {
        let gone = "the connection is not there any more";
        let address = self.links.get(id.0).map(|it| it.server.address.clone());
        self.dial(&address.ok_or(gone)?, true)?;
        let link = self.links.get_mut(id.0).ok_or(gone)?;
        if let (Some(request_socket), Some(beside)) =
            (&mut self.request_socket, &link.request_socket)
        {
            dial(request_socket.socket_mut(), &beside.server.address, true)?;
        }
        link.begin_again(now);
        Ok(())
    }

    /// The connection of that number.
    pub(crate) fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.get(id.0)
    }

    /// All that is needed to make it again.
    pub(crate) fn held(&self) -> HeldSocket {
        let link = |link: &Link| HeldLink {
            to: link.to.clone(),
            address: link.server.address.clone(),
        };
        let end = match self.bound {
            Some(_) => HeldEnd::Bound {
                endpoint: self.asked.clone(),
                admits: self.admits.clone(),
            },
            None => HeldEnd::Connected {
                to: self.links.iter().map(link).collect(),
            },
        };
        HeldSocket {
            alias: self.alias.clone(),
            kind: self.kind,
            serializer: self.serializer,
            handlers: (*self.handlers).clone(),
            replies: (*self.replies).clone(),
            end,
        }
    }

    /// Where its only link leads; none if there are several.
    pub(crate) fn only_address(&self) -> Option<String> {
        match &self.links[..] {
            [link] => Some(link.server.address.clone()),
            _ => None,
        }
    }

    /// Puts a link in its place, and drops the one that was there.
    fn put_link(&mut self, at: usize, link: Link) {
        self.former.remove(&link.server.address);
        let Some(place) = self.links.get_mut(at) else {
            return self.links.push(link);
        };
        let old = mem::replace(place, link);
        let new = &self.links[at];
        if old.server.address == new.server.address {
            return;
        }
        self.disconnect(old);
    }

    /// Ends a connection for good. What libzmq has for it may still leave. Another connection may have its number from now on:
    /// tells which that was.
    pub(crate) fn leave(&mut self, id: LinkId) -> Option<LinkId> {
        if id.0 >= self.links.len() {
            return None;
        }
        let link = self.links.swap_remove(id.0);
        self.disconnect(link);
        let moved = self.links.len();
        (moved > id.0).then_some(LinkId(moved))
    }

    fn disconnect(&mut self, link: Link) {
        // They may be gone already.
        let _ = raw::disconnect(&mut self.socket, &link.server.address);
        self.former.insert(link.server.address);
        if let (Some(request_socket), Some(link)) = (&mut self.request_socket, link.request_socket)
        {
            let _ = raw::disconnect(request_socket.socket_mut(), &link.server.address);
            self.former.insert(link.server.address);
        }
    }

    fn watch(&mut self, context: &Context) -> zmq::Result<()> {
        if self.monitor.is_none() {
            self.monitor = Some(monitor(context, &self.socket, EVENTS)?);
        }
        match &mut self.request_socket {
            Some(request_socket) => request_socket.watch(context),
            None => Ok(()),
        }
    }

    /// Reads what the monitor has seen.
    pub(crate) fn read_monitor(&mut self, now: Duration) -> News {
        let mut news = News::default();
        while let Some((seen, address, by)) = self.monitor.as_ref().and_then(next_event_by) {
            let former = |former: &String| former.as_bytes() == address;
            // libzmq may write the address otherwise than it was given.
            let only = self.links.len() == 1 && !self.former.iter().any(former);
            let linked = |link: &&mut Link| only || link.server.address.as_bytes() == address;
            if let Some(link) = self.links.iter_mut().find(linked) {
                news.note(link, (seen, by), now, only);
            }
        }
        news
    }

    /// The same for the connections by which requests go.
    pub(crate) fn read_request_monitor(&mut self, now: Duration) -> News {
        let mut news = News::default();
        let monitor = || {
            self.request_socket
                .as_ref()
                .and_then(|request_socket| request_socket.monitor())
        };
        while let Some((seen, address, by)) = monitor().and_then(next_event_by) {
            let former = |former: &String| former.as_bytes() == address;
            let only = self.links.len() == 1 && !self.former.iter().any(former);
            let request_sockets = self
                .links
                .iter_mut()
                .filter_map(|link| link.request_socket.as_deref_mut());
            let mut linked =
                request_sockets.filter(|it| only || it.server.address.as_bytes() == address);
            if let Some(link) = linked.next() {
                news.note(link, (seen, by), now, only);
            }
        }
        news
    }

    /// Subscribes to all that its handlers are for; SYNC_SUB, to its answers too.
    pub(crate) fn subscribe_to_handlers(&mut self) {
        for topic in Rc::clone(&self.handlers).subscriptions() {
            self.subscribe_topic(topic);
        }
        let token = self
            .request_socket
            .as_ref()
            .and_then(|request_socket| request_socket.token());
        if let Some(token) = token.map(ReplyToken::subscription) {
            self.subscribe(&token);
        }
    }

    pub(crate) fn subscribe_topic(&mut self, topic: &str) {
        self.subscribe(&self.subscription_to(topic));
    }

    pub(crate) fn unsubscribe_topic(&mut self, topic: &str) {
        self.unsubscribe(&self.subscription_to(topic));
    }

    fn subscription_to(&self, topic: &str) -> Vec<u8> {
        match self.kind.asks_beside() {
            true => sync_subscription(topic),
            false => topic.as_bytes().to_owned(),
        }
    }

    /// Subscribes to these very bytes.
    pub(crate) fn subscribe(&mut self, prefix: &[u8]) {
        if self.subscribed.insert(prefix.to_owned()) {
            // The socket is a SUB: there is nothing that could be wrong.
            let _ = self.socket.set_subscribe(prefix);
        }
    }

    pub(crate) fn unsubscribe(&mut self, prefix: &[u8]) {
        if self.subscribed.remove(prefix) {
            let _ = self.socket.set_unsubscribe(prefix);
        }
    }

    /// A publisher takes note of what a subscriber wants. True if it is a new token, of a proof or of
    /// a requester.
    pub(crate) fn note_subscription(&mut self, frame: &[u8]) -> bool {
        let Some((&what, subscription)) = frame.split_first() else {
            return false;
        };
        match (what, ProofToken::from_subscription(subscription)) {
            (1, Some(token)) if self.tokens.len() < TOKENS => self.tokens.insert(token),
            (0, Some(token)) => {
                self.tokens.remove(&token);
                false
            }
            (0 | 1, None) => match &mut self.request_socket {
                Some(request_socket) => request_socket.note_subscription(what == 1, subscription),
                None => false,
            },
            _ => false,
        }
    }

    pub(crate) fn has_seen(&self, tokens: &[ProofToken]) -> bool {
        tokens.iter().all(|token| self.tokens.contains(token))
    }

    /// Its connections, with their numbers.
    pub(crate) fn connections(
        &self,
        now: Duration,
    ) -> impl Iterator<Item = (LinkId, ConnectionInfo)> + '_ {
        let links = self.links.iter().enumerate();
        links.map(move |(at, link)| (LinkId(at), link.info(&self.alias, now)))
    }

    /// Closes the socket. What libzmq has may leave for as long as `linger`. When this returns,
    /// the place where it was bound is free.
    pub(crate) fn close_within(mut self, linger: Option<Duration>, context: &Context) {
        if let Some(linger) = linger {
            let ms = i32::try_from(linger.as_millis()).unwrap_or(i32::MAX);
            // An option that every socket has.
            let _ = self.socket.set_linger(ms);
            let _ = self
                .request_socket
                .as_ref()
                .map(|request_socket| request_socket.socket().set_linger(ms));
        }
        if let Some(bound) = &self.bound {
            unbind(&mut self.socket, bound, context);
        }
        if let Some(RequestSocket::Answers(request_socket)) = self.request_socket.as_deref_mut()
            && let Some(bound) = &request_socket.bound
        {
            unbind(&mut request_socket.socket, bound, context);
        }
        self.close();
    }

    /// Closes the socket and removes its file.
    pub(crate) fn close(mut self) {
        // First: libzmq's thread would wait for ever to tell a monitor that no thread reads any more.
        stop_monitor(&mut self.socket);
        drop(self.socket);
        drop(self.monitor);
        if let Some(request_socket) = self.request_socket {
            request_socket.close();
        }
        if let Some(file) = self.bound.and_then(|bound| bound.file) {
            file.remove();
        }
    }
}

/// Frees the place where a socket is bound.
fn unbind(socket: &mut Socket, bound: &Bound, context: &Context) {
    if let Ok(monitor) = monitor(context, socket, CLOSED)
        && raw::unbind(socket, &bound.endpoint).is_ok()
    {
        // libzmq does so in another thread, at once.
        let _ = monitor.poll(zmq::POLLIN, UNBINDING);
    }
}

/// Begins to connect; anew, if libzmq has given the address up.
fn dial(socket: &mut Socket, address: &str, anew: bool) -> Result<(), String> {
    if address.starts_with("tcp://[") {
        socket.set_ipv6(true).map_err(|e| e.message().to_owned())?;
    }
    if anew {
        let _ = raw::disconnect(socket, address);
    }
    raw::connect(socket, address).map_err(|e| e.reason())
}
