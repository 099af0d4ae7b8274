//! TCP connections that are tried, without waiting: to see that a port is open, or to ask something there.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getsockname, socket_with, sockopt,
};

/// Begins to connect.
pub(crate) fn dial(at: SocketAddr) -> Result<OwnedFd, String> {
    let family = match at {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None);
    let socket = socket.map_err(|error| error.to_string())?;
    match connect(&socket, &at) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.to_string()),
    }
}

/// None while that is not known.
pub(crate) fn connected(socket: &OwnedFd, at: SocketAddr) -> Option<Result<(), String>> {
    if let Err(error) = sockopt::socket_error(socket).unwrap_or_else(Err) {
        return Some(Err(error.to_string()));
    }
    rustix::net::getpeername(socket).ok()?;
    // A port at which no process listens may be the one that this very socket was given.
    let own = getsockname(socket)
        .ok()
        .and_then(|own| SocketAddr::try_from(own).ok());
    Some(match own == Some(at) {
        true => Err("nobody listens there".to_owned()),
        false => Ok(()),
    })
}
