//! What a recording says of the system: its topology, its agents, their attributes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::RecordArgs;
use crate::cli::runtime::block_on;
use crate::cli::{CommandError, Context, Session};
use crate::proxy::{Pending, Proxy, ProxyError};
use crate::record::{AGENTS, ATTRIBUTES, Head, TOPOLOGY};
use crate::render::Listed;
use crate::state::StateDir;
use crate::topology::Flat;
use crate::up::running;
use crate::wire::{AgentRequest, Fault};

/// All that stands before the messages. What cannot be had is noted.
pub(super) fn head(
    args: &RecordArgs,
    (session, context): (&Session, &Context),
    agents: &[(Listed, Proxy)],
) -> Result<Head, CommandError> {
    let asked: Vec<(&Listed, Pending<BTreeMap<String, Value>>)> = agents
        .iter()
        .map(|(agent, proxy)| (agent, proxy.ask(&AgentRequest::Attributes {})))
        .collect();
    let topology = match topology(args, session, context) {
        Ok(topology) => topology,
        Err(error) => {
            let why = error.message();
            context.note(&format!("the topology is not in the recording: {why}"));
            None
        }
    };
    let (mut attributes, mut hidden) = (BTreeMap::new(), None);
    for (agent, answer) in asked {
        match answer.wait() {
            Ok(its) => drop(attributes.insert(agent.id.to_string(), json(&its))),
            // One note is enough for all.
            Err(ProxyError::Fault(Fault::NotPermitted { level, .. })) => hidden = Some(level),
            Err(error) => {
                let id = &agent.id;
                context.note(&format!(
                    "the attributes of {id} are not in the recording: {error}"
                ));
            }
        }
    }
    if let Some(level) = hidden {
        context.note(&format!(
            "attributes are not in the recording: the level {level} may not read them"
        ));
    }
    let infos = agents
        .iter()
        .map(|(agent, _)| (agent.id.to_string(), json(&agent.info)));
    let mut others = vec![(AGENTS, infos.collect()), (ATTRIBUTES, attributes)];
    let topology = topology.map(|yaml| BTreeMap::from([("yaml".to_owned(), yaml)]));
    others.extend(topology.map(|it| (TOPOLOGY, it)));
    let mut about = BTreeMap::from([
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("began".to_owned(), now()),
        ("sockets".to_owned(), args.sockets.join(" ")),
    ]);
    let system = session.system.iter();
    about.extend(system.map(|it| ("system".to_owned(), it.to_string())));
    let last = args.last.iter();
    about.extend(last.map(|it| ("last".to_owned(), it.to_string())));
    Ok(Head {
        about,
        others,
        lz4: args.compress.is_lz4(),
    })
}

/// As `osb export` prints it. None: the system was not brought up on this machine.
fn topology(
    args: &RecordArgs,
    session: &Session,
    context: &Context,
) -> Result<Option<String>, CommandError> {
    let Some(system) = &session.system else {
        return Ok(None);
    };
    let found = block_on(running(&StateDir::from_env()?.system(system)))??;
    let topology = found.map(|found| args.secrets.apply(found.topology, context));
    Ok(topology.map(|it| Flat::of(&it).to_yaml()))
}

fn json(of: &impl Serialize) -> String {
    serde_json::to_string(of).unwrap_or_default()
}

/// `2026-11-28T01:30:00.123Z`.
fn now() -> String {
    let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
