//! Whether commands that show a topology show the secrets in it.

use std::collections::BTreeSet;

use super::Context;
use crate::model::Topology;

#[derive(Debug, clap::Args)]
pub struct SecretsArgs {
    /// Show also the values of variables whose names look like secrets
    #[arg(long)]
    pub show_secrets: bool,
}

impl SecretsArgs {
    /// The topology as it may be shown. Says what is hidden.
    pub fn apply(&self, mut topology: Topology, context: &Context) -> Topology {
        if self.show_secrets {
            return topology;
        }
        self.hide(|| topology.hide_secrets(), context);
        topology
    }

    /// Has secrets hidden, and says which.
    pub fn hide(&self, hide: impl FnOnce() -> BTreeSet<String>, context: &Context) {
        if self.show_secrets {
            return;
        }
        let hidden: Vec<String> = hide().into_iter().collect();
        if !hidden.is_empty() {
            let names = hidden.join(", ");
            context.note(&format!(
                "values of env are hidden: {names}; --show-secrets shows them"
            ));
        }
    }
}
