//! A topology that is made of what a running system is, and of what is said of one agent more: in a file, by options, by `--set`.

use std::path::Path;

use serde_json::Value;

use super::CommandError;
use super::topology_file::TopologyFile;
use crate::model::AgentId;
use crate::topology::Input;

/// How it is called in messages what options say.
const OPTIONS: &str = "the options";
/// And what runs.
const SYSTEM: &str = "the running system";

/// What there is to read.
pub(super) struct AgentFile<'a> {
    /// A topology.
    pub base: String,
    pub agent: &'a AgentId,
    /// What stands behind its name.
    pub spec: Option<&'a Path>,
    /// A part of a topology.
    pub said: Value,
    /// Values of single keys of it.
    pub set: &'a [String],
}

impl AgentFile<'_> {
    pub(super) fn read(self) -> Result<TopologyFile, CommandError> {
        let name = self.agent.to_string();
        let before = Input::file(SYSTEM, self.base);
        let said = Input::file(OPTIONS, self.said.to_string());
        let set = self.set.iter();
        let set = set.map(|it| Input::set(format!("agents.{name}.{it}")));
        TopologyFile::around_agent(before, &name, self.spec, [said].into_iter().chain(set))
    }
}
