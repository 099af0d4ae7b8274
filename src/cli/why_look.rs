//! A look at all that can explain something, for `osb why`: within half a second, at the agents that are asked about and those that
//! they are wired to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::CommandError;
use super::remembered::records;
use super::session::Session;
use crate::model::{
    AgentId, Alias, HeldSocket, HostId, HostInfo, Kind, Proof, SocketId, TimerInfo, TimerSpec,
};
use crate::proxy::{Pending, Proxy, ProxyError, Seen, TapOf, Taps};
use crate::render::Listed;
use crate::why::{AgentFacts, Asked, Facts, Told, Tried};
use crate::wire::{
    AgentRequest, AgentStatus, Dialled, HostRequest, Peer, Sort, Target, Way, split_topic,
};

/// How far apart the two looks at what goes through are.
const MOMENT: Duration = Duration::from_millis(400);
/// How long a machine may try to dial another.
const TRIAL: Duration = Duration::from_millis(800);
/// How long the answer of one agent may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks.
pub(super) fn look(
    session: &Session,
    asked: &Asked,
    (agents, hosts): (Vec<Listed>, Vec<HostInfo>),
    limit: Duration,
) -> Result<Facts, CommandError> {
    let near = near(asked, &agents);
    let (began, declared) = (Instant::now(), declared(session));
    let mut looks = Vec::new();
    for (at, agent) in agents.iter().enumerate() {
        if near.contains(&at) && !agent.info.state.ended() {
            let proxy = session.proxy_of(agent, limit.min(PATIENCE))?;
            looks.push(Look::begin(at, agent, proxy));
        }
    }
    let topics = topics(&looks, &agents)?;
    // A difference is of a time, and nothing else is waited for.
    std::thread::sleep((began + MOMENT).saturating_duration_since(Instant::now()));
    let again: Vec<_> = looks
        .into_iter()
        .map(|look| {
            let after = look.proxy.ask(&AgentRequest::Status {});
            (look, after)
        })
        .collect();
    let mut told: BTreeMap<usize, Told> = BTreeMap::new();
    for (look, after) in again {
        let at = look.at;
        told.extend(look.end(after).map(|it| (at, it)));
    }
    for (at, alias, topic) in topics {
        let topics = told.entry(at).or_default().topics.entry(alias).or_default();
        topics.extend(topic.filter(|it| !topics.contains(it)));
    }
    let facts = agents
        .into_iter()
        .enumerate()
        .map(|(at, agent)| AgentFacts {
            declared: declared.as_ref().and_then(|it| it.get(&agent.id).cloned()),
            told: told.remove(&at),
            id: agent.id,
            group: agent.group,
            info: agent.info,
        });
    Ok(Facts {
        agents: facts.collect(),
        hosts,
    })
}

/// The agents that are asked about, and those that are wired to them.
fn near(asked: &Asked, agents: &[Listed]) -> BTreeSet<usize> {
    let is_meant = |agent: &Listed| match asked {
        Asked::Agent(id) | Asked::Socket(SocketId { agent: id, .. }) => agent.is_called(id),
        Asked::Host(host) => agent.info.host.as_ref() == Some(host),
    };
    let meant: Vec<usize> = (0..agents.len())
        .filter(|at| is_meant(&agents[*at]))
        .collect();
    let leads_to = |from: &Listed, to: &Listed| {
        let connections = from.info.connections.iter();
        connections.clone().any(|it| match &it.to {
            Some(socket) => to.is_called(&socket.agent),
            None => to
                .info
                .addresses
                .values()
                .any(|address| Some(&address.address) == it.address.as_ref()),
        })
    };
    let is_near = |at: &usize| {
        meant.iter().any(|of| {
            *of == *at
                || leads_to(&agents[*of], &agents[*at])
                || leads_to(&agents[*at], &agents[*of])
        })
    };
    (0..agents.len()).filter(is_near).collect()
}

/// What is asked of one agent at once.
struct Look {
    at: usize,
    proxy: Proxy,
    sockets: Pending<Vec<HeldSocket>>,
    timers: Pending<Vec<TimerInfo>>,
    before: Pending<AgentStatus>,
    dialled: Vec<(Alias, String, Pending<Vec<Dialled>>)>,
}

impl Look {
    fn begin(at: usize, agent: &Listed, proxy: Proxy) -> Self {
        Self {
            at,
            sockets: proxy.ask(&AgentRequest::Sockets {}),
            timers: proxy.ask(&AgentRequest::Timers {}),
            before: proxy.ask(&AgentRequest::Status {}),
            dialled: dial(agent, &proxy),
            proxy,
        }
    }

    /// None: it does not answer.
    fn end(self, after: Pending<AgentStatus>) -> Option<Told> {
        let before = self.before.wait().ok()?;
        let dialled = self
            .dialled
            .into_iter()
            .filter_map(|(alias, address, answer)| {
                let failure = failure(answer.wait())?;
                Some((alias, Tried { address, failure }))
            });
        let dialled = dialled.collect();
        let after = after
            .wait()
            .map_or_else(|_| before.sockets.clone(), |it| it.sockets);
        Some(Told {
            sockets: self.sockets.wait().unwrap_or_default(),
            before: before.sockets,
            after,
            timers: self.timers.wait().unwrap_or_default(),
            topics: BTreeMap::new(),
            dialled,
        })
    }
}

/// The machine of an agent dials what the agent is not connected to.
fn dial(agent: &Listed, proxy: &Proxy) -> Vec<(Alias, String, Pending<Vec<Dialled>>)> {
    let Some(host) = &agent.info.host else {
        return Vec::new();
    };
    let host = HostId {
        system: agent.info.system.clone(),
        name: host.clone(),
    };
    let connections = agent.info.connections.iter();
    let open = connections.filter(|it| matches!(it.proof, Proof::Connecting | Proof::Lost));
    let dialled = open.filter_map(|it| {
        let address = it.address.as_deref()?.strip_prefix("tcp://")?;
        let at: SocketAddr = address.parse().ok()?;
        let target = Target { at, token: None };
        let request = HostRequest::Dial {
            targets: vec![target],
        };
        let link = proxy.nameserver().link();
        let answer = link.ask(Peer::Host(host.clone()), &request, TRIAL);
        Some((it.alias.clone(), address.to_owned(), answer))
    });
    dialled.collect()
}

/// None: nobody could try, or may. Else what has failed, if anything.
fn failure(answer: Result<Vec<Dialled>, ProxyError>) -> Option<Option<String>> {
    Some(match answer {
        Ok(dialled) => match dialled.into_iter().next()? {
            Dialled::Reached { .. } | Dialled::Other => None,
            Dialled::Silent => Some("nobody answers".to_owned()),
            Dialled::Refused => Some("nobody listens there".to_owned()),
            Dialled::Failed(why) => Some(why),
        },
        // It is still being tried.
        Err(ProxyError::Timeout { .. }) => Some("nobody answers".to_owned()),
        Err(_) => return None,
    })
}

/// Which topics pass at the publishers within the moment: the number of the agent, its socket, and a topic, or none where it was
/// looked at and nothing has passed. Who may not look sees nothing.
fn topics(
    looks: &[Look],
    agents: &[Listed],
) -> Result<Vec<(usize, Alias, Option<String>)>, ProxyError> {
    let mut taps = Taps::new()?;
    let mut tapped = Vec::new();
    for look in looks {
        let addresses = &agents[look.at].info.addresses;
        let publishes = addresses
            .iter()
            .filter(|(_, it)| matches!(it.kind, Kind::Pub | Kind::SyncPub));
        let aliases: Vec<Alias> = publishes.map(|(alias, _)| alias.clone()).collect();
        if aliases.is_empty() {
            continue;
        }
        let of = TapOf {
            aliases: aliases.clone(),
            most: Some(256),
            ..TapOf::default()
        };
        taps.add(look.proxy.clone(), of)?;
        tapped.push((look.at, aliases));
    }
    let (mut seen, until) = (Vec::new(), Instant::now() + MOMENT);
    while !tapped.is_empty() && Instant::now() < until {
        taps.next(Some(until), |it| {
            match it {
                Seen::Began(of) => {
                    let (at, aliases) = &tapped[of];
                    seen.extend(aliases.iter().map(|alias| (*at, alias.clone(), None)));
                }
                Seen::Message(message)
                    if message.passed.way == Way::Out
                        && message.passed.sort == Sort::Publication =>
                {
                    let topic = split_topic(message.passed.bytes, message.socket.serializer);
                    let topic = topic.map(|(topic, _)| String::from_utf8_lossy(topic).into_owned());
                    let at = tapped[message.of].0;
                    let topic = (at, message.socket.alias.clone(), topic.ok());
                    if !seen.contains(&topic) {
                        seen.push(topic);
                    }
                }
                Seen::Message(_) | Seen::Lost { .. } | Seen::Away { .. } => {}
            }
            Ok::<(), ProxyError>(())
        })?;
    }
    Ok(seen)
}

/// The timers that the topology gives each agent, if the system was brought up on this machine.
fn declared(session: &Session) -> Option<BTreeMap<AgentId, Vec<TimerSpec>>> {
    #[derive(serde::Deserialize)]
    struct Topology {
        agents: Vec<Agent>,
    }
    #[derive(serde::Deserialize)]
    struct Agent {
        name: AgentId,
        #[serde(default)]
        timers: Vec<TimerSpec>,
    }
    let record = records()
        .ok()?
        .into_iter()
        .find(|it| Some(&it.name) == session.system.as_ref())?;
    let topology: Topology = serde_json::from_str(&record.topology).ok()?;
    let agents = topology.agents.into_iter();
    Some(agents.map(|agent| (agent.name, agent.timers)).collect())
}
