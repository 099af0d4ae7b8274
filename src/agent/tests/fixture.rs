//! An agent in a thread, and a name server that is played by the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use zmq::{Context, Socket, SocketType};

use crate::agent::{Log, SignalsAre, run_with};
use crate::model::{
    Action, Address, Admits, AgentSpec, Alias, BindSpec, ConnectionInfo, Endpoint, Handlers, Kind,
    Millis, Program, Replies, Role, Serializer, SocketStats, SpecVersion, Step, Transport,
};
use crate::wire::{
    AgentBoot, AgentRequest, AgentStatus, Announcement, ClientId, Configure, ConnectRequest,
    Envelope, Fault, Incarnation, MessageKind, NameServerRequest, Peer, ProofToken, body,
    read_body,
};

/// How long anything may take in a test.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What the agent writes to its log.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// An agent under test.
pub(crate) struct Fixture {
    pub context: Context,
    pub log: Lines,
    pub dir: TempDir,
    router: Socket,
    agent: Vec<u8>,
    thread: Option<JoinHandle<u8>>,
    announced: VecDeque<Announcement>,
    last_id: u64,
}

pub(crate) fn kind_of(kind: &str) -> Kind {
    kind.parse().unwrap()
}

pub(crate) fn alias(text: &str) -> Alias {
    text.parse().unwrap()
}

pub(crate) fn all(actions: &[&str]) -> Handlers {
    let action = |text: &&str| text.parse::<Action>().unwrap();
    Handlers::All(actions.iter().map(action).collect())
}

pub(crate) fn tcp() -> Endpoint {
    Endpoint::Tcp {
        ip: "127.0.0.1".parse().unwrap(),
        port: 0,
    }
}

pub(super) fn bind(name: &str, kind: &str, serializer: Serializer, actions: &[&str]) -> BindSpec {
    BindSpec {
        alias: alias(name),
        kind: kind_of(kind),
        endpoint: Some(tcp()),
        serializer,
        handlers: Some(all(actions)),
        admits: Admits::anyone(),
    }
}

pub(super) fn configure(spec: AgentSpec) -> AgentRequest {
    AgentRequest::Configure(Configure {
        spec: Box::new(spec),
        version: SpecVersion::FIRST,
    })
}

impl Fixture {
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// An agent with a program, that is announced.
    pub(crate) fn start_with(program: Option<Vec<&str>>) -> Self {
        let mut fixture = Self::launch(program);
        fixture.await_announcement();
        fixture
    }

    /// An agent that is not waited for.
    pub(super) fn launch(argv: Option<Vec<&str>>) -> Self {
        let program = argv.map(|argv| {
            let argv = argv.into_iter().map(str::to_owned);
            let mut program = Program::of_words(argv, PathBuf::from("/"));
            program.env.insert("GREETING".to_owned(), "hi".into());
            program
        });
        let spec = AgentSpec {
            program,
            ..AgentSpec::named("Alice".parse().unwrap())
        };
        Self::boot(spec, None, BTreeMap::new())
    }

    /// One that is to be what the spec says, and that had these ports before.
    pub(super) fn launch_as(spec: AgentSpec, ports: BTreeMap<Alias, u16>) -> Self {
        Self::boot(spec, Some(SpecVersion(3)), ports)
    }

    fn boot(spec: AgentSpec, version: Option<SpecVersion>, ports: BTreeMap<Alias, u16>) -> Self {
        let context = Context::new();
        let router = context.socket(zmq::ROUTER).unwrap();
        // With none, libzmq drops what a peer has sent when that peer goes.
        router.set_linger(1000).unwrap();
        router.bind("tcp://127.0.0.1:*").unwrap();
        let nameserver = router.get_last_endpoint().unwrap().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let output = spec.program.is_some().then(|| dir.path().join("out"));
        let boot = AgentBoot {
            works: None,
            spec: Box::new(spec),
            version,
            ports,
            incarnation: Incarnation(7),
            successor_of: None,
            within: None,
            host: None,
            advertise: "127.0.0.1".parse().unwrap(),
            nameserver,
            keys: None,
            ipc_dir: dir.path().join("ipc"),
            log: None,
            dir: None,
            output,
            descriptors: None,
            former_lives: 0,
        };
        let log = Lines::default();
        let sink = Log::to(Box::new(log.clone()));
        let thread = thread::spawn(move || run_with(boot, sink, SignalsAre::LeftAlone).unwrap());
        Self {
            context,
            log,
            dir,
            router,
            agent: Vec::new(),
            thread: Some(thread),
            announced: VecDeque::new(),
            last_id: 0,
        }
    }

    /// The name server goes away. Tells where it was.
    pub(crate) fn lose_nameserver(&mut self) -> String {
        let address = self.router.get_last_endpoint().unwrap().unwrap();
        self.router = self.peer(zmq::ROUTER);
        address
    }

    /// A new one is there.
    pub(crate) fn revive_nameserver(&mut self, address: &str) {
        let began = Instant::now();
        while self.router.bind(address).is_err() {
            assert!(began.elapsed() < TEST_TIMEOUT, "{address} stays taken");
            thread::yield_now();
        }
    }

    /// The next message of the agent.
    pub(crate) fn receive(&mut self) -> (Envelope, Vec<u8>) {
        let ms = i64::try_from(TEST_TIMEOUT.as_millis()).unwrap();
        assert!(self.router.poll(zmq::POLLIN, ms).unwrap() > 0, "silence");
        let frames = self.router.recv_multipart(0).unwrap();
        let [agent, header, body] = <[Vec<u8>; 3]>::try_from(frames).unwrap();
        self.agent = agent;
        (Envelope::decode(&header).unwrap(), body)
    }

    fn note(&mut self, envelope: &Envelope, body: &[u8]) -> Option<NameServerRequest> {
        let request: NameServerRequest = read_body(body).ok()?;
        if let NameServerRequest::Announce(announcement) = &request {
            self.announced.push_back(announcement.clone());
            self.answer(envelope, Ok(Value::Null));
        }
        Some(request)
    }

    pub(crate) fn answer(&self, to: &Envelope, outcome: Result<Value, Fault>) {
        let envelope = Envelope::answer(&outcome, to.id, Peer::NameServer);
        let answer = match &outcome {
            Ok(value) => body(value),
            Err(fault) => body(fault),
        };
        self.send(&envelope, answer);
    }

    pub(crate) fn send(&self, envelope: &Envelope, body: Vec<u8>) {
        let frames = [self.agent.clone(), envelope.encode(), body];
        self.router.send_multipart(frames, 0).unwrap();
    }

    pub(crate) fn send_frames(&self, frames: &[&[u8]]) {
        let mut all = vec![self.agent.as_slice()];
        all.extend(frames);
        self.router.send_multipart(all, 0).unwrap();
    }

    pub(crate) fn await_announcement(&mut self) -> Announcement {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < TEST_TIMEOUT, "no announcement");
            if let Some(announcement) = self.announced.pop_front() {
                return announcement;
            }
            let (envelope, body) = self.receive();
            self.note(&envelope, &body);
        }
    }

    /// Waits for a one-way message or request of the agent to the name server.
    pub(crate) fn await_request(&mut self, mut wanted: impl FnMut(&NameServerRequest) -> bool) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < TEST_TIMEOUT, "it does not come");
            let (envelope, body) = self.receive();
            if self
                .note(&envelope, &body)
                .is_some_and(|request| wanted(&request))
            {
                return;
            }
        }
    }

    /// Waits for a request of the agent to another member or to the name server, and answers it.
    pub(crate) fn serve<T: serde::de::DeserializeOwned>(
        &mut self,
        mut answer: impl FnMut(&Peer, T) -> Option<Result<Value, Fault>>,
    ) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < TEST_TIMEOUT, "it does not ask");
            let (envelope, body) = self.receive();
            if let (MessageKind::Request, Ok(asked)) = (envelope.kind, read_body(&body))
                && let Some(outcome) = answer(&envelope.peer, asked)
            {
                return self.answer(&envelope, outcome);
            }
            self.note(&envelope, &body);
        }
    }

    /// All announcements that have come so far.
    pub(crate) fn announced(&mut self) -> Vec<Announcement> {
        self.announced.drain(..).collect()
    }

    pub(crate) fn begin(&mut self, request: &AgentRequest, deadline: Duration) -> u64 {
        self.last_id += 1;
        let ms = u32::try_from(deadline.as_millis()).unwrap();
        let client = Peer::Client(ClientId(1));
        self.send(&Envelope::request(self.last_id, ms, client), body(request));
        self.last_id
    }

    pub(crate) fn finish(&mut self, id: u64) -> Result<Value, Fault> {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < 2 * TEST_TIMEOUT, "no answer");
            let (envelope, body) = self.receive();
            match envelope.kind {
                MessageKind::Reply if envelope.id == id => {
                    assert_eq!(envelope.peer, Peer::Client(ClientId(1)));
                    return Ok(read_body(&body).unwrap());
                }
                MessageKind::Error if envelope.id == id => return Err(read_body(&body).unwrap()),
                _ => {
                    self.note(&envelope, &body);
                }
            }
        }
    }

    pub(crate) fn try_ask(&mut self, request: AgentRequest) -> Result<Value, Fault> {
        let id = self.begin(&request, TEST_TIMEOUT);
        self.finish(id)
    }

    pub(crate) fn ask(&mut self, request: AgentRequest) -> Value {
        self.try_ask(request).unwrap()
    }

    pub(crate) fn oneway(&mut self, request: &AgentRequest) {
        self.send(&Envelope::oneway(Peer::Client(ClientId(1))), body(request));
    }

    /// Binds and tells where.
    pub(super) fn bind(&mut self, request: BindSpec) -> String {
        let address = self.ask(AgentRequest::Bind(request));
        address["address"].as_str().unwrap().to_owned()
    }

    pub(super) fn configure(&mut self, bind: Vec<BindSpec>) -> Result<Value, Fault> {
        self.try_ask(configure(AgentSpec {
            attributes: [("greeting".to_owned(), json!("hello"))].into(),
            bind,
            ..AgentSpec::named("Alice".parse().unwrap())
        }))
    }

    pub(crate) fn go(&mut self) {
        self.lead(Step::Go);
    }

    pub(crate) fn lead(&mut self, to: Step) {
        self.ask(AgentRequest::Lead { to });
    }

    /// What the agent announces, as soon as it has taken that step.
    pub(crate) fn until_done(&mut self, step: Step) -> BTreeSet<Step> {
        loop {
            let Announcement::Agent { reached, .. } = self.await_announcement() else {
                panic!("no agent");
            };
            if reached.done.contains(&step) {
                return reached.done;
            }
        }
    }

    pub(crate) fn attribute(&mut self, name: &str) -> Value {
        let name = name.to_owned();
        self.try_ask(AgentRequest::GetAttr { name })
            .unwrap_or_default()
    }

    /// Asks again and again until the answer is as wanted.
    pub(crate) fn until(
        &mut self,
        request: &AgentRequest,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.try_ask(request.clone()).unwrap_or_default();
            if wanted(&answer) {
                return answer;
            }
            assert!(began.elapsed() < TEST_TIMEOUT, "still {answer}");
            thread::yield_now();
        }
    }

    pub(crate) fn received(&mut self, count: usize) -> Value {
        let name = "received".to_owned();
        self.until(&AgentRequest::GetAttr { name }, |list| {
            list.as_array().is_some_and(|list| list.len() >= count)
        })
    }

    pub(crate) fn status(&mut self) -> AgentStatus {
        serde_json::from_value(self.ask(AgentRequest::Status {})).unwrap()
    }

    pub(crate) fn stats(&mut self, name: &str) -> SocketStats {
        self.status().sockets[&alias(name)]
    }

    /// A plain socket that gives up after a while.
    pub(crate) fn peer(&self, kind: SocketType) -> Socket {
        let socket = self.context.socket(kind).unwrap();
        socket.set_linger(1000).unwrap();
        let ms = i32::try_from(TEST_TIMEOUT.as_millis()).unwrap();
        socket.set_rcvtimeo(ms).unwrap();
        socket.set_sndtimeo(ms).unwrap();
        socket
    }

    pub(crate) fn connected(&self, kind: SocketType, address: &str) -> Socket {
        let socket = self.peer(kind);
        socket.connect(address).unwrap();
        socket
    }

    /// A plain socket that listens, and its address.
    pub(crate) fn listening(&self, kind: SocketType) -> (Socket, String) {
        let socket = self.peer(kind);
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let address = socket.get_last_endpoint().unwrap().unwrap();
        (socket, address)
    }

    /// The request to connect `name` to a server of `kind`.
    pub(crate) fn connection(
        name: &str,
        kind: &str,
        address: &str,
        serializer: Serializer,
        actions: &[&str],
    ) -> ConnectRequest {
        ConnectRequest {
            alias: alias(name),
            server: Address {
                kind: kind_of(kind),
                role: Role::Server,
                transport: Transport::Tcp,
                address: address.to_owned(),
                requests: None,
                serializer,
                key: None,
            },
            to: Some("Bob.main".parse().unwrap()),
            handlers: Some(all(actions)),
            replies: Replies::default(),
            token: None,
            timeout: Millis::from(TEST_TIMEOUT),
        }
    }

    pub(crate) fn wire(
        &mut self,
        connections: Vec<ConnectRequest>,
    ) -> Result<Vec<ConnectionInfo>, Fault> {
        let mut wired = Vec::new();
        for connection in connections {
            let info = self.try_ask(AgentRequest::Connect(connection))?;
            wired.push(serde_json::from_value(info).unwrap());
        }
        Ok(wired)
    }

    pub(crate) fn token(text: &str) -> ProofToken {
        ProofToken(text.to_owned())
    }

    /// Waits until the agent has ended.
    pub(crate) fn ended(&mut self) -> u8 {
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn shutdown(&mut self) -> u8 {
        self.ask(AgentRequest::Shutdown { grace: None });
        self.ended()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the agent's log:\n{}", self.log.text());
        } else if self.thread.is_some() {
            self.shutdown();
        }
    }
}
