//! `osb ls hosts`.

use serde_json::{Value, json};

use crate::model::HostInfo;
use crate::render::json::seconds;
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

    fn json(&self) -> Value {
        self.0.iter().map(object).collect()
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|host| host.name.to_string()).collect()
    }
}

fn object(host: &HostInfo) -> Value {
    json!({
        "name": host.name,
        "state": host.state,
        "pid": host.pid,
        "uptime_s": seconds(host.uptime_s),
        "agents": host.agents,
        "version": host.version,
    })
}
