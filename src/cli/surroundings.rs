//! What a name server knows, as a topology would say it: what an agent that is asked for there can be wired to.

use serde_json::{Map, Value, json};

use super::session::Group;
use crate::model::{Address, AgentInfo, HostInfo, HostName, Role, Security};

/// What there is, as a topology would say it, as far as it matters to another agent.
pub(super) fn surroundings(group: &Group, hosts: &[HostInfo], agents: &[AgentInfo]) -> Value {
    let link = group.nameserver.link();
    let security = match link.server_key() {
        Some(_) => Security::Curve,
        None => Security::None,
    };
    let machines = hosts.iter().map(|host| {
        let here = json!({ "address": host.address });
        let there = json!({ "address": host.address, "attach": true });
        let is_here = host.name == HostName::local();
        (host.name.to_string(), if is_here { here } else { there })
    });
    let agents = agents.iter().map(|agent| {
        let servers = agent.addresses.iter();
        let servers = servers.filter(|(_, at)| at.role == Role::Server);
        let bound: Map<String, Value> = servers
            .map(|(alias, at)| (alias.to_string(), socket(at)))
            .collect();
        let there = match &agent.host {
            Some(host) => json!({ "host": host, "bind": bound }),
            None => json!({ "attach": true, "bind": bound }),
        };
        (agent.name.to_string(), there)
    });
    json!({
        "osb": 1,
        "name": "spawned",
        "security": security,
        "nameserver": { "attach": link.address().trim_start_matches("tcp://") },
        "hosts": machines.collect::<Map<_, _>>(),
        "agents": agents.collect::<Map<_, _>>(),
    })
}

/// With a handler, where it has to have one.
fn socket(at: &Address) -> Value {
    let mut socket = json!({ "kind": at.kind, "serializer": at.serializer });
    if at.kind.answers() {
        socket["handler"] = json!("echo");
    }
    socket
}
