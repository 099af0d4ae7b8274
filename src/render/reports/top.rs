//! `osb top --once`: the rows of its views.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::render::json::pretty;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};
use crate::top::{Row, Tone, View};

/// The rows of some views; a table shows the first alone.
pub struct TopReport {
    pub views: Vec<(View, Vec<Row>)>,
}

impl Report for TopReport {
    fn table(&self, style: Style) -> String {
        let Some((view, rows)) = self.views.first() else {
            return String::new();
        };
        let mut table = Table::new(style);
        for (at, column) in view.columns().iter().enumerate() {
            let width = column.spare.map_or(Needed, Spare);
            table = table.column(column.title, width, move |row: &Row| {
                let cell = &row.cells[at];
                match paint(cell.tone) {
                    Some(paint) => Field::painted(cell.text.clone(), paint),
                    None => Field::from(cell.text.clone()),
                }
            });
        }
        table.render(rows.iter().cloned())
    }

    fn json(&self) -> String {
        pretty(self)
    }

    fn names(&self) -> Vec<String> {
        let first = self.views.first();
        let rows = first.map(|(_, rows)| rows.iter()).into_iter().flatten();
        rows.map(|row| row.cells[0].text.clone()).collect()
    }
}

fn paint(tone: Tone) -> Option<Paint> {
    match tone {
        Tone::Plain => None,
        Tone::Good => Some(Paint::Good),
        Tone::Doubtful => Some(Paint::Doubtful),
        Tone::Bad => Some(Paint::Bad),
        Tone::Faint => Some(Paint::Faint),
    }
}

impl Serialize for TopReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.views.len()))?;
        for (view, rows) in &self.views {
            let rows: Vec<Object<'_>> = rows.iter().map(|row| Object(*view, row)).collect();
            map.serialize_entry(view.as_str(), &rows)?;
        }
        map.end()
    }
}

struct Object<'a>(View, &'a Row);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Object(view, row) = self;
        let mut map = serializer.serialize_map(Some(row.cells.len()))?;
        for (column, cell) in view.columns().iter().zip(&row.cells) {
            match (column.is_number, cell.number) {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it was a count"
                )]
                (true, Some(count)) if column.is_whole => {
                    map.serialize_entry(column.word, &(count as u64))?;
                }
                // To a thousandth: more would only be noise.
                (true, number) => {
                    let rounded = number.map(|it| (it * 1000.0).round() / 1000.0);
                    map.serialize_entry(column.word, &rounded)?;
                }
                (false, _) => map.serialize_entry(column.word, &cell.text)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::reports::tests::forms;
    use crate::top::{Known, Order, rows};
    use std::time::Duration;

    use serde_json::json;

    #[test]
    fn a_view_in_all_forms() {
        let agent = json!({"name": "Alice", "host": "lab1", "nameserver": "tcp://10.0.0.1:7400", "state": "running", "pid": 7,
            "uptime_s": 9.4, "restarts": 2, "addresses": {}});
        let status = |second: u64| {
            let process =
                json!({"pid": 7, "processes": 1, "cpu_us": second * 25_000, "memory": 12_582_912});
            let status = json!({"state": "running", "garbage_lines": 0, "skipped_ticks": 0,
                "sockets": {"main": {"received": second * 1234, "sent": 0, "dropped": 3, "waiting": 1, "garbled": 0}},
                "usage": {"at_us": second * 1_000_000, "agent": process}});
            serde_json::from_value(status).unwrap()
        };
        let at = Duration::from_secs;
        let mut known = Known::of([None]);
        let agents = vec![serde_json::from_value(agent).unwrap()];
        known.on_snapshot(&None, agents, None, at(0));
        for second in [1, 2] {
            known.on_status(&"Alice".parse().unwrap(), Ok(status(second)), at(second));
        }
        let rows = rows((&known, &[]), View::Agents, "", Order::default(), at(2));
        insta::assert_snapshot!(forms(&TopReport {
            views: vec![(View::Agents, rows)],
        }));
    }
}
