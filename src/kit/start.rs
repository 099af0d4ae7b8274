//! How an agent begins: as osb says, or as the environment and the code do.

use std::collections::BTreeMap;
use std::env;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

use super::{Agent, RunError};
use crate::agent::{AgentError, Folder, read_boot};
use crate::model::{AgentName, AgentSpec};
use crate::proxy::{NameServer, ProxyError, agent_dial};
use crate::state::find_key;
use crate::wire::{AgentBoot, Incarnation};

/// The environment variables that say what osb did not.
const NAME: &str = "OSB_AGENT";
const NAMESERVER: &str = "OSB_NAMESERVER";

/// The agent as which osb has started this process. The end of the process is known to its host, and is that of all agents in it.
static PROCESS: OnceLock<Incarnation> = OnceLock::new();

/// How an agent begins.
pub(super) struct Start {
    pub boot: AgentBoot,
    /// It may send at once: no `up` says when.
    pub go: bool,
    /// It keeps no log.
    pub is_quiet: bool,
    /// Where its ipc sockets are, if osb has not said it.
    pub folder: Option<Folder>,
}

impl<S> Agent<S> {
    /// Of a program whose only agent it is: osb may have started it.
    pub(super) fn start_of_process(&self) -> Result<Start, RunError> {
        if env::var_os(AgentBoot::VARIABLE).is_some_and(|by| by == AgentBoot::BY_STDIN) {
            let boot = read_boot(std::io::stdin().lock()).map_err(AgentError::Boot)?;
            // If it runs a second one, that is not this one's end.
            let _ = PROCESS.set(boot.incarnation);
            return Ok(Start {
                boot,
                go: false,
                is_quiet: false,
                folder: None,
            });
        }
        let name = env::var(NAME).ok().or_else(|| self.name.clone());
        self.start(name, None)
    }

    /// Of one among several agents of a program. `nameserver` is that of the agent that creates it.
    pub(super) fn start_beside(&self, nameserver: Option<&str>) -> Result<Start, RunError> {
        self.start(self.name.clone(), nameserver)
    }

    fn start(&self, name: Option<String>, nameserver: Option<&str>) -> Result<Start, RunError> {
        let text = name.ok_or(RunError::NoName)?;
        let name: AgentName = match text.parse() {
            Ok(name) => name,
            Err(error) => return Err(RunError::BadName { text, error }),
        };
        let said = self.nameserver.as_deref().or(nameserver);
        let address = said
            .map(str::to_owned)
            .or_else(|| env::var(NAMESERVER).ok());
        let address = address.ok_or(RunError::NoNameServer)?;
        // Better an error now than an agent that is never registered.
        let file = find_key(&address, self.key.as_deref()).map_err(ProxyError::from)?;
        let dial = agent_dial(&address, file, &name)?;
        let nameserver = NameServer::dial(&dial)?;
        nameserver.ping()?;
        let incarnation = Incarnation::draw();
        let folder = Folder::make(incarnation)?;
        let boot = AgentBoot {
            spec: Box::new(AgentSpec::named(name)),
            version: None,
            works: None,
            ports: BTreeMap::new(),
            incarnation,
            successor_of: None,
            within: PROCESS.get().copied(),
            host: None,
            advertise: self.advertise.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            nameserver: nameserver.link().address().to_owned(),
            keys: dial.keys,
            ipc_dir: folder.path().to_owned(),
            log: None,
            dir: None,
            output: None,
            descriptors: None,
            former_lives: 0,
        };
        let go = !self.waits_for_go;
        Ok(Start {
            boot,
            go,
            is_quiet: self.is_quiet,
            folder: Some(folder),
        })
    }
}
