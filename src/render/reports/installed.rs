//! Units of systemd: those that were written, would be, or were taken back.

use serde::Serialize;

use super::checked::count;
use crate::install::{MachineFiles, MachineGone};
use crate::model::SystemName;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, pretty};

/// What `osb install` has written.
pub struct Installed {
    pub system: SystemName,
    pub machines: Vec<MachineFiles>,
}

/// What `osb install --print` shows.
pub struct UnitsPrinted(pub Vec<MachineFiles>);

/// What `osb uninstall` has done.
pub struct Uninstalled {
    pub system: SystemName,
    pub machines: Vec<MachineGone>,
}

#[derive(Serialize)]
struct Row<'a> {
    host: &'a str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<bool>,
}

fn rows(machines: &[MachineFiles], with_text: bool) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for MachineFiles { host, files } in machines {
        rows.extend(files.iter().map(|file| Row {
            host: host.as_str(),
            path: file.path.display().to_string(),
            text: with_text.then_some(file.text.as_str()),
            removed: None,
        }));
    }
    rows
}

fn table(style: Style, rows: &[Row<'_>]) -> String {
    Table::new(style)
        .column("HOST", Needed, |it: &Row<'_>| {
            Field::painted(it.host, Paint::Strong)
        })
        .column("UNIT", Spare(1), |it| it.path.clone())
        .render(rows)
}

impl Report for Installed {
    fn table(&self, style: Style) -> String {
        let rows = rows(&self.machines, false);
        let (table, system) = (table(style, &rows), &self.system);
        format!(
            "{}\n\nThey start with their machines, and bring {system} back if it was up; `osb uninstall {system}` takes them back.",
            table.trim_end(),
        )
    }

    fn json(&self) -> String {
        pretty(&rows(&self.machines, false))
    }

    fn names(&self) -> Vec<String> {
        let rows = rows(&self.machines, false).into_iter();
        rows.map(|it| it.path).collect()
    }
}

impl Report for UnitsPrinted {
    fn table(&self, _: Style) -> String {
        let rows = rows(&self.0, true).into_iter();
        let texts = rows.map(|it| {
            let text = it.text.unwrap_or_default();
            format!("# {}: {}\n{text}", it.host, it.path)
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        pretty(&rows(&self.0, true))
    }

    fn names(&self) -> Vec<String> {
        let rows = rows(&self.0, false).into_iter();
        rows.map(|it| it.path).collect()
    }
}

impl Uninstalled {
    fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        for MachineGone { host, gone } in &self.machines {
            let removed = gone.removed.iter().map(|path| (path, true));
            let left = gone.left.iter().map(|path| (path, false));
            rows.extend(removed.chain(left).map(|(path, removed)| Row {
                host: host.as_str(),
                path: path.display().to_string(),
                text: None,
                removed: Some(removed),
            }));
        }
        rows
    }

    /// Units that stay, because others have changed them.
    pub fn left(&self) -> Vec<String> {
        let left = self.rows().into_iter();
        let left = left.filter(|it| it.removed == Some(false));
        left.map(|it| format!("{} on {}", it.path, it.host))
            .collect()
    }
}

impl Report for Uninstalled {
    fn table(&self, _: Style) -> String {
        let rows = self.rows();
        let removed = rows.iter().filter(|it| it.removed == Some(true)).count();
        format!(
            "{} of {} removed; what runs goes on",
            count(removed, "unit"),
            self.system
        )
    }

    fn json(&self) -> String {
        pretty(&self.rows())
    }

    fn names(&self) -> Vec<String> {
        let rows = self.rows().into_iter();
        let removed = rows.filter(|it| it.removed == Some(true));
        removed.map(|it| it.path).collect()
    }
}
