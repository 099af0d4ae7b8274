//! A way between two programs that can be cut, held up and slow: a TCP relay on the loopback.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// What a way is like.
#[derive(Clone, Copy, Default)]
pub(crate) struct Way {
    /// In each direction.
    pub delay: Duration,
    /// How many of a hundred pieces are lost. TCP sends them again, and all that is behind waits: so long.
    pub lost: u64,
    pub again: Duration,
}

pub(crate) struct Relay {
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    to: SocketAddr,
    way: Way,
    /// Both ends of each connection that is relayed.
    ends: Mutex<Vec<(TcpStream, TcpStream)>>,
    held: Mutex<bool>,
    released: Condvar,
    over: AtomicBool,
}

impl Relay {
    pub(crate) fn to(address: &str, way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            to: address.trim_start_matches("tcp://").parse().unwrap(),
            way,
            ends: Mutex::default(),
            held: Mutex::default(),
            released: Condvar::new(),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self {
            address: own,
            shared,
        }
    }

    /// Ends all connections, and returns when the one who is dialled has seen that. Those that come then wait.
    pub(crate) fn cut(&self) {
        *self.shared.held.lock().unwrap() = true;
        for (near, mut far) in self.shared.ends.lock().unwrap().drain(..) {
            let _ = near.shutdown(Shutdown::Both);
            let _ = far.shutdown(Shutdown::Write);
            let mut rest = [0; 4096];
            while far.read(&mut rest).is_ok_and(|read| read > 0) {}
        }
    }

    /// Those that wait are relayed.
    pub(crate) fn release(&self) {
        *self.shared.held.lock().unwrap() = false;
        self.shared.released.notify_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.release();
        // For the thread that accepts.
        let _ = TcpStream::connect(&self.address);
        for (near, far) in self.shared.ends.lock().unwrap().drain(..) {
            let _ = near.shutdown(Shutdown::Both);
            let _ = far.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for (number, near) in (1..).zip(listener.incoming()) {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let (shared, near) = (Arc::clone(self), near.unwrap());
            thread::spawn(move || shared.relay(near, number));
        }
    }

    fn relay(&self, near: TcpStream, number: u64) {
        let held = self.held.lock().unwrap();
        let held = self.released.wait_while(held, |it| *it).unwrap();
        let Ok(far) = TcpStream::connect(self.to) else {
            return;
        };
        let copies = (near.try_clone().unwrap(), far.try_clone().unwrap());
        self.ends.lock().unwrap().push(copies);
        drop(held);
        let (from_near, from_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let way = self.way;
        thread::spawn(move || pump(from_near, far, way, 2 * number));
        pump(from_far, near, way, 2 * number + 1);
    }
}

/// Passes on what comes, each piece in its time.
fn pump(mut from: TcpStream, mut to: TcpStream, way: Way, seed: u64) {
    let _ = to.set_nodelay(true);
    let (pieces, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    let sending = thread::spawn(move || {
        for (at, piece) in due {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut buffer, mut random, mut last) = ([0; 16 << 10], seed, Instant::now());
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let is_lost = (random >> 33) % 100 < way.lost;
        let again = if is_lost { way.again } else { Duration::ZERO };
        last = last.max(Instant::now() + way.delay + again);
        if pieces.send((last, buffer[..read].to_vec())).is_err() {
            break;
        }
    }
    drop(pieces);
    let _ = sending.join();
}
