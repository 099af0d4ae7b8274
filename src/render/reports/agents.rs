//! `osb ls agents`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listed;
use crate::model::{Address, AgentName, Alias, HostName, Leftover, NameServerName, State};
use crate::render::json::{pretty, seconds};
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
        let mut header = vec![
            "NAME", "STATE", "HOST", "PID", "UPTIME", "RESTARTS", "SOCKETS",
        ];
        if grouped {
            header.insert(1, "NAMESERVER");
        }
        let mut table = Table::new(style, &header)
            .leaving_out(&["RESTARTS", "PID", "UPTIME", "SOCKETS", "HOST"]);
        for agent in &self.0 {
            let mut row = row(agent);
            if grouped {
                row.insert(1, or_dash(agent.group.as_ref()));
            }
            table.row(row);
        }
        table.render()
    }

    fn json(&self) -> String {
        pretty(&self.objects())
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|agent| agent.id.to_string()).collect()
    }
}

fn row(
    Listed {
        id, info: agent, ..
    }: &Listed,
) -> Vec<Field> {
    let state = match &agent.exit {
        Some(exit) => format!("{} ({exit})", agent.state),
        None if agent.state == State::Ended => format!("{} (status unknown)", agent.state),
        None => agent.state.to_string(),
    };
    let sockets: Vec<String> = agent
        .addresses
        .iter()
        .map(|(alias, address)| format!("{alias} {}", address.kind))
        .collect();
    vec![
        id.into(),
        Field::painted(state, Paint::of(agent.state)),
        or_dash(agent.host.as_ref()),
        or_dash(agent.pid.as_ref()),
        match agent.state.ended() {
            true => "-".into(),
            false => uptime(agent.uptime_s).into(),
        },
        agent.restarts.into(),
        sockets.join(", ").into(),
    ]
}

fn or_dash<T: ToString>(it: Option<&T>) -> Field {
    it.map_or_else(|| "-".to_owned(), T::to_string).into()
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
    pid: Option<u32>,
    #[serde(serialize_with = "seconds")]
    uptime_s: f64,
    restarts: u32,
    /// How it ended: by this exit status, or by this signal. Both are null while it runs, and if nobody knows.
    exit_status: Option<i32>,
    signal: Option<i32>,
    addresses: &'a BTreeMap<Alias, Address>,
    /// What a job that is done has left running.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    left: &'a [Leftover],
}

impl<'a> From<&'a Listed> for Object<'a> {
    fn from(listed: &'a Listed) -> Self {
        let agent = &listed.info;
        Self {
            name: &agent.name,
            host: agent.host.as_ref(),
            nameserver: &agent.nameserver,
            group: listed.group.as_ref(),
            state: agent.state,
            pid: agent.pid,
            exit_status: agent.exit.as_ref().and_then(|exit| exit.status),
            signal: agent.exit.as_ref().and_then(|exit| exit.signal),
            uptime_s: agent.uptime_s,
            restarts: agent.restarts,
            addresses: &agent.addresses,
            left: &listed.left,
        }
    }
}
