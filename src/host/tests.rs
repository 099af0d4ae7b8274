//! The daemon against a name server that is the test's.

use std::time::Duration;

use super::{HostOptions, run};
use crate::model::{Dial, Grace, Millis};
use crate::state::StateDir;
use crate::wire::{Envelope, HostRequest, MessageKind, NameServerRequest, Peer, body, read_body};

/// How long the daemon may take to say what it is to say.
const TIMEOUT_MS: i32 = 20_000;

struct FakeNameServer {
    router: zmq::Socket,
    address: String,
}

impl FakeNameServer {
    fn new() -> Self {
        let router = zmq::Context::new().socket(zmq::ROUTER).unwrap();
        router.set_rcvtimeo(TIMEOUT_MS).unwrap();
        router.set_linger(0).unwrap();
        router.bind("tcp://127.0.0.1:*").unwrap();
        let address = router.get_last_endpoint().unwrap().unwrap();
        Self { router, address }
    }

    /// The next message that is no heartbeat, and tells of no events: whose it is, and its two frames.
    fn next(&self) -> (Vec<u8>, Envelope, Vec<u8>) {
        loop {
            let mut frames = self.router.recv_multipart(0).unwrap().into_iter();
            let mut frame = || frames.next().unwrap();
            let (from, envelope, content) = (frame(), Envelope::decode(&frame()).unwrap(), frame());
            match read_body(&content) {
                Ok(NameServerRequest::Heartbeat {} | NameServerRequest::Happened { .. }) => {}
                _ => return (from, envelope, content),
            }
        }
    }

    fn send(&self, to: &[u8], envelope: &Envelope, content: &[u8]) {
        let frames = [to, &envelope.encode(), content];
        self.router.send_multipart(frames, 0).unwrap();
    }

    fn acknowledge(&self, to: &[u8], asked: &Envelope) {
        let outcome: Result<(), _> = Ok(());
        let envelope = Envelope::answer(&outcome, asked.id, Peer::NameServer);
        self.send(to, &envelope, &body(&()));
    }
}

/// It is there until the name server has taken all it said: a connection that is closed sooner may
/// be reset, and with it is lost what was not read, such as the answer that `down` waits for.
#[test]
fn it_goes_when_its_last_word_was_answered() {
    let nameserver = FakeNameServer::new();
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::at(temp.path().join("osb")).system(&"x".parse().unwrap());
    dir.create().unwrap();
    let options = HostOptions {
        key_file: None,
        succeeds: None,
        name: "local".parse().unwrap(),
        dial: Dial::plain(nameserver.address.as_str()),
        group: None,
        dir,
        advertise: "127.0.0.1".parse().unwrap(),
        patient: false,
        of_system: true,
        boot: false,
        on_registered: |_| {},
    };
    let daemon = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(run(options, None))
    });
    let (from, announce, _) = nameserver.next();
    nameserver.acknowledge(&from, &announce);
    let shutdown = HostRequest::Shutdown {
        grace: Grace::Exactly(Millis::from_secs(60)),
    };
    let requester = Peer::Client(crate::wire::ClientId(1));
    let request = Envelope::request(7, 60_000, requester.clone());
    nameserver.send(&from, &request, &body(&shutdown));
    let (_, answer, _) = nameserver.next();
    assert_eq!(
        (answer.kind, answer.id, answer.peer),
        (MessageKind::Reply, 7, requester)
    );
    let (_, leave, content) = nameserver.next();
    assert_eq!(
        read_body(&content),
        Ok(NameServerRequest::Leave { end: None })
    );
    assert_eq!(leave.kind, MessageKind::Request, "it waits for an answer");
    assert!(Duration::from_millis(leave.deadline_ms.into()) > Duration::from_secs(5));
    assert!(!daemon.is_finished());
    nameserver.acknowledge(&from, &leave);
    daemon.join().unwrap().unwrap();
}
