//! Why an agent needs a new process, and what its host alone has to know. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::model::{AgentSpec, HostName, Program};

/// Why an agent needs a new process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Command,
    Environment,
    Folder,
    Files,
    /// Its files are the same, and have other contents.
    Contents,
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
            Reason::Files => "which files are its own",
            Reason::Contents => "its files changed",
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
    Update,
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
            Setting::Update => "update",
        }
    }
}

/// Fields are taken apart so that a new one is not forgotten.
pub(super) fn reasons(from: &AgentSpec, to: &AgentSpec) -> Vec<Reason> {
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
        update: _,
        // That says who asked for it, and not what it does.
        spawned: _,
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
    // There, it runs among the files themselves: which of them are followed changes nothing.
    let local = HostName::local();
    reasons.retain(|it| *it != Reason::Files || *host != local || to.host != local);
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

pub(super) fn variables(from: Option<&Program>, to: Option<&Program>) -> BTreeSet<String> {
    let none = BTreeMap::new();
    let from = from.map_or(&none, |it| &it.env);
    let to = to.map_or(&none, |it| &it.env);
    let names = from.keys().chain(to.keys());
    let otherwise = names.filter(|name| from.get(*name) != to.get(*name));
    otherwise.cloned().collect()
}

pub(super) fn settings(from: &AgentSpec, to: &AgentSpec) -> Vec<Setting> {
    let settings = [
        (from.stop_timeout != to.stop_timeout, Setting::StopTimeout),
        (from.restart != to.restart, Setting::Restart),
        (from.on_failed != to.on_failed, Setting::OnFailed),
        (from.keep != to.keep, Setting::Keep),
        (from.with != to.with, Setting::With),
        (from.update != to.update, Setting::Update),
    ];
    let is_so = settings.into_iter().filter(|(is_so, _)| *is_so);
    is_so.map(|(_, setting)| setting).collect()
}
