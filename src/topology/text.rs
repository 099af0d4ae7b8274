//! Places in a text: bytes to lines and columns, and back.
//!
//! Both directions walk from the last place asked for, so that a file of one huge line costs no
//! more than one of many short ones.

use std::ops::Range;

/// A part of the files, in bytes. Within one file it begins at 0, until the file is put among the
/// others.
pub(super) type Span = Range<usize>;

/// Where a line begins after `text[at]`, if a line ends there. A carriage return ends a line
/// unless a line feed follows, as YAML has it.
fn ends_line(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    }
}

/// Lines and columns for byte offsets that are asked for in rising order.
pub(super) struct Places<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            column: 1,
        }
    }

    /// Line and column, both from 1. An offset before the last one gives the place of the last one.
    pub(crate) fn of(&mut self, offset: usize) -> (usize, usize) {
        let bytes = self.text.as_bytes();
        while self.at < offset.min(bytes.len()) {
            if ends_line(bytes, self.at) {
                self.line += 1;
                self.column = 1;
            } else if self.text.is_char_boundary(self.at + 1) {
                self.column += 1;
            }
            self.at += 1;
        }
        (self.line, self.column)
    }
}

/// Byte offsets for lines and columns.
pub(super) struct Offsets<'t> {
    text: &'t str,
    starts: Vec<usize>,
    line: usize,
    column: usize,
    at: usize,
}

impl<'t> Offsets<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let after_breaks = (0..bytes.len())
            .filter(|at| ends_line(bytes, *at))
            .map(|at| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
            line: 1,
            column: 0,
            at: 0,
        }
    }

    /// The offset of a line, from 1, and a column, from 0. Beyond the end there is the end.
    pub(crate) fn of(&mut self, line: usize, column: usize) -> usize {
        if line != self.line {
            let start = line.checked_sub(1).and_then(|line| self.starts.get(line));
            (self.line, self.column) = (line, 0);
            self.at = start.copied().unwrap_or(self.text.len());
        }
        while self.column < column && self.at < self.text.len() {
            self.at += 1;
            self.column += usize::from(self.text.is_char_boundary(self.at));
        }
        while self.column > column && self.at > 0 {
            self.at -= 1;
            self.column -= usize::from(self.text.is_char_boundary(self.at));
        }
        self.at
    }

    /// The line of an offset, from 1.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn offsets_and_places_are_inverse(text in "[aé\u{1F600}\n\r]{0,40}") {
            let mut places = Places::new(&text);
            let mut offsets = Offsets::new(&text);
            for (at, _) in text.char_indices() {
                let (line, column) = places.of(at);
                prop_assert_eq!(offsets.of(line, column - 1), at);
                prop_assert_eq!(offsets.line_of(at), line);
            }
        }

        #[test]
        fn any_order_is_fine(asked in prop::collection::vec((1usize..5, 0usize..9), 0..20)) {
            let text = "aé\n\u{1F600}bcd\r\n\re";
            let mut walking = Offsets::new(text);
            for (line, column) in asked {
                let at = walking.of(line, column);
                prop_assert!(text.is_char_boundary(at));
            }
        }
    }
}
