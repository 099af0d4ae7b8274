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
