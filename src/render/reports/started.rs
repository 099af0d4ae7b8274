//! `osb spawn`.

use serde::Serialize;

use crate::model::{AgentId, HostName};
use crate::render::{Report, Style, pretty};

/// An agent that was asked for does its work.
#[derive(Debug, Serialize)]
pub struct Started {
    pub agent: AgentId,
    pub host: HostName,
    pub ephemeral: bool,
}

impl Report for Started {
    fn table(&self, _: Style) -> String {
        let Self {
            agent,
            host,
            ephemeral,
        } = self;
        match ephemeral {
            true => format!("{agent} is up on {host}, until its system ends\n"),
            false => format!("{agent} is up on {host}, and a part of its system\n"),
        }
    }

    fn json(&self) -> String {
        pretty(self)
    }

    fn names(&self) -> Vec<String> {
        vec![self.agent.to_string()]
    }
}
