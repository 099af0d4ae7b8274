//! Why nothing arrives: follows wires back from what is asked about, and tells the causes, the surest first. Pure; what there is to
//! know was found out before.

mod cause;
mod facts;
#[cfg(test)]
mod tests;
mod wire;

pub use self::cause::{Cause, Ends};
pub use self::facts::{AgentFacts, Facts, Told, Tried};
use self::wire::{Wire, wires_at};
use crate::model::{AgentId, Alias, HostName, Kind, Millis, SocketId, State};

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Agent(AgentId),
    Socket(SocketId),
    Host(HostName),
}

/// The causes, the surest first: none, if nothing is known of it.
pub fn diagnose(asked: &Asked, facts: &Facts) -> Vec<Cause> {
    let mut causes = match asked {
        Asked::Host(host) => of_host(host, facts),
        Asked::Agent(agent) => of_agent(agent, facts),
        Asked::Socket(socket) => of_socket(socket, facts),
    };
    causes.sort_by_key(Cause::rank);
    causes.dedup();
    causes
}

/// How a host stands, and those of its agents that are not well.
fn of_host(id: &HostName, facts: &Facts) -> Vec<Cause> {
    let host = facts.host(id).filter(|it| it.state != State::Running);
    let gone = host.map(|it| Cause::HostGone {
        host: it.name.clone(),
        state: it.state,
    });
    let here = facts.agents.iter();
    let here = here.filter(|it| it.info.host.as_ref() == Some(id));
    gone.into_iter()
        .chain(here.flat_map(|it| standing(it, facts)))
        .collect()
}

/// How it stands, and what is wrong with its wires.
fn of_agent(id: &AgentId, facts: &Facts) -> Vec<Cause> {
    let Some(agent) = facts.agent(id) else {
        return Vec::new();
    };
    let mut causes = standing(agent, facts);
    let aliases = sockets_of(agent);
    for alias in &aliases {
        causes.extend(of_socket(&agent.name_of(alias), facts));
    }
    if causes.iter().any(|it| !it.is_well()) {
        causes.retain(|it| !it.is_well() && !matches!(it, Cause::NoWire { .. }));
    }
    causes
}

fn sockets_of(agent: &AgentFacts) -> Vec<Alias> {
    let told = agent.told.iter().flat_map(|it| &it.sockets);
    let mut aliases: Vec<Alias> = told.map(|it| it.alias.clone()).collect();
    aliases.extend(agent.info.addresses.keys().cloned());
    aliases.extend(agent.info.connections.iter().map(|it| it.alias.clone()));
    aliases.sort();
    aliases.dedup();
    aliases
}

fn of_socket(socket: &SocketId, facts: &Facts) -> Vec<Cause> {
    let Some(agent) = facts.agent(&socket.agent) else {
        return Vec::new();
    };
    let mut causes = standing(agent, facts);
    let wires = wires_at(agent, &socket.alias, facts);
    for wire in &wires {
        causes.extend(of_wire(wire, facts));
    }
    if wires.is_empty() && causes.is_empty() {
        causes.push(Cause::NoWire {
            socket: agent.name_of(&socket.alias),
        });
    }
    causes
}

/// What is wrong with one wire, from what carries it up to what is done with its messages.
fn of_wire(wire: &Wire<'_>, facts: &Facts) -> Vec<Cause> {
    let ends = wire.agents();
    let mut causes: Vec<Cause> = ends.iter().flat_map(|it| standing(it, facts)).collect();
    let is_gone = |it: &Cause| {
        matches!(
            it,
            Cause::HostGone { .. } | Cause::Ended { .. } | Cause::Silent { .. }
        )
    };
    if causes.iter().any(is_gone) {
        return causes;
    }
    if let Some(cause) = wire.carrier() {
        causes.push(cause);
        return causes;
    }
    causes.extend(wire.messages());
    causes
}

/// How an agent stands, if that explains something.
fn standing(agent: &AgentFacts, facts: &Facts) -> Vec<Cause> {
    let (info, id) = (&agent.info, || agent.id.clone());
    let host = info.host.as_ref().and_then(|host| facts.host(host));
    let gone = host.filter(|host| host.state == State::Unreachable || host.state.ended());
    let state = info.state;
    let of_it = match state {
        State::Stopped | State::Failed | State::Restarting | State::Ended => Some(Cause::Ended {
            agent: id(),
            state,
            exit: info.exit.as_ref().map(ToString::to_string),
            then: info.then,
        }),
        State::Unreachable => Some(Cause::Silent {
            agent: id(),
            state,
            since: Millis::from_secs(info.state_ms / 1000),
        }),
        State::Suspect if info.why.is_none() => Some(Cause::Silent {
            agent: id(),
            state,
            since: Millis::from_secs(info.state_ms / 1000),
        }),
        State::Suspect | State::Unhealthy => Some(Cause::Unwell {
            agent: id(),
            state,
            why: info.why.clone().unwrap_or_default(),
        }),
        State::Starting => Some(Cause::Starting {
            agent: id(),
            why: info.why.clone(),
        }),
        State::Running => info.busy_ms.map(|ms| Cause::Busy {
            agent: id(),
            since: Millis::from_secs(ms / 1000),
        }),
    };
    let gone = gone.map(|host| Cause::HostGone {
        host: host.name.clone(),
        state: host.state,
    });
    let untold = agent.told.is_none() && of_it.is_none();
    let untold = untold.then(|| Cause::Untold { agent: id() });
    gone.into_iter().chain(of_it).chain(untold).collect()
}

/// Whether messages arrive at the first kind by themselves.
fn reads(kind: Kind) -> bool {
    match kind {
        Kind::Pull | Kind::Sub | Kind::SyncSub | Kind::Rep | Kind::AsyncRep => true,
        Kind::Push | Kind::Pub | Kind::SyncPub | Kind::Req | Kind::AsyncReq => false,
    }
}
