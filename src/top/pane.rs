//! The lower part of the screen: details, a log, or messages.

use std::collections::VecDeque;

use super::input::{Feed, FeedId};

/// How many lines are kept.
const KEPT: usize = 1000;

/// What it shows.
#[derive(Debug)]
pub(super) enum Pane {
    /// Of what is selected.
    Details,
    /// What comes.
    Fed(Fed),
}

#[derive(Debug)]
pub(super) struct Fed {
    id: FeedId,
    pub(super) feed: Feed,
    pub(super) lines: VecDeque<String>,
    /// How many there were too many.
    pub(super) lost: u64,
}

impl Pane {
    pub(super) fn fed(id: FeedId, feed: Feed) -> Self {
        Pane::Fed(Fed {
            id,
            feed,
            lines: VecDeque::new(),
            lost: 0,
        })
    }

    pub(super) fn feed(&self) -> Option<&Feed> {
        match self {
            Pane::Details => None,
            Pane::Fed(fed) => Some(&fed.feed),
        }
    }

    pub(super) fn is_fed_by(&self, id: FeedId) -> bool {
        matches!(self, Pane::Fed(fed) if fed.id == id)
    }

    pub(super) fn add(&mut self, lines: Vec<String>, lost: u64) {
        if let Pane::Fed(fed) = self {
            fed.lost = fed.lost.max(lost);
            fed.lines.extend(lines);
            let many = fed.lines.len().saturating_sub(KEPT);
            fed.lines.drain(..many);
        }
    }
}
