//! Which connections of this process a key has been admitted by, and ending them: libzmq has no call for that, but
//! the kernel has.
//!
//! A connection is known by its cookie, which the kernel never gives to another one; ZAP is told it with the key (the
//! patch `zap_cookie` of libzmq). So those of a key are found again whether or not a message has ever come by them,
//! and no other connection is ever taken for one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{Shutdown, shutdown, sockopt};

use super::descriptors;

/// So many may have ended, beyond as many as there are, before it is looked which.
const ENDED: usize = 64;

/// The kernel's number of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cookie(pub u64);

/// The connections of this process that were admitted, by what their keys are known by.
#[derive(Debug)]
pub struct Connections<K> {
    cookies: BTreeMap<K, BTreeSet<Cookie>>,
    count: usize,
    /// At so many it is looked which have ended.
    full: usize,
}

impl<K> Default for Connections<K> {
    fn default() -> Self {
        Self {
            cookies: BTreeMap::new(),
            count: 0,
            full: ENDED,
        }
    }
}

impl<K: Ord + Clone> Connections<K> {
    /// The handshake of `key` on that connection is about to be admitted. To be called before it is: then what
    /// [`Connections::end`] does not find has not been admitted.
    pub fn add(&mut self, key: K, cookie: Cookie) {
        self.forget_ended_if_many();
        let added = self.cookies.entry(key).or_default().insert(cookie);
        self.count += usize::from(added);
    }

    /// Ends those of `keys`. libzmq sees that as if the other side had done it. Tells how many.
    pub fn end(&mut self, keys: &[K]) -> usize {
        self.end_where(|key| keys.contains(key))
    }

    /// Ends those of the keys that are `meant`.
    pub fn end_where(&mut self, meant: impl Fn(&K) -> bool) -> usize {
        let mut gone = BTreeSet::new();
        self.cookies.retain(|key, cookies| {
            let goes = meant(key);
            if goes {
                gone.append(cookies);
            }
            !goes
        });
        self.count -= gone.len();
        if gone.is_empty() {
            return 0;
        }
        end_all(&gone)
    }

    fn forget_ended_if_many(&mut self) {
        if self.count < self.full {
            return;
        }
        let open: BTreeSet<Cookie> = open().map(|(_, cookie)| cookie).collect();
        self.cookies.retain(|_, cookies| {
            cookies.retain(|cookie| open.contains(cookie));
            !cookies.is_empty()
        });
        self.count = self.cookies.values().map(BTreeSet::len).sum();
        self.full = 2 * self.count + ENDED;
    }
}

fn end_all(cookies: &BTreeSet<Cookie>) -> usize {
    let meant = open().filter(|(_, cookie)| cookies.contains(cookie));
    meant
        .filter(|(copy, _)| shutdown(copy, Shutdown::Both).is_ok())
        .count()
}

/// All sockets of this process, by copies: a copy stays what it is even if libzmq closes the descriptor now, and
/// its number becomes another's.
fn open() -> impl Iterator<Item = (OwnedFd, Cookie)> {
    descriptors().filter_map(|fd| {
        // SAFETY: only borrowed for the calls, which change nothing; what is no socket any more is told so.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        sockopt::socket_cookie(fd).ok()?;
        let copy = fd.try_clone_to_owned().ok()?;
        let cookie = Cookie(sockopt::socket_cookie(&copy).ok()?);
        Some((copy, cookie))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Read};
    use std::os::unix::net::UnixStream;

    fn cookie(stream: &UnixStream) -> Cookie {
        Cookie(sockopt::socket_cookie(stream).unwrap())
    }

    #[test]
    fn those_of_a_key_end_and_no_others() {
        let mut connections = Connections::default();
        let pairs: Vec<_> = (0..3).map(|_| UnixStream::pair().unwrap()).collect();
        for ((_, here), key) in pairs.iter().zip(["ann", "ann", "ben"]) {
            connections.add(key, cookie(here));
        }
        assert_eq!(connections.end(&["ann", "unknown"]), 2);
        assert_eq!(connections.end(&["ann"]), 0, "they have ended already");
        for ((there, _), ended) in pairs.iter().zip([true, true, false]) {
            there.set_nonblocking(true).unwrap();
            let read = (&*there).read(&mut [0]).map_err(|error| error.kind());
            let expected = match ended {
                true => Ok(0),
                false => Err(io::ErrorKind::WouldBlock),
            };
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_descriptor_that_has_become_anothers_is_left_alone() {
        let mut connections = Connections::default();
        let (_there, here) = UnixStream::pair().unwrap();
        connections.add((), cookie(&here));
        drop(here);
        // Likely by the same number.
        let (mut there, _here) = UnixStream::pair().unwrap();
        assert_eq!(connections.end(&[()]), 0);
        there.set_nonblocking(true).unwrap();
        let kind = there.read(&mut [0]).unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::WouldBlock);
    }

    #[test]
    fn those_that_have_ended_are_forgotten_and_the_others_kept() {
        let mut connections = Connections::default();
        let (_there, here) = UnixStream::pair().unwrap();
        connections.add("stays", cookie(&here));
        for _ in 0..10_000 {
            let (_, gone) = UnixStream::pair().unwrap();
            connections.add("comes and goes", cookie(&gone));
        }
        assert!(connections.count < 2 * ENDED, "{}", connections.count);
        assert_eq!(connections.end(&["stays"]), 1);
    }
}
