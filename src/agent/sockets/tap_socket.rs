//! The socket by which those who look are shown what passes: a ROUTER, bound when the first one comes, and closed after the last.

use std::net::SocketAddr;

use zmq::{Context, DONTWAIT, Message, SNDMORE, Socket};

use super::endpoint::{self, Bound, Place};
use super::make::receive;
use crate::model::KeyPair;
use crate::wire::{TapToken, Tapping};
use crate::zeromq::{HANDSHAKE_MS, admit_by_key, bound_messages, keep_alive};

/// What stands for this socket where keys are admitted: no alias has a slash.
pub(crate) const TAP_DOOR: &str = "/tap";
/// Those who look send a few bytes at a time.
const LARGEST_GRANT: i64 = 256;

/// The socket.
pub(crate) struct TapSocket {
    socket: Socket,
    bound: Bound,
    keys: Option<KeyPair>,
}

/// The way to one who looks.
pub(crate) type Viewer = Vec<u8>;

impl TapSocket {
    pub(crate) fn bind(
        context: &Context,
        keys: Option<&KeyPair>,
        at: SocketAddr,
        place: &Place<'_>,
    ) -> Result<Self, String> {
        let mut socket = made(context, keys).map_err(|error| error.message().to_lowercase())?;
        let bound = endpoint::bind_tcp(&mut socket, at, place);
        Ok(Self {
            socket,
            bound: bound.map_err(|error| error.to_string())?,
            keys: keys.cloned(),
        })
    }

    /// Where it is dialled.
    pub(crate) fn tapping(&self) -> Tapping {
        Tapping {
            address: self.bound.address.clone(),
            key: self.keys.as_ref().map(|keys| keys.public),
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The next word of one who looks: whose, by which tap, and how many bytes more may be shown.
    pub(crate) fn next_grant(&self) -> Option<(Viewer, TapToken, u32)> {
        loop {
            let viewer = self.frame()?;
            let mut last = self.frame()?;
            while last.get_more() {
                last = self.frame()?;
            }
            if let Some((token, bytes)) = TapToken::read_grant(&last) {
                return Some((viewer.to_vec(), token, bytes));
            }
        }
    }

    fn frame(&self) -> Option<Message> {
        let mut frame = Message::new();
        receive(&self.socket, &mut frame).then_some(frame)
    }

    /// Shows a batch. It comes back if it is not taken now, or nobody is there.
    pub(crate) fn show(&self, viewer: &[u8], batch: Vec<u8>) -> Result<(), Vec<u8>> {
        if self.socket.send(viewer, DONTWAIT | SNDMORE).is_err() {
            return Err(batch);
        }
        // A socket that takes the first frame takes the second; what then fails is that the viewer has gone.
        let _ = self.socket.send(batch, DONTWAIT);
        Ok(())
    }
}

fn made(context: &Context, keys: Option<&KeyPair>) -> zmq::Result<Socket> {
    let mut socket = context.socket(zmq::ROUTER)?;
    keep_alive(&socket)?;
    socket.set_linger(0)?;
    // One who is not there, or does not read, is not shown anything in vain.
    socket.set_router_mandatory(true)?;
    bound_messages(&mut socket, LARGEST_GRANT)?;
    socket.set_handshake_ivl(HANDSHAKE_MS)?;
    if let Some(keys) = keys {
        admit_by_key(&mut socket, &keys.secret, TAP_DOOR)?;
    }
    Ok(socket)
}
