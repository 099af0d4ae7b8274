//! Ending connections that libzmq keeps: it has no call for that, but the kernel has.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, RawFd};
use std::path::Path;

use rustix::net::{Shutdown, getpeername, getsockname, shutdown};

/// Where a socket is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Port(u16),
    Path(Box<Path>),
}

/// Ends a connection of this process. libzmq sees that as if the other side had done it.
pub fn hang_up(fd: RawFd) {
    // SAFETY: only borrowed for the call. If libzmq has closed it meanwhile, the call fails, or ends
    // another connection of this process, which is made anew.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let _ = shutdown(fd, Shutdown::Both);
}

/// Ends the connections of this process that others have made to one of `places`; by TCP, those from
/// one of `ips`. Tells how many.
pub fn hang_up_at(places: &[Place], ips: &[IpAddr]) -> usize {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return 0;
    };
    let names = open.flatten().map(|entry| entry.file_name());
    let fds: Vec<RawFd> = names.filter_map(|it| it.to_str()?.parse().ok()).collect();
    let mut ended = 0;
    for fd in fds {
        // SAFETY: as above; what is no socket is told so by the kernel.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        if is_meant(borrowed, places, ips) {
            hang_up(fd);
            ended += 1;
        }
    }
    ended
}

fn is_meant(fd: BorrowedFd<'_>, places: &[Place], ips: &[IpAddr]) -> bool {
    let (Ok(here), Ok(Some(there))) = (getsockname(fd), getpeername(fd)) else {
        return false;
    };
    let at = |place: Place| places.contains(&place);
    match (
        SocketAddr::try_from(here.clone()),
        SocketAddr::try_from(there),
    ) {
        (Ok(here), Ok(there)) => {
            at(Place::Port(here.port())) && ips.contains(&there.ip().to_canonical())
        }
        _ => {
            let here = rustix::net::SocketAddrUnix::try_from(here).ok();
            let path = here.as_ref().and_then(|here| here.path());
            path.and_then(|path| {
                path.to_str()
                    .ok()
                    .map(|it| at(Place::Path(Path::new(it).into())))
            })
            .unwrap_or(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn those_from_there_end_and_no_others() {
        let (one, other) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let connect = |to: &TcpListener| {
            let there = TcpStream::connect(to.local_addr().unwrap()).unwrap();
            (there, to.accept().unwrap().0)
        };
        let ((mut meant, _a), (mut not_meant, _b)) = (connect(&one), connect(&other));
        let place = Place::Port(one.local_addr().unwrap().port());
        assert_eq!(
            hang_up_at(std::slice::from_ref(&place), &["10.0.0.1".parse().unwrap()]),
            0
        );
        assert_eq!(hang_up_at(&[place], &["127.0.0.1".parse().unwrap()]), 1);
        assert_eq!(meant.read(&mut [0]).unwrap(), 0);
        not_meant.set_nonblocking(true).unwrap();
        let error = not_meant.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}
