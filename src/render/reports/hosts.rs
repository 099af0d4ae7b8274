//! `osb ls hosts`.

use serde::Serialize;

use crate::model::{HostInfo, HostName, NameServerName, State};
use crate::render::json::{pretty, seconds};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, uptime};

/// Hosts, in the order they come, each with the name of the name server whose daemon it is, if the
/// system has several.
pub struct Hosts(pub Vec<(Option<NameServerName>, HostInfo)>);

impl Report for Hosts {
    fn table(&self, style: Style) -> String {
        let grouped = self.0.iter().any(|(group, _)| group.is_some());
        let mut header = vec!["NAME", "STATE", "PID", "UPTIME", "AGENTS", "VERSION"];
        if grouped {
            header.insert(1, "NAMESERVER");
        }
        let mut table = Table::new(style, &header);
        for (group, host) in &self.0 {
            let mut row = vec![
                host.name.as_str().into(),
                Field::painted(host.state, Paint::of(host.state)),
                host.pid.into(),
                uptime(host.uptime_s).into(),
                host.agents.into(),
                host.version.as_str().into(),
            ];
            if grouped {
                let group = group.as_ref().map_or("-", NameServerName::as_str);
                row.insert(1, group.into());
            }
            table.row(row);
        }
        table.render()
    }

    fn json(&self) -> String {
        let objects: Vec<Object> = self.0.iter().map(Object::from).collect();
        pretty(&objects)
    }

    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(_, host)| host.name.to_string())
            .collect()
    }
}

#[derive(Serialize)]
struct Object<'a> {
    name: &'a HostName,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a NameServerName>,
    state: State,
    pid: u32,
    #[serde(serialize_with = "seconds")]
    uptime_s: f64,
    agents: usize,
    version: &'a str,
}

impl<'a> From<&'a (Option<NameServerName>, HostInfo)> for Object<'a> {
    fn from((group, host): &'a (Option<NameServerName>, HostInfo)) -> Self {
        Self {
            name: &host.name,
            group: group.as_ref(),
            state: host.state,
            pid: host.pid,
            uptime_s: host.uptime_s,
            agents: host.agents,
            version: &host.version,
        }
    }
}
