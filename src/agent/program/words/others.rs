//! Words by which a program wants something of other members.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::ProgramId;
use super::from::duration;
use crate::model::{
    AgentName, AgentSpec, Alias, Kind, Millis, NewAgent, RestartPolicy, SocketId, Speaks,
};

/// What a program wants of others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToOthers {
    /// How agents stand: one, or all.
    Agents {
        agent: Option<AgentName>,
        id: ProgramId,
    },
    /// Where a socket of another agent is, or all of them.
    Addr {
        agent: AgentName,
        alias: Option<Alias>,
        id: ProgramId,
    },
    /// A method of another agent.
    Call {
        agent: AgentName,
        name: String,
        params: Value,
        timeout: Option<Millis>,
        id: Option<ProgramId>,
    },
    /// An agent, started by this one's host.
    Spawn {
        new: Box<NewAgent>,
        timeout: Option<Millis>,
        id: Option<ProgramId>,
    },
    /// The end of such an agent, for good.
    Remove {
        agent: AgentName,
        id: Option<ProgramId>,
    },
}

impl ToOthers {
    /// By which its reply is known, if one is wanted.
    pub(crate) fn id(&self) -> Option<&ProgramId> {
        match self {
            ToOthers::Agents { id, .. } | ToOthers::Addr { id, .. } => Some(id),
            ToOthers::Call { id, .. }
            | ToOthers::Spawn { id, .. }
            | ToOthers::Remove { id, .. } => id.as_ref(),
        }
    }
}

/// An agent to be started, with keys that it has in a topology.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spawn {
    name: AgentName,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    speaks: Speaks,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<PathBuf>,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
    #[serde(default)]
    bind: BTreeMap<Alias, Kind>,
    #[serde(default)]
    connect: BTreeMap<Alias, SocketId>,
    restart: Option<RestartPolicy>,
    #[serde(default, deserialize_with = "duration")]
    timeout: Option<Millis>,
    id: Option<ProgramId>,
}

impl Spawn {
    pub(super) fn word(self) -> ToOthers {
        let Self {
            name,
            command,
            speaks,
            env,
            cwd,
            attributes,
            bind,
            connect,
            restart,
            timeout,
            id,
        } = self;
        let spec = AgentSpec {
            attributes,
            ..AgentSpec::named(name)
        };
        let new = NewAgent::from(spec).command(command).speaks(speaks);
        let new = new.restart(restart.unwrap_or_default());
        let new = env
            .into_iter()
            .fold(new, |new, (name, value)| new.env(name, value));
        let new = cwd.into_iter().fold(new, NewAgent::cwd);
        let bind = bind.into_iter();
        let new = bind.fold(new, |new, (alias, kind)| new.bound(alias, kind));
        let connect = connect.into_iter();
        let new = connect.fold(new, |new, (alias, to)| new.connected(alias, to));
        let new = Box::new(new);
        ToOthers::Spawn { new, timeout, id }
    }
}
