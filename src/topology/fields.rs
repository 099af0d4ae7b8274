//! A map with known keys: looks them up, and reports keys that the table does not have.

use super::keys::Section;
use super::review::{Flaw, Review, Span, list, quote};
use super::yaml::{Data, Key, Node, misplaced};

/// The entries of a map whose keys are known beforehand.
pub(super) struct Fields<'n> {
    /// Which keys there are. A reader that asks for another one is wrong, or the table is.
    section: &'static Section,
    entries: &'n [(Key, Node)],
    /// Where to point when something is missing.
    pub span: &'n Span,
}

impl<'n> Fields<'n> {
    /// Opens `node`, which is `what`, for the keys of `section`. A node that is null has none of them.
    /// None if it is no map: that is reported.
    pub(crate) fn open(
        node: &'n Node,
        what: &str,
        section: &'static Section,
        review: &mut Review,
    ) -> Option<Fields<'n>> {
        let entries = review.take(entries(node, what))?;
        for (key, _) in entries {
            // Keys of this form are for anchors and notes.
            let is_note = key.text.starts_with("x-");
            if !section.has(&key.text) && !is_note {
                let guess =
                    meant(&key.text, section).or_else(|| review.guess(&key.text, section.names()));
                let known: Vec<&str> = section.names().collect();
                let hint = guess.unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
                let message = format!("{what} has no key {}", quote(&key.text));
                review.add(Flaw::new(&key.span, message).hint(hint));
            }
        }
        Some(Fields {
            section,
            entries,
            span: &node.span,
        })
    }

    /// The value of a key. None if the key is absent or its value is null.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key)
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// Key and value, whatever the value is.
    pub(crate) fn entry(&self, key: &str) -> Option<&'n (Key, Node)> {
        self.section.must_have(key);
        self.entries.iter().find(|(known, _)| known.text == key)
    }

    /// The value of a key that has to be there; that it is not is reported.
    pub(crate) fn need(&self, key: &str, what: &str, review: &mut Review) -> Option<&'n Node> {
        let value = self.get(key);
        if value.is_none() {
            let span = self.entry(key).map_or(self.span, |(key, _)| &key.span);
            let message = format!("{what} needs the key {key}");
            review.add(Flaw::new(span, message));
        }
        value
    }
}

/// What a key is called here that was called otherwise before, or is elsewhere.
fn meant(key: &str, section: &Section) -> Option<String> {
    let (hint, own) = match key {
        "insecure" => ("what was insecure: true is security: none", "security"),
        "stop_grace_period" => (
            "what docker compose calls so is stop_timeout here",
            "stop_timeout",
        ),
        _ => return None,
    };
    section.has(own).then(|| hint.to_owned())
}

/// The entries of a map of any keys. Null is an empty map.
pub(super) fn entries<'n>(node: &'n Node, what: &str) -> Result<&'n [(Key, Node)], Flaw> {
    match &node.data {
        Data::Map(entries) => Ok(entries),
        _ if node.is_null() => Ok(&[]),
        _ => Err(wrong_type(node, what, "a map")),
    }
}

/// The items of a list. Null is an empty list.
pub(super) fn items<'n>(node: &'n Node, what: &str) -> Result<&'n [Node], Flaw> {
    match &node.data {
        Data::List(items) => Ok(items),
        _ if node.is_null() => Ok(&[]),
        _ => Err(wrong_type(node, what, "a list")),
    }
}

/// "expected a list, found text".
pub(super) fn wrong_type(node: &Node, what: &str, expected: &str) -> Flaw {
    if let Data::Late(_) = node.data {
        return misplaced(&node.span);
    }
    let message = format!("{what}: expected {expected}, found {}", node.found());
    Flaw::new(&node.span, message)
}

/// A hint that lists what there is.
pub(super) fn there_are<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    format!("there are {}", list(words))
}
