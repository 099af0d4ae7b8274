//! The few calls of libzmq that the `zmq` crate lacks, or in which it panics on errors of the
//! operating system that it does not know. All unsafe code about sockets is here and in `zeromq`.

use std::ffi::{CStr, CString};

/// Why libzmq refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(i32);

impl Errno {
    fn last() -> Self {
        // SAFETY: reads a thread-local number.
        Self(unsafe { zmq_sys::zmq_errno() })
    }

    /// Whether the same may succeed later.
    pub(crate) fn is_for_now(self) -> bool {
        matches!(self.0, nix::libc::EAGAIN | nix::libc::EINTR)
    }

    /// In words, without capital or full stop.
    pub(crate) fn reason(self) -> String {
        // SAFETY: libzmq returns a static string, ending in zero, for every number.
        let text = unsafe { CStr::from_ptr(zmq_sys::zmq_strerror(self.0)) };
        let text = text.to_string_lossy();
        let mut letters = text.chars();
        match letters.next() {
            Some(first) => first.to_lowercase().chain(letters).collect(),
            None => format!("error {}", self.0),
        }
    }
}

fn checked(outcome: i32) -> Result<(), Errno> {
    if outcome == -1 {
        Err(Errno::last())
    } else {
        Ok(())
    }
}

fn c_string(endpoint: &str) -> Result<CString, Errno> {
    CString::new(endpoint).map_err(|_| Errno(nix::libc::EINVAL))
}

pub(crate) fn bind(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    let endpoint = c_string(endpoint)?;
    // SAFETY: the socket is alive, the string ends in zero.
    checked(unsafe { zmq_sys::zmq_bind(socket.as_mut_ptr(), endpoint.as_ptr()) })
}

pub(crate) fn connect(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    let endpoint = c_string(endpoint)?;
    // SAFETY: the socket is alive, the string ends in zero.
    checked(unsafe { zmq_sys::zmq_connect(socket.as_mut_ptr(), endpoint.as_ptr()) })
}

/// Stops listening. What has been accepted, and waits to leave, has the socket's linger for it.
pub(crate) fn unbind(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    let endpoint = c_string(endpoint)?;
    // SAFETY: the socket is alive, the string ends in zero.
    checked(unsafe { zmq_sys::zmq_unbind(socket.as_mut_ptr(), endpoint.as_ptr()) })
}

pub(crate) fn disconnect(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    let endpoint = c_string(endpoint)?;
    // SAFETY: the socket is alive, the string ends in zero.
    checked(unsafe { zmq_sys::zmq_disconnect(socket.as_mut_ptr(), endpoint.as_ptr()) })
}

// The crate's message is libzmq's and nothing else, or `send` would not be sound.
const _: () = assert!(size_of::<zmq::Message>() == size_of::<zmq_sys::zmq_msg_t>());

/// Sends one frame without waiting. If it is not taken, it is still there afterwards: the crate's
/// own `send` would have dropped it.
pub(crate) fn send(socket: &mut zmq::Socket, frame: &mut zmq::Message) -> Result<(), Errno> {
    let frame = (&raw mut *frame).cast::<zmq_sys::zmq_msg_t>();
    // SAFETY: socket and frame are alive and libzmq's own; it leaves an empty frame, or this one.
    checked(unsafe { zmq_sys::zmq_msg_send(frame, socket.as_mut_ptr(), zmq::DONTWAIT) })
}
