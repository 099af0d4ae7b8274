//! Where the picture is drawn: text, line after line, as the terminal can show it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::cell::Tone;
use crate::model::harmless_line;

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub has_colour: bool,
    /// Else signs beyond ASCII are written otherwise.
    pub is_utf8: bool,
}

/// Where it is drawn, line after line.
pub(super) struct Screen<'a> {
    buffer: &'a mut Buffer,
    pub(super) area: Rect,
    pub(super) line: u16,
    look: Look,
}

impl<'a> Screen<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect, look: Look) -> Self {
        Self {
            buffer,
            area,
            line: 0,
            look,
        }
    }

    pub(super) fn style(&self, tone: Tone) -> Style {
        let style = Style::default();
        let coloured = |colour: Color| match self.look.has_colour {
            true => style.fg(colour),
            false => style,
        };
        match tone {
            Tone::Plain => style,
            Tone::Good => coloured(Color::Green),
            Tone::Doubtful => coloured(Color::Yellow),
            Tone::Bad => coloured(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Faint => style.add_modifier(Modifier::DIM),
        }
    }

    /// Writes so much of a text as has room, from a column on.
    pub(super) fn put(&mut self, column: usize, text: &str, room: usize, style: Style) {
        let width = usize::from(self.area.width);
        if self.line >= self.area.height || column >= width {
            return;
        }
        let room = room.min(width - column);
        let text = self.plain(text);
        let x = self.area.x + u16::try_from(column).unwrap_or(u16::MAX);
        self.buffer
            .set_stringn(x, self.area.y + self.line, text, room, style);
    }

    /// What comes from elsewhere does nothing to the terminal.
    fn plain(&self, text: &str) -> String {
        let text = harmless_line(text);
        match self.look.is_utf8 || text.is_ascii() {
            true => text.into_owned(),
            false => text.chars().map(in_ascii).collect(),
        }
    }

    /// The line has this style from one end to the other.
    pub(super) fn fill(&mut self, style: Style) {
        if self.line < self.area.height {
            let line = Rect {
                y: self.area.y + self.line,
                height: 1,
                ..self.area
            };
            self.buffer.set_style(line, style);
        }
    }

    pub(super) fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    pub(super) fn next(&mut self) {
        self.line = self.line.saturating_add(1);
    }
}

fn in_ascii(sign: char) -> char {
    match sign {
        sign if sign.is_ascii() => sign,
        '→' | '⇒' | '▸' => '>',
        '←' => '<',
        '─' => '-',
        '·' => ',',
        '…' => '~',
        '▼' => 'v',
        '▲' => '^',
        _ => '?',
    }
}
