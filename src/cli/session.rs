//! A connection to the system that a command is about: found, dialled, and asked for names when
//! one of them was not right.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::explain::{MAY_NOT_FLUSH, ambiguous, explain, is_without_answer};
use super::remembered::records;
use super::select::{Candidate, CandidateGroup, NotSelected, select};
use super::which::{self, Meant};
use super::{CommandError, Context, ErrorKind, GlobalArgs};
use crate::model::{
    Address, AgentId, AgentInfo, AgentName, Alias, Dial, Holder, NameServerName, SystemName,
};
use crate::proxy::{NameServer, Proxy, ProxyError};
use crate::render::{Listed, did_you_mean, utc};
use crate::state::{GroupRecord, Phase, StateDir, StateError, SystemRecord, find_key};
use crate::wire::{Expiring, Fault, NameServerRequest};

/// A connection to a system: to each of its name servers that is there.
pub struct Session {
    /// One at least.
    groups: Vec<Group>,
    /// Those that could not be reached, and why.
    absent: Vec<(NameServerName, String)>,
    /// Those that were taken down.
    down: Vec<NameServerName>,
    /// None if the name server was named by its address.
    pub system: Option<SystemName>,
    /// Other machines can reach it, and nothing protects it.
    unprotected: bool,
}

/// What is said of such a system, each time.
pub(crate) const UNPROTECTED: &str = "warning: nothing protects this system: anyone who reaches its sockets can use them (security: none)";

/// A name server, and the connection to it.
pub struct Group {
    pub name: NameServerName,
    pub nameserver: NameServer,
}

impl Session {
    /// To the system that is meant: see `which`.
    pub fn open(global: &GlobalArgs) -> Result<Self, CommandError> {
        if let Meant::Address(address) = which::meant(global) {
            let address = address.as_str();
            let nameserver = dial(address, global.key.as_deref()).map_err(|error| {
                unreachable(error, "`osb ls systems` shows the systems of this machine")
            })?;
            let name = NameServerName::only();
            return Ok(Self {
                unprotected: is_in_the_open(address) && nameserver.link().server_key().is_none(),
                groups: vec![Group { name, nameserver }],
                absent: Vec::new(),
                down: Vec::new(),
                system: None,
            });
        }
        Self::dial(selected(global)?, global)
    }

    /// One name server that cannot be reached does not hide the others.
    fn dial(system: Candidate, global: &GlobalArgs) -> Result<Self, CommandError> {
        let mut session = Self {
            groups: Vec::new(),
            absent: Vec::new(),
            down: Vec::new(),
            system: Some(system.name.clone()),
            unprotected: system.unprotected,
        };
        let mut first = None;
        for CandidateGroup {
            name,
            address,
            key,
            down,
        } in system.groups
        {
            if down {
                session.down.push(name);
                continue;
            }
            match dial(&address, global.key.as_deref().or(key.as_deref())) {
                Ok(nameserver) => session.groups.push(Group { name, nameserver }),
                Err(error) => {
                    session.absent.push((name, error.to_string()));
                    first = first.or(Some(error));
                }
            }
        }
        let name = system.name;
        match first.filter(|_| session.groups.is_empty()) {
            Some(error) => Err(unreachable(
                error,
                &format!("system {name} may have died: clear it away with `osb down {name}`"),
            )),
            None => Ok(session),
        }
    }

    /// For a command that only asks, and ends when it has its answers: the end of the process closes the connection
    /// faster than ZeroMQ does, and there is nothing left to be sent.
    pub fn until_the_end(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    /// Says so if nothing protects the system from others.
    pub fn warn(&self, context: &Context) {
        if self.unprotected {
            context.note(UNPROTECTED);
        }
    }

    /// Says which keys are about to expire. Who may not know is told nothing.
    pub fn warn_of_keys(&self, context: &Context) {
        let groups = self.groups.iter();
        let closed = groups.filter(|group| group.nameserver.link().server_key().is_some());
        let asked: Vec<_> = closed
            .map(|group| group.nameserver.ask(&NameServerRequest::Expiring {}))
            .collect();
        for expiring in asked {
            let expiring: Result<Vec<Expiring>, ProxyError> = expiring.wait();
            for Expiring { holder, until } in expiring.unwrap_or_default() {
                let renew = match &holder {
                    Holder::Host(host) => format!("`osb keys rotate host {}`", host.name),
                    Holder::Operator { name, .. } => format!("`osb keys new {name}`"),
                    Holder::Agent(name) => format!("`osb keys join agent {name}`"),
                    // Theirs never expire: they are for one run.
                    Holder::Guest(agent) => format!("`osb keys join agent {}`", agent.name),
                };
                context.note(&format!(
                    "the key of {holder} expires on {}: {renew} makes another",
                    utc(until)
                ));
            }
        }
    }

    /// The name servers that are there.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether the system has several name servers, those that are not there counted too.
    pub fn has_several(&self) -> bool {
        self.groups.len() + self.absent.len() + self.down.len() > 1
    }

    /// The one that agents are at that say nothing else.
    pub(super) fn first(&self) -> &Group {
        &self.groups[0]
    }

    /// The name of a name server, if there are others to tell it from.
    pub fn told_apart(&self, group: &Group) -> Option<NameServerName> {
        self.has_several().then(|| group.name.clone())
    }

    /// What is missing in what the others say.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        self.absent.iter().map(|(name, why)| {
            format!("what is registered at the name server {name} is missing: {why}")
        })
    }

    /// What each name server answers; they are asked at once.
    pub fn ask_all<T: DeserializeOwned>(
        &self,
        request: &NameServerRequest,
    ) -> Vec<(&Group, Result<T, ProxyError>)> {
        let ask = |group: &'_ Group| group.nameserver.ask::<T>(request);
        let asked: Vec<_> = self.groups.iter().map(ask).collect();
        let answers = asked.into_iter().map(|answer| answer.wait());
        self.groups.iter().zip(answers).collect()
    }

    /// The same as one list. A name server of several that does not answer is left out, and noted.
    pub fn gather<T: DeserializeOwned>(
        &self,
        request: &NameServerRequest,
        context: &Context,
    ) -> Result<Vec<(Option<NameServerName>, T)>, CommandError> {
        for missing in self.missing() {
            context.note(&missing);
        }
        let mut all = Vec::new();
        for (group, answer) in self.ask_all::<Vec<T>>(request) {
            match answer {
                Ok(some) => all.extend(some.into_iter().map(|it| (self.told_apart(group), it))),
                Err(error) if self.groups.len() == 1 => return self.tell(Err(error)),
                Err(error) => context.note(&format!(
                    "what is registered at the name server {} is missing: {error}",
                    group.name
                )),
            }
        }
        Ok(all)
    }

    /// All agents, as lists show them.
    pub fn listed(&self, context: &Context) -> Result<Vec<Listed>, CommandError> {
        let agents = NameServerRequest::Agents { name: None };
        self.gather(&agents, context).map(Listed::all)
    }

    /// Names of agents, for hints and completions: of those that are known at once.
    pub fn names(&self) -> Vec<AgentId> {
        let agents = NameServerRequest::Agents { name: None };
        let answers = self.ask_all::<Vec<AgentInfo>>(&agents).into_iter();
        let agents = answers.flat_map(|(group, answer)| {
            let agents = answer.unwrap_or_default().into_iter();
            agents.map(|agent| (self.told_apart(group), agent))
        });
        Listed::all(agents).into_iter().map(|it| it.id).collect()
    }

    /// The agent that `text` names, AGENT or AGENT@NAMESERVER, and where it is registered. A bare
    /// name that only one name server knows will do.
    pub fn find(&self, text: &str) -> Result<(&Group, AgentName), CommandError> {
        let id: AgentId = text
            .parse()
            .map_err(|error| CommandError::from(ProxyError::Name(text.to_owned(), error)))?;
        match (&id.nameserver, &self.groups[..]) {
            (Some(name), _) => Ok((self.group(name)?, id.name)),
            (None, [only]) if !self.has_several() => Ok((only, id.name)),
            (None, _) => Ok((self.whose(&id)?, id.name)),
        }
    }

    /// The name server of that name.
    pub fn group(&self, name: &NameServerName) -> Result<&Group, CommandError> {
        if let Some(group) = self.groups.iter().find(|group| group.name == *name) {
            return Ok(group);
        }
        let absent = self.absent.iter().find(|(absent, _)| absent == name);
        if let Some((_, why)) = absent {
            return Err(CommandError::say(ErrorKind::Unreachable, why.clone()));
        }
        if self.down.contains(name) {
            return Err(taken_down(name));
        }
        let known = self.groups.iter().map(|group| group.name.as_str());
        let sentence = format!("there is no name server {name}");
        let error = CommandError::say(ErrorKind::Usage, sentence).with_code("unknown_nameserver");
        Err(error.with_hints(did_you_mean(name.as_str(), known)))
    }

    fn whose(&self, id: &AgentId) -> Result<&Group, CommandError> {
        let name = Some(id.name.clone());
        let answers = self.ask_all::<Vec<AgentInfo>>(&NameServerRequest::Agents { name });
        let having = answers.into_iter().filter(|(_, answer)| answer.is_ok());
        let having: Vec<&Group> = having.map(|(group, _)| group).collect();
        match having[..] {
            [one] => Ok(one),
            [] => {
                let name = id.name.clone();
                let unknown = self.tell(Err(ProxyError::Fault(Fault::UnknownAgent { name })));
                let down = self.down.iter();
                let down = down.map(|name| format!("the name server {name} was taken down"));
                unknown.map_err(|error: CommandError| {
                    error.with_hints(self.missing()).with_hints(down)
                })
            }
            _ => {
                let full = having.into_iter().map(|group| AgentId {
                    name: id.name.clone(),
                    nameserver: Some(group.name.clone()),
                });
                Err(ambiguous(id, full))
            }
        }
    }

    /// The proxy of an agent that was listed.
    pub fn proxy_of(&self, agent: &Listed, limit: Duration) -> Result<Proxy, CommandError> {
        let there = |it: &&Group| agent.group.as_ref().is_none_or(|name| *name == it.name);
        // It was just heard from.
        let group = self.groups.iter().find(there).unwrap_or(&self.groups[0]);
        let proxy = group.nameserver.proxy(agent.info.name.as_str())?;
        Ok(proxy.with_timeout(limit))
    }

    /// The proxy of the agent that `text` names, which may take so long to answer.
    pub fn proxy(&self, text: &str, limit: Duration) -> Result<Proxy, CommandError> {
        let (group, name) = self.find(text)?;
        Ok(group.nameserver.proxy(name.as_str())?.with_timeout(limit))
    }

    /// The address of a socket of the agent that `text` names.
    pub fn addr(&self, text: &str, alias: &Alias) -> Result<Address, CommandError> {
        let (group, name) = self.find(text)?;
        self.tell(group.nameserver.addr(name.as_str(), alias.as_str()))
    }

    /// Turns the error of a call into one for people, with the names that might have been meant.
    pub fn tell<T>(&self, outcome: Result<T, ProxyError>) -> Result<T, CommandError> {
        outcome.map_err(|error| explain(error, || self.names()))
    }

    /// The same of a call that a program was to answer.
    pub fn tell_of_program<T>(&self, outcome: Result<T, ProxyError>) -> Result<T, CommandError> {
        match outcome {
            Err(error) if is_without_answer(&error) => {
                Err(CommandError::from(error).with_hint(MAY_NOT_FLUSH))
            }
            outcome => self.tell(outcome),
        }
    }

    /// The agents that the topologies name which the system's name servers are for, each with its name server's name.
    /// None if not all is known of whom may come: the system was not brought up on this machine, or a name server was
    /// there before it, and may have others.
    pub fn declared(&self) -> Option<Vec<AgentId>> {
        let records = records().ok()?;
        let of_group = |group: &Group| {
            let is_ours = |it: &GroupRecord| it.nameserver == group.nameserver.link().address();
            let record = records
                .iter()
                .find(|record| record.groups.iter().any(is_ours))?;
            let its = record.groups.iter().find(|it| is_ours(it))?;
            its.was_launched().then(|| {
                let of_it = record.declared(&its.name)?.into_iter();
                let full = |name| AgentId {
                    name,
                    nameserver: Some(group.name.clone()),
                };
                Some(of_it.map(full).collect::<Vec<_>>())
            })?
        };
        let of_groups: Option<Vec<_>> = self.groups.iter().map(of_group).collect();
        (self.absent.is_empty()).then(|| of_groups.map(|of| of.concat()))?
    }
}

/// Whether an address is one that other machines can dial.
fn is_in_the_open(address: &str) -> bool {
    let (host, _) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = host.trim_start_matches("tcp://");
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    ip.is_ok_and(|ip| !ip.to_canonical().is_loopback())
}

/// By the key in the file `key`, or one that is found.
fn dial(address: &str, key: Option<&Path>) -> Result<NameServer, ProxyError> {
    let key = find_key(address, key)?;
    NameServer::dial(&Dial {
        address: address.to_owned(),
        keys: key.map(|key| key.credentials()),
    })
}

fn taken_down(name: &NameServerName) -> CommandError {
    let sentence = format!("the name server {name} was taken down");
    CommandError::say(ErrorKind::Unreachable, sentence)
        .with_hint("bring it back with `osb up` and the same file")
}

fn unreachable(error: ProxyError, hint: &str) -> CommandError {
    let unreachable = matches!(error, ProxyError::Unreachable { .. });
    let error = CommandError::from(error);
    match unreachable {
        true => error.with_hint(hint),
        false => error,
    }
}

/// What to dial: `tcp://host:port`. If it was given, nothing checks that a name server listens there.
pub(crate) fn nameserver_address(
    global: &GlobalArgs,
    name: Option<&NameServerName>,
) -> Result<String, CommandError> {
    match which::meant(global) {
        Meant::Address(address) if address.starts_with("tcp://") => Ok(address),
        Meant::Address(address) => Ok(format!("tcp://{address}")),
        Meant::Named(_) | Meant::Only => {
            let system = selected(global)?;
            let groups = || system.groups.iter();
            let meant = match name {
                Some(name) => groups().find(|group| group.name == *name),
                None => groups().next(),
            };
            if let Some(group) = meant.filter(|group| group.down) {
                return Err(taken_down(&group.name));
            }
            let known = groups().map(|group| group.name.as_str());
            meant.map(|group| group.address.clone()).ok_or_else(|| {
                let name = name.map(NameServerName::as_str).unwrap_or_default();
                let sentence = format!("system {} has no name server {name}", system.name);
                let error = CommandError::say(ErrorKind::Usage, sentence);
                error.with_hints(did_you_mean(name, known))
            })
        }
    }
}

/// The record of the system that is meant.
pub(crate) fn selected(global: &GlobalArgs) -> Result<Candidate, CommandError> {
    refuse_damaged(global)?;
    let candidates: Vec<Candidate> = match &global.system {
        // One that is named is dialled in any case: no need to find out whether it runs.
        Some(_) => records()?
            .into_iter()
            .map(|it| candidate(it, false))
            .collect(),
        None => records()?
            .into_iter()
            .map(running_or_not)
            .collect::<Vec<_>>(),
    };
    select(global.system.as_ref(), &candidates)
        .cloned()
        .map_err(not_selected)
}

/// The system whose files are meant: as [`selected`], but that one that has died will do, if no
/// other runs, and that a name server's address stands for its system. None: that one was not brought up on this machine.
pub(crate) fn selected_for_reading(global: &GlobalArgs) -> Result<Option<Candidate>, CommandError> {
    refuse_damaged(global)?;
    if let Meant::Address(address) = which::meant(global) {
        let found = records()?.into_iter().find(|it| which::is_at(it, &address));
        return Ok(found.map(running_or_not));
    }
    let mut candidates: Vec<Candidate> = records()?.into_iter().map(running_or_not).collect();
    if !candidates.iter().any(|it| it.running) {
        candidates.iter_mut().for_each(|it| it.running = true);
    }
    select(global.system.as_ref(), &candidates)
        .cloned()
        .map(Some)
        .map_err(not_selected)
}

/// If one is named whose record cannot be read, nothing can be done with it.
fn refuse_damaged(global: &GlobalArgs) -> Result<(), StateError> {
    match &global.system {
        Some(name) => StateDir::from_env()?.system(name).record().map(drop),
        None => Ok(()),
    }
}

fn candidate(record: SystemRecord, running: bool) -> Candidate {
    let groups = record.groups.into_iter();
    let groups = groups.map(|group| CandidateGroup {
        name: group.name,
        address: group.nameserver,
        key: group.key,
        down: group.phase == Phase::Down,
    });
    Candidate {
        name: record.name,
        groups: groups.collect(),
        unprotected: record.unprotected,
        running,
    }
}

fn running_or_not(record: SystemRecord) -> Candidate {
    let running = record.present().any(is_running);
    candidate(record, running)
}

/// Whether a name server is there: its process, if it was launched, or someone who answers.
pub(crate) fn is_running(group: &GroupRecord) -> bool {
    match &group.launched_nameserver {
        Some(process) => process.is_alive(),
        None => {
            let dialled = group.dial().map_err(ProxyError::from);
            dialled.and_then(|to| NameServer::dial(&to)).is_ok()
        }
    }
}

fn not_selected(why: NotSelected) -> CommandError {
    let sentence = why.to_string();
    match why {
        NotSelected::NoneRunning { dead } => {
            let error = CommandError::say(ErrorKind::Unreachable, sentence)
                .with_code("no_system")
                .with_hint(
                    "bring one up with `osb up FILE`, or name a name server with --ns ADDRESS",
                );
            let dead = dead.iter().map(|name| {
                format!("system {name} has died: clear it away with `osb down {name}`")
            });
            error.with_hints(dead)
        }
        NotSelected::Several { .. } => CommandError::say(ErrorKind::Usage, sentence)
            .with_code("several_systems")
            .with_hint("say which one with --system NAME"),
        NotSelected::Unknown { name, known } => {
            let error =
                CommandError::say(ErrorKind::Unreachable, sentence).with_code("unknown_system");
            let known = known.iter().map(SystemName::as_str);
            match did_you_mean(name.as_str(), known) {
                Some(hint) => error.with_hint(hint),
                None => error.with_hint("`osb ls systems` shows those there are"),
            }
        }
    }
}
