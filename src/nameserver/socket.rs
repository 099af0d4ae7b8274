//! The name server's ROUTER socket: frames in, frames out, never blocking.

use std::net::{IpAddr, SocketAddr};

use super::NameServerError;
use crate::access::{KeyId, NotAdmitted};
use crate::model::{KeyPair, PublicKey, SecretKey};
use crate::registry::{RoutingId, Undelivered};
use crate::state::ServerKeys;
use crate::wire::LARGEST_BODY;
use crate::zeromq::{
    Connections, HANDSHAKE_MS, ServerKey, Verdict, Zap, admit_by_key, answer_to_keys,
    bound_messages, bound_queues, keep_alive,
};

/// How many messages may wait for one member before it counts as one that does not read.
const QUEUE: i32 = 20_000;
/// So many bytes that wait count as one message more: of what a member has sent, 40 MiB wait, and then TCP holds it
/// back;
const UNIT_IN: i32 = 2 << 10;
/// of what a member has not read, 320 MiB, and then it counts as one that does not read.
const UNIT_OUT: i32 = 16 << 10;
/// How long the last messages may take to leave at the end, in milliseconds.
const LINGER_MS: i32 = 500;

/// Up to this size a body is copied into ZeroMQ's message: cheaper than to hand it over, which takes
/// several small allocations that another thread has to free.
const COPIED: usize = 4 << 10;

/// One multipart message.
pub(crate) enum Frames {
    /// As every osb message.
    Two {
        from: RoutingId,
        header: zmq::Message,
        content: Vec<u8>,
    },
    Other,
}

/// Why, and the content.
pub(crate) type NotSent = (Undelivered, Vec<u8>);

/// A peer whose key is not admitted.
pub(crate) struct TurnedAway {
    pub key: PublicKey,
    pub place: Option<IpAddr>,
    pub why: NotAdmitted,
}

/// Where a message comes from.
fn place_of(message: &mut zmq::Message) -> Option<IpAddr> {
    let address = message.gets("Peer-Address")?;
    address.parse().ok().map(plain)
}

/// One of IPv4, seen by a socket of IPv6, as it is written elsewhere.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

pub(crate) struct Router {
    socket: zmq::Socket,
    /// None: every peer is admitted.
    admission: Option<Admission>,
    /// Kept for its life only: the socket works in it.
    _context: zmq::Context,
}

impl Router {
    /// With `keys`, only peers are admitted that [`Router::answer_handshakes`] admits.
    pub(crate) fn bind(at: SocketAddr, keys: Option<&ServerKeys>) -> Result<Self, NameServerError> {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::ROUTER)?;
        let admission = match keys {
            Some(keys) => {
                let zap = Zap::bind(&context)?;
                admit_by_key(&mut socket, &keys.present.secret, "")?;
                let former = keys.former.as_ref().map(|it| &it.keys.secret);
                answer_by(&mut socket, FIRST, &keys.present.secret, former)?;
                Some(Admission {
                    zap,
                    connections: Connections::default(),
                    number: FIRST,
                })
            }
            None => None,
        };
        keep_alive(&socket)?;
        socket.set_router_mandatory(true)?;
        socket.set_linger(LINGER_MS)?;
        socket.set_sndhwm(QUEUE)?;
        socket.set_rcvhwm(QUEUE)?;
        socket.set_backlog(4096)?;
        socket.set_handshake_ivl(HANDSHAKE_MS)?;
        socket.set_ipv6(at.is_ipv6())?;
        bound_messages(&mut socket, LARGEST_BODY as i64 + 1)?;
        bound_queues(&mut socket, UNIT_IN, UNIT_OUT)?;
        socket
            .bind(&format!("tcp://{at}"))
            .map_err(|source| NameServerError::Bind { at, source })?;
        Ok(Self {
            socket,
            admission,
            _context: context,
        })
    }

    /// Whether a peer waits to be admitted.
    pub(crate) fn handshakes(&self) -> Option<zmq::PollItem<'_>> {
        let admission = self.admission.as_ref()?;
        Some(admission.zap.socket().as_poll_item(zmq::POLLIN))
    }

    /// Admits the peers that wait and may be admitted. Tells which may not.
    pub(crate) fn answer_handshakes(
        &mut self,
        may: impl Fn(&PublicKey, u32) -> Result<KeyId, NotAdmitted>,
    ) -> Vec<TurnedAway> {
        let mut refused = Vec::new();
        let Some(admission) = &mut self.admission else {
            return refused;
        };
        while let Some(handshake) = admission.zap.next() {
            let ServerKey(by) = handshake.server_key.unwrap_or(ServerKey(0));
            match may(&handshake.key, by) {
                Ok(id) => {
                    admission.connections.add(id, handshake.connection);
                    let id = format!("{}.{by}", id.0);
                    admission.zap.answer(&handshake, Verdict::Admitted(&id));
                }
                Err(why) => {
                    let text = why.to_string();
                    let verdict = match why {
                        NotAdmitted::FormerKey => Verdict::FormerKey,
                        NotAdmitted::Unknown | NotAdmitted::Expired | NotAdmitted::Guest => {
                            Verdict::Refused(&text)
                        }
                    };
                    admission.zap.answer(&handshake, verdict);
                    refused.push(TurnedAway {
                        key: handshake.key,
                        place: handshake.address.parse().ok().map(plain),
                        why,
                    });
                }
            }
        }
        refused
    }

    /// Handshakes succeed by the key `new` from now on, and by the former one. Tells its number.
    pub(crate) fn rotate(&mut self, new: &KeyPair, former: &KeyPair) -> zmq::Result<u32> {
        let Some(admission) = &mut self.admission else {
            return Ok(0);
        };
        let number = admission.number + 1;
        answer_by(&mut self.socket, number, &new.secret, Some(&former.secret))?;
        admission.number = number;
        Ok(number)
    }

    /// Ends all connections of these keys.
    pub(crate) fn hang_up(&mut self, keys: &[KeyId]) {
        if let Some(admission) = &mut self.admission {
            admission.connections.end(keys);
        }
    }

    /// What members dial.
    pub(crate) fn address(&self) -> Result<String, zmq::Error> {
        let endpoint = self.socket.get_last_endpoint()?;
        Ok(endpoint.unwrap_or_else(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(crate) fn poll_item(&self) -> zmq::PollItem<'_> {
        self.socket.as_poll_item(zmq::POLLIN)
    }

    /// The next message, if there is one.
    pub(crate) fn receive(&mut self) -> Result<Option<Frames>, zmq::Error> {
        let mut from = zmq::Message::new();
        match self.socket.recv(&mut from, zmq::DONTWAIT) {
            Ok(()) => {}
            Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return Ok(None),
            Err(error) => return Err(error),
        }
        if !from.get_more() {
            return Ok(Some(Frames::Other));
        }
        let header = self.socket.recv_msg(0)?;
        if !header.get_more() {
            return Ok(Some(Frames::Other));
        }
        let mut content = self.socket.recv_msg(0)?;
        if content.get_more() {
            self.skip_rest()?;
            return Ok(Some(Frames::Other));
        }
        let closed = self.admission.as_ref();
        let admitted = closed.map(|_| (key_of(&mut content), place_of(&mut content)));
        let (key, place) = admitted.unwrap_or_default();
        let from = RoutingId {
            id: Box::from(&from[..]),
            key: key.map(|(key, _)| key),
            place,
            server_key: key.map_or(0, |(_, by)| by),
        };
        Ok(Some(Frames::Two {
            from,
            header,
            content: content.to_vec(),
        }))
    }

    fn skip_rest(&self) -> Result<(), zmq::Error> {
        while self.socket.get_rcvmore()? {
            self.socket.recv_msg(0)?;
        }
        Ok(())
    }

    /// Gives the content back that cannot be sent.
    pub(crate) fn send(
        &self,
        to: &RoutingId,
        header: &[u8],
        content: Vec<u8>,
    ) -> Result<(), NotSent> {
        if let Err(error) = self.begin(to) {
            let why = match error {
                zmq::Error::EAGAIN => Undelivered::Full,
                _ => Undelivered::Gone,
            };
            return Err((why, content));
        }
        // Once it has begun, ZeroMQ takes the rest, or drops all of it with the connection.
        let rest = self
            .socket
            .send(header, zmq::DONTWAIT | zmq::SNDMORE)
            .and_then(|()| match content.len() {
                0..=COPIED => self.socket.send(&content[..], zmq::DONTWAIT),
                _ => self.socket.send(content, zmq::DONTWAIT),
            });
        rest.map_err(|_| (Undelivered::Full, Vec::new()))
    }

    fn begin(&self, to: &RoutingId) -> zmq::Result<()> {
        loop {
            match self.socket.send(&to.id[..], zmq::DONTWAIT | zmq::SNDMORE) {
                Err(zmq::Error::EINTR) => {}
                other => return other,
            }
        }
    }
}

/// Which keys are admitted, and by which connections.
struct Admission {
    zap: Zap,
    connections: Connections<KeyId>,
    /// Of the name server's present key.
    number: u32,
}

/// The number of the name server's key as it begins; its former one has the number before.
pub(super) const FIRST: u32 = 1;

/// Handshakes succeed by the present key, which has that number, and by the one before it.
fn answer_by(
    socket: &mut zmq::Socket,
    number: u32,
    present: &SecretKey,
    former: Option<&SecretKey>,
) -> zmq::Result<()> {
    let former = former.map(|it| (ServerKey(number - 1), it));
    answer_to_keys(socket, (ServerKey(number), present), former)
}

/// By which key the sender of a message was admitted, and by which of the name server's it has dialled.
fn key_of(message: &mut zmq::Message) -> Option<(KeyId, u32)> {
    let (key, by) = message.gets("User-Id")?.split_once('.')?;
    Some((KeyId(key.parse().ok()?), by.parse().ok()?))
}
