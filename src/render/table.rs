//! Tables without borders: a header, columns apart by two spaces, nothing cut off.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, presets};

use super::{Paint, Style};

/// A table that is being filled.
pub struct Table {
    inner: comfy_table::Table,
    style: Style,
}

/// One cell: text, and what its colour means.
pub struct Field {
    text: String,
    paint: Option<Paint>,
}

impl Field {
    pub fn painted(text: impl ToString, paint: Paint) -> Self {
        Self {
            text: text.to_string(),
            paint: Some(paint),
        }
    }
}

impl<T: ToString> From<T> for Field {
    fn from(text: T) -> Self {
        Self {
            text: text.to_string(),
            paint: None,
        }
    }
}

impl Table {
    pub fn new(style: Style, header: &[&str]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING);
        // Wrapped or cut lines are of no use to `grep`, nor to whoever copies an address.
        inner.set_content_arrangement(ContentArrangement::Disabled);
        match style.color {
            true => inner.enforce_styling(),
            false => inner.force_no_tty(),
        };
        let header = header
            .iter()
            .map(|title| Cell::new(title).add_attribute(Attribute::Bold));
        inner.set_header(header);
        Self { inner, style }
    }

    pub fn row(&mut self, fields: impl IntoIterator<Item = Field>) {
        let color = self.style.color;
        let cells = fields.into_iter().map(|field| cell(field, color));
        self.inner.add_row(cells.collect::<Vec<_>>());
    }

    pub fn render(mut self) -> String {
        for column in self.inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text = self.inner.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
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
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_they_end() {
        let mut table = Table::new(Style::default(), &["NAME", "STATE"]);
        table.row(["Alice".into(), Field::painted("running", Paint::Good)]);
        table.row(["B".into(), "".into()]);
        let text = table.render();
        assert_eq!(text, "NAME   STATE\nAlice  running\nB");
    }
}
