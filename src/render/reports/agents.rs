//! `osb ls agents`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listed;
use crate::model::{
    Address, AfterEnd, AgentInfo, AgentName, Alias, Cause, Guard, HostName, Leftover, Millis,
    NameServerName, SpecVersion, State,
};
use crate::render::json::{pretty, seconds};
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, uptime};

/// Agents, in the order they come.
pub struct Agents(pub Vec<Listed>);

impl Agents {
    /// As `osb ls agents -o json` has them.
    pub(super) fn objects(&self) -> Vec<impl Serialize> {
        self.0.iter().map(Object::from).collect()
    }
}

impl Report for Agents {
    fn table(&self, style: Style) -> String {
        let grouped = self.0.iter().any(|agent| agent.group.is_some());
        Table::new(style)
            .column("NAME", Needed, |it: &Listed| it.id.to_string())
            .column_if(grouped, "NAMESERVER", Needed, |it| {
                or_dash(it.group.as_ref())
            })
            .column("STATE", Needed, |it| {
                Field::painted(state(&it.info), Paint::of(shown(&it.info)))
            })
            .column("HOST", Spare(5), |it| or_dash(it.info.host.as_ref()))
            .column("PID", Spare(2), |it| or_dash(it.info.pid.as_ref()))
            .column("UPTIME", Spare(3), |it| match it.info.state.ended() {
                true => "-".to_owned(),
                false => uptime(it.info.uptime_s),
            })
            .column("RESTARTS", Spare(1), |it| it.info.restarts)
            .column("SOCKETS", Spare(4), |it| sockets(&it.info))
            .render(&self.0)
    }

    fn json(&self) -> String {
        pretty(&self.objects())
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|agent| agent.id.to_string()).collect()
    }
}

/// Of one that is whole and waits until its program is started anew, the word is the same as of one that waits to be started
/// again.
fn shown(agent: &AgentInfo) -> State {
    match (agent.state, agent.then) {
        (State::Starting, AfterEnd::Again { .. }) => State::Restarting,
        (state, _) => state,
    }
}

fn state(agent: &AgentInfo) -> String {
    match &agent.exit {
        Some(exit) => format!("{} ({exit}{})", agent.state, then(agent)),
        None if agent.state == State::Ended => format!("{} (status unknown)", agent.state),
        None if shown(agent) == State::Restarting => {
            let why = agent.why.as_deref().unwrap_or("its program has ended");
            format!("{} ({why}{})", State::Restarting, then(agent))
        }
        None => match wellbeing(agent) {
            Some(told) => format!("{} ({told})", agent.state),
            None => agent.state.to_string(),
        },
    }
}

/// Why it is not well, and since when; or since when it is busy.
fn wellbeing(agent: &AgentInfo) -> Option<String> {
    let ago = |ms: u64| uptime(Millis::new(ms).duration().as_secs_f64());
    let why = agent.why.as_ref();
    let why = why.map(|why| format!("{why}; for {}", ago(agent.state_ms)));
    let busy = agent.busy_ms.map(|ms| format!("busy for {}", ago(ms)));
    let told: Vec<String> = why.into_iter().chain(busy).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// What becomes of it.
fn then(agent: &AgentInfo) -> String {
    after_end(agent.then)
}

/// What becomes of one that has ended.
pub(super) fn after_end(then: AfterEnd) -> String {
    match then {
        AfterEnd::Stays => String::new(),
        AfterEnd::StaysDown => "; stays down".to_owned(),
        AfterEnd::Again { wait } => format!("; next try in {wait}"),
        AfterEnd::GivenUp { restarts, within } => {
            format!("; given up after {restarts} restarts within {within}")
        }
    }
}

fn sockets(agent: &AgentInfo) -> String {
    let sockets = agent.addresses.iter();
    let sockets = sockets.map(|(alias, address)| format!("{alias} {}", address.kind));
    sockets.collect::<Vec<_>>().join(", ")
}

fn or_dash<T: ToString>(it: Option<&T>) -> String {
    it.map_or_else(|| "-".to_owned(), T::to_string)
}

/// Exactly these keys: connections are another command's.
#[derive(Serialize)]
struct Object<'a> {
    name: &'a AgentName,
    host: Option<&'a HostName>,
    nameserver: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a NameServerName>,
    state: State,
    /// Why it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    /// For how long its program has been busy with one thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    busy_ms: Option<u64>,
    pid: Option<u32>,
    #[serde(serialize_with = "seconds")]
    uptime_s: f64,
    restarts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    incarnation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec_version: Option<SpecVersion>,
    /// How it ended: by this exit status, or by this signal. Both are null while it runs, and if the end is not known.
    exit_status: Option<i32>,
    signal: Option<i32>,
    /// Why it was ended, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a Cause>,
    /// What becomes of an agent that has ended, if it does not stay so.
    #[serde(skip_serializing_if = "AfterEnd::stays")]
    then: AfterEnd,
    /// How the life before this one ended, if it was restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_end: Option<End<'a>>,
    addresses: &'a BTreeMap<Alias, Address>,
    /// What the sockets of one with a libzmq of its own lack.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lacks: &'a [Guard],
    /// What a job that is done has left running.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    left: &'a [Leftover],
}

/// How a life ended: by this exit status, or by this signal.
#[derive(Serialize)]
struct End<'a> {
    exit_status: Option<i32>,
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a Cause>,
}

impl<'a> From<&'a Listed> for Object<'a> {
    fn from(listed: &'a Listed) -> Self {
        let agent = &listed.info;
        Self {
            name: &agent.name,
            host: agent.host.as_ref(),
            nameserver: &agent.nameserver,
            group: listed.group.as_ref(),
            state: shown(agent),
            why: agent.why.as_deref(),
            busy_ms: agent.busy_ms,
            pid: agent.pid,
            exit_status: agent.exit.as_ref().and_then(|exit| exit.status),
            signal: agent.exit.as_ref().and_then(|exit| exit.signal),
            cause: agent.exit.as_ref().and_then(|exit| exit.cause.as_ref()),
            uptime_s: agent.uptime_s,
            restarts: agent.restarts,
            incarnation: agent.incarnation.as_deref(),
            within: agent.within.as_deref(),
            spec_version: agent.spec_version,
            then: agent.then,
            last_end: agent.last_end.as_ref().map(|exit| End {
                exit_status: exit.status,
                signal: exit.signal,
                cause: exit.cause.as_ref(),
            }),
            addresses: &agent.addresses,
            lacks: &agent.lacks,
            left: &listed.left,
        }
    }
}
