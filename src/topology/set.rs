//! `--set agents.Bob.attributes.x=1`: one value of a topology, given beside its files.

use super::review::{Flaw, Review, Span, quote};
use super::yaml::{self, Data, Key, Lookup, Node};

/// No path has more steps than this.
const LONGEST: usize = 32;

/// Puts the value that `text`, which begins at `begin`, has behind its `=` where the path before it
/// says.
pub(super) fn apply(
    root: &mut Node,
    text: &str,
    begin: usize,
    lookup: &Lookup<'_>,
    review: &mut Review,
) {
    let whole = begin..begin + text.len();
    let Some((path, value)) = text.split_once('=') else {
        let flaw = Flaw::new(&whole, "expected PATH=VALUE");
        review.add(flaw.hint("such as --set agents.Bob.attributes.x=1"));
        return;
    };
    let Some(steps) = review.take(steps(path, begin)) else {
        return;
    };
    let mut own = Review::new();
    let parsed = yaml::parse_value(value, lookup, &mut own);
    let behind = begin + path.len() + 1;
    review.absorb(own, behind);
    if let Some(mut node) = parsed {
        if let Some(flaw) = comment(&node, value) {
            review.add(flaw.moved(behind));
            return;
        }
        node.move_by(behind);
        if let Err(flaw) = put(root, &steps, node) {
            review.add(flaw);
        }
    }
}

/// To YAML, what follows a `#` is a comment. A comment makes no sense in a single value, so the user meant text.
fn comment(node: &Node, value: &str) -> Option<Flaw> {
    let behind = value.get(node.span.end..)?;
    let at = value.len() - behind.trim_start().len();
    let flaw = Flaw::new(&(at..value.len()), "what follows a # is a comment");
    value[at..]
        .starts_with('#')
        .then(|| flaw.hint("put the value in quotes, such as PATH='\"#1\"'"))
}

/// The names between the dots, as keys of their own.
fn steps(path: &str, begin: usize) -> Result<Vec<Key>, Flaw> {
    let mut at = begin;
    let keys = path.split('.').map(|text| {
        let span = at..at + text.len();
        at += text.len() + 1;
        let text = text.to_owned();
        Key { text, span }
    });
    let keys: Vec<Key> = keys.take(LONGEST + 1).collect();
    let whole = begin..begin + path.len();
    if keys.len() > LONGEST {
        return Err(Flaw::new(
            &whole,
            format!("a path has {LONGEST} steps at most"),
        ));
    }
    match keys
        .iter()
        .find(|key| matches!(key.text.as_str(), "" | "<<"))
    {
        Some(key) => {
            let flaw = Flaw::new(
                &key.span,
                format!("{} is no step of a path", quote(&key.text)),
            );
            Err(flaw.hint("a path is names with dots between them, such as agents.Bob.command"))
        }
        None => Ok(keys),
    }
}

fn put(mut at: &mut Node, mut steps: &[Key], value: Node) -> Result<(), Flaw> {
    while let [first, rest @ ..] = steps {
        (at, steps) = match at.data {
            Data::List(_) => (item(at, first)?, rest),
            _ => entry(at, steps)?,
        };
    }
    *at = value;
    Ok(())
}

/// The item of a list that a step counts, from 0.
fn item<'n>(list: &'n mut Node, step: &Key) -> Result<&'n mut Node, Flaw> {
    let items = match &mut list.data {
        Data::List(items) => items.as_mut_slice(),
        _ => &mut [],
    };
    let many = items.len();
    let found = step
        .text
        .parse()
        .ok()
        .and_then(|at: usize| items.get_mut(at));
    found.ok_or_else(|| {
        let message = format!(
            "there is no item {}: the list has {many}",
            quote(&step.text)
        );
        Flaw::new(&step.span, message).hint("items are counted from 0")
    })
}

/// The entry of a map that the first of the steps names, or the first few of them together: names
/// may contain dots. What is not there is made.
fn entry<'n, 's>(at: &'n mut Node, steps: &'s [Key]) -> Result<(&'n mut Node, &'s [Key]), Flaw> {
    let first = &steps[0];
    if at.is_null() {
        at.data = Data::Map(Vec::new());
    }
    let found = at.found();
    let Data::Map(entries) = &mut at.data else {
        let message = format!(
            "{} is to be set in a map, and this is {found}",
            quote(&first.text)
        );
        let flaw = Flaw::new(&first.span, message);
        return Err(flaw.hint("set the value around it, as a map: PATH='{ … }'"));
    };
    let known = (1..=steps.len()).rev().find_map(|many| {
        let name = joined(&steps[..many]);
        let place = entries.iter().position(|(key, _)| key.text == name)?;
        Some((place, many))
    });
    let (place, many) = known.unwrap_or_else(|| {
        entries.push((first.clone(), absent(&first.span)));
        (entries.len() - 1, 1)
    });
    Ok((&mut entries[place].1, &steps[many..]))
}

fn joined(steps: &[Key]) -> String {
    let names: Vec<&str> = steps.iter().map(|key| key.text.as_str()).collect();
    names.join(".")
}

fn absent(span: &Span) -> Node {
    Node {
        span: span.clone(),
        data: Data::nothing(),
    }
}
