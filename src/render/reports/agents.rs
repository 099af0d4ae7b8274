//! `osb ls agents`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Address, AgentInfo, AgentName, Alias, HostName, State};
use crate::render::json::{pretty, seconds};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, uptime};

/// Agents, in the order they come.
pub struct Agents(pub Vec<AgentInfo>);

impl Agents {
    /// As `osb ls agents -o json` has them.
    pub(super) fn objects(&self) -> Vec<impl Serialize> {
        self.0.iter().map(Object::from).collect()
    }
}

impl Report for Agents {
    fn table(&self, style: Style) -> String {
        let header = [
            "NAME", "STATE", "HOST", "PID", "UPTIME", "RESTARTS", "SOCKETS",
        ];
        let mut table = Table::new(style, &header);
        for agent in &self.0 {
            table.row(row(agent));
        }
        table.render()
    }

    fn json(&self) -> String {
        pretty(&self.objects())
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|agent| agent.name.to_string()).collect()
    }
}

fn row(agent: &AgentInfo) -> [Field; 7] {
    let state = match &agent.exit {
        Some(exit) => format!("{} ({exit})", agent.state),
        None => agent.state.to_string(),
    };
    let sockets: Vec<String> = agent
        .addresses
        .iter()
        .map(|(alias, address)| format!("{alias} {}", address.kind))
        .collect();
    [
        agent.name.as_str().into(),
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

/// Exactly these keys: connections are another command's, and how an agent ended is `wait`'s.
#[derive(Serialize)]
struct Object<'a> {
    name: &'a AgentName,
    host: Option<&'a HostName>,
    nameserver: &'a str,
    state: State,
    pid: Option<u32>,
    #[serde(serialize_with = "seconds")]
    uptime_s: f64,
    restarts: u32,
    addresses: &'a BTreeMap<Alias, Address>,
}

impl<'a> From<&'a AgentInfo> for Object<'a> {
    fn from(agent: &'a AgentInfo) -> Self {
        Self {
            name: &agent.name,
            host: agent.host.as_ref(),
            nameserver: &agent.nameserver,
            state: agent.state,
            pid: agent.pid,
            uptime_s: agent.uptime_s,
            restarts: agent.restarts,
            addresses: &agent.addresses,
        }
    }
}
