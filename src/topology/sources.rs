//! All that a topology was read from, kept: so that it can be read again as it was, whatever has become of its files and of the
//! environment since, and with other numbers of replicas.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::inputs::{Input, InputKind};
use super::problem::Problems;
use super::source::Source;
use super::surroundings::Surroundings;
use crate::model::{AgentId, AgentName, Overrides, Topology};

/// What a topology was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    texts: Vec<Text>,
    source: Source,
    /// The variables that were looked up; null for one that was not set.
    variables: BTreeMap<String, Option<String>>,
    /// The files of `env_file` that were read, or why they could not be.
    env_files: BTreeMap<PathBuf, Result<String, String>>,
}

/// One text of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Text {
    kind: InputKind,
    name: String,
    text: String,
}

/// What was looked up while a topology was read.
#[derive(Default)]
struct LookedUp {
    variables: RefCell<BTreeMap<String, Option<String>>>,
    env_files: RefCell<BTreeMap<PathBuf, Result<String, String>>>,
}

impl Sources {
    /// Reads a topology, and keeps what it was read from.
    pub fn load(inputs: &[Input], around: &Surroundings<'_>) -> Result<(Topology, Self), Problems> {
        let seen = LookedUp::default();
        let variables = |name: &str| {
            let value = (around.variables)(name);
            let mut all = seen.variables.borrow_mut();
            all.insert(name.to_owned(), value.clone());
            value
        };
        let env_files = |path: &Path| {
            let content = (around.env_files)(path);
            let text = content.clone();
            let text = text.map(|it| String::from_utf8_lossy(&it).into_owned());
            seen.env_files.borrow_mut().insert(path.to_owned(), text);
            content
        };
        let watched = Surroundings {
            variables: &variables,
            env_files: &env_files,
            ..*around
        };
        let topology = super::load_all(inputs, &watched)?;
        let text = |input: &Input| Text {
            kind: input.kind.clone(),
            name: input.name.clone(),
            text: String::from_utf8_lossy(&input.text).into_owned(),
        };
        let sources = Self {
            texts: inputs.iter().map(text).collect(),
            source: around.source.clone(),
            variables: seen.variables.take(),
            env_files: seen.env_files.take(),
        };
        Ok((topology, sources))
    }

    /// Reads it again, with these overrides.
    pub fn load_again(&self, overrides: &Overrides) -> Result<Topology, Problems> {
        self.read(overrides, &BTreeSet::new(), super::load_all)
    }

    /// The same with more replicas of these groups: as many as are replaced at a time.
    pub fn load_with_spares(
        &self,
        overrides: &Overrides,
        groups: &BTreeSet<AgentName>,
    ) -> Result<Topology, Problems> {
        self.read(overrides, groups, super::load_all)
    }

    /// The entries that stand for several agents, and for how many, as the texts say.
    pub fn replicas(&self) -> BTreeMap<AgentId, usize> {
        self.read(&Overrides::default(), &BTreeSet::new(), super::replicas_of)
    }

    fn read<T>(
        &self,
        overrides: &Overrides,
        spares: &BTreeSet<AgentName>,
        read: impl FnOnce(&[Input], &Surroundings<'_>) -> T,
    ) -> T {
        let input = |text: &Text| Input {
            kind: text.kind.clone(),
            name: text.name.clone(),
            text: text.text.clone().into_bytes(),
        };
        let inputs: Vec<Input> = self.texts.iter().map(input).collect();
        let variables = |name: &str| self.variables.get(name).cloned().flatten();
        let env_files = |path: &Path| match self.env_files.get(path) {
            Some(content) => content.clone().map(String::into_bytes),
            None => Err("it was not read when the system was brought up".to_owned()),
        };
        let around = Surroundings {
            source: &self.source,
            variables: &variables,
            env_files: &env_files,
            overrides,
            spares,
        };
        read(&inputs, &around)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"osb: 1
agents:
  Boss: { bind: { work: PUSH } }
  Worker:
    replicas: ${N:-2}
    update: { parallel: 2, order: start-first }
    env_file: a.env
    command: [work]
    env: { X: "${A}" }
connections: [{ agent: "Worker*", to: Boss.work }]
"#;

    #[test]
    fn a_topology_is_read_again_as_it_was_and_with_other_replicas() {
        let source = Source {
            name: "t.yaml".to_owned(),
            stem: "t".to_owned(),
            folder: "/srv".into(),
        };
        let variables = |name: &str| (name == "A").then(|| "a".to_owned());
        let env_files = |_: &Path| Ok(b"B=b\n".to_vec());
        let around = Surroundings {
            env_files: &env_files,
            ..Surroundings::with_variables(&source, &variables)
        };
        let inputs = [
            Input::file("t.yaml", TEXT),
            Input::set("agents.Boss.attributes.x=1"),
        ];
        let (topology, sources) = Sources::load(&inputs, &around).unwrap();
        let kept = serde_json::to_string(&sources).unwrap();
        let sources: Sources = serde_json::from_str(&kept).unwrap();
        assert_eq!(sources.load_again(&Overrides::default()).unwrap(), topology);
        let worker: AgentId = "Worker".parse().unwrap();
        assert_eq!(sources.replicas(), BTreeMap::from([(worker.clone(), 2)]));
        let overrides = Overrides {
            replicas: BTreeMap::from([(worker, 5)]),
            ..Overrides::default()
        };
        let scaled = sources.load_again(&overrides).unwrap();
        assert_eq!((topology.agents.len(), scaled.agents.len()), (3, 6));
        assert_eq!(scaled.agents[5].wires, scaled.agents[1].wires);
        let spares = BTreeSet::from(["Worker".parse().unwrap()]);
        let wide = sources.load_with_spares(&overrides, &spares).unwrap();
        assert_eq!(wide.agents.len(), 8);
    }
}
