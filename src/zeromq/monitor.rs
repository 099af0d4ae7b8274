//! Watching a socket: libzmq tells what happens to its connections through another one.

use std::sync::atomic::{AtomicU64, Ordering};

use zmq::{Context, DONTWAIT, Socket};

/// The events of libzmq that say something about a connection.
pub const EVENTS: u16 = CONNECTED | RETRIED | DISCONNECTED | FAILURES | SUCCEEDED;
/// It listens no more.
pub const CLOSED: u16 = 0x0080;
const CONNECTED: u16 = 0x0001;
const RETRIED: u16 = 0x0004;
const DISCONNECTED: u16 = 0x0200;
const FAILED_NO_DETAIL: u16 = 0x0800;
const SUCCEEDED: u16 = 0x1000;
const FAILED_PROTOCOL: u16 = 0x2000;
const FAILED_AUTH: u16 = 0x4000;
const FAILURES: u16 = FAILED_NO_DETAIL | FAILED_PROTOCOL | FAILED_AUTH;

/// libzmq's number for a handshake between kinds that do not fit.
const INVALID_METADATA: u32 = 0x1000_0018;

/// The status with which an agent of osb refuses a key that is good elsewhere.
const NO_WIRE: u32 = 500;

/// What was seen of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The bytes get through; the handshake is to come.
    Connected,
    /// Nobody answered, and libzmq tries again.
    Retried,
    Proven,
    Lost,
    Failed(Failure),
}

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Broken,
    NotZeroMq,
    WrongKind,
    Refused,
    /// The key is good, but not at this socket. At a name server: it was dialled by a key that is its no more.
    NoWire,
}

impl Seen {
    /// Reads the first frame of an event: its number and its value.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let number = u16::from_ne_bytes(frame.get(..2)?.try_into().ok()?);
        let value = u32::from_ne_bytes(frame.get(2..6)?.try_into().ok()?);
        match number {
            CONNECTED => Some(Seen::Connected),
            RETRIED => Some(Seen::Retried),
            DISCONNECTED => Some(Seen::Lost),
            SUCCEEDED => Some(Seen::Proven),
            FAILED_NO_DETAIL => Some(Seen::Failed(Failure::Broken)),
            FAILED_PROTOCOL if value == INVALID_METADATA => Some(Seen::Failed(Failure::WrongKind)),
            FAILED_PROTOCOL => Some(Seen::Failed(Failure::NotZeroMq)),
            FAILED_AUTH if value == NO_WIRE => Some(Seen::Failed(Failure::NoWire)),
            FAILED_AUTH => Some(Seen::Failed(Failure::Refused)),
            _ => None,
        }
    }
}

impl Failure {
    /// In a sentence about the peer at `address`.
    pub fn reason(self, address: &str) -> String {
        match self {
            Failure::Broken => format!("{address} broke the handshake off"),
            Failure::NotZeroMq => {
                format!("what listens at {address} does not speak ZeroMQ's protocol")
            }
            Failure::WrongKind => {
                format!("{address} ended the handshake: its socket is of a kind that does not fit")
            }
            Failure::Refused => {
                format!("{address} refused the handshake: wrong key or not allowed")
            }
            Failure::NoWire => format!(
                "{address} refused the handshake: no wire leads here; make it a connection of the topology, write the agent's name to `accept` of that socket, or use `osb connect`"
            ),
        }
    }
}

/// What tells of `events` at a socket, from now on and instead of any other.
pub fn monitor(context: &Context, socket: &Socket, events: u16) -> zmq::Result<Socket> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    // A name of its own: that of a socket just closed may not be free yet.
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let name = format!("inproc://monitor/{number}");
    socket.monitor(&name, i32::from(events))?;
    let monitor = context.socket(zmq::PAIR)?;
    monitor.set_linger(0)?;
    monitor.connect(&name)?;
    Ok(monitor)
}

/// No more is told of the socket.
pub fn stop_monitor(socket: &mut Socket) {
    // SAFETY: the socket is alive; no endpoint means that the monitor ends. It cannot fail.
    unsafe { zmq_sys::zmq_socket_monitor(socket.as_mut_ptr(), std::ptr::null(), 0) };
}

/// The next thing that was seen, and the address that it is about.
pub fn next_event(monitor: &Socket) -> Option<(Seen, Vec<u8>)> {
    next_event_by(monitor).map(|(seen, address, _)| (seen, address))
}

/// The number of a TCP connection's descriptor in this process. Of two connections to one address, which are open at
/// once while one is closed, each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor(pub u32);

impl Descriptor {
    /// Which one an event is about: libzmq says so where a connection begins and where it ends.
    fn of(seen: Seen, frame: &[u8]) -> Option<Self> {
        match seen {
            Seen::Connected | Seen::Lost => {
                let value = frame.get(2..6)?.try_into().ok()?;
                Some(Self(u32::from_ne_bytes(value)))
            }
            Seen::Retried | Seen::Proven | Seen::Failed(_) => None,
        }
    }
}

/// The same, with the connection that it is about, if that is known.
pub fn next_event_by(monitor: &Socket) -> Option<(Seen, Vec<u8>, Option<Descriptor>)> {
    loop {
        let frame = monitor.recv_bytes(DONTWAIT).ok()?;
        let address = monitor.recv_bytes(DONTWAIT).ok()?;
        if let Some(seen) = Seen::decode(&frame) {
            return Some((seen, address, Descriptor::of(seen, &frame)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_decoded_and_others_let_go() {
        let event = |number: u16, value: u32| {
            let mut frame = number.to_ne_bytes().to_vec();
            frame.extend(value.to_ne_bytes());
            Seen::decode(&frame)
        };
        assert_eq!(event(0x1000, 0), Some(Seen::Proven));
        assert_eq!(event(0x0008, 0), None);
        assert_eq!(
            event(0x2000, INVALID_METADATA),
            Some(Seen::Failed(Failure::WrongKind))
        );
        for (status, failure) in [(400, Failure::Refused), (500, Failure::NoWire)] {
            assert_eq!(event(0x4000, status), Some(Seen::Failed(failure)));
        }
        assert_eq!(Seen::decode(&[1]), None);
    }
}
