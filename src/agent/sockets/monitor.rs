//! Watching a socket: libzmq tells what happens to its connections through another one.

use std::sync::atomic::{AtomicU64, Ordering};

use zmq::{Context, DONTWAIT, Socket};

use super::link::Seen;

/// What tells of `events` at a socket, from now on and instead of any other.
pub(super) fn monitor(context: &Context, socket: &Socket, events: u16) -> zmq::Result<Socket> {
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

/// The next thing that was seen, and the address that it is about.
pub(super) fn next_event(monitor: &Socket) -> Option<(Seen, Vec<u8>)> {
    loop {
        let frame = monitor.recv_bytes(DONTWAIT).ok()?;
        let address = monitor.recv_bytes(DONTWAIT).ok()?;
        if let Some(seen) = Seen::decode(&frame) {
            return Some((seen, address));
        }
    }
}
