//! One member: what it said of itself, and how it stands.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Now, RoutingId};
use crate::model::timing::{SUSPECT_TIMEOUT, UNREACHABLE_TIMEOUT};
use crate::model::{
    Address, AfterEnd, AgentInfo, AgentName, Alias, ConnectionInfo, End, ExitReport, Guard, HostId,
    HostInfo, Millis, PublicKey, Relaunches, SocketId, SpecVersion, State,
};
use crate::wire::{Announcement, Fault, Incarnation, Reached};

pub(crate) struct Member {
    pub route: RoutingId,
    /// By which it was admitted, if it is an agent of a closed system.
    pub key: Option<PublicKey>,
    /// None for clients.
    pub incarnation: Option<Incarnation>,
    pub pid: Option<u32>,
    /// The life of the agent in whose process it lives, if that is another.
    pub within: Option<Incarnation>,
    pub started: Now,
    seen: Now,
    /// When it said last what it is.
    announced: Now,
    /// Since when it has been in its state.
    since: Now,
    /// How the life before this one ended, if its host has seen that.
    last_end: Option<ExitReport>,
    standing: Standing,
    /// Since when it was unreachable, if it has been heard again and has not yet said again what it is.
    outdated_since: Option<Now>,
    pub facts: Facts,
}

/// How a member stands, whatever it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Present,
    Suspect,
    Unreachable,
    Ended {
        how: How,
        /// As its host has seen it.
        exit: Option<ExitReport>,
        /// In its own word.
        said: Option<ExitReport>,
        then: AfterEnd,
    },
}

/// How a member has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// With status 0, or because it was asked to.
    Well,
    Badly,
    /// Nobody saw it.
    Unknown,
}

impl How {
    pub(crate) fn of(exit: &ExitReport, asked: bool) -> Self {
        match (asked, exit.status, exit.signal) {
            (true, ..) | (false, Some(0), _) => How::Well,
            (false, None, None) => How::Unknown,
            (false, ..) => How::Badly,
        }
    }
}

/// What a member says of itself.
pub(crate) enum Facts {
    Agent {
        host: Option<HostId>,
        state: State,
        program: Box<Program>,
        addresses: BTreeMap<Alias, Address>,
        connections: Vec<ConnectionInfo>,
        /// How many lives there were before this one.
        restarts: u32,
        spec_version: Option<SpecVersion>,
        reached: Box<Reached>,
        /// What its sockets do not have.
        lacks: Vec<Guard>,
    },
    Host {
        version: String,
        address: Option<IpAddr>,
        former_pids: Vec<u32>,
    },
    Client,
}

/// What an agent says of its program.
#[derive(Default)]
pub(crate) struct Program {
    /// Why the agent is in the state that it says.
    why: Option<String>,
    /// Since when its program has been busy with one thing.
    busy: Option<Now>,
    relaunches: Relaunches,
}

impl Member {
    pub(crate) fn client(route: RoutingId, now: Now) -> Self {
        Self {
            route,
            key: None,
            incarnation: None,
            pid: None,
            within: None,
            started: now,
            seen: now,
            announced: now,
            since: now,
            last_end: None,
            standing: Standing::Present,
            outdated_since: None,
            facts: Facts::Client,
        }
    }

    /// An agent whose process ended before it could say anything.
    pub(super) fn stillborn(host: HostId, incarnation: Incarnation, now: Now) -> Self {
        let facts = Facts::Agent {
            host: Some(host),
            state: State::Starting,
            program: Box::default(),
            addresses: BTreeMap::new(),
            connections: Vec::new(),
            restarts: 0,
            spec_version: None,
            reached: Box::default(),
            lacks: Vec::new(),
        };
        Self {
            facts,
            incarnation: Some(incarnation),
            ..Self::client(
                RoutingId {
                    id: Box::default(),
                    key: None,
                    place: None,
                    server_key: 0,
                },
                now,
            )
        }
    }

    pub(crate) fn announced(route: RoutingId, announcement: Announcement, now: Now) -> Self {
        let (incarnation, pid, uptime_ms, within, facts) = match announcement {
            Announcement::Agent {
                incarnation,
                host,
                pid,
                state,
                why,
                busy_ms,
                uptime_ms,
                addresses,
                connections,
                spec_version,
                reached,
                relaunches,
                former_lives,
                within,
                guards,
                name: _,
                successor_of: _,
            } => {
                let facts = Facts::Agent {
                    host,
                    state,
                    program: Box::new(Program {
                        why,
                        busy: busy_ms.map(|ms| now.saturating_sub(Duration::from_millis(ms))),
                        relaunches: *relaunches,
                    }),
                    addresses,
                    connections,
                    restarts: former_lives,
                    spec_version,
                    reached,
                    lacks: Guard::lacking(&guards),
                };
                (incarnation, pid, uptime_ms, within, facts)
            }
            Announcement::Host {
                incarnation,
                pid,
                version,
                uptime_ms,
                address,
                former_pids,
                name: _,
                succeeds: _,
            } => (
                incarnation,
                pid,
                uptime_ms,
                None,
                Facts::Host {
                    version,
                    address,
                    former_pids,
                },
            ),
        };
        Self {
            route,
            key: None,
            incarnation: Some(incarnation),
            pid: Some(pid),
            within,
            started: now.saturating_sub(Duration::from_millis(uptime_ms)),
            seen: now,
            announced: now,
            since: now,
            last_end: None,
            standing: Standing::Present,
            outdated_since: None,
            facts,
        }
    }

    pub(crate) fn state(&self) -> State {
        match (&self.standing, &self.facts) {
            (Standing::Present, Facts::Agent { state, .. }) => *state,
            (Standing::Present, _) => State::Running,
            (Standing::Suspect, _) => State::Suspect,
            (Standing::Unreachable, _) => State::Unreachable,
            (
                Standing::Ended {
                    then: AfterEnd::Again { .. },
                    ..
                },
                _,
            ) => State::Restarting,
            (
                Standing::Ended {
                    then: AfterEnd::StaysDown,
                    ..
                },
                _,
            ) => State::Stopped,
            (Standing::Ended { how, .. }, _) => match how {
                How::Well => State::Stopped,
                How::Badly => State::Failed,
                How::Unknown => State::Ended,
            },
        }
    }

    /// Whether another process may take this member's name.
    pub(crate) fn may_be_replaced(&self) -> bool {
        matches!(
            self.standing,
            Standing::Unreachable | Standing::Ended { .. }
        )
    }

    /// Where its sockets are, if it is an agent.
    pub(crate) fn addresses(&self) -> Option<&BTreeMap<Alias, Address>> {
        match &self.facts {
            Facts::Agent { addresses, .. } => Some(addresses),
            Facts::Host { .. } | Facts::Client => None,
        }
    }

    /// How far it has come from its spec to its work, if it is an agent.
    pub(super) fn reached(&self) -> Option<&Reached> {
        match &self.facts {
            Facts::Agent { reached, .. } => Some(reached),
            Facts::Host { .. } | Facts::Client => None,
        }
    }

    /// Whether others may go on that wait for it.
    pub(super) fn is_ready(&self) -> bool {
        self.reached().is_some_and(Reached::is_ready)
    }

    /// Why it is not what its spec says, or is led no further.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.reached().and_then(|it| it.fault.as_ref())
    }

    /// What its sockets do not have, if it is an agent with a libzmq of its own.
    pub(super) fn lacks(&self) -> &[Guard] {
        match &self.facts {
            Facts::Agent { lacks, .. } => lacks,
            Facts::Host { .. } | Facts::Client => &[],
        }
    }

    /// What it has said of its connections.
    pub(crate) fn connections(&self) -> &[ConnectionInfo] {
        match &self.facts {
            Facts::Agent { connections, .. } => connections,
            Facts::Host { .. } | Facts::Client => &[],
        }
    }

    /// Takes out what it has said of its connections.
    pub(crate) fn take_connections(&mut self) -> Vec<ConnectionInfo> {
        match &mut self.facts {
            Facts::Agent { connections, .. } => std::mem::take(connections),
            Facts::Host { .. } | Facts::Client => Vec::new(),
        }
    }

    /// How often it was started again, or its program in one of its lives.
    pub(crate) fn restarts(&self) -> u32 {
        self.former_lives().saturating_add(self.relaunches())
    }

    /// The same, before this life.
    fn former_lives(&self) -> u32 {
        match self.facts {
            Facts::Agent { restarts, .. } => restarts,
            Facts::Host { .. } | Facts::Client => 0,
        }
    }

    /// How often its program was started anew in this life.
    pub(super) fn relaunches(&self) -> u32 {
        match &self.facts {
            Facts::Agent { program, .. } => program.relaunches.count,
            Facts::Host { .. } | Facts::Client => 0,
        }
    }

    /// Takes over the count of a former life, unless its host knows of more.
    pub(crate) fn keep_restarts(&mut self, count: u32) {
        if let Facts::Agent { restarts, .. } = &mut self.facts {
            *restarts = (*restarts).max(count);
        }
    }

    /// Whether it is, or was, known by that pid.
    pub(super) fn has_pid(&self, pid: u32) -> bool {
        let former = match &self.facts {
            Facts::Host { former_pids, .. } => former_pids.contains(&pid),
            Facts::Agent { .. } | Facts::Client => false,
        };
        former || self.pid == Some(pid)
    }

    /// It is the next life of that one.
    pub(crate) fn succeeds(&mut self, former: &Member) {
        self.keep_restarts(former.restarts() + 1);
        self.last_end = match &former.standing {
            Standing::Ended { exit, .. } => exit.clone(),
            Standing::Present | Standing::Suspect | Standing::Unreachable => None,
        };
    }

    /// What becomes of it, if it has ended.
    fn then(&self, now: Now) -> AfterEnd {
        match self.standing {
            Standing::Ended {
                then: AfterEnd::Again { wait },
                ..
            } => {
                let past = now.saturating_sub(self.since);
                let wait = wait.duration().saturating_sub(past).into();
                AfterEnd::Again { wait }
            }
            Standing::Ended { then, .. } => then,
            Standing::Present | Standing::Suspect | Standing::Unreachable => {
                let wait = match &self.facts {
                    Facts::Agent { program, .. } => program.relaunches.wait_ms,
                    Facts::Host { .. } | Facts::Client => None,
                };
                let past = milliseconds(now.saturating_sub(self.announced));
                wait.map_or(AfterEnd::Stays, |ms| AfterEnd::Again {
                    wait: Millis::new(ms.saturating_sub(past)),
                })
            }
        }
    }

    /// It was heard. Tells whether that changes its state. What one that was unreachable has said before is outdated
    /// until it is announced anew: its heartbeats may be older than what has happened to its wires meanwhile.
    pub(crate) fn sign_of_life(&mut self, now: Now) -> bool {
        self.seen = now;
        match self.standing {
            Standing::Unreachable => self.outdated_since = Some(self.since),
            Standing::Suspect => {}
            Standing::Present | Standing::Ended { .. } => return false,
        }
        self.stand(Standing::Present, now);
        true
    }

    /// Whether it has to say again what it is, before that is believed.
    pub(super) fn is_outdated(&self) -> bool {
        self.outdated_since.is_some()
    }

    /// For how long nothing was heard of it, in whole seconds.
    pub(crate) fn silent_for(&self, now: Now) -> Millis {
        Millis::from_secs(now.saturating_sub(self.seen).as_secs())
    }

    /// Its lease may have run out. Tells whether that changes its state.
    pub(crate) fn on_lease(&mut self, now: Now) -> bool {
        let silent_for = now.saturating_sub(self.seen);
        let standing = match self.standing {
            Standing::Present | Standing::Suspect if silent_for >= UNREACHABLE_TIMEOUT => {
                Standing::Unreachable
            }
            Standing::Present if silent_for >= SUSPECT_TIMEOUT => Standing::Suspect,
            _ => return false,
        };
        self.stand(standing, now);
        true
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// It stands so from now on.
    pub(crate) fn stand(&mut self, standing: Standing, now: Now) {
        self.standing = standing;
        self.since = now;
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.standing, Standing::Ended { .. })
    }

    /// The same life has said again what it is.
    pub(crate) fn follows(&mut self, former: &Member) {
        self.last_end = former.last_end.clone();
        self.keep_restarts(former.former_lives());
        if self.state() == former.state() {
            self.since = former.since;
        }
    }

    /// How it stands, as an end of a connection.
    pub(crate) fn as_end(&self, now: Now) -> End {
        End {
            state: self.state(),
            ms: milliseconds(now.saturating_sub(self.since)),
        }
    }

    /// How it stands, as the end that has told of a connection.
    fn as_teller(&self, now: Now) -> End {
        match (self.outdated_since, &self.standing) {
            (Some(since), Standing::Present | Standing::Suspect) => End {
                state: State::Unreachable,
                ms: milliseconds(now.saturating_sub(since)),
            },
            _ => self.as_end(now),
        }
    }

    /// When its lease is to be looked at again; None once there is nothing more to wait for.
    /// An unreachable agent is looked at no more until it speaks, but it may: see `Registry`.
    pub(crate) fn lease_ends(&self) -> Option<Now> {
        match self.standing {
            Standing::Present => Some(self.seen + SUSPECT_TIMEOUT),
            Standing::Suspect => Some(self.seen + UNREACHABLE_TIMEOUT),
            Standing::Unreachable | Standing::Ended { .. } => None,
        }
    }

    /// The host that started it, if it is an agent that one has.
    pub(super) fn host(&self) -> Option<&HostId> {
        match &self.facts {
            Facts::Agent { host, .. } => host.as_ref(),
            Facts::Host { .. } | Facts::Client => None,
        }
    }

    /// What `ls agents` shows; None if it is no agent. How it has ended its host is about to tell, if
    /// that is `watched`. `end` tells how an agent stands that it is connected to.
    pub(crate) fn agent_info(
        &self,
        name: &AgentName,
        nameserver: &str,
        (end, watched): (impl Fn(&SocketId) -> Option<End>, bool),
        now: Now,
    ) -> Option<AgentInfo> {
        let Facts::Agent {
            host,
            addresses,
            connections,
            restarts: _,
            spec_version,
            lacks,
            program,
            state: own,
            reached: _,
        } = &self.facts
        else {
            return None;
        };
        let exit = match &self.standing {
            Standing::Ended { exit, said, .. } => {
                let said = said.as_ref().filter(|_| !watched);
                exit.as_ref().or(said).cloned()
            }
            _ => None,
        };
        let state = self.state();
        let says = state == *own;
        let said_ms = milliseconds(now.saturating_sub(self.announced));
        let seen = |connection: &ConnectionInfo| {
            let said = ConnectionInfo {
                proof_ms: connection.proof_ms.saturating_add(said_ms),
                ..connection.clone()
            };
            said.seen_with(self.as_teller(now), connection.to.as_ref().and_then(&end))
        };
        Some(AgentInfo {
            name: name.clone(),
            host: host.as_ref().map(|host| host.name.clone()),
            system: host.as_ref().and_then(|host| host.system.clone()),
            nameserver: nameserver.to_owned(),
            state,
            pid: self.pid.filter(|_| !state.ended()),
            uptime_s: if state.ended() {
                0.0
            } else {
                self.uptime_s(now)
            },
            state_ms: self.as_end(now).ms,
            why: program.why.clone().filter(|_| says),
            busy_ms: program
                .busy
                .filter(|_| says)
                .map(|since| milliseconds(now.saturating_sub(since))),
            restarts: self.restarts(),
            incarnation: self.incarnation.map(Incarnation::run),
            within: self.within.map(Incarnation::run),
            spec_version: *spec_version,
            addresses: addresses.clone(),
            connections: connections.iter().map(seen).collect(),
            exit,
            then: self.then(now),
            last_end: program
                .relaunches
                .last_end
                .as_ref()
                .or(self.last_end.as_ref())
                .cloned(),
            key: self.key,
            lacks: lacks.clone(),
        })
    }

    /// What `ls hosts` shows; None if it is no host.
    pub(super) fn host_info(&self, id: &HostId, agents: usize, now: Now) -> Option<HostInfo> {
        let Facts::Host {
            version,
            address,
            former_pids,
        } = &self.facts
        else {
            return None;
        };
        Some(HostInfo {
            name: id.name.clone(),
            system: id.system.clone(),
            address: *address,
            state: self.state(),
            pid: self.pid.unwrap_or_default(),
            former_pids: former_pids.clone(),
            version: version.clone(),
            uptime_s: self.uptime_s(now),
            agents,
        })
    }

    /// How long this life of it has been up.
    pub(crate) fn uptime_ms(&self, now: Now) -> u64 {
        milliseconds(now.saturating_sub(self.started))
    }

    fn uptime_s(&self, now: Now) -> f64 {
        let uptime = now.saturating_sub(self.started);
        (uptime.as_secs_f64() * 1000.0).round() / 1000.0
    }
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
