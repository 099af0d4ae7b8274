//! Connections whose other end has gone without a word while data was under way. TCP itself would go on
//! sending for a quarter of an hour, and nobody would dial anew.
//!
//! It is read from the kernel what has been heard of the other end. One that lives and does not read answers
//! each time it is asked for room, and is left alone for as long as it likes.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::libc;
use rustix::net::{Shutdown, getpeername, getsockname, shutdown};

use crate::model::timing::DEAD_PEER_TIMEOUT;

/// The same bytes sent so often and never acknowledged: 25 s, on a fast network.
const RETRANSMISSIONS: u8 = 7;
/// So many questions for room without an answer,
const PROBES: u8 = 3;
/// and so long nothing heard, in milliseconds: the first three are asked within two seconds.
const SILENCE_MS: u32 = DEAD_PEER_TIMEOUT.as_millis() as u32;
/// `TCP_ESTABLISHED` and `TCP_CLOSE_WAIT` of the kernel: data may be under way.
const SENDING: [u8; 2] = [1, 8];

/// One end of a connection of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub fd: RawFd,
    pub here: SocketAddr,
    pub there: SocketAddr,
}

impl End {
    /// Whether the other end is at an address as libzmq is given it. Of a name that has to be looked up, the
    /// port tells.
    pub fn leads_to(&self, address: &str) -> bool {
        let at = address.strip_prefix("tcp://").unwrap_or(address);
        match at.parse::<SocketAddr>() {
            Ok(at) => at.port() == self.there.port() && at.ip().to_canonical() == self.there.ip(),
            Err(_) => {
                at.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
                    == Some(self.there.port())
            }
        }
    }
}

/// What the kernel knows of a connection.
#[derive(Debug, Clone, Copy)]
struct Heard {
    state: u8,
    retransmissions: u8,
    probes: u8,
    silent_ms: u32,
}

impl Heard {
    /// Whether nobody is there any more.
    fn is_dead(self) -> bool {
        let unanswered = self.probes >= PROBES && self.silent_ms >= SILENCE_MS;
        SENDING.contains(&self.state) && (self.retransmissions >= RETRANSMISSIONS || unanswered)
    }
}

/// Ends those of this process's TCP connections that are dead and that `ours` knows. libzmq sees that as
/// if the other side had done it, and dials anew where it was the one that had dialled. Tells which.
pub fn hang_up_dead(ours: impl Fn(&End) -> bool) -> Vec<End> {
    let dead = |fd: BorrowedFd<'_>| heard(fd).is_some_and(Heard::is_dead);
    let suspects = descriptors().filter(|fd| {
        // SAFETY: only borrowed for the call, which changes nothing.
        dead(unsafe { BorrowedFd::borrow_raw(*fd) })
    });
    suspects
        .filter_map(|fd| {
            // SAFETY: as above. The copy stays what it is even if libzmq closes the descriptor now, and its
            // number becomes another's: so it is looked at again.
            let copy = unsafe { BorrowedFd::borrow_raw(fd) }
                .try_clone_to_owned()
                .ok()?;
            let end = end(copy.as_fd())?;
            (dead(copy.as_fd()) && ours(&end) && shutdown(&copy, Shutdown::Both).is_ok())
                .then_some(End { fd, ..end })
        })
        .collect()
}

/// All TCP connections of this process.
#[cfg(test)]
pub(crate) fn connections() -> impl Iterator<Item = End> {
    // SAFETY: only borrowed for the call.
    descriptors().filter_map(|fd| end(unsafe { BorrowedFd::borrow_raw(fd) }))
}

/// Ends a connection that libzmq keeps, whatever it is used for.
#[cfg(test)]
pub(crate) fn cut(end: &End) {
    // SAFETY: only borrowed for the call.
    let fd = unsafe { BorrowedFd::borrow_raw(end.fd) };
    shutdown(fd, Shutdown::Both).unwrap();
}

/// What may be open in this process.
pub(super) fn descriptors() -> impl Iterator<Item = RawFd> {
    let open = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    open.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn end(fd: BorrowedFd<'_>) -> Option<End> {
    let here = SocketAddr::try_from(getsockname(fd).ok()?).ok()?;
    let there = SocketAddr::try_from(getpeername(fd).ok()??).ok()?;
    let plain = |at: SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port());
    Some(End {
        fd: fd.as_raw_fd(),
        here: plain(here),
        there: plain(there),
    })
}

/// None if it is no TCP socket.
fn heard(fd: BorrowedFd<'_>) -> Option<Heard> {
    // SAFETY: a structure of numbers, of which all may be 0.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
    // SAFETY: the kernel writes at most so many bytes there.
    let outcome = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (outcome == 0).then_some(Heard {
        state: info.tcpi_state,
        retransmissions: info.tcpi_retransmits,
        probes: info.tcpi_probes,
        silent_ms: info.tcpi_last_ack_recv,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    const LIVING: Heard = Heard {
        state: 1,
        retransmissions: 0,
        probes: 0,
        silent_ms: 60_000,
    };

    #[test]
    fn who_answers_lives_however_long_it_does_not_read() {
        assert!(!LIVING.is_dead());
        let lossy = Heard {
            retransmissions: 6,
            probes: 2,
            ..LIVING
        };
        assert!(!lossy.is_dead());
        let short = Heard {
            probes: 4,
            silent_ms: 2000,
            ..LIVING
        };
        assert!(!short.is_dead(), "a cable may be out for a moment");
    }

    #[test]
    fn an_address_tells_whose_end_it_is() {
        let end = End {
            fd: 0,
            here: "10.0.0.1:4711".parse().unwrap(),
            there: "10.0.0.2:7400".parse().unwrap(),
        };
        for address in [
            "tcp://10.0.0.2:7400",
            "10.0.0.2:7400",
            "tcp://desk:7400",
            "tcp://[::ffff:10.0.0.2]:7400",
        ] {
            assert!(end.leads_to(address), "{address}");
        }
        for address in [
            "tcp://10.0.0.3:7400",
            "tcp://10.0.0.2:7401",
            "ipc:///tmp/7400",
            "desk:7401",
            "",
        ] {
            assert!(!end.leads_to(address), "{address}");
        }
    }

    #[test]
    fn who_does_not_is_dead() {
        let with = |retransmissions, probes| Heard {
            retransmissions,
            probes,
            ..LIVING
        };
        assert!(with(7, 0).is_dead() && with(0, 3).is_dead());
        let dialling = Heard {
            state: 2,
            ..with(7, 0)
        };
        assert!(!dialling.is_dead(), "libzmq sees to these itself");
    }

    #[test]
    fn connections_of_this_process_are_found_and_the_living_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let _dialled = TcpStream::connect(at).unwrap();
        let _accepted = listener.accept().unwrap();
        let ours = |end: &End| end.here == at || end.there == at;
        assert_eq!(connections().filter(ours).count(), 2);
        let found: Vec<_> = connections().filter(ours).collect();
        // SAFETY: both are alive.
        let heard = |end: &End| heard(unsafe { BorrowedFd::borrow_raw(end.fd) });
        assert!(found.iter().all(|end| heard(end).unwrap().state == 1));
        assert!(hang_up_dead(ours).is_empty());
    }
}
