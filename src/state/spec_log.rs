//! The specs of agents as their host keeps them, and the ports that they have got: a file that is only added to, one
//! line of JSON for each piece of news. What came last holds. Lines and fields that are not known are read over: a
//! later osb may have written them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::record::{line, lines_of};
use super::{SystemDir, own};
use crate::model::{AgentId, AgentSpec, Alias, Millis, SpecVersion, longest_stop};

/// What is known of an agent's spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSpec {
    pub version: SpecVersion,
    pub spec: AgentSpec,
    /// Of sockets that may have any port: the one they had last.
    pub ports: BTreeMap<Alias, u16>,
    /// What the references of its program stood for last, by their texts.
    pub values: BTreeMap<String, String>,
    /// It was stopped, and is to stay down until it is started.
    pub stopped: bool,
    /// Its system is up: from now on its policy holds.
    pub is_up: bool,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecNews {
    Spec {
        version: SpecVersion,
        spec: Box<AgentSpec>,
    },
    Ports {
        agent: AgentId,
        ports: BTreeMap<Alias, u16>,
    },
    Values {
        agent: AgentId,
        values: BTreeMap<String, String>,
    },
    Stopped {
        agent: AgentId,
        stopped: bool,
    },
    /// The system of these agents is up.
    Up {
        agents: Vec<AgentId>,
    },
    /// These agents are its no more.
    Gone {
        agents: Vec<AgentId>,
    },
}

impl SystemDir {
    /// The longest `stop_timeout` of the agents that daemons keep here. None: none says anything.
    pub fn longest_stop(&self) -> Option<Millis> {
        longest_stop(self.specs().values().map(|it| &it.spec))
    }

    /// The latest spec of each agent.
    pub fn specs(&self) -> BTreeMap<AgentId, KeptSpec> {
        let mut kept = BTreeMap::<AgentId, KeptSpec>::new();
        for news in lines_of::<SpecNews>(&self.specs_path()) {
            match news {
                SpecNews::Spec { version, spec } => {
                    let former = kept.remove(&spec.name);
                    let former = former.map(|it| (it.ports, it.values));
                    let (ports, values) = former.unwrap_or_default();
                    let of_it = KeptSpec {
                        version,
                        ports,
                        values,
                        stopped: false,
                        is_up: false,
                        spec: *spec,
                    };
                    kept.insert(of_it.spec.name.clone(), of_it);
                }
                SpecNews::Ports { agent, ports } => {
                    if let Some(kept) = kept.get_mut(&agent) {
                        kept.ports = ports;
                    }
                }
                SpecNews::Values { agent, values } => {
                    if let Some(kept) = kept.get_mut(&agent) {
                        kept.values = values;
                    }
                }
                SpecNews::Stopped { agent, stopped } => {
                    if let Some(kept) = kept.get_mut(&agent) {
                        kept.stopped = stopped;
                    }
                }
                SpecNews::Gone { agents } => {
                    kept.retain(|agent, _| !agents.contains(agent));
                }
                SpecNews::Up { agents } => {
                    for agent in agents {
                        if let Some(kept) = kept.get_mut(&agent) {
                            kept.is_up = true;
                        }
                    }
                }
            }
        }
        kept
    }

    /// The file, to be added to with [`SpecNews::append`].
    pub fn spec_log(&self) -> io::Result<File> {
        own::append(&self.specs_path())
    }
}

impl SpecNews {
    /// Adds a line in one piece, for other daemons may add theirs.
    pub fn append(&self, log: &mut File) -> io::Result<()> {
        log.write_all(&line(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_holds_and_what_is_not_known_is_read_over() {
        let folder = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(folder.path().to_owned());
        assert!(dir.specs().is_empty());
        let spec = |attribute: i32| {
            let mut spec = AgentSpec::named("Alice".parse().unwrap());
            spec.attributes.insert("x".to_owned(), attribute.into());
            spec
        };
        let news = |version: u64| SpecNews::Spec {
            version: SpecVersion(version),
            spec: Box::new(spec(i32::try_from(version).unwrap())),
        };
        let ports = BTreeMap::from([("main".parse().unwrap(), 4711)]);
        let agent: AgentId = "Alice".parse().unwrap();
        let mut log = dir.spec_log().unwrap();
        news(1).append(&mut log).unwrap();
        let told = SpecNews::Ports {
            agent: agent.clone(),
            ports: ports.clone(),
        };
        told.append(&mut log).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.specs_path())
            .and_then(|mut file| file.write_all(b"{\"moved\":{\"agent\":\"Alice\"}}\n"))
            .unwrap();
        news(2).append(&mut log).unwrap();
        let kept = dir.specs().remove(&agent).unwrap();
        assert_eq!(kept.version, SpecVersion(2));
        assert_eq!((kept.spec, kept.ports), (spec(2), ports));
    }
}
