//! Tables without borders: a header, columns apart by two spaces. What a terminal has no room for is left out
//! by columns, the least telling first, and then cut; nothing is wrapped, and what goes elsewhere is whole.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, presets};

use super::{Paint, Style};

/// Between two columns.
const GAP: usize = 2;
/// A column is not cut to less.
const NARROWEST: usize = 8;

/// A table that is being filled.
pub struct Table {
    style: Style,
    header: Vec<String>,
    rows: Vec<Vec<Field>>,
    /// Titles of columns that may be left out, the least telling first.
    least_telling: Vec<&'static str>,
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
        Self {
            style,
            header: header.iter().map(|title| (*title).to_owned()).collect(),
            rows: Vec::new(),
            least_telling: Vec::new(),
        }
    }

    /// Which columns are left out where there is no room, in that order.
    pub fn leaving_out(mut self, titles: &[&'static str]) -> Self {
        self.least_telling = titles.to_vec();
        self
    }

    pub fn row(&mut self, fields: impl IntoIterator<Item = Field>) {
        self.rows.push(fields.into_iter().collect());
    }

    pub fn render(mut self) -> String {
        if let Some(width) = self.style.width {
            self.fit(width);
        }
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING);
        inner.set_content_arrangement(ContentArrangement::Disabled);
        let color = self.style.color;
        match color {
            true => inner.enforce_styling(),
            false => inner.force_no_tty(),
        };
        let header = self.header.iter();
        inner.set_header(header.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
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
        for title in self.least_telling.clone() {
            if self.total() <= width {
                return;
            }
            if let Some(at) = self.header.iter().position(|it| it == title) {
                self.leave_out(at);
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

    fn leave_out(&mut self, at: usize) {
        self.header.remove(at);
        for row in self.rows.iter_mut().filter(|row| row.len() > at) {
            row.remove(at);
        }
    }

    fn total(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |(at, title): (usize, &String)| {
            let fields = self.rows.iter().filter_map(|row| row.get(at));
            let fields = fields.map(Field::width).max();
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
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_they_end() {
        let mut table = Table::new(Style::default(), &["NAME", "STATE"]);
        table.row(["Alice".into(), Field::painted("running", Paint::Good)]);
        table.row(["B".into(), "".into()]);
        let text = table.render();
        assert_eq!(text, "NAME   STATE\nAlice  running\nB");
    }

    fn narrow(width: usize) -> String {
        let style = Style {
            width: Some(width),
            ..Style::default()
        };
        let mut table = Table::new(style, &["NAME", "PID", "UPTIME", "ADDRESS"]);
        table = table.leaving_out(&["PID", "UPTIME", "AGE"]);
        let address = "tcp://127.0.0.1:40123";
        table.row(["Alice".into(), 4711.into(), "2s".into(), address.into()]);
        table.row(["Bob".into(), 12.into(), "2s".into(), "-".into()]);
        table.render()
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
