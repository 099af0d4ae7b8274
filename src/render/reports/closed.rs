//! `osb close`: what was closed, and what never left.

use std::collections::BTreeMap;

use super::checked::count;
use crate::model::Alias;
use crate::render::json::pretty;
use crate::render::{Report, Style};

/// Sockets that were closed, with how many messages of each were not sent. As JSON a map, alias →
/// number; for people there is nothing to say if all were sent.
pub struct Closed(pub BTreeMap<Alias, u64>);

impl Report for Closed {
    fn table(&self, _style: Style) -> String {
        let unsent = self.0.iter().filter(|(_, unsent)| **unsent > 0);
        let lines = unsent.map(|(alias, unsent)| {
            let unsent = usize::try_from(*unsent).unwrap_or(usize::MAX);
            format!("{alias}: {} not sent", count(unsent, "message"))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(Alias::to_string).collect()
    }
}
