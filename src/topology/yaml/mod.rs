//! YAML as a small tree in which everything knows where it stands in the file.
//!
//! The only place that knows the YAML crates: `saphyr-parser` gives events with their places,
//! `serde_yaml` says what a plain scalar is. Nothing here knows what a topology means.

mod build;
mod entries;
mod json;
mod scalar;
mod syntax;
mod tolerance;
mod variables;
mod write;

use serde_json::Number;

use super::review::Span;

pub(super) use build::{parse, parse_value};
pub(super) use json::{misplaced, to_json};
pub use variables::Lookup;
pub(super) use variables::{Part, escape, filled_in};
pub(super) use write::write;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub span: Span,
    pub data: Data,
}

/// What a value can be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// Without quotes, and more than text to YAML.
    Plain(Plain),
    Text(String),
    /// Text with references, which are filled in when the system is brought up.
    Late(Vec<Part>),
    List(Vec<Node>),
    /// In the order of the file, without duplicates.
    Map(Vec<(Key, Node)>),
}

/// A value without quotes: what stands there letter by letter, for places that want text, and what
/// it is elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plain {
    /// Empty where nothing stands.
    pub text: String,
    pub means: Meaning,
}

/// What a value without quotes is where text is not wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    Null,
    Bool(bool),
    Number(Number),
    /// Not a number, or an infinite one: YAML has them, JSON does not.
    NoNumber,
    /// An integer that fits into no 64 bits, or a number that is larger than any.
    TooLarge,
}

impl Data {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Data::Plain(plain) if plain.means == Meaning::Null)
    }

    /// What is not there.
    pub(crate) fn nothing() -> Self {
        Data::Plain(Plain {
            text: String::new(),
            means: Meaning::Null,
        })
    }
}

/// A key of a map and its place. Keys are always text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub text: String,
    pub span: Span,
}

impl Node {
    /// A map in which it stands behind that key.
    pub(crate) fn behind(self, key: &str) -> Self {
        let span = self.span.clone();
        let key = Key {
            text: key.to_owned(),
            span: span.clone(),
        };
        let data = Data::Map(vec![(key, self)]);
        Self { span, data }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.data.is_null()
    }

    /// What it is, if it stands without quotes and is more than text.
    pub(crate) fn means(&self) -> Option<&Meaning> {
        match &self.data {
            Data::Plain(plain) => Some(&plain.means),
            _ => None,
        }
    }

    /// The number that it is, if it is one.
    pub(crate) fn number(&self) -> Option<&Number> {
        match self.means() {
            Some(Meaning::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// The text that stands there, letter by letter, whatever else it might be. None of lists, maps
    /// and references, and where nothing stands.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Plain(plain) if !plain.text.is_empty() => Some(&plain.text),
            _ => None,
        }
    }

    /// What this is, for a sentence: "expected a list, found text".
    pub(crate) fn found(&self) -> &'static str {
        match self.data {
            Data::Plain(ref plain) => match plain.means {
                Meaning::Null => "nothing",
                Meaning::Bool(_) => "a boolean",
                Meaning::Number(_) | Meaning::NoNumber | Meaning::TooLarge => "a number",
            },
            Data::Text(ref text) if text.is_empty() => "empty text",
            Data::Text(_) => "text",
            Data::Late(_) => "a reference",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    /// Moves all places to those in a file that begins at `begin`.
    pub(crate) fn move_by(&mut self, begin: usize) {
        moved(&mut self.span, begin);
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(|item| item.move_by(begin)),
            Data::Map(entries) => {
                for (key, value) in entries {
                    moved(&mut key.span, begin);
                    value.move_by(begin);
                }
            }
            _ => {}
        }
    }

    /// How many values there are in this one, itself included.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.data {
            Data::List(items) => items.iter().map(Node::size).sum(),
            Data::Map(entries) => entries.iter().map(|(_, value)| 1 + value.size()).sum(),
            _ => 0,
        }
    }
}

fn moved(span: &mut Span, begin: usize) {
    *span = span.start + begin..span.end + begin;
}
