//! `osb ls hosts`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Serialize;

use crate::model::{Amount, HostInfo, HostName, NameServerName, State, SystemName};
use crate::render::json::{pretty, seconds};
use crate::render::table::Width::{Needed, Spare};
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

impl HostRow {
    /// Something that was measured, if anything was.
    fn told(&self, show: fn(&Measured) -> String) -> String {
        self.measured.as_ref().map_or("-".to_owned(), show)
    }
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
        // Several systems have hosts here.
        let systems = self.0.iter().filter_map(|it| it.host.system.as_ref());
        let systems: BTreeSet<&SystemName> = systems.collect();
        let shared = systems.len() > 1;
        let has_files = |row: &HostRow| row.measured.as_ref().is_some_and(|it| it.files.is_some());
        let with_files = self.0.iter().any(has_files);
        Table::new(style)
            .column("NAME", Needed, |it: &HostRow| it.host.name.to_string())
            .column_if(shared, "SYSTEM", Needed, |it| {
                let system = it.host.system.as_ref();
                system.map_or("-", SystemName::as_str).to_owned()
            })
            .column_if(grouped, "NAMESERVER", Needed, |it| {
                let group = it.group.as_ref();
                group.map_or("-", NameServerName::as_str).to_owned()
            })
            .column("ADDRESS", Needed, |it| address(&it.host))
            .column("STATE", Needed, |it| {
                Field::painted(it.host.state, Paint::of(it.host.state))
            })
            .column("PID", Spare(7), |it| it.host.pid)
            .column("UPTIME", Needed, |it| uptime(it.host.uptime_s))
            .column("AGENTS", Needed, |it| it.host.agents)
            .column("LOAD", Spare(4), |it| {
                it.told(|it| format!("{:.2}", it.load))
            })
            .column("MEMORY", Spare(6), |it| it.told(used_memory))
            .column("RTT", Spare(5), |it| {
                it.told(|it| format!("{:.1} ms", it.round_trip_ms))
            })
            .column("CLOCK", Spare(2), |it| {
                it.told(|it| format!("{:+.1} ms", it.clock_offset_ms))
            })
            .column("VERSION", Spare(1), |it| it.host.version.clone())
            .column_if(with_files, "FILES", Spare(3), |it| {
                it.told(|it| it.files.map_or("-".to_owned(), |it| it.to_string()))
            })
            .render(&self.0)
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
    system: Option<&'a SystemName>,
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
            system: host.system.as_ref(),
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
