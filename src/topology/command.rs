//! Words of commands, and the paths that go with them.

use std::path::{Component, Path, PathBuf};

use super::draft::LateText;
use super::fields::{items, wrong_type};
use super::review::{Flaw, Review, Span, Spanned};
use super::values;
use super::yaml::{Data, Node, Part};

/// The words of a command, which stands at `what`. None if the review knows why.
pub(super) fn words(command: &Node, what: &str, review: &mut Review) -> Option<Vec<LateText>> {
    if let Some(line) = command.text() {
        let list: Vec<&str> = line.split_whitespace().collect();
        let flaw = wrong_type(command, what, "a list of words");
        let hint = format!("no shell is involved: write {what}: [{}]", list.join(", "));
        review.add(flaw.hint(hint));
        return None;
    }
    let nodes = review.take(items(command, what))?;
    let words: Vec<Option<LateText>> = nodes.iter().map(|node| review.take(word(node))).collect();
    let words: Vec<LateText> = words.into_iter().collect::<Option<_>>()?;
    let is_empty = |word: &LateText| word.value == [Part::Text(String::new())];
    if words.first().is_none_or(is_empty) {
        let span = nodes.first().map_or(&command.span, |first| &first.span);
        let flaw = Flaw::new(span, "a command begins with the program to run");
        review.add(flaw.hint("write command: [PROGRAM, ARGUMENT]"));
        return None;
    }
    Some(words)
}

pub(super) fn word(node: &Node) -> Result<LateText, Flaw> {
    match &node.data {
        Data::Late(parts) => late(parts, &node.span),
        _ => plain(values::text(node, "a word of the command")?, &node.span),
    }
}

fn plain(text: &str, span: &Span) -> Result<LateText, Flaw> {
    late(&[Part::Text(text.to_owned())], span)
}

pub(super) fn late(parts: &[Part], span: &Span) -> Result<LateText, Flaw> {
    for part in parts {
        let (Part::Text(text) | Part::Reference(text)) = part;
        passable(text, span)?;
    }
    Ok(Spanned {
        value: parts.to_vec(),
        span: span.clone(),
    })
}

/// A text that can be handed to a process as it stands here.
pub(super) fn passable(text: &str, span: &Span) -> Result<(), Flaw> {
    if text.contains('\0') {
        return Err(Flaw::new(
            span,
            "a zero character cannot be handed to a program",
        ));
    }
    Ok(())
}

/// A folder's path, which stands at `what`.
pub(super) fn folder<'n>(node: &'n Node, what: &str) -> Result<&'n Path, Flaw> {
    let text = values::text(node, what)?;
    passable(text, &node.span)?;
    if text.is_empty() {
        return Err(Flaw::new(&node.span, format!("{what} is empty"))
            .hint("leave it away for the topology's own folder"));
    }
    if text.starts_with('~') {
        let flaw = Flaw::new(&node.span, format!("{what}: ~ is not expanded"));
        return Err(flaw.hint("write the whole path, or one that begins at the topology's folder"));
    }
    Ok(Path::new(text))
}

/// A path that begins at `folder`, without the dots that mean "here".
pub(super) fn joined(folder: &Path, path: &Path) -> PathBuf {
    let here = |component: &Component<'_>| *component == Component::CurDir;
    folder
        .join(path)
        .components()
        .filter(|component| !here(component))
        .collect()
}
