//! `osb ls systems`.

use serde::Serialize;

use crate::model::{NameServerName, SystemName};
use crate::render::json::pretty;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};

/// How far a system, or one of its name servers, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemState {
    /// `up` works on it.
    Starting,
    Running,
    /// A name server that was taken down alone.
    Down,
    /// It has died.
    Dead,
    /// Its record cannot be read.
    Damaged,
}

impl SystemState {
    /// Its word, as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            SystemState::Starting => "starting",
            SystemState::Running => "running",
            SystemState::Down => "down",
            SystemState::Dead => "dead",
            SystemState::Damaged => "damaged",
        }
    }
}

/// One system of this machine.
#[derive(Serialize)]
pub struct SystemRow {
    pub name: SystemName,
    pub state: SystemState,
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
    pub state: SystemState,
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
                    SystemState::Running => Paint::Good,
                    SystemState::Starting => Paint::Doubtful,
                    SystemState::Down | SystemState::Dead | SystemState::Damaged => Paint::Bad,
                };
                Field::painted(it.state.as_str(), paint)
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
        SystemState::Running => format!("{} {}", it.name, it.address),
        state => format!("{} {}", it.name, state.as_str()),
    };
    match &system.nameservers[..] {
        [] | [_] => system.nameserver.clone(),
        several => several.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}
