//! Which machine will have to dial which, made from the plan alone. Pure.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::naming::nameserver_called;
use crate::model::{
    AgentId, AgentSpec, Endpoint, HostName, NameServerName, NameServerSpec, Program, Reach,
    Reference, SocketId,
};
use crate::plan::Plan;

/// A machine that will dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WayQuestion {
    pub from: HostName,
    pub to: End,
    pub uses: Vec<String>,
}

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// To a port that a machine is to bind.
    Port { host: HostName, at: SocketAddr },
    /// To a name server that is there already.
    NameServer {
        name: NameServerName,
        at: SocketAddr,
    },
}

/// The ways, with places to find them again by where they begin and end.
#[derive(Default)]
struct Gathered {
    ways: Vec<WayQuestion>,
    places: HashMap<(HostName, End), usize>,
}

impl Gathered {
    fn add(&mut self, from: &HostName, to: End, what: String) {
        let ways = &mut self.ways;
        let place = *self
            .places
            .entry((from.clone(), to.clone()))
            .or_insert_with(|| {
                ways.push(WayQuestion {
                    from: from.clone(),
                    to,
                    uses: Vec::new(),
                });
                ways.len() - 1
            });
        ways[place].uses.push(what);
    }
}

/// All ways that a plan needs.
pub(crate) fn ways(plan: &Plan) -> Vec<WayQuestion> {
    let mut gathered = Gathered::default();
    to_nameservers(plan, &mut gathered);
    let agents: HashMap<&AgentId, &AgentSpec> =
        plan.agents.iter().map(|it| (&it.name, it)).collect();
    let mut across = |client: &AgentId, server: &SocketId, what: String| {
        let (Some(from), Some(on)) = (agents.get(client), agents.get(&server.agent)) else {
            return;
        };
        let mut endpoints = on.endpoints().filter(|(alias, _)| **alias == server.alias);
        let at = endpoints.next().and_then(|(_, endpoint)| tcp(endpoint));
        if let Some(at) = at.filter(|_| !from.attach && !on.attach && from.host != on.host) {
            let host = on.host.clone();
            gathered.add(&from.host, End::Port { host, at }, what);
        }
    };
    for (agent, wire) in plan.wires() {
        let what = format!("{} to {}", agent.client(wire), wire.to);
        across(&agent.name, &wire.to, what);
    }
    for agent in &plan.agents {
        for reference in agent.program.iter().flat_map(Program::references) {
            if let Reference::Addr {
                agent: of, alias, ..
            } = reference
            {
                let server = SocketId {
                    agent: of.clone(),
                    alias: alias.clone(),
                };
                let what = format!("the command of {} to {server}", agent.name);
                across(&agent.name, &server, what);
            }
        }
    }
    gathered.ways
}

/// Every machine with a daemon dials the name server of its agents, and so does this one.
fn to_nameservers(plan: &Plan, gathered: &mut Gathered) {
    let local = plan.hosts.iter().find(|it| it.reach == Reach::Local);
    let Some(local) = local.map(|it| &it.name) else {
        return;
    };
    for entry in &plan.nameservers {
        let name = entry.name.clone();
        let to = match entry.at {
            NameServerSpec::Launch(at) => End::Port {
                host: entry.host.as_ref().unwrap_or(local).clone(),
                at,
            },
            NameServerSpec::Attach(at) => End::NameServer { name, at },
        };
        let what = |from: &HostName| format!("{from} to {}", nameserver_called(&entry.name, plan));
        let daemons = plan.hosts_at(&entry.name).map(|it| &it.name);
        let others = daemons.filter(|name| *name != local);
        for from in [local].into_iter().chain(others) {
            if to.host() != Some(from) {
                gathered.add(from, to.clone(), what(from));
            }
        }
    }
}

impl End {
    /// The machine that a way leads to, if one of the topology's.
    pub(crate) fn host(&self) -> Option<&HostName> {
        match self {
            End::Port { host, .. } => Some(host),
            End::NameServer { .. } => None,
        }
    }
}

/// What peers dial for a socket that is bound to `ip` on a machine at `address`.
pub(crate) fn dialled_at(ip: IpAddr, address: Option<IpAddr>) -> Option<IpAddr> {
    match ip.is_unspecified() {
        true => address,
        false => Some(ip),
    }
}

/// Where a socket is bound by tcp.
pub(crate) fn tcp(endpoint: &Endpoint) -> Option<SocketAddr> {
    match endpoint {
        Endpoint::Tcp { ip, port } => Some(SocketAddr::new(*ip, *port)),
        Endpoint::Ipc { .. } => None,
    }
}
