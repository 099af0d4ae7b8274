//! The key `sync`: which files go with an agent to its machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::command::{folder, joined};
use super::draft::SyncDraft;
use super::fields::{Fields, items, wrong_type};
use super::keys;
use super::review::{Flaw, Review, quote};
use super::source::Source;
use super::values;
use super::yaml::{Data, Node};
use crate::model::{NamePattern, SyncSpec, TreePath, TreePathError};

/// Reads a list of paths, or the long form with `from` and `except`. None if the review knows why.
pub(super) fn read(node: &Node, source: &Source, review: &mut Review) -> Option<SyncDraft> {
    let mut draft = SyncDraft {
        spec: SyncSpec {
            from: source.folder.clone(),
            paths: BTreeSet::new(),
            except: BTreeSet::new(),
        },
        span: node.span.clone(),
        elsewhere: false,
    };
    match &node.data {
        Data::Map(_) => {
            let fields = Fields::open(node, "sync", &keys::SYNC, review)?;
            let given = fields.get("from");
            let from = given.map(|node| from_folder(node, source, review));
            let paths = fields.need("paths", "sync", review);
            let paths = paths.and_then(|node| self::paths(node, review));
            let except = fields.get("except");
            draft.spec.except = except
                .map(|node| patterns(node, review))
                .unwrap_or_default();
            if let Some(from) = from {
                draft.spec.from = from?;
                draft.elsewhere = true;
            }
            draft.spec.paths = paths?;
        }
        Data::List(_) => draft.spec.paths = paths(node, review)?,
        _ => {
            let flaw = wrong_type(node, "sync", "a list of folders and files");
            review.add(
                flaw.hint("such as sync: [lab], or sync: [.] for all that is beside the topology"),
            );
            return None;
        }
    }
    Some(draft)
}

fn from_folder(node: &Node, source: &Source, review: &mut Review) -> Option<PathBuf> {
    let path = review.take(folder(node, "from"))?;
    Some(joined(&source.folder, path))
}

fn paths(node: &Node, review: &mut Review) -> Option<BTreeSet<TreePath>> {
    let nodes = review.take(items(node, "sync"))?;
    let paths: Vec<Option<TreePath>> = nodes.iter().map(|it| review.take(path(it))).collect();
    paths.into_iter().collect()
}

fn path(node: &Node) -> Result<TreePath, Flaw> {
    let text = values::text(node, "a path of sync")?;
    let flaw = |message: String| Flaw::new(&node.span, message);
    if text.is_empty() {
        let flaw = flaw("a path of sync is empty".to_owned());
        return Err(flaw.hint("all that is beside the topology is sync: [.]"));
    }
    text.parse().map_err(|error: TreePathError| {
        let hint = match error {
            TreePathError::Absolute | TreePathError::Upwards => {
                "another folder is named by from: sync: { from: ../data, paths: [.] }"
            }
            TreePathError::Zero => "take that character away",
            TreePathError::Long => "shorten it",
        };
        flaw(format!("sync: {} cannot be copied: {error}", quote(text))).hint(hint)
    })
}

fn patterns(node: &Node, review: &mut Review) -> BTreeSet<NamePattern> {
    let nodes = review.take(items(node, "except")).unwrap_or_default();
    let pattern = |node: &Node| {
        let text = values::text(node, "a pattern of except")?;
        let pattern = NamePattern::new(text);
        pattern.ok_or_else(|| Flaw::new(&node.span, "except: an empty pattern leaves nothing out"))
    };
    let patterns = nodes.iter().map(|node| review.take(pattern(node)));
    patterns.collect::<Vec<_>>().into_iter().flatten().collect()
}
