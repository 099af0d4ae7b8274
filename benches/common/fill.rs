//! Members that announce sockets to a name server and go on giving signs of life: agents, as far as
//! a name server can tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use osb::model::{Address, Dial, Kind, Role, Serializer, State, Transport};
use osb::wire::{Announcement, Envelope, Incarnation, NameServerRequest, Peer, body};
use zmq::{Context, Socket};

use super::curve::dial;
use super::registry::{address, names, sockets_each};

/// Members that live until this is dropped.
pub(crate) struct Members {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Members {
    /// Announces so many sockets and waits until all are known. `nameserver` tells how the agent of
    /// a name dials it.
    pub(crate) fn announce(nameserver: impl Fn(&str) -> Dial, total: usize) -> Self {
        let context = Context::new();
        let each = sockets_each(total);
        let members: Vec<Socket> = (0..total.div_ceil(each))
            .map(|agent| member(&context, &nameserver, agent, each))
            .collect();
        for member in &members {
            let answer = member.recv_multipart(0).expect("the name server answers");
            assert_eq!(answer[1], b"null", "an announcement is taken");
        }
        let end = Arc::new(AtomicBool::new(false));
        let ended = end.clone();
        let thread = std::thread::spawn(move || live(&members, &ended));
        Self {
            end,
            thread: Some(thread),
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn live(members: &[Socket], end: &AtomicBool) {
    let heartbeat = body(&NameServerRequest::Heartbeat {});
    let header = Envelope::oneway(Peer::NameServer).encode();
    let mut next = Instant::now();
    while !end.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            next += Duration::from_secs(1);
            for member in members {
                let _ = member.send_multipart([&header, &heartbeat], 0);
            }
        }
        sleep(Duration::from_millis(20));
    }
}

fn member(
    context: &Context,
    nameserver: &impl Fn(&str) -> Dial,
    agent: usize,
    sockets: usize,
) -> Socket {
    let (name, _) = names(agent, 0);
    let socket = context.socket(zmq::DEALER).expect("a socket");
    socket.set_linger(0).expect("an option of every socket");
    dial(&socket, &nameserver(&name));
    let addresses: BTreeMap<_, _> = (0..sockets)
        .map(|n| {
            (
                names(agent, n).1.parse().expect("a name"),
                bound(agent * sockets + n),
            )
        })
        .collect();
    let announcement = Announcement::Agent {
        name: name.parse().expect("a name"),
        incarnation: Incarnation(agent as u64),
        host: None,
        pid: std::process::id(),
        state: State::Running,
        why: None,
        busy_ms: None,
        uptime_ms: 0,
        addresses,
        connections: Vec::new(),
        spec_version: None,
        reached: Default::default(),
        relaunches: Default::default(),
        successor_of: None,
        former_lives: 0,
        within: None,
        guards: osb::model::Guard::ALL.to_vec(),
    };
    let header = Envelope::request(1, 10_000, Peer::NameServer).encode();
    let content = body(&NameServerRequest::Announce(announcement));
    socket
        .send_multipart([header, content], 0)
        .expect("it is connected");
    socket
}

fn bound(n: usize) -> Address {
    Address {
        kind: Kind::Push,
        role: Role::Server,
        transport: Transport::Tcp,
        address: address(n),
        requests: None,
        serializer: Serializer::Json,
        key: None,
    }
}
