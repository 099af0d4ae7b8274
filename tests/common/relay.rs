//! A way between two programs that can be cut and held up: a TCP relay on the loopback.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

pub(crate) struct Relay {
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    to: SocketAddr,
    /// Both ends of each connection that is relayed.
    ends: Mutex<Vec<(TcpStream, TcpStream)>>,
    held: Mutex<bool>,
    released: Condvar,
    over: AtomicBool,
}

impl Relay {
    pub(crate) fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            to: address.trim_start_matches("tcp://").parse().unwrap(),
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
        for near in listener.incoming() {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let (shared, near) = (Arc::clone(self), near.unwrap());
            thread::spawn(move || shared.relay(near));
        }
    }

    fn relay(&self, near: TcpStream) {
        let held = self.held.lock().unwrap();
        let held = self.released.wait_while(held, |it| *it).unwrap();
        let Ok(far) = TcpStream::connect(self.to) else {
            return;
        };
        let copies = (near.try_clone().unwrap(), far.try_clone().unwrap());
        self.ends.lock().unwrap().push(copies);
        drop(held);
        let (from_near, from_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || pass(from_near, far));
        pass(from_far, near);
    }
}

/// Passes on what comes.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = to.set_nodelay(true);
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
