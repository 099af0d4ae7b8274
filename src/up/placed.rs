//! An agent's program as it is to run on its machine.

use super::state::{Up, lock};
use crate::model::{AgentSpec, Program};

impl Up<'_> {
    /// The agent's program as it is to run on its machine: where its files are there.
    pub(super) fn placed(&self, agent: &AgentSpec) -> Option<Program> {
        let mut program = agent.program.clone()?;
        let Some(sync) = program.sync.take() else {
            return Some(program);
        };
        let nameserver = self.part.nameserver_of(&agent.name);
        let trees = self.bundle.of(nameserver, &agent.host);
        let place = trees.trees.iter().position(|tree| tree.from == sync.from);
        let launched = lock(self.launched);
        let folders = launched
            .folders
            .get(&(nameserver.clone(), agent.host.clone()));
        let folder = place.and_then(|at| folders?.get(at));
        // What stands has had them before.
        let folder = folder.or_else(|| launched.laid_before(nameserver, &agent.host, &sync.from));
        // Where it is within the folder was checked with the topology.
        if let (Some(folder), Some(within)) = (folder, sync.within(&program.cwd)) {
            program.cwd = within.in_folder(folder);
        }
        Some(program)
    }
}
