//! The specs of the agents that this daemon starts: it keeps them, numbers them, and remembers the ports that were
//! free when an agent took them.

use std::collections::BTreeMap;
use std::fs::File;

use crate::model::{Address, AgentId, AgentSpec, Alias, Endpoint, SpecVersion};
use crate::state::{KeptSpec, SpecNews, SystemDir};

/// The latest spec of each agent of this daemon.
pub(super) struct Specs {
    dir: SystemDir,
    /// None until there is something to write down.
    log: Option<File>,
    kept: BTreeMap<AgentId, KeptSpec>,
}

impl Specs {
    /// With those that a daemon before this one has kept.
    pub(super) fn read(dir: &SystemDir) -> Self {
        Self {
            kept: dir.specs(),
            dir: dir.clone(),
            log: None,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &KeptSpec> {
        self.kept.values()
    }

    /// Keeps a spec, of an agent that is to run. Tells its number, and the ports that its sockets have had before. One that is as the one before
    /// has the same number. A full disk keeps no agent from running: a later daemon then knows less.
    pub(super) fn keep(&mut self, spec: &AgentSpec) -> (SpecVersion, BTreeMap<Alias, u16>) {
        let former = self.kept.get(&spec.name);
        if let Some(kept) = former.filter(|kept| kept.spec == *spec) {
            let found = (kept.version, kept.ports.clone());
            self.keep_stopped(&spec.name, false);
            return found;
        }
        let version = former.map_or(SpecVersion::FIRST, |kept| kept.version.next());
        let former = former.map(|kept| (kept.ports.clone(), kept.values.clone()));
        let (ports, values) = former.unwrap_or_default();
        self.note(&SpecNews::Spec {
            version,
            spec: Box::new(spec.clone()),
        });
        let kept = KeptSpec {
            version,
            spec: spec.clone(),
            ports: ports.clone(),
            values,
            stopped: false,
            is_up: false,
        };
        self.kept.insert(spec.name.clone(), kept);
        (version, ports)
    }

    /// Keeps another spec of an agent, which stands as it stands. Tells its number.
    pub(super) fn alter(&mut self, spec: &AgentSpec) -> SpecVersion {
        let former = self.kept.get(&spec.name);
        let (stopped, is_up) = former.map_or((false, false), |it| (it.stopped, it.is_up));
        let (version, _) = self.keep(spec);
        self.keep_stopped(&spec.name, stopped);
        if is_up {
            self.keep_up(std::iter::once(spec.name.clone()));
        }
        self.flush();
        version
    }

    /// These agents are nothing to this daemon any more.
    pub(super) fn forget(&mut self, agents: Vec<AgentId>) {
        self.kept.retain(|agent, _| !agents.contains(agent));
        self.note(&SpecNews::Gone { agents });
        self.flush();
    }

    /// A full disk does not keep the daemon from going on: a later daemon then knows less.
    fn note(&mut self, news: &SpecNews) {
        if self.log.is_none() {
            self.log = self.dir.spec_log().ok();
        }
        if let Some(log) = &mut self.log {
            let _ = news.append(log);
        }
    }

    /// What is written down is soon on the disk: a machine that loses its power is to know it when it starts again. Nobody
    /// waits for that.
    pub(super) fn flush(&self) {
        let log = self.log.as_ref().and_then(|log| log.try_clone().ok());
        if let Some(log) = log {
            std::thread::spawn(move || log.sync_data());
        }
    }

    /// The latest spec of an agent.
    pub(super) fn get(&self, agent: &AgentId) -> Option<&KeptSpec> {
        self.kept.get(agent)
    }

    /// An agent is to stay down, or not any more.
    pub(super) fn keep_stopped(&mut self, agent: &AgentId, stopped: bool) {
        let Some(kept) = self.kept.get_mut(agent) else {
            return;
        };
        if std::mem::replace(&mut kept.stopped, stopped) != stopped {
            let agent = agent.clone();
            self.note(&SpecNews::Stopped { agent, stopped });
            self.flush();
        }
    }

    /// The system of these agents is up.
    pub(super) fn keep_up(&mut self, agents: impl Iterator<Item = AgentId>) {
        let mut news = Vec::new();
        for agent in agents {
            if let Some(kept) = self.kept.get_mut(&agent)
                && !std::mem::replace(&mut kept.is_up, true)
            {
                news.push(agent);
            }
        }
        if !news.is_empty() {
            self.note(&SpecNews::Up { agents: news });
        }
    }

    /// What the references of an agent's program stand for.
    pub(super) fn keep_values(&mut self, agent: &AgentId, values: &BTreeMap<String, String>) {
        let Some(kept) = self.kept.get_mut(agent) else {
            return;
        };
        if kept.values == *values {
            return;
        }
        kept.values = values.clone();
        self.note(&SpecNews::Values {
            agent: agent.clone(),
            values: values.clone(),
        });
    }

    /// An agent has told where its sockets are: it is to have the same ports in its next life.
    pub(super) fn note_addresses(&mut self, agent: &AgentId, addresses: &BTreeMap<Alias, Address>) {
        let Some(kept) = self.kept.get_mut(agent) else {
            return;
        };
        let ports = ports_of(&kept.spec, addresses);
        if ports.is_empty() || ports == kept.ports {
            return;
        }
        kept.ports = ports.clone();
        let agent = agent.clone();
        self.note(&SpecNews::Ports { agent, ports });
    }
}

/// The ports of sockets that may have any.
fn ports_of(spec: &AgentSpec, addresses: &BTreeMap<Alias, Address>) -> BTreeMap<Alias, u16> {
    let any = spec.bind.iter().filter(|socket| match &socket.endpoint {
        None | Some(Endpoint::Tcp { port: 0, .. }) => true,
        Some(Endpoint::Tcp { .. } | Endpoint::Ipc { .. }) => false,
    });
    let port = |alias: &Alias| addresses.get(alias)?.port();
    any.filter_map(|socket| Some((socket.alias.clone(), port(&socket.alias)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Admits, BindSpec, Kind, Role, Serializer, Transport};

    fn spec() -> AgentSpec {
        let socket = |alias: &str, port| BindSpec {
            alias: alias.parse().unwrap(),
            kind: Kind::Push,
            endpoint: Some(Endpoint::Tcp {
                ip: [127, 0, 0, 1].into(),
                port,
            }),
            serializer: Serializer::Json,
            handlers: None,
            admits: Admits::anyone(),
        };
        AgentSpec {
            bind: vec![socket("any", 0), socket("fixed", 5000)],
            ..AgentSpec::named("Alice".parse().unwrap())
        }
    }

    fn address(port: u16) -> Address {
        Address {
            kind: Kind::Push,
            role: Role::Server,
            transport: Transport::Tcp,
            key: None,
            address: format!("tcp://127.0.0.1:{port}"),
            requests: None,
            serializer: Serializer::Json,
        }
    }

    #[test]
    fn each_spec_has_a_number_and_ports_are_remembered_also_by_a_later_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(folder.path().to_owned());
        let mut specs = Specs::read(&dir);
        assert_eq!(specs.keep(&spec()), (SpecVersion(1), BTreeMap::new()));
        assert_eq!(specs.keep(&spec()).0, SpecVersion(1));
        let [any, fixed] = ["any", "fixed"].map(|it| it.parse::<Alias>().unwrap());
        let addresses = BTreeMap::from([(any.clone(), address(4711)), (fixed, address(5000))]);
        specs.note_addresses(&spec().name, &addresses);
        let mut other = spec();
        other.attributes.insert("x".to_owned(), 1.into());
        let mut later = Specs::read(&dir);
        let ports = BTreeMap::from([(any, 4711)]);
        assert_eq!(later.keep(&other), (SpecVersion(2), ports.clone()));
        assert_eq!(later.keep(&spec()), (SpecVersion(3), ports));
    }
    #[test]
    fn that_an_agent_was_stopped_outlives_the_daemon_until_the_agent_is_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(folder.path().to_owned());
        let is_stopped = || Specs::read(&dir).get(&spec().name).unwrap().stopped;
        let mut specs = Specs::read(&dir);
        specs.keep(&spec());
        assert!(!is_stopped());
        specs.keep_stopped(&spec().name, true);
        assert!(is_stopped());
        specs.keep(&spec());
        assert!(!is_stopped());
    }
}
