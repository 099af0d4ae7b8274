//! The sockets of libzmq that do the work of each kind, and how a frame is received from one.

use zmq::{Context, DONTWAIT, Message, Socket};

use crate::model::Kind;
use crate::zeromq::{HANDSHAKE_MS, RECONNECT_MAX_MS, bound_messages, keep_alive, keep_lines};

/// The largest message accepted, in all its frames: 256 MiB.
const LARGEST_MESSAGE: i64 = 256 << 20;
/// How long a closed socket may still send, in milliseconds.
const LINGER: i32 = 1000;
/// How many peers may be about to connect at a time. Those beyond would try again only after a
/// second.
const BACKLOG: i32 = 4096;

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
    keep_alive(&socket)?;
    keep_lines(&mut socket)?;
    socket.set_linger(LINGER)?;
    bound_messages(&mut socket, LARGEST_MESSAGE)?;
    socket.set_backlog(BACKLOG)?;
    socket.set_handshake_ivl(HANDSHAKE_MS)?;
    socket.set_reconnect_ivl_max(RECONNECT_MAX_MS)?;
    match kind {
        Kind::Pub | Kind::SyncPub => {
            socket.set_xpub_verbose(true)?;
        }
        // It sends nothing but subscriptions: libzmq drops those beyond its limit without a word.
        Kind::Sub | Kind::SyncSub => socket.set_sndhwm(0)?,
        // No request goes to a peer that is not there.
        Kind::Req | Kind::AsyncReq => socket.set_immediate(true)?,
        // An answer to a peer that has gone is counted, instead of vanishing.
        Kind::Rep | Kind::AsyncRep => {
            socket.set_router_mandatory(true)?;
            // A peer that chose its own identity may come back with it.
            socket.set_router_handover(true)?;
        }
        Kind::Push | Kind::Pull => {}
    }
    Ok(socket)
}

/// Whether both ends of its connections count what goes by them. Where there are answers, they tell.
pub(super) fn counts(kind: Kind) -> bool {
    writes(kind) || reads(kind)
}

/// Whether it is the end that messages go out by, and no answer comes for them there.
pub(crate) fn writes(kind: Kind) -> bool {
    kind == Kind::Push || kind.publishes()
}

/// Whether it is the other one. A SYNC_SUB is: its requests go by another socket.
pub(crate) fn reads(kind: Kind) -> bool {
    kind == Kind::Pull || kind.subscribes()
}

/// Whether each of its messages goes to one of several peers.
pub(crate) fn shares(kind: Kind) -> bool {
    matches!(kind, Kind::Push | Kind::Req | Kind::AsyncReq)
}

/// Whether it is the other end of such a one.
pub(crate) fn takes(kind: Kind) -> bool {
    matches!(kind, Kind::Pull | Kind::Rep | Kind::AsyncRep)
}

/// Receives a frame into `frame`; false if there is none.
pub(crate) fn receive(socket: &Socket, frame: &mut Message) -> bool {
    loop {
        match socket.recv(frame, DONTWAIT) {
            Ok(()) => return true,
            Err(zmq::Error::EINTR) => {}
            Err(_) => return false,
        }
    }
}
