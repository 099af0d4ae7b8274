//! Facts for tests to show.

use crate::model::{
    Address, AfterEnd, AgentInfo, ConnectionInfo, Guard, HostInfo, Kind, Proof, Role, Serializer,
    State, Transport,
};

/// An agent that runs and serves a PUSH socket.
pub fn alice() -> AgentInfo {
    let main = Address {
        kind: Kind::Push,
        role: Role::Server,
        transport: Transport::Tcp,
        address: "tcp://127.0.0.1:40123".to_owned(),
        requests: None,
        serializer: Serializer::Json,
        key: None,
    };
    AgentInfo {
        name: "Alice".parse().unwrap(),
        host: Some("local".parse().unwrap()),
        system: None,
        nameserver: "tcp://127.0.0.1:7400".to_owned(),
        state: State::Running,
        why: None,
        busy_ms: None,
        pid: Some(4711),
        uptime_s: 192.340_9,
        state_ms: 0,
        restarts: 0,
        addresses: [("main".parse().unwrap(), main)].into(),
        connections: vec![],
        exit: None,
        key: None,
        incarnation: None,
        within: None,
        spec_version: None,
        then: AfterEnd::Stays,
        last_end: None,
        lacks: Vec::new(),
    }
}

/// An agent that is connected to [`alice`], and to an agent that has gone.
pub fn bob() -> AgentInfo {
    let alice = alice();
    let server = alice.addresses.values().next().unwrap();
    let inbox = ConnectionInfo {
        alias: "inbox".parse().unwrap(),
        kind: Kind::Pull,
        to: Some("Alice.main".parse().unwrap()),
        address: Some(server.address.clone()),
        proof: Proof::Proven { us: 1234 },
        proof_ms: 190_000,
        times: 3,
    };
    let news = ConnectionInfo {
        alias: "news".parse().unwrap(),
        kind: Kind::Sub,
        to: None,
        address: Some("tcp://10.0.0.5:1234".to_owned()),
        proof: Proof::Lost,
        proof_ms: 4250,
        times: 1,
    };
    AgentInfo {
        name: "Bob".parse().unwrap(),
        state: State::Suspect,
        pid: Some(4712),
        addresses: [("inbox".parse().unwrap(), server.twin())].into(),
        connections: vec![inbox, news],
        ..alice
    }
}

/// An agent that no host daemon started, and that has failed.
pub fn carol() -> AgentInfo {
    AgentInfo {
        name: "Carol".parse().unwrap(),
        host: None,
        state: State::Failed,
        pid: None,
        uptime_s: 0.0,
        restarts: 2,
        addresses: [].into(),
        exit: Some(crate::model::ExitReport {
            status: Some(3),
            signal: None,
            log: vec!["no such file".to_owned()],
            cause: None,
        }),
        lacks: Guard::ALL.to_vec(),
        ..alice()
    }
}

pub fn host() -> HostInfo {
    HostInfo {
        name: "local".parse().unwrap(),
        system: None,
        address: "127.0.0.1".parse().ok(),
        state: State::Running,
        pid: 4700,
        former_pids: Vec::new(),
        version: "0.1.0".to_owned(),
        uptime_s: 7500.0,
        agents: 2,
    }
}
