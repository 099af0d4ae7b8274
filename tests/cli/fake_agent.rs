//! An agent that runs in the test: it registers and answers, and has no sockets behind its
//! addresses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use osb::model::{
    Address, ConnectionInfo, Dial, ExitReport, Kind, Proof, Role, Serializer, State, Transport,
};
use osb::proxy::{Incoming, Link, NameServer};
use osb::wire::{
    AgentRequest, Announcement, Fault, Incarnation, NameServerRequest, Peer, read_body,
};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Registered until it is dropped.
pub(crate) struct FakeAgent {
    nameserver: String,
    name: String,
    thread: Option<JoinHandle<()>>,
}

impl FakeAgent {
    pub(crate) fn register(nameserver: &str, name: &str) -> Self {
        let (link, mut incoming) = Link::open(&Dial::plain(nameserver)).unwrap();
        let announced = link.ask::<()>(Peer::NameServer, &announcement(name), TIMEOUT);
        announced.wait().unwrap();
        let agent = name.to_owned();
        let thread = std::thread::spawn(move || {
            let link = Arc::new(link);
            let attributes = [("greeting".to_owned(), json!("Hello"))];
            let mut attributes: BTreeMap<String, Value> = attributes.into();
            while let Some(unasked) = incoming.blocking_recv() {
                let Incoming::Request { envelope, body } = unasked else {
                    continue;
                };
                let request: AgentRequest = read_body(&body).unwrap();
                let last = matches!(request, AgentRequest::Shutdown { .. });
                link.reply(&envelope, answer(request, &agent, &mut attributes));
                if last {
                    return;
                }
            }
        });
        Self {
            nameserver: nameserver.to_owned(),
            name: name.to_owned(),
            thread: Some(thread),
        }
    }

    /// Tells the name server, as its host, that its process has ended.
    pub(crate) fn report_exit(&self, exit: ExitReport) {
        let ns = NameServer::connect(&self.nameserver).unwrap();
        let exited = NameServerRequest::Exited {
            agent: self.name.parse().unwrap(),
            incarnation: Incarnation(1),
            exit,
            asked: false,
            then: osb::model::AfterEnd::Stays,
        };
        let host = NameServerRequest::Announce(Announcement::Host {
            name: "local".parse().unwrap(),
            incarnation: Incarnation(2),
            pid: 1,
            version: "0".to_owned(),
            uptime_ms: 0,
            address: None,
            succeeds: None,
            former_pids: Vec::new(),
        });
        ns.ask::<()>(&host).wait().unwrap();
        ns.ask::<()>(&exited).wait().unwrap();
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        let ended = NameServer::connect(&self.nameserver)
            .and_then(|ns| ns.proxy(&self.name))
            .and_then(|proxy| proxy.with_timeout(Duration::from_secs(1)).shutdown());
        // An agent that has been reported as failed cannot be asked any more.
        if let (Ok(()), Some(thread)) = (ended, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn announcement(name: &str) -> NameServerRequest {
    let main = Address {
        kind: Kind::Push,
        role: Role::Server,
        transport: Transport::Tcp,
        address: "tcp://127.0.0.1:40123".to_owned(),
        requests: None,
        serializer: Serializer::Json,
        key: None,
    };
    let back = ConnectionInfo {
        alias: "back".parse().unwrap(),
        kind: Kind::Pull,
        to: Some("Bob.inbox".parse().unwrap()),
        address: Some("tcp://127.0.0.1:40124".to_owned()),
        proof: Proof::Proven { us: 500 },
        proof_ms: 0,
        times: 1,
    };
    NameServerRequest::Announce(Announcement::Agent {
        name: name.parse().unwrap(),
        incarnation: Incarnation(1),
        host: Some("local".parse().unwrap()),
        pid: std::process::id(),
        state: State::Running,
        why: None,
        busy_ms: None,
        uptime_ms: 1500,
        addresses: [("main".parse().unwrap(), main)].into(),
        connections: vec![back],
        spec_version: None,
        reached: Default::default(),
        relaunches: Default::default(),
        successor_of: None,
        former_lives: 0,
        within: None,
        guards: osb::model::Guard::ALL.to_vec(),
    })
}

fn answer(
    request: AgentRequest,
    agent: &str,
    attributes: &mut BTreeMap<String, Value>,
) -> Result<Value, Fault> {
    match request {
        AgentRequest::Attributes {} => Ok(json!(attributes)),
        AgentRequest::GetAttr { name } => {
            let fault = Fault::UnknownAttribute {
                agent: agent.parse().unwrap(),
                attribute: name.clone(),
                known: attributes.keys().cloned().collect(),
            };
            attributes.get(&name).cloned().ok_or(fault)
        }
        AgentRequest::SetAttr { attributes: new } => {
            attributes.extend(new);
            Ok(Value::Null)
        }
        AgentRequest::Call { params, .. } => Ok(json!(params.as_i64().unwrap() * 2)),
        AgentRequest::SendRecv { message, .. } => Ok(message),
        _ => Ok(Value::Null),
    }
}
