//! Collects what is found wrong while a topology is read, so that all of it is reported at once.
//!
//! A part that cannot be read is reported and left out or replaced by something harmless, and
//! reading goes on: what comes out is used only if nothing was found.

use std::collections::HashSet;

use super::files::{Files, Locator};
use super::problem::{Problem, Problems};
pub(super) use super::text::Span;

/// How many characters of the offending part a problem keeps.
const EXCERPT: usize = 80;
/// How many characters a message or a hint has at most.
const SENTENCE: usize = 400;
/// How many did-you-means are looked for in one file. Each compares a word with all that were
/// possible, and a file can be made to need very many.
const GUESSES: usize = 100;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

/// Something wrong, before its line is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flaw {
    start: usize,
    end: usize,
    message: String,
    hint: Option<String>,
}

impl Flaw {
    pub(crate) fn new(span: &Span, message: impl Into<String>) -> Self {
        Self {
            start: span.start,
            end: span.end.max(span.start),
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// The flaw of a file that begins at `begin`.
    pub(crate) fn moved(mut self, begin: usize) -> Self {
        self.start += begin;
        self.end += begin;
        self
    }

    fn placed(self, locator: &mut Locator<'_>) -> Problem {
        Problem {
            message: printable(&self.message),
            hint: self.hint.as_deref().map(printable),
            ..locator.locate(&(self.start..self.end), excerpt)
        }
    }
}

/// The list of what was found.
#[derive(Debug)]
pub(super) struct Review {
    flaws: Vec<Flaw>,
    guesses: usize,
    /// Where something is wrong.
    places: HashSet<(usize, usize)>,
    repeating: bool,
    /// Where a serializer is `pickle`: whether that may be, shows in the end.
    pickles: Vec<Span>,
}

impl Review {
    pub(crate) fn new() -> Self {
        Self {
            flaws: Vec::new(),
            guesses: GUESSES,
            places: HashSet::new(),
            repeating: false,
            pickles: Vec::new(),
        }
    }

    /// Takes down where a serializer is `pickle`.
    pub(crate) fn note_pickle(&mut self, span: &Span) {
        self.pickles.push(span.clone());
    }

    /// The system is open: whoever reads a pickle runs code of whoever has written it.
    pub(crate) fn refuse_pickles(&mut self) {
        for span in std::mem::take(&mut self.pickles) {
            let message = "whoever reads a pickle runs code of whoever writes it: this system is open to all who reach it";
            self.add(
                Flaw::new(&span, message).hint("use msgpack, or close the system: security: curve"),
            );
        }
    }

    /// Puts a flaw on the list. While repeating, only if nothing else is wrong at its place.
    pub(crate) fn add(&mut self, flaw: Flaw) {
        if self.places.insert((flaw.start, flaw.end)) || !self.repeating {
            self.flaws.push(flaw);
        }
    }

    /// Adds what was found in a file that begins at `begin`.
    pub(crate) fn absorb(&mut self, file: Review, begin: usize) {
        let pickles = file.pickles.into_iter();
        self.pickles
            .extend(pickles.map(|it| it.start + begin..it.end + begin));
        let flaws = file.flaws.into_iter();
        flaws.for_each(|flaw| self.add(flaw.moved(begin)));
    }

    /// Says whether the same part of the file is now read once more, for another agent of many
    /// that it stands for.
    pub(crate) fn repeating(&mut self, repeating: bool) {
        self.repeating = repeating;
    }

    /// The value, or none and its flaw on the list.
    pub(crate) fn take<T>(&mut self, read: Result<T, Flaw>) -> Option<T> {
        read.map_err(|flaw| self.add(flaw)).ok()
    }

    /// "did you mean …", if one of the `known` is close to `word`.
    pub(crate) fn guess<'k>(
        &mut self,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<String> {
        self.nearest(word, known).map(did_you_mean)
    }

    /// The one of `known` that is close to `word`, as long as guesses are left.
    pub(crate) fn nearest<'k>(
        &mut self,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<&'k str> {
        self.guesses = self.guesses.checked_sub(1)?;
        closest(word, known)
    }

    /// Whether nothing was found.
    pub(crate) fn is_clean(&self) -> bool {
        self.flaws.is_empty()
    }

    /// What was found in the files, in their order.
    pub(crate) fn finish(mut self, files: &Files<'_>) -> Problems {
        if self.is_clean() {
            // A reader that leaves something out reports it; should one forget, the file is still not
            // taken for a good one.
            self.add(Flaw::new(&(0..0), "the topology cannot be read"));
        }
        self.flaws.sort();
        // What stands behind an alias is read once for each use of it.
        self.flaws.dedup();
        let mut locator = Locator::new(files);
        let problems = self.flaws.into_iter().map(|flaw| flaw.placed(&mut locator));
        Problems(problems.collect())
    }
}

pub(super) fn did_you_mean(best: impl std::fmt::Display) -> String {
    format!("did you mean {best}?")
}

/// The one of `known` that `word` was probably meant to be.
fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = word.to_lowercase();
    let tolerance = (folded.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| {
            let distance = strsim::osa_distance(&candidate.to_lowercase(), &folded);
            // Of two that are as close, the one that begins alike.
            let begins_alike = candidate.chars().next() == word.chars().next();
            (distance, !begins_alike, candidate)
        })
        .filter(|(distance, _, candidate)| *distance <= tolerance && *distance < candidate.len())
        .min()
        .map(|(_, _, candidate)| candidate)
}

/// The first line of a part of the file, shortened.
fn excerpt(text: &str, span: Span) -> String {
    let part = text.get(span).unwrap_or_default();
    let line = part.lines().next().unwrap_or_default();
    printable(&shorten(line.trim_end(), EXCERPT))
}

/// A text of moderate length without anything that moves a terminal's cursor or turns the
/// direction of writing: what is in a file may be shown to a user who does not trust it.
fn printable(text: &str) -> String {
    let escaped = |c: char| match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        _ => c.is_control(),
    };
    let mut shown = String::with_capacity(text.len());
    for c in shorten(text, SENTENCE).chars() {
        match escaped(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// At most `most` characters of a text.
pub(super) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text from the file as it may stand in a sentence: short and without control characters.
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", shorten(text, 60))
}

/// "a, b and c", or "a, b, c and 17 more".
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let mut rest = words.into_iter();
    let mut words: Vec<String> = rest.by_ref().take(MOST).map(str::to_owned).collect();
    match rest.count() {
        0 => {}
        more => words.push(format!("{more} more")),
    }
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_close_or_not_made() {
        let known = ["main", "inbox", "news"];
        assert_eq!(closest("mian", known), Some("main"));
        assert_eq!(closest("Main", known), Some("main"));
        assert_eq!(closest("zzz", known), None);
        assert_eq!(closest("tpc", ["ipc", "tcp"]), Some("tcp"));
        assert_eq!(closest("a", ["b"]), None, "a whole word is no typing error");
    }

    #[test]
    fn nothing_in_a_problem_commands_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mé\u{202e}"), "a\\u{1b}[31mé\\u{202e}");
        assert_eq!(printable(&"x".repeat(5000)).chars().count(), SENTENCE + 1);
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(list([]), "none");
        assert_eq!(list(["a"]), "a");
        assert_eq!(list(["a", "b", "c"]), "a, b and c");
        assert_eq!(list(["x"; 10]), "x, x, x, x, x, x, x, x and 2 more");
    }

    #[test]
    fn problems_come_in_order_and_once() {
        let mut review = Review::new();
        review.add(Flaw::new(&(3..4), "second"));
        review.add(Flaw::new(&(0..1), "first"));
        review.add(Flaw::new(&(3..4), "second"));
        let problems = review.finish(&Files::one("a\nbé\nc"));
        let seen: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
        assert_eq!(seen, [(1, 1), (2, 2)]);
    }
}
