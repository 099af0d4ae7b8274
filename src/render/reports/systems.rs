//! `osb ls systems`.

use serde::Serialize;

use crate::model::SystemName;
use crate::render::json::pretty;
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};

/// One system of this machine.
#[derive(Serialize)]
pub struct SystemRow {
    pub name: SystemName,
    /// `running`, `starting` or `dead`.
    pub state: &'static str,
    pub nameserver: String,
    /// None if the name server was there before and stays.
    pub pid: Option<u32>,
    /// The topology's file.
    pub file: String,
}

/// Systems, in the order they come.
pub struct Systems(pub Vec<SystemRow>);

impl Report for Systems {
    fn table(&self, style: Style) -> String {
        let mut table = Table::new(style, &["NAME", "STATE", "NAMESERVER", "FILE"]);
        for system in &self.0 {
            let paint = match system.state {
                "running" => Paint::Good,
                "starting" => Paint::Doubtful,
                _ => Paint::Bad,
            };
            table.row([
                system.name.as_str().into(),
                Field::painted(system.state, paint),
                system.nameserver.as_str().into(),
                system.file.as_str().into(),
            ]);
        }
        table.render()
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        let names = self.0.iter().map(|system| system.name.to_string());
        names.collect()
    }
}
