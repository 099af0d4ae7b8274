//! The name server's ROUTER socket: frames in, frames out, never blocking.

use std::net::SocketAddr;

use super::NameServerError;
use crate::registry::{RoutingId, Undelivered};
use crate::wire::LARGEST_BODY;

/// How many messages may wait for one member before it counts as one that does not read.
const QUEUE: i32 = 20_000;
/// How long the last messages may take to leave at the end, in milliseconds.
const LINGER_MS: i32 = 500;

/// Up to this size a body is copied into ZeroMQ's message: cheaper than to hand it over, which takes
/// several small allocations that another thread has to free.
const COPIED: usize = 4 << 10;

/// One multipart message.
pub enum Frames {
    /// As every osb message.
    Two {
        from: RoutingId,
        header: zmq::Message,
        content: Vec<u8>,
    },
    Other,
}

pub struct Router {
    socket: zmq::Socket,
    /// Kept for its life only: the socket works in it.
    _context: zmq::Context,
}

impl Router {
    pub fn bind(at: SocketAddr) -> Result<Self, NameServerError> {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::ROUTER)?;
        socket.set_router_mandatory(true)?;
        socket.set_linger(LINGER_MS)?;
        socket.set_sndhwm(QUEUE)?;
        socket.set_rcvhwm(QUEUE)?;
        socket.set_backlog(4096)?;
        socket.set_ipv6(at.is_ipv6())?;
        socket.set_maxmsgsize(LARGEST_BODY as i64 + 1)?;
        socket
            .bind(&format!("tcp://{at}"))
            .map_err(|source| NameServerError::Bind { at, source })?;
        Ok(Self {
            socket,
            _context: context,
        })
    }

    /// What members dial.
    pub fn address(&self) -> Result<String, zmq::Error> {
        let endpoint = self.socket.get_last_endpoint()?;
        Ok(endpoint.unwrap_or_else(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub fn poll_item(&self) -> zmq::PollItem<'_> {
        self.socket.as_poll_item(zmq::POLLIN)
    }

    /// The next message, if there is one.
    pub fn receive(&self) -> Result<Option<Frames>, zmq::Error> {
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
        let content = self.socket.recv_msg(0)?;
        if content.get_more() {
            self.skip_rest()?;
            return Ok(Some(Frames::Other));
        }
        let from = RoutingId(Box::from(&from[..]));
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

    pub fn send(&self, to: &RoutingId, header: &[u8], content: Vec<u8>) -> Result<(), Undelivered> {
        let flags = zmq::DONTWAIT | zmq::SNDMORE;
        let sent = self
            .socket
            .send(&to.0[..], flags)
            .and_then(|()| self.socket.send(header, flags))
            .and_then(|()| match content.len() {
                0..=COPIED => self.socket.send(&content[..], zmq::DONTWAIT),
                _ => self.socket.send(content, zmq::DONTWAIT),
            });
        sent.map_err(|error| match error {
            zmq::Error::EAGAIN => Undelivered::Full,
            _ => Undelivered::Gone,
        })
    }
}
