//! `osb ls hosts`.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::{Amount, HostInfo, HostName, NameServerName, State};
use crate::render::json::{pretty, seconds};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, uptime};

/// Hosts, in the order they come.
pub struct Hosts(pub Vec<HostRow>);

/// One host.
pub struct HostRow {
    /// The name of the name server whose daemon it is, if the system has several.
    pub group: Option<NameServerName>,
    pub host: HostInfo,
    /// None if it could not be asked.
    pub measured: Option<Measured>,
}

/// How a machine does, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    pub load: f64,
    /// In bytes.
    pub memory: u64,
    /// In bytes.
    pub memory_available: u64,
    /// From the command line over the name server to the host, and back.
    #[serde(serialize_with = "micros")]
    pub round_trip_ms: f64,
    /// How far its clock is ahead of this machine's.
    #[serde(serialize_with = "micros")]
    pub clock_offset_ms: f64,
    /// The files that have come to it with agents. None if none have.
    pub files: Option<Amount>,
}

/// Milliseconds to three places.
fn micros<S: serde::Serializer>(ms: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((ms * 1000.0).round() / 1000.0)
}

impl Report for Hosts {
    fn table(&self, style: Style) -> String {
        let grouped = self.0.iter().any(|row| row.group.is_some());
        let mut header = vec![
            "NAME", "ADDRESS", "STATE", "PID", "UPTIME", "AGENTS", "LOAD", "MEMORY", "RTT",
            "CLOCK", "VERSION",
        ];
        let has_files = |row: &HostRow| row.measured.as_ref().is_some_and(|it| it.files.is_some());
        let with_files = self.0.iter().any(has_files);
        if with_files {
            header.push("FILES");
        }
        if grouped {
            header.insert(1, "NAMESERVER");
        }
        let mut table = Table::new(style, &header)
            .leaving_out(&["VERSION", "CLOCK", "FILES", "LOAD", "RTT", "MEMORY", "PID"]);
        for HostRow {
            group,
            host,
            measured,
        } in &self.0
        {
            let told =
                |show: fn(&Measured) -> String| measured.as_ref().map_or("-".to_owned(), show);
            let mut row = vec![
                host.name.as_str().into(),
                address(host).into(),
                Field::painted(host.state, Paint::of(host.state)),
                host.pid.into(),
                uptime(host.uptime_s).into(),
                host.agents.into(),
                told(|it| format!("{:.2}", it.load)).into(),
                told(used_memory).into(),
                told(|it| format!("{:.1} ms", it.round_trip_ms)).into(),
                told(|it| format!("{:+.1} ms", it.clock_offset_ms)).into(),
                host.version.as_str().into(),
            ];
            if with_files {
                let shown = |it: &Measured| it.files.map_or("-".to_owned(), |it| it.to_string());
                row.push(told(shown).into());
            }
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
        self.0.iter().map(|row| row.host.name.to_string()).collect()
    }
}

/// What peers dial to reach the machine.
fn address(host: &HostInfo) -> String {
    host.address.map_or("-".to_owned(), |ip| ip.to_string())
}

/// Such as `3.1/15.6 GiB`.
fn used_memory(measured: &Measured) -> String {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let used = measured.memory.saturating_sub(measured.memory_available);
    format!("{:.1}/{:.1} GiB", gib(used), gib(measured.memory))
}

#[derive(Serialize)]
struct Object<'a> {
    name: &'a HostName,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a NameServerName>,
    address: Option<IpAddr>,
    state: State,
    pid: u32,
    #[serde(serialize_with = "seconds")]
    uptime_s: f64,
    agents: usize,
    version: &'a str,
    machine: Option<&'a Measured>,
}

impl<'a> From<&'a HostRow> for Object<'a> {
    fn from(row: &'a HostRow) -> Self {
        let HostRow {
            group,
            host,
            measured,
        } = row;
        Self {
            name: &host.name,
            group: group.as_ref(),
            address: host.address,
            state: host.state,
            pid: host.pid,
            uptime_s: host.uptime_s,
            agents: host.agents,
            version: &host.version,
            machine: measured.as_ref(),
        }
    }
}
