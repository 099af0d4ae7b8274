//! The least that brings up many processes which know each other by name.

use std::collections::HashMap;
use std::env;
use std::process::{Child, Command, Stdio};

use zmq::{Context, Socket};

/// Bare programs that are up and connected. They are killed if this is dropped before its end.
pub(crate) struct Crowd {
    _context: Context,
    router: Socket,
    routes: Vec<Vec<u8>>,
    children: Vec<Child>,
}

impl Crowd {
    /// Starts so many and waits until all are ready.
    pub(crate) fn start(count: usize) -> Self {
        let context = Context::new();
        let router = context.socket(zmq::ROUTER).expect("a socket");
        router.set_backlog(4096).expect("an option of every socket");
        router.bind("tcp://127.0.0.1:*").expect("a free port");
        let at = router
            .get_last_endpoint()
            .expect("it is bound")
            .expect("text");
        let children = (0..count).map(|n| child(&at, n)).collect();
        let mut crowd = Self {
            _context: context,
            router,
            routes: Vec::new(),
            children,
        };
        crowd.serve(count);
        crowd
    }

    /// Takes registrations, answers look-ups, counts who is ready.
    fn serve(&mut self, count: usize) {
        let mut known: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        let mut waiting: Vec<Vec<u8>> = Vec::new();
        while self.routes.len() < count {
            let frames = self.router.recv_multipart(0).expect("frames");
            match &frames[1..] {
                [verb, name, address] if verb == b"register" => {
                    known.insert(name.clone(), address.clone());
                }
                [verb, _] if verb == b"look up" => waiting.push(frames[0].clone()),
                _ => self.routes.push(frames[0].clone()),
            }
            if let Some(address) = known.get(&b"0"[..]) {
                for route in waiting.drain(..) {
                    self.router
                        .send_multipart([&route, address], 0)
                        .expect("it is there");
                }
            }
        }
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }

    /// Tells all to end and waits until they have.
    pub(crate) fn end(mut self) {
        for route in &self.routes {
            self.router
                .send_multipart([&route[..], b"end"], 0)
                .expect("it is there");
        }
        for child in &mut self.children {
            child.wait().expect("it ends");
        }
        self.children.clear();
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn child(at: &str, n: usize) -> Child {
    let mut command = Command::new(env::current_exe().expect("a program has a path"));
    command
        .args(["--role", "one", at, &n.to_string()])
        .stdin(Stdio::null());
    command.spawn().expect("a process starts")
}

/// One of them. The first one is found by the others.
pub(crate) fn be_one(registry: &str, first: bool) {
    let context = Context::new();
    let control = context.socket(zmq::DEALER).expect("a socket");
    control.connect(registry).expect("an address");
    let main = context.socket(zmq::PUSH).expect("a socket");
    main.bind("tcp://127.0.0.1:*").expect("a free port");
    let address = main
        .get_last_endpoint()
        .expect("it is bound")
        .expect("text");
    let name = if first { "0" } else { "other" };
    control
        .send_multipart(["register", name, &address], 0)
        .expect("it is connected");
    let inbox = context.socket(zmq::PULL).expect("a socket");
    if !first {
        control
            .send_multipart(["look up", "0"], 0)
            .expect("it is connected");
        let found = control.recv_string(0).expect("an answer").expect("text");
        inbox.connect(&found).expect("an address");
    }
    control.send("ready", 0).expect("it is connected");
    control.recv_bytes(0).expect("the end");
}
