//! What the agent has been given to be: which spec, and the wires that it is to keep.

use std::collections::BTreeMap;

use crate::model::{
    Admits, AgentSpec, Alias, Handlers, Millis, NameServerName, Replies, SocketId, SpecVersion,
    WireSpec,
};
use crate::wire::Fault;

/// What a socket was before a spec took it over.
pub(super) struct ByHand {
    pub handlers: Handlers,
    pub replies: Replies,
    pub admits: Admits,
}

/// The spec that the agent goes by, as far as it is needed once it has been carried out.
#[derive(Default)]
pub(super) struct Given {
    /// None: it goes by no spec.
    pub version: Option<SpecVersion>,
    /// Why the agent is not what its spec says.
    pub fault: Option<Fault>,
    /// The name server at which it is registered, as the topology calls it.
    pub nameserver: Option<NameServerName>,
    /// Those that it keeps itself: to agents of its own name server.
    pub wires: Vec<WireSpec>,
    /// Those that it keeps no more, and has not left: it waits until those that are new are proven.
    pub former_wires: Vec<(Alias, SocketId)>,
    /// Sockets of the spec that were there when it came, for they had been made by hand: what was otherwise of each.
    pub taken_over: BTreeMap<Alias, ByHand>,
    /// How long it may take to prove one.
    pub timeout: Millis,
    /// How long its program has to live, if it says nothing, until it has settled.
    pub settle: Millis,
}

impl Given {
    /// What is needed of a spec that has been carried out.
    pub(super) fn of(spec: AgentSpec, version: SpecVersion) -> Self {
        let nameserver = spec.name.nameserver;
        let mut wires = spec.wires;
        wires.retain(|wire| wire.to.agent.nameserver == nameserver && !wire.resting);
        Self {
            version: Some(version),
            fault: None,
            nameserver,
            wires,
            former_wires: Vec::new(),
            taken_over: BTreeMap::new(),
            timeout: spec.start_timeout,
            settle: spec.settle,
        }
    }

    /// It could not be carried out.
    pub(super) fn failed(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    #[test]
    fn an_agent_keeps_the_wires_to_agents_of_its_own_name_server() {
        let wire = |alias: &str, to: &str| WireSpec {
            alias: alias.parse().unwrap(),
            to: to.parse().unwrap(),
            kind: Kind::Pull,
            serializer: None,
            handlers: Handlers::none(),
            replies: Replies::default(),
            resting: false,
        };
        let kept = |name: &str| {
            let mut spec = AgentSpec::named("Bob".parse().unwrap());
            spec.name = name.parse().unwrap();
            spec.wires = vec![wire("near", "Alice.main"), wire("far", "Alice@lab.main")];
            let given = Given::of(spec, SpecVersion::FIRST);
            let aliases = given.wires.iter().map(|it| it.alias.to_string());
            aliases.collect::<Vec<_>>()
        };
        assert_eq!(kept("Bob"), ["near"]);
        assert_eq!(kept("Bob@lab"), ["far"]);
    }
}
