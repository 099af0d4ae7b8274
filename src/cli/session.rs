//! A connection to the system that a command is about: found, dialled, and asked for names when
//! one of them was not right.

use super::explain::explain;
use super::select::{Candidate, NotSelected, select};
use super::{CommandError, ErrorKind, GlobalArgs};
use crate::model::{AgentInfo, SystemName};
use crate::proxy::{NameServer, Proxy, ProxyError};
use crate::render::did_you_mean;
use crate::state::{StateDir, StateError, SystemRecord};

/// A connection to a system.
pub struct Session {
    nameserver: NameServer,
    /// None if the name server was named by its address.
    pub system: Option<SystemName>,
}

impl Session {
    /// `--ns`, else `OSB_NAMESERVER`, else `--system`, else the only system that is running.
    pub fn open(global: &GlobalArgs) -> Result<Self, CommandError> {
        let given = global.ns.as_deref().filter(|address| !address.is_empty());
        if let Some(address) = given {
            return Self::dial(address, None);
        }
        let system = selected(global)?;
        Self::dial(&system.nameserver, Some(system.name))
    }

    fn dial(address: &str, system: Option<SystemName>) -> Result<Self, CommandError> {
        let nameserver = NameServer::connect(address).map_err(|error| {
            let unreachable = matches!(error, ProxyError::Unreachable { .. });
            let error = CommandError::from(error);
            match (&system, unreachable) {
                (Some(system), true) => error.with_hint(format!(
                    "system {system} may have died: clear it away with `osb down {system}`"
                )),
                (None, true) => {
                    error.with_hint("`osb ls systems` shows the systems of this machine")
                }
                (_, false) => error,
            }
        })?;
        Ok(Self { nameserver, system })
    }

    pub fn nameserver(&self) -> &NameServer {
        &self.nameserver
    }

    pub fn agents(&self) -> Result<Vec<AgentInfo>, CommandError> {
        self.tell(self.nameserver.agent_infos())
    }

    pub fn proxy(&self, agent: &str) -> Result<Proxy, CommandError> {
        Ok(self.nameserver.proxy(agent)?)
    }

    /// Turns the error of a call into one for people, with the names that might have been meant.
    pub fn tell<T>(&self, outcome: Result<T, ProxyError>) -> Result<T, CommandError> {
        outcome.map_err(|error| explain(error, &self.nameserver))
    }
}

/// What to dial: `tcp://host:port`. Whether anybody is there is not looked at, if it was given.
pub fn nameserver_address(global: &GlobalArgs) -> Result<String, CommandError> {
    match global.ns.as_deref().filter(|address| !address.is_empty()) {
        Some(address) if address.starts_with("tcp://") => Ok(address.to_owned()),
        Some(address) => Ok(format!("tcp://{address}")),
        None => Ok(selected(global)?.nameserver),
    }
}

/// The record of the system that is meant.
pub fn selected(global: &GlobalArgs) -> Result<Candidate, CommandError> {
    let candidates: Vec<Candidate> = match &global.system {
        // One that is named is dialled in any case: no need to find out whether it runs.
        Some(_) => records()?
            .into_iter()
            .map(|it| candidate(it, false))
            .collect(),
        None => records()?
            .into_iter()
            .map(running_or_not)
            .collect::<Vec<_>>(),
    };
    select(global.system.as_ref(), &candidates)
        .cloned()
        .map_err(not_selected)
}

/// The system whose files are meant: as [`selected`], but that one that has died will do, if no
/// other runs, and that a name server's address stands for its system.
pub fn selected_for_reading(global: &GlobalArgs) -> Result<Candidate, CommandError> {
    let given = global.ns.as_deref().filter(|address| !address.is_empty());
    let mut candidates: Vec<Candidate> = records()?.into_iter().map(running_or_not).collect();
    if let Some(address) = given {
        let address = address.strip_prefix("tcp://").unwrap_or(address);
        let at_address = |it: &Candidate| it.nameserver.ends_with(&format!("//{address}"));
        return candidates.into_iter().find(at_address).ok_or_else(|| {
            CommandError::say(
                ErrorKind::Failed,
                format!(
                    "the system of the name server at {address} was not brought up on this machine"
                ),
            )
            .with_code("unknown_system")
            .with_hint("logs are read on the machine that wrote them")
        });
    }
    if !candidates.iter().any(|it| it.running) {
        candidates.iter_mut().for_each(|it| it.running = true);
    }
    select(global.system.as_ref(), &candidates)
        .cloned()
        .map_err(not_selected)
}

/// The records of all systems, in order of their names. A folder without one is no system: another
/// command is just making or removing it.
pub fn records() -> Result<Vec<SystemRecord>, StateError> {
    let dir = StateDir::from_env()?;
    let mut records = Vec::new();
    for name in dir.systems()? {
        records.extend(dir.system(&name).record()?);
    }
    Ok(records)
}

fn candidate(record: SystemRecord, running: bool) -> Candidate {
    Candidate {
        name: record.name,
        nameserver: record.nameserver,
        running,
    }
}

fn running_or_not(record: SystemRecord) -> Candidate {
    let running = is_running(&record);
    candidate(record, running)
}

/// Whether the name server is there: its process, if it was launched, or someone who answers.
pub fn is_running(record: &SystemRecord) -> bool {
    match &record.launched_nameserver {
        Some(process) => process.is_alive(),
        None => NameServer::connect(&record.nameserver).is_ok(),
    }
}

fn not_selected(why: NotSelected) -> CommandError {
    let sentence = why.to_string();
    match why {
        NotSelected::NoneRunning { dead } => {
            let error = CommandError::say(ErrorKind::Unreachable, sentence)
                .with_code("no_system")
                .with_hint(
                    "bring one up with `osb up FILE`, or name a name server with --ns ADDRESS",
                );
            let dead = dead.iter().map(|name| {
                format!("system {name} has died: clear it away with `osb down {name}`")
            });
            error.with_hints(dead)
        }
        NotSelected::Several { .. } => CommandError::say(ErrorKind::Usage, sentence)
            .with_code("several_systems")
            .with_hint("say which one with --system NAME"),
        NotSelected::Unknown { name, known } => {
            let error =
                CommandError::say(ErrorKind::Unreachable, sentence).with_code("unknown_system");
            let known = known.iter().map(SystemName::as_str);
            match did_you_mean(name.as_str(), known) {
                Some(hint) => error.with_hint(hint),
                None => error.with_hint("`osb ls systems` shows those there are"),
            }
        }
    }
}
