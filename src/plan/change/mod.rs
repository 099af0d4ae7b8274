//! What makes a system that is meant to be so another: agents that come and go, and what becomes of those that stay.
//!
//! Pure: two sets of specs come in. What really runs, `mend` looks at.

mod edits;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use edits::edited;
pub use edits::{edits, midway};

use crate::model::{AgentId, AgentSpec, Edit, HostName, HostSpec, Program, Topology};

/// From one set of agents to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Agents that are not there yet, in the order of the file.
    pub added: Vec<AgentSpec>,
    /// Agents that are to go, in the order of the former file, as they were.
    pub removed: Vec<AgentSpec>,
    /// Agents that stay, and are to be otherwise, in the order of the file.
    pub altered: Vec<Alteration>,
}

/// An agent that is to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alteration {
    pub from: AgentSpec,
    pub to: AgentSpec,
    /// Why it needs a new process. If there is a reason, it is started anew, and the edits are no steps of their own.
    pub anew: Vec<Reason>,
    /// What it does otherwise in the process that it has.
    pub edits: Vec<Edit>,
    /// The variables of its environment that are otherwise, by their names.
    pub variables: BTreeSet<String>,
    /// What its host alone has to know.
    pub settings: Vec<Setting>,
}

/// Why an agent needs a new process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Command,
    Environment,
    Folder,
    Files,
    Speaks,
    Ready,
    Health,
    After,
    /// It has a program, and had none; or the other way round.
    Program,
    Host,
    /// Others start it from now on; or osb does.
    Attach,
    Logs,
    /// A wire leads from or to an agent of another name server: its address is told when an agent begins.
    FarWire,
    /// A program cannot be told that it has an attribute no more.
    Unset,
    /// An `up` that was to change it was cut off: it may be neither what it was nor what it was to be.
    CutOff,
}

impl Reason {
    /// What is otherwise.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Command => "its command",
            Reason::Environment => "its environment",
            Reason::Folder => "its folder",
            Reason::Files => "its files",
            Reason::Speaks => "how its program speaks",
            Reason::Ready => "when it is ready",
            Reason::Health => "its health check",
            Reason::After => "what it comes after",
            Reason::Program => "whether it has a program",
            Reason::Host => "its host",
            Reason::Attach => "who starts it",
            Reason::Logs => "its logs' limits",
            Reason::FarWire => "a wire to another name server's agent",
            Reason::Unset => "an attribute that it has no more",
            Reason::CutOff => "an `up` that was cut off",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a host has to know of an agent. It changes nothing of what the agent does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    StopTimeout,
    Restart,
    OnFailed,
    Keep,
    With,
}

impl Setting {
    /// The key of the topology.
    pub fn as_str(self) -> &'static str {
        match self {
            Setting::StopTimeout => "stop_timeout",
            Setting::Restart => "restart",
            Setting::OnFailed => "on_failed",
            Setting::Keep => "keep",
            Setting::With => "with",
        }
    }
}

impl Alteration {
    /// What becomes of an agent; None if it stays as it is.
    fn between(from: &AgentSpec, to: &AgentSpec) -> Option<Self> {
        let alteration = Self {
            anew: reasons(from, to),
            edits: edits(from, to),
            settings: settings(from, to),
            variables: variables(from.program.as_ref(), to.program.as_ref()),
            from: from.clone(),
            to: to.clone(),
        };
        let Self {
            anew,
            edits,
            settings,
            ..
        } = &alteration;
        (!anew.is_empty() || !edits.is_empty() || !settings.is_empty()).then_some(alteration)
    }

    /// Whether it keeps its process.
    pub fn is_in_place(&self) -> bool {
        self.anew.is_empty()
    }
}

impl Change {
    /// From the agents of one topology to those of another.
    pub fn between(from: &[AgentSpec], to: &[AgentSpec]) -> Self {
        let by_name = |agents: &[AgentSpec]| -> BTreeMap<AgentId, AgentSpec> {
            let agents = agents.iter();
            agents.map(|it| (it.name.clone(), it.clone())).collect()
        };
        let (before, after) = (by_name(from), by_name(to));
        let is_new = |agent: &&AgentSpec| !before.contains_key(&agent.name);
        let is_gone = |agent: &&AgentSpec| !after.contains_key(&agent.name);
        let altered = to.iter().filter_map(|agent| {
            let former = before.get(&agent.name)?;
            Alteration::between(former, agent)
        });
        Self {
            added: to.iter().filter(is_new).cloned().collect(),
            removed: from.iter().filter(is_gone).cloned().collect(),
            altered: altered.collect(),
        }
    }

    /// The agents that there are after it, if there were these before.
    pub fn applied_to(&self, agents: &[AgentSpec]) -> Vec<AgentSpec> {
        let is_gone = |agent: &&AgentSpec| self.removed.iter().all(|it| it.name != agent.name);
        let altered = |agent: &AgentSpec| {
            let mut altered = self.altered.iter();
            match altered.find(|it| it.to.name == agent.name) {
                None => agent.clone(),
                Some(it) => it.applied_to(agent),
            }
        };
        let stay = agents.iter().filter(is_gone).map(altered);
        stay.chain(self.added.iter().cloned()).collect()
    }

    /// The same after an `up` was cut off that was to make of `from` what is `cut_off`: the agents that it may have touched are
    /// started anew, or end.
    pub fn after_cut_off(&mut self, from: &[AgentSpec], cut_off: &[AgentSpec], to: &[AgentSpec]) {
        let find = |agents: &[AgentSpec], name: &AgentId| {
            let mut agents = agents.iter();
            agents.find(|it| it.name == *name).cloned()
        };
        for name in Self::between(from, cut_off).names() {
            let Some(next) = find(to, &name) else {
                let is_known = self.removed.iter().any(|it| it.name == name);
                self.removed
                    .extend(find(cut_off, &name).filter(|_| !is_known));
                continue;
            };
            let Some(former) = find(from, &name).or_else(|| find(cut_off, &name)) else {
                continue;
            };
            self.added.retain(|it| it.name != name);
            self.altered.retain(|it| it.to.name != name);
            self.altered.push(Alteration {
                anew: vec![Reason::CutOff],
                edits: edits(&former, &next),
                settings: settings(&former, &next),
                variables: variables(former.program.as_ref(), next.program.as_ref()),
                from: former,
                to: next,
            });
        }
    }

    /// Hides the values of variables that look secret, for it to be shown. Gives their names.
    pub fn hide_secrets(&mut self) -> BTreeSet<String> {
        let altered = self.altered.iter_mut();
        let altered = altered.flat_map(|it| [&mut it.from, &mut it.to]);
        let all = self
            .added
            .iter_mut()
            .chain(&mut self.removed)
            .chain(altered);
        all.flat_map(AgentSpec::hide_secrets).collect()
    }

    /// All agents that it touches.
    fn names(&self) -> Vec<AgentId> {
        let altered = self.altered.iter().map(|it| &it.to);
        let all = self.added.iter().chain(&self.removed).chain(altered);
        all.map(|it| it.name.clone()).collect()
    }

    /// Whether all agents stay as they are.
    pub fn is_empty(&self) -> bool {
        let Self {
            added,
            removed,
            altered,
        } = self;
        added.is_empty() && removed.is_empty() && altered.is_empty()
    }

    /// Agents that keep their processes.
    pub fn in_place(&self) -> impl Iterator<Item = &Alteration> {
        self.altered.iter().filter(|it| it.is_in_place())
    }

    /// Agents that are started anew.
    pub fn anew(&self) -> impl Iterator<Item = &Alteration> {
        self.altered.iter().filter(|it| !it.is_in_place())
    }
}

impl Alteration {
    fn applied_to(&self, agent: &AgentSpec) -> AgentSpec {
        if !self.is_in_place() {
            return self.to.clone();
        }
        let mut agent = edited(agent, &self.edits);
        for setting in &self.settings {
            match setting {
                Setting::StopTimeout => agent.stop_timeout = self.to.stop_timeout,
                Setting::Restart => agent.restart = self.to.restart,
                Setting::OnFailed => agent.on_failed = self.to.on_failed.clone(),
                Setting::Keep => agent.keep = self.to.keep.clone(),
                Setting::With => agent.with = self.to.with.clone(),
            }
        }
        agent
    }
}

/// Fields are taken apart so that a new one is not forgotten.
fn reasons(from: &AgentSpec, to: &AgentSpec) -> Vec<Reason> {
    let AgentSpec {
        name,
        host,
        attach,
        program,
        logs,
        attributes,
        wires: _,
        bind: _,
        timers: _,
        start_timeout: _,
        settle: _,
        stop_timeout: _,
        restart: _,
        on_failed: _,
        keep: _,
        with: _,
    } = from;
    let is_far = |agent: &AgentSpec| {
        let own = &agent.name.nameserver;
        let far = agent
            .wires
            .iter()
            .filter(move |it| it.to.agent.nameserver != *own);
        far.cloned().collect::<Vec<_>>()
    };
    let unset = || {
        let mut names = attributes.keys();
        names.any(|name| !to.attributes.contains_key(name))
    };
    debug_assert_eq!(*name, to.name);
    let mut reasons = program_reasons(program.as_ref(), to.program.as_ref());
    let others = [
        (*host != to.host, Reason::Host),
        (*attach != to.attach, Reason::Attach),
        (*logs != to.logs, Reason::Logs),
        (is_far(from) != is_far(to), Reason::FarWire),
        (program.is_some() && unset(), Reason::Unset),
    ];
    reasons.extend(others.into_iter().filter_map(|(is, it)| is.then_some(it)));
    reasons
}

fn program_reasons(from: Option<&Program>, to: Option<&Program>) -> Vec<Reason> {
    let (from, to) = match (from, to) {
        (None, None) => return Vec::new(),
        (None, Some(_)) | (Some(_), None) => return vec![Reason::Program],
        (Some(from), Some(to)) => (from, to),
    };
    let Program {
        argv,
        env,
        cwd,
        sync,
        speaks,
        ready,
        timeout,
        once,
        after,
        after_healthy,
        ready_when_healthy,
        health,
    } = from;
    let is_ready = (ready, timeout, once, ready_when_healthy);
    let to_be_ready = (&to.ready, &to.timeout, &to.once, &to.ready_when_healthy);
    let reasons = [
        (*argv != to.argv, Reason::Command),
        (*env != to.env, Reason::Environment),
        (*cwd != to.cwd, Reason::Folder),
        (*sync != to.sync, Reason::Files),
        (*speaks != to.speaks, Reason::Speaks),
        (is_ready != to_be_ready, Reason::Ready),
        (*health != to.health, Reason::Health),
        (
            (after, after_healthy) != (&to.after, &to.after_healthy),
            Reason::After,
        ),
    ];
    let is_so = reasons.into_iter().filter(|(is_so, _)| *is_so);
    is_so.map(|(_, reason)| reason).collect()
}

fn variables(from: Option<&Program>, to: Option<&Program>) -> BTreeSet<String> {
    let none = BTreeMap::new();
    let from = from.map_or(&none, |it| &it.env);
    let to = to.map_or(&none, |it| &it.env);
    let names = from.keys().chain(to.keys());
    let otherwise = names.filter(|name| from.get(*name) != to.get(*name));
    otherwise.cloned().collect()
}

fn settings(from: &AgentSpec, to: &AgentSpec) -> Vec<Setting> {
    let settings = [
        (from.stop_timeout != to.stop_timeout, Setting::StopTimeout),
        (from.restart != to.restart, Setting::Restart),
        (from.on_failed != to.on_failed, Setting::OnFailed),
        (from.keep != to.keep, Setting::Keep),
        (from.with != to.with, Setting::With),
    ];
    let is_so = settings.into_iter().filter(|(is_so, _)| *is_so);
    is_so.map(|(_, setting)| setting).collect()
}

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

/// The first thing, if there is one, that keeps a running system from becoming another.
pub fn fixed(from: &Topology, to: &Topology) -> Option<Fixed> {
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
    let new = after.find(|place| place.0 != local && !before.contains(place));
    new.map(|(host, _)| Fixed::NewHost(host))
}
