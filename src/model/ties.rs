//! What a command that ends agents has to know of each: which others it is ordered by, and how long it may take.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AgentId, AgentSpec, Millis};

/// What the spec of an agent says of others, and of its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ties {
    /// Whose spec it is.
    pub agent: AgentId,
    /// Those whose programs are ready before its own is started.
    pub after: BTreeSet<AgentId>,
    /// Those that it is restarted with.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub with: BTreeSet<AgentId>,
    /// How long it gets to end by itself, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<Millis>,
    /// Its host alone knows of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
}

impl AgentSpec {
    /// Its ties to others.
    pub fn ties(&self) -> Ties {
        let program = self.program.iter();
        let after = program.flat_map(|it| {
            let referred = it.references().filter_map(|it| it.agent());
            referred.chain(&it.after)
        });
        Ties {
            agent: self.name.clone(),
            after: after.filter(|it| **it != self.name).cloned().collect(),
            with: self.with.keys().cloned().collect(),
            stop_timeout: self.stop_timeout,
            ephemeral: self.is_ephemeral(),
        }
    }
}
