//! The texts that a topology is made of, laid end to end, so that one number tells a place in any
//! of them.

use super::problem::Problem;
use super::text::{Places, Span};

/// Texts, each with what it is called and where it begins.
#[derive(Default)]
pub(super) struct Files<'t> {
    all: Vec<File<'t>>,
    end: usize,
}

struct File<'t> {
    input: usize,
    name: &'t str,
    text: &'t str,
    begin: usize,
}

impl<'t> Files<'t> {
    /// One text alone.
    #[cfg(test)]
    pub(crate) fn one(text: &'t str) -> Self {
        let mut files = Self::default();
        files.add(0, "topology.yaml", text);
        files
    }

    /// Adds the text of an input and says where it begins.
    pub(crate) fn add(&mut self, input: usize, name: &'t str, text: &'t str) -> usize {
        let begin = self.end;
        self.all.push(File {
            input,
            name,
            text,
            begin,
        });
        // What stands at the end of one text does not stand at the beginning of the next.
        self.end += text.len() + 1;
        begin
    }
}

/// Finds the places of parts, which are asked for in rising order.
pub(super) struct Locator<'f> {
    files: &'f Files<'f>,
    at: usize,
    places: Places<'f>,
}

impl<'f> Locator<'f> {
    pub(crate) fn new(files: &'f Files<'f>) -> Self {
        let first = files.all.first().map_or("", |file| file.text);
        Self {
            files,
            at: 0,
            places: Places::new(first),
        }
    }

    /// A problem in the text that has `span`, which shows `excerpt` of it; its words are for the
    /// caller to add.
    pub(crate) fn locate(&mut self, span: &Span, excerpt: fn(&str, Span) -> String) -> Problem {
        let after = self
            .files
            .all
            .partition_point(|file| file.begin <= span.start);
        let at = after.saturating_sub(1);
        let (input, name, text, begin) = match self.files.all.get(at) {
            Some(file) => (file.input, file.name, file.text, file.begin),
            None => (0, "", "", 0),
        };
        if at != self.at {
            (self.at, self.places) = (at, Places::new(text));
        }
        let span = span.start - begin..span.end.saturating_sub(begin);
        let (line, column) = self.places.of(span.start);
        Problem {
            file: name.to_owned(),
            input,
            line,
            column,
            text: excerpt(text, span.clone()),
            span,
            message: String::new(),
            hint: None,
        }
    }
}
