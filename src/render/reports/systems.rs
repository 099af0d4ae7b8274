//! `osb ls systems`.

use serde::Serialize;

use crate::model::{NameServerName, SystemName};
use crate::render::json::pretty;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};

/// One system of this machine.
#[derive(Serialize)]
pub struct SystemRow {
    pub name: SystemName,
    /// `running`, `starting`, `dead` or `damaged`.
    pub state: &'static str,
    /// The first name server's.
    pub nameserver: String,
    pub nameservers: Vec<NameServerRow>,
    /// None if the name server was there before and stays.
    pub pid: Option<u32>,
    /// The topology's file.
    pub file: String,
    /// Why its record cannot be read, if it is damaged. Nothing else is known then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One name server of a system.
#[derive(Serialize)]
pub struct NameServerRow {
    pub name: NameServerName,
    /// `running`, `starting`, `down` or `dead`.
    pub state: &'static str,
    pub address: String,
    /// None if it was there before the system and stays, or is down.
    pub pid: Option<u32>,
}

/// Systems, in the order they come.
pub struct Systems(pub Vec<SystemRow>);

impl Report for Systems {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("NAME", Needed, |it: &SystemRow| it.name.to_string())
            .column("STATE", Needed, |it| {
                let paint = match it.state {
                    "running" => Paint::Good,
                    "starting" => Paint::Doubtful,
                    _ => Paint::Bad,
                };
                Field::painted(it.state, paint)
            })
            .column("NAMESERVER", Needed, addresses)
            .column("FILE", Spare(1), |it| {
                it.reason.as_ref().unwrap_or(&it.file).clone()
            })
            .render(&self.0)
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        let names = self.0.iter().map(|system| system.name.to_string());
        names.collect()
    }
}

fn addresses(system: &SystemRow) -> String {
    let one = |it: &NameServerRow| match it.state {
        "running" => format!("{} {}", it.name, it.address),
        state => format!("{} {state}", it.name),
    };
    match &system.nameservers[..] {
        [] | [_] => system.nameserver.clone(),
        several => several.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}
