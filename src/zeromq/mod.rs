//! The ZeroMQ that is linked in: what it must be able to do, the socket by which every member dials
//! the name server, CURVE and ZAP, and what a socket's monitor tells. Nothing here decides.

#[allow(unsafe_code, reason = "descriptors of libzmq")]
mod connections;
mod curve;
#[allow(
    unsafe_code,
    reason = "descriptors of libzmq, and tcp_info, which no crate reads"
)]
mod dead;
mod guards;
mod keepalive;
mod lines;
#[allow(unsafe_code, reason = "the zmq crate cannot end a monitor")]
mod monitor;
#[allow(unsafe_code, reason = "options that the zmq crate does not know")]
mod option;
mod zap;

use zmq::{Context, Socket};

use crate::model::Dial;
use crate::model::timing::HANDSHAKE_TIMEOUT;
use crate::wire::LARGEST_BODY;

pub use crate::model::timing::DEAD_PEER_INTERVAL as LOOK_EVERY;
pub use connections::{Connections, Cookie};
pub use curve::{ServerKey, admit_by_key, answer_to_keys, dial_with, draw_keys, expect_key};
use dead::descriptors;
pub use dead::{End, hang_up_dead};
#[cfg(test)]
use dead::{connections, cut};
pub use guards::{GUARDS, bound_messages, bound_queues};
pub use keepalive::keep_alive;
pub use lines::{Line, keep_lines, leave_out, lines, matched, missed, next_ended, queued};
pub use monitor::{
    CLOSED, Descriptor, EVENTS, Failure, Seen, monitor, next_event, next_event_by, stop_monitor,
};
pub use option::set_int;
pub use zap::{Handshake, Question, Verdict, Zap};

/// Beyond a body: the header frame, and room for its kind to grow.
const HEADROOM: i64 = 1024;

/// This osb was built on a ZeroMQ that cannot do what it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error(
        "this osb was built without CURVE: build it from its own folder, so that the patch in its Cargo.toml holds"
    )]
    NoCurve,
    #[error("this osb was built with ZeroMQ {0}.{1}; it needs 4.3 or later")]
    Old(i32, i32),
}

/// Asserts that the linked libzmq has what osb relies on.
pub fn assert_build() -> Result<(), BuildError> {
    let (major, minor, _) = zmq::version();
    if (major, minor) < (4, 3) {
        return Err(BuildError::Old(major, minor));
    }
    match zmq::has("curve") {
        Some(true) => Ok(()),
        _ => Err(BuildError::NoCurve),
    }
}

/// [`HANDSHAKE_TIMEOUT`] as libzmq takes it.
pub const HANDSHAKE_MS: i32 = HANDSHAKE_TIMEOUT.as_millis() as i32;

/// The longest pause between two tries to connect to an address where nobody listens, in milliseconds; the first is
/// 100 ms, libzmq's own, and each is twice the one before. Without a limit of its own libzmq tries ten times a second
/// for ever: a thousand agents whose server is gone keep a machine from doing anything else.
pub const RECONNECT_MAX_MS: i32 = 2000;

/// A DEALER for control, not connected yet.
pub fn control_dealer(
    context: &Context,
    to: &Dial,
    queue: i32,
    linger_ms: i32,
) -> zmq::Result<Socket> {
    let mut socket = context.socket(zmq::DEALER)?;
    keep_alive(&socket)?;
    socket.set_reconnect_ivl_max(RECONNECT_MAX_MS)?;
    socket.set_linger(linger_ms)?;
    socket.set_sndhwm(queue)?;
    socket.set_rcvhwm(queue)?;
    bound_messages(&mut socket, LARGEST_BODY as i64 + HEADROOM)?;
    socket.set_ipv6(to.address.starts_with("tcp://["))?;
    if let Some(keys) = &to.keys {
        dial_with(&socket, keys)?;
        expect_key(&mut socket, &keys.server)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libzmq_4_3_5_with_curve_is_linked_in() {
        assert_eq!(zmq::version(), (4, 3, 5));
        assert_eq!(assert_build(), Ok(()));
    }

    /// It was told what Linux has: its threads wake one another by eventfd, and no child inherits how.
    #[cfg(target_os = "linux")]
    #[test]
    fn libzmq_uses_what_linux_has() {
        let context = Context::new();
        let socket = context.socket(zmq::PAIR).unwrap();
        let kind = |fd: &str| std::fs::read_link(format!("/proc/self/fd/{fd}"));
        let own = kind(&socket.get_fd().unwrap().to_string()).unwrap();
        assert_eq!(own.to_str(), Some("anon_inode:[eventfd]"));
        let mut seen = 0;
        for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
            let fd = entry.file_name().into_string().unwrap();
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}"));
            // Other tests close theirs meanwhile.
            let (Ok(kind), Ok(info)) = (kind(&fd), info) else {
                continue;
            };
            if kind.to_string_lossy().starts_with("anon_inode:[event") {
                let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
                let flags = i32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
                assert_ne!(flags & nix::libc::O_CLOEXEC, 0, "{kind:?}");
                seen += 1;
            }
        }
        assert!(seen > 2, "{seen}");
    }

    /// Not only claimed: a server takes a client that knows its key, and nobody else's messages.
    #[test]
    fn curve_encrypts() {
        let context = Context::new();
        let keys = zmq::CurveKeyPair::new().unwrap();
        let server = context.socket(zmq::PULL).unwrap();
        server.set_curve_server(true).unwrap();
        server.set_curve_secretkey(&keys.secret_key).unwrap();
        server.set_rcvtimeo(10_000).unwrap();
        server.bind("tcp://127.0.0.1:*").unwrap();
        let address = server.get_last_endpoint().unwrap().unwrap();
        let send = |own: Option<zmq::CurveKeyPair>, text: &str| {
            let client = context.socket(zmq::PUSH).unwrap();
            client.set_linger(0).unwrap();
            if let Some(own) = own {
                client.set_curve_serverkey(&keys.public_key).unwrap();
                client.set_curve_publickey(&own.public_key).unwrap();
                client.set_curve_secretkey(&own.secret_key).unwrap();
            }
            client.connect(&address).unwrap();
            client.send(text, 0).unwrap();
            client
        };
        let _plain = send(None, "plain");
        let _encrypted = send(Some(zmq::CurveKeyPair::new().unwrap()), "encrypted");
        assert_eq!(server.recv_string(0).unwrap().unwrap(), "encrypted");
    }
}
