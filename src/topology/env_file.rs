//! The key `env_file`: files with variables for commands, whose values are sent with the specs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::command::{joined, passable};
use super::dotenv::{Variables, dotenv};
use super::draft::LateText;
use super::fields::wrong_type;
use super::review::{Flaw, Review, Spanned};
use super::surroundings::Surroundings;
use super::yaml::{Data, Node, Part};

/// The variables of a file, or of all files of a list, the later over the earlier. Each has the place
/// where its file is named.
pub(super) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    review: &mut Review,
) -> BTreeMap<String, LateText> {
    let files = match &node.data {
        Data::List(files) => files.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut env = BTreeMap::new();
    for file in files {
        let variables = review.take(variables(file, around)).unwrap_or_default();
        env.extend(variables.into_iter().map(|(name, text)| {
            let value = Spanned {
                value: vec![Part::Text(text)],
                span: file.span.clone(),
            };
            (name, value)
        }));
    }
    env
}

fn variables(file: &Node, around: &Surroundings<'_>) -> Result<Variables, Flaw> {
    let path = path(file, around)?;
    let shown = path.display();
    let content = (around.env_files)(&path).map_err(|reason| {
        let flaw = Flaw::new(
            &file.span,
            format!("env_file: cannot read {shown}: {reason}"),
        );
        flaw.hint("a relative path begins at the topology's folder")
    })?;
    dotenv(&content, around.variables).map_err(|error| {
        let flaw = Flaw::new(&file.span, format!("env_file: {shown}:{error}"));
        flaw.hint("such a file has a NAME=value on each line")
    })
}

fn path(file: &Node, around: &Surroundings<'_>) -> Result<PathBuf, Flaw> {
    let Some(text) = file.text() else {
        return Err(wrong_type(file, "env_file", "a path, or a list of such"));
    };
    passable(text, &file.span)?;
    let flaw = |message: &str| Flaw::new(&file.span, message);
    if text.is_empty() {
        return Err(flaw("env_file: the path is empty").hint("no file at all is env_file: []"));
    }
    if text.starts_with('~') {
        let hint = "write the whole path, or one that begins at the topology's folder";
        return Err(flaw("env_file: ~ is not expanded").hint(hint));
    }
    Ok(joined(&around.source.folder, text.as_ref()))
}
