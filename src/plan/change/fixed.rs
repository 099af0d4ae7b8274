//! What of a system cannot be changed while it runs. Pure.

use std::collections::BTreeSet;

use crate::model::{AgentSpec, HostName, HostSpec, NameServerName, Topology};

/// What of a topology cannot be changed while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fixed {
    Security,
    NameServers,
    /// This host is there no more, or is reached otherwise.
    Host(HostName),
    /// This host has no daemon yet.
    NewHost(HostName),
}

/// The first thing, if there is one, that keeps a running system from becoming another. `has_daemon`: whether a host has one, at that
/// name server, though no agent is there now.
pub fn fixed(
    from: &Topology,
    to: &Topology,
    has_daemon: impl Fn(&HostName, Option<&NameServerName>) -> bool,
) -> Option<Fixed> {
    if from.security != to.security {
        return Some(Fixed::Security);
    }
    if from.nameservers != to.nameservers {
        return Some(Fixed::NameServers);
    }
    for host in &from.hosts {
        let next = to.hosts.iter().find(|it| it.name == host.name);
        let is_same = |next: &HostSpec| next.reach == host.reach && next.address == host.address;
        let is_used = |topology: &Topology| {
            let mut agents = topology.agents.iter();
            agents.any(|agent| !agent.attach && agent.host == host.name)
        };
        if (is_used(from) || is_used(to)) && !next.is_some_and(is_same) {
            return Some(Fixed::Host(host.name.clone()));
        }
    }
    let place = |agent: &AgentSpec| (agent.host.clone(), agent.name.nameserver.clone());
    let before = from.agents.iter().filter(|it| !it.attach).map(place);
    let before: BTreeSet<_> = before.collect();
    let local = HostName::local();
    let mut after = to.agents.iter().filter(|it| !it.attach).map(place);
    let new = after.find(|place| {
        let (host, nameserver) = (&place.0, place.1.as_ref());
        *host != local && !before.contains(place) && !has_daemon(host, nameserver)
    });
    new.map(|(host, _)| Fixed::NewHost(host))
}
