//! The entries of a map: what may be a key, that none stands twice, and the merge key.

use std::collections::{HashMap, HashSet};

use super::{Data, Key, Node};
use crate::topology::review::{Flaw, Review, quote};
use crate::topology::text::Offsets;

/// The key that takes over the entries of another map.
const MERGE: &str = "<<";

/// Keys are text, letter by letter.
pub(super) fn as_key(node: Node) -> Result<Key, Flaw> {
    match node.text() {
        Some(text) => Ok(Key {
            text: text.to_owned(),
            span: node.span,
        }),
        None => {
            let message = format!("a key must be text, found {}", node.found());
            Err(Flaw::new(&node.span, message))
        }
    }
}

/// A value that is not there is looked for at its key.
pub(super) fn found_at_key(node: Node, key: &Key) -> Node {
    match node.is_null() && node.span.is_empty() {
        true => Node {
            span: key.span.clone(),
            ..node
        },
        false => node,
    }
}

/// The entries, each key once; the others are reported.
pub(super) fn without_duplicates(
    entries: Vec<(Key, Node)>,
    offsets: &Offsets<'_>,
    review: &mut Review,
) -> Vec<(Key, Node)> {
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut kept = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let line = offsets.line_of(key.span.start);
        let Some(first) = lines.get(&key.text) else {
            lines.insert(key.text.clone(), line);
            kept.push((key, value));
            continue;
        };
        let message = format!(
            "the key {} stands here twice: the first is in line {first}",
            quote(&key.text)
        );
        let flaw = Flaw::new(&key.span, message);
        review.add(flaw.hint("keep one of the two"));
    }
    kept
}

/// The entries, with those of `<<` that they do not have themselves.
pub(super) fn merged(mut entries: Vec<(Key, Node)>, review: &mut Review) -> Vec<(Key, Node)> {
    let Some(at) = entries.iter().position(|(key, _)| key.text == MERGE) else {
        return entries;
    };
    let (key, value) = entries.remove(at);
    let sources = match value.data {
        Data::List(items) => items,
        _ => vec![value],
    };
    let mut known: HashSet<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
    for source in sources {
        let Data::Map(taken) = source.data else {
            let message = format!(
                "<< takes over the entries of a map, found {}",
                source.found()
            );
            review.add(Flaw::new(&key.span, message));
            continue;
        };
        entries.extend(
            taken
                .into_iter()
                .filter(|(key, _)| known.insert(key.text.clone())),
        );
    }
    entries
}
