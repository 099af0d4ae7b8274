//! The key `logs`: how much of an agent's logs is kept.

use super::fields::{Fields, wrong_type};
use super::keys;
use super::review::{Flaw, Review};
use super::yaml::Node;
use crate::model::{LogLimits, Size};

/// Reads the section; what it does not say is as in `outer`.
pub(super) fn overlaid(outer: LogLimits, node: &Node, review: &mut Review) -> LogLimits {
    let Some(fields) = Fields::open(node, "logs", &keys::LOGS, review) else {
        return outer;
    };
    let max_size = fields.get("max_size");
    let max_files = fields.get("max_files");
    LogLimits {
        max_size: max_size
            .and_then(|node| review.take(size(node)))
            .unwrap_or(outer.max_size),
        max_files: max_files
            .and_then(|node| review.take(files(node)))
            .unwrap_or(outer.max_files),
    }
}

fn size(node: &Node) -> Result<Size, Flaw> {
    let expected = || wrong_type(node, "max_size", "a size such as 20MiB");
    let size = node.text().ok_or_else(expected)?.parse();
    size.map_err(|error| Flaw::new(&node.span, format!("max_size: {error}")))
}

fn files(node: &Node) -> Result<u32, Flaw> {
    let most = LogLimits::MOST_FILES;
    let Some(number) = node.number() else {
        return Err(wrong_type(node, "max_files", "a number"));
    };
    let number = number.as_u64().and_then(|it| u32::try_from(it).ok());
    number.filter(|it| (1..=most).contains(it)).ok_or_else(|| {
        let message = format!("max_files: expected a number from 1 to {most}");
        Flaw::new(&node.span, message).hint("the file that is written to is one of them")
    })
}
