//! What a topology is made of: the texts of its files, the later over the earlier, and single
//! values that are set over them all. Only texts: nothing here opens a file.

use serde::{Deserialize, Serialize};

use super::bytes;
use super::files::Files;
use super::include;
use super::merge;
use super::review::Review;
use super::set;
use super::system;
use super::yaml::{self, Lookup, Node};

/// One text of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub kind: InputKind,
    /// How it is called in messages: `topology.yaml`, `--set`.
    pub name: String,
    pub text: Vec<u8>,
}

/// What a text is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A topology, or a part of one.
    File,
    /// A file that another one, which comes after it, includes.
    Included,
    /// What stands behind the name of this agent in a topology.
    Agent(String),
    /// `PATH=VALUE`.
    Set,
}

impl Input {
    /// The content of a file.
    pub fn file(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: InputKind::File,
            name: name.into(),
            text: text.into(),
        }
    }

    /// What stands behind the name of an agent in a topology.
    pub fn agent(agent: impl Into<String>, file: Input) -> Self {
        Self {
            kind: InputKind::Agent(agent.into()),
            ..file
        }
    }

    /// `PATH=VALUE`, as it is given on a command line.
    pub fn set(text: impl Into<String>) -> Self {
        Self {
            kind: InputKind::Set,
            name: "--set".to_owned(),
            text: text.into().into_bytes(),
        }
    }
}

/// The one tree of all `inputs`. None if there is nothing to read, and the review knows why.
pub(super) fn joined<'t>(
    inputs: &'t [Input],
    lookup: &Lookup<'_>,
    files: &mut Files<'t>,
    review: &mut Review,
) -> Option<Node> {
    let mut texts: Vec<Option<Text<'t>>> = inputs.iter().map(|_| None).collect();
    // What is wrong and has no place is said of the first text: of a file that was asked for.
    let (asked_for, included): (Vec<usize>, Vec<usize>) =
        (0..inputs.len()).partition(|at| inputs[*at].kind != InputKind::Included);
    for at in asked_for.into_iter().chain(included) {
        texts[at] = opened(at, &inputs[at], files, review);
    }
    let texts: Vec<Text<'t>> = texts.into_iter().collect::<Option<_>>()?;
    let trees: Vec<Option<Node>> = texts
        .iter()
        .filter(|text| text.kind != InputKind::Set)
        .map(|text| tree(text, lookup, review))
        .collect();
    let trees: Vec<Node> = trees.into_iter().collect::<Option<_>>()?;
    let mut root = trees.into_iter().reduce(merge::over)?;
    for text in texts.iter().filter(|text| text.kind == InputKind::Set) {
        set::apply(&mut root, text.text, text.begin, lookup, review);
    }
    Some(root)
}

struct Text<'t> {
    kind: InputKind,
    text: &'t str,
    begin: usize,
}

fn opened<'t>(
    at: usize,
    input: &'t Input,
    files: &mut Files<'t>,
    review: &mut Review,
) -> Option<Text<'t>> {
    match bytes::as_text(&input.text) {
        Ok(text) => Some(Text {
            kind: input.kind.clone(),
            text,
            begin: files.add(at, &input.name, text),
        }),
        Err((readable, flaw)) => {
            let begin = files.add(at, &input.name, readable);
            review.add(flaw.moved(begin));
            None
        }
    }
}

fn tree(text: &Text<'_>, lookup: &Lookup<'_>, review: &mut Review) -> Option<Node> {
    let mut own = Review::new();
    let tree = yaml::parse(text.text, lookup, &mut own);
    review.absorb(own, text.begin);
    let mut tree = tree?;
    tree.move_by(text.begin);
    if let InputKind::Agent(name) = &text.kind {
        return Some(tree.behind(name).behind("agents"));
    }
    // A later file must not hide that an earlier one has another format.
    system::refuse_other_format(&tree, review);
    include::check(&tree, review);
    include::forget_inventory(&mut tree);
    Some(tree)
}
