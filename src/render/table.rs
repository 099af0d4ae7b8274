//! Tables without borders: a header, columns apart by two spaces. What a terminal has no room for is left out
//! by columns, the least telling first, and then cut; nothing is wrapped, and what goes elsewhere is whole.

use std::borrow::Borrow;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, presets};

use super::{Paint, Style};
use crate::model::harmless_line;

/// Between two columns.
const GAP: usize = 2;
/// A column is not cut to less.
const NARROWEST: usize = 8;

/// A table of such values: its columns, each with its title, what of a value is its cell, and how much room
/// it may claim.
pub(crate) struct Table<'a, T> {
    style: Style,
    columns: Vec<Column<'a, T>>,
}

struct Column<'a, T> {
    title: String,
    width: Width,
    cell: Box<dyn Fn(&T) -> Field + 'a>,
}

/// What becomes of a column for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// It is there, and cut if it has to be.
    Needed,
    /// It is left out; the column with the smallest number first.
    Spare(u8),
}

/// One cell: text, and what its colour means.
pub(crate) struct Field {
    text: String,
    paint: Option<Paint>,
}

impl Field {
    pub(crate) fn painted(text: impl ToString, paint: Paint) -> Self {
        Self {
            text: harmless_line(&text.to_string()).into_owned(),
            paint: Some(paint),
        }
    }
}

/// A number of things that should not be.
pub(crate) fn bad(count: u64) -> Field {
    match count {
        0 => 0.into(),
        _ => Field::painted(count, Paint::Bad),
    }
}

impl<T: ToString> From<T> for Field {
    fn from(text: T) -> Self {
        Self {
            text: harmless_line(&text.to_string()).into_owned(),
            paint: None,
        }
    }
}

impl<'a, T> Table<'a, T> {
    pub(crate) fn new(style: Style) -> Self {
        let columns = Vec::new();
        Self { style, columns }
    }

    pub(crate) fn column<F: Into<Field>>(
        mut self,
        title: impl Into<String>,
        width: Width,
        cell: impl Fn(&T) -> F + 'a,
    ) -> Self {
        self.columns.push(Column {
            title: title.into(),
            width,
            cell: Box::new(move |value| cell(value).into()),
        });
        self
    }

    /// A column that is not always there.
    pub(crate) fn column_if<F: Into<Field>>(
        self,
        shown: bool,
        title: impl Into<String>,
        width: Width,
        cell: impl Fn(&T) -> F + 'a,
    ) -> Self {
        match shown {
            true => self.column(title, width, cell),
            false => self,
        }
    }

    /// The table of these values, a row for each.
    pub(crate) fn render<R: Borrow<T>>(self, values: impl IntoIterator<Item = R>) -> String {
        let cells = |value: &T| -> Vec<Field> {
            let columns = self.columns.iter();
            columns.map(|column| (column.cell)(value)).collect()
        };
        let rows = values.into_iter().map(|it| cells(it.borrow())).collect();
        let columns = self.columns.into_iter();
        let mut grid = Grid {
            header: columns.map(|it| (it.title, it.width)).collect(),
            rows,
        };
        if let Some(width) = self.style.width {
            grid.fit(width);
        }
        grid.text(self.style.color)
    }
}

/// A table that is filled.
struct Grid {
    header: Vec<(String, Width)>,
    rows: Vec<Vec<Field>>,
}

impl Grid {
    fn text(self, color: bool) -> String {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING);
        inner.set_content_arrangement(ContentArrangement::Disabled);
        match color {
            true => inner.enforce_styling(),
            false => inner.force_no_tty(),
        };
        let titles = self.header.iter();
        inner.set_header(titles.map(|(it, _)| Cell::new(it).add_attribute(Attribute::Bold)));
        for row in self.rows {
            inner.add_row(row.into_iter().map(|field| cell(field, color)));
        }
        for column in inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text = inner.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    }

    /// Leaves columns out until the rest has room, and then cuts the widest.
    fn fit(&mut self, width: usize) {
        while self.total() > width {
            match self.next_to_go() {
                Some(at) => self.leave_out(at),
                None => break,
            }
        }
        let mut widths = self.widths();
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            let widest = widths.iter_mut().max_by_key(|it| **it);
            match widest.filter(|it| **it > NARROWEST) {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        for row in &mut self.rows {
            for (field, width) in row.iter_mut().zip(&widths) {
                field.cut(*width);
            }
        }
    }

    /// Which of the columns is left out first, if one may be.
    fn next_to_go(&self) -> Option<usize> {
        let spare = |(at, (_, width)): (usize, &(String, Width))| match width {
            Width::Needed => None,
            Width::Spare(rank) => Some((*rank, at)),
        };
        let spare = self.header.iter().enumerate().filter_map(spare);
        spare.min().map(|(_, at)| at)
    }

    fn leave_out(&mut self, at: usize) {
        self.header.remove(at);
        for row in &mut self.rows {
            row.remove(at);
        }
    }

    fn total(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |(at, (title, _)): (usize, &(String, Width))| {
            let fields = self.rows.iter().map(|row| row[at].width()).max();
            title.chars().count().max(fields.unwrap_or_default())
        };
        self.header.iter().enumerate().map(widest).collect()
    }
}

impl Field {
    fn width(&self) -> usize {
        let lines = self.text.lines().map(|line| line.chars().count());
        lines.max().unwrap_or_default()
    }

    fn cut(&mut self, width: usize) {
        if self.width() > width {
            let cut = |line: &str| match line.chars().count() > width {
                true => line.chars().take(width - 1).chain(['…']).collect(),
                false => line.to_owned(),
            };
            let lines: Vec<String> = self.text.lines().map(cut).collect();
            self.text = lines.join("\n");
        }
    }
}

fn cell(field: Field, color: bool) -> Cell {
    let cell = Cell::new(&field.text);
    match field.paint.filter(|_| color) {
        None => cell,
        Some(Paint::Good) => cell.fg(Color::Green),
        Some(Paint::Doubtful) => cell.fg(Color::Yellow),
        Some(Paint::Bad) => cell.fg(Color::Red),
        Some(Paint::Strong) => cell.add_attribute(Attribute::Bold),
        Some(Paint::Faint) => cell.add_attribute(Attribute::Dim),
        Some(Paint::Nth(_)) => cell.fg(Color::Cyan),
    }
}

#[cfg(test)]
mod tests {
    use super::Width::{Needed, Spare};
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_they_end() {
        let table = Table::new(Style::default())
            .column("NAME", Needed, |it: &(&str, &str)| it.0.to_owned())
            .column_if(false, "PID", Needed, |_| 1)
            .column("STATE", Needed, |it| Field::painted(it.1, Paint::Good));
        let text = table.render([("Alice", "running"), ("B", "")]);
        assert_eq!(text, "NAME   STATE\nAlice  running\nB");
    }

    fn narrow(width: usize) -> String {
        let style = Style {
            width: Some(width),
            ..Style::default()
        };
        let table = Table::new(style)
            .column("NAME", Needed, |it: &(&str, u32, &str)| it.0.to_owned())
            .column("PID", Spare(1), |it| it.1)
            .column("UPTIME", Spare(2), |_| "2s")
            .column("ADDRESS", Needed, |it| it.2.to_owned());
        let address = "tcp://127.0.0.1:40123";
        table.render([("Alice", 4711, address), ("Bob", 12, "-")])
    }

    #[test]
    fn what_has_no_room_is_left_out_and_then_cut_and_never_wrapped() {
        assert!(narrow(42).starts_with("NAME   PID   UPTIME  ADDRESS\n"));
        assert!(narrow(41).starts_with("NAME   UPTIME  ADDRESS\n"));
        assert!(narrow(30).starts_with("NAME   ADDRESS\nAlice  tcp://127.0.0.1:40123\n"));
        assert!(narrow(20).ends_with("Alice  tcp://127.0.…\nBob    -"));
        for width in 15..60 {
            let text = narrow(width);
            assert_eq!(text.lines().count(), 3);
            assert!(
                text.lines().all(|line| line.chars().count() <= width),
                "{text}"
            );
        }
    }
}
