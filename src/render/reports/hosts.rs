//! `osb ls hosts`.

use serde::Serialize;

use crate::model::{HostInfo, HostName, State};
use crate::render::json::{pretty, seconds};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, uptime};

/// Hosts, in the order they come.
pub struct Hosts(pub Vec<HostInfo>);

impl Report for Hosts {
    fn table(&self, style: Style) -> String {
        let mut table = Table::new(
            style,
            &["NAME", "STATE", "PID", "UPTIME", "AGENTS", "VERSION"],
        );
        for host in &self.0 {
            table.row([
                host.name.as_str().into(),
                Field::painted(host.state, Paint::of(host.state)),
                host.pid.into(),
                uptime(host.uptime_s).into(),
                host.agents.into(),
                host.version.as_str().into(),
            ]);
        }
        table.render()
    }

    fn json(&self) -> String {
        let objects: Vec<Object> = self.0.iter().map(Object::from).collect();
        pretty(&objects)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|host| host.name.to_string()).collect()
    }
}

#[derive(Serialize)]
struct Object<'a> {
    name: &'a HostName,
    state: State,
    pid: u32,
    #[serde(serialize_with = "seconds")]
    uptime_s: f64,
    agents: usize,
    version: &'a str,
}

impl<'a> From<&'a HostInfo> for Object<'a> {
    fn from(host: &'a HostInfo) -> Self {
        Self {
            name: &host.name,
            state: host.state,
            pid: host.pid,
            uptime_s: host.uptime_s,
            agents: host.agents,
            version: &host.version,
        }
    }
}
