//! What was made by hand, from what agents tell: all that is otherwise than the system is meant to be.

use std::collections::{BTreeMap, BTreeSet};

use super::{ByHand, Note, Seen, Told};
use crate::model::{
    Address, Admits, AgentId, AgentSpec, Alias, BindSpec, Endpoint, Handlers, HeldEnd, HeldLink,
    HeldSocket, NameServerName, Role, SocketId, Topology, WireSpec,
};
use crate::topology::usual_ip;

/// What is otherwise.
#[derive(Default)]
pub(super) struct Look {
    pub by_hand: Vec<ByHand>,
    pub notes: Vec<Note>,
}

/// Agents come first, then sockets, then what connects to them.
pub(super) fn look(desired: &Topology, seen: &[Seen]) -> Look {
    let known = Known::of(desired, seen);
    let by_name: BTreeMap<&AgentId, &Seen> = seen.iter().map(|it| (&it.agent, it)).collect();
    let meant: BTreeSet<&AgentId> = desired.agents.iter().map(|it| &it.name).collect();
    let mut look = Look::default();
    for spec in &desired.agents {
        match by_name.get(&spec.name) {
            Some(seen) if !seen.state.ended() => look.agent(spec, seen, &known),
            Some(seen) => look.ended(spec, Some(seen)),
            None => look.ended(spec, None),
        }
    }
    let free = seen.iter().filter(|it| it.is_free && !it.state.ended());
    for seen in free.filter(|it| !meant.contains(&it.agent)) {
        let agent = seen.agent.clone();
        if !matches!(seen.told, Told::Sockets(_)) {
            look.notes.push(Note::Foreign { agent });
            continue;
        }
        let spec = by_itself(&agent);
        look.by_hand.push(ByHand::Agent { agent });
        look.agent(&spec, seen, &known);
    }
    let place = |it: &ByHand| match it {
        ByHand::Agent { .. } => 0,
        ByHand::Socket { .. } => 1,
        ByHand::Wire { .. } => 2,
        ByHand::Handlers { .. } => 3,
    };
    look.by_hand.sort_by_key(place);
    look
}

/// An agent that others start, of which nothing else is said.
pub(super) fn by_itself(agent: &AgentId) -> AgentSpec {
    AgentSpec {
        name: agent.clone(),
        attach: true,
        ..AgentSpec::named(agent.name.clone())
    }
}

/// What there is to connect to, and what names stand for.
struct Known<'k> {
    desired: &'k Topology,
    by_address: BTreeMap<&'k str, SocketId>,
}

impl<'k> Known<'k> {
    fn of(desired: &'k Topology, seen: &'k [Seen]) -> Self {
        let sockets = seen.iter().flat_map(|seen| {
            let bound = seen.addresses.iter();
            let bound = bound.filter(|(_, address)| address.role == Role::Server);
            bound.map(|(alias, address): (&Alias, &'k Address)| {
                let agent = seen.agent.clone();
                let alias = alias.clone();
                (address.address.as_str(), SocketId { agent, alias })
            })
        });
        Self {
            desired,
            by_address: sockets.collect(),
        }
    }

    /// A socket, by the name that agents of one name server have for it, as the topology calls it.
    fn named(&self, to: &SocketId, own: Option<&NameServerName>) -> SocketId {
        let first = self.desired.nameservers.first().map(|it| &it.name);
        let nameserver = to.agent.nameserver.as_ref().or(own);
        let mut named = to.clone();
        named.agent.nameserver = nameserver.filter(|it| Some(*it) != first).cloned();
        named
    }

    /// None: no socket of the system.
    fn end(&self, link: &HeldLink, own: Option<&NameServerName>) -> Option<SocketId> {
        match &link.to {
            Some(to) => Some(self.named(to, own)),
            None => self.by_address.get(link.address.as_str()).cloned(),
        }
    }

    /// As a file says it that says nothing of it.
    fn endpoint(&self, spec: &AgentSpec, asked: Option<&Endpoint>) -> Option<Endpoint> {
        let mut hosts = self.desired.hosts.iter();
        let usual = hosts
            .find(|it| it.name == spec.host)
            .map(|host| Endpoint::Tcp {
                ip: usual_ip(host),
                port: 0,
            });
        asked.cloned().or(usual)
    }
}

impl Look {
    fn ended(&mut self, spec: &AgentSpec, seen: Option<&Seen>) {
        let (agent, state) = (spec.name.clone(), seen.map(|it| it.state));
        if !spec.is_job() {
            self.notes.push(Note::Ended { agent, state });
        }
    }

    fn agent(&mut self, spec: &AgentSpec, seen: &Seen, known: &Known<'_>) {
        let agent = &spec.name;
        let sockets = match &seen.told {
            Told::NotAsked => return,
            Told::Nothing => {
                let agent = agent.clone();
                return self.notes.push(Note::Silent { agent });
            }
            Told::Sockets(sockets) => sockets,
        };
        for socket in sockets {
            match &socket.end {
                HeldEnd::Bound { endpoint, admits } => {
                    let endpoint = known.endpoint(spec, endpoint.as_ref());
                    self.bound(spec, socket, endpoint, admits);
                }
                HeldEnd::Connected { to } => self.connected(spec, socket, to, known),
            }
        }
        self.missing(spec, seen, sockets);
        for timer in &seen.timers {
            let mut declared = spec.timers.iter();
            if !declared.any(|it| it.when == timer.when && it.action == timer.action) {
                self.notes.push(Note::Timer {
                    agent: agent.clone(),
                    timer: timer.alias.clone(),
                });
            }
        }
    }

    fn bound(
        &mut self,
        spec: &AgentSpec,
        held: &HeldSocket,
        endpoint: Option<Endpoint>,
        admits: &Admits,
    ) {
        let agent = spec.name.clone();
        match spec.bind.iter().find(|it| it.alias == held.alias) {
            Some(it) if it.kind == held.kind && it.serializer == held.serializer => {
                self.handled(spec, held, it.handlers.as_ref());
            }
            Some(_) | None => self.by_hand.push(ByHand::Socket {
                agent,
                socket: BindSpec {
                    alias: held.alias.clone(),
                    kind: held.kind,
                    endpoint,
                    serializer: held.serializer,
                    handlers: Some(held.handlers.clone()),
                    // That of wires, the wires say.
                    admits: Admits {
                        wires: Default::default(),
                        ..admits.clone()
                    },
                },
            }),
        }
    }

    /// Subscribers alone can come to handle otherwise.
    fn handled(&mut self, spec: &AgentSpec, held: &HeldSocket, to_be: Option<&Handlers>) {
        if held.kind.subscribes() && to_be.is_some_and(|it| *it != held.handlers) {
            self.by_hand.push(ByHand::Handlers {
                agent: spec.name.clone(),
                alias: held.alias.clone(),
                handlers: held.handlers.clone(),
            });
        }
    }

    fn connected(
        &mut self,
        spec: &AgentSpec,
        held: &HeldSocket,
        links: &[HeldLink],
        known: &Known<'_>,
    ) {
        let own = spec.name.nameserver.as_ref();
        let socket = || SocketId {
            agent: spec.name.clone(),
            alias: held.alias.clone(),
        };
        let first = known.desired.nameservers.first().map(|it| &it.name);
        let own = own.or(first);
        let mut ends = Vec::new();
        for link in links {
            match known.end(link, own) {
                Some(end) => ends.push(end),
                None => self.notes.push(Note::Address {
                    socket: socket(),
                    address: link.address.clone(),
                }),
            }
        }
        let declared = spec.wires.iter().find(|it| it.alias == held.alias);
        let to_be = declared.filter(|it| it.kind == held.kind).map(|it| &it.to);
        let chosen = to_be.filter(|to| ends.contains(to) || ends.is_empty());
        let chosen = chosen.or(ends.first()).cloned();
        let further = ends.iter().filter(|it| Some(*it) != chosen.as_ref());
        self.notes.extend(further.map(|to| Note::Further {
            socket: socket(),
            to: to.to_string(),
        }));
        match (declared, chosen) {
            (Some(it), Some(to)) if it.to == to && it.kind == held.kind => {
                self.handled(spec, held, Some(&it.handlers));
            }
            (_, Some(to)) => self.by_hand.push(ByHand::Wire {
                agent: spec.name.clone(),
                wire: WireSpec {
                    alias: held.alias.clone(),
                    to,
                    kind: held.kind,
                    serializer: Some(held.serializer),
                    handlers: held.handlers.clone(),
                    replies: held.replies.clone(),
                    resting: false,
                },
            }),
            (_, None) => {}
        }
    }

    /// What the system is meant to have, and somebody has closed.
    fn missing(&mut self, spec: &AgentSpec, seen: &Seen, sockets: &[HeldSocket]) {
        let is_there = |alias: &&Alias| sockets.iter().any(|it| it.alias == **alias);
        let bound = spec.bind.iter().map(|it| &it.alias);
        let wired = spec.wires.iter().map(|it| &it.alias);
        // One whose other end is not there has no socket yet.
        let wired = wired.filter(|it| !seen.connections.contains(*it));
        for alias in bound.chain(wired).filter(|it| !is_there(it)) {
            let (agent, alias) = (spec.name.clone(), alias.clone());
            let socket = SocketId { agent, alias };
            self.notes.push(Note::Closed { socket });
        }
    }
}
