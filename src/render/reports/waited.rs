//! `osb wait`.

use serde::Serialize;

use crate::model::State;
use crate::render::json::pretty;
use crate::render::table::Width::Needed;
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};

/// One thing that was waited for, and came.
#[derive(Serialize)]
pub struct WaitedRow {
    /// As it was asked for: `Alice`, or `Alice.main`.
    pub name: String,
    pub state: State,
    /// The alias's address, if one was waited for.
    pub address: Option<String>,
}

/// All that was waited for, in the order it was asked for.
pub struct Waited(pub Vec<WaitedRow>);

impl Report for Waited {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("NAME", Needed, |it: &WaitedRow| it.name.clone())
            .column("STATE", Needed, |it| {
                Field::painted(it.state, Paint::of(it.state))
            })
            .column("ADDRESS", Needed, |it| {
                it.address.as_deref().unwrap_or("-").to_owned()
            })
            .render(&self.0)
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|row| row.name.clone()).collect()
    }
}
