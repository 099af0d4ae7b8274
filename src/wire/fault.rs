//! What can go wrong between members: typed, so that a caller can tell cases apart, with a
//! sentence for people each.

use serde::{Deserialize, Serialize};

use super::Peer;
use crate::model::{Access, AgentName, Alias, Kind, Millis, Quota, SocketId, State};

/// An error that travels as a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    #[error("the request could not be read: {reason}")]
    BadRequest { reason: String },
    #[error("{agent} has no method {method:?}")]
    UnknownMethod {
        agent: AgentName,
        method: String,
        /// Those that it has, as far as it tells.
        #[serde(default)]
        known: Vec<String>,
    },
    #[error("no agent is called {name}")]
    UnknownAgent { name: AgentName },
    #[error("{peer} is not a member of this system")]
    UnknownMember { peer: Peer },
    #[error("{agent} has no socket {alias}")]
    UnknownAlias {
        agent: AgentName,
        alias: Alias,
        known: Vec<Alias>,
    },
    #[error("{agent} has no attribute {attribute:?}")]
    UnknownAttribute {
        agent: AgentName,
        attribute: String,
        known: Vec<String>,
    },
    /// SUB: it is not subscribed to that.
    #[error("{alias} is not subscribed to {topic:?}")]
    UnknownTopic {
        alias: Alias,
        topic: String,
        known: Vec<String>,
    },
    #[error("{agent} has no timer {alias}")]
    UnknownTimer {
        agent: AgentName,
        alias: Alias,
        known: Vec<Alias>,
    },
    #[error("{agent} already has a timer {alias}")]
    TimerTaken { agent: AgentName, alias: Alias },
    /// The socket was closed while a requester waited for it.
    #[error("{agent} has closed {alias}")]
    Closed { agent: AgentName, alias: Alias },
    #[error("the name {peer} is taken by another process{}", pid.map(|pid| format!(", pid {pid}")).unwrap_or_default())]
    NameTaken { peer: Peer, pid: Option<u32> },
    #[error("{agent} already has a socket {alias}")]
    AliasTaken { agent: AgentName, alias: Alias },
    #[error("{agent} {}", match state { State::Failed => "has failed".to_owned(), State::Stopped | State::Ended => "has ended".to_owned(), State::Restarting => "has ended, and is being restarted".to_owned(), other => format!("is {other}") })]
    NotRunning { agent: AgentName, state: State },
    /// Not a word of it has come for so long that it is not waited for.
    #[error("{agent} is unreachable: nothing was heard of it for {silent}")]
    Unreachable { agent: AgentName, silent: Millis },
    #[error("{peer} went away before it answered")]
    Gone { peer: Peer },
    #[error("{what} took longer than {limit}")]
    Deadline { what: String, limit: Millis },
    #[error("cannot bind {alias} to {address}: {reason}")]
    Bind {
        alias: Alias,
        address: String,
        reason: String,
    },
    #[error("cannot connect {alias} to {address}: {reason}")]
    Connect {
        alias: Alias,
        address: String,
        reason: String,
    },
    /// The connection was made, and could not be shown to work.
    #[error("{alias} → {} is not proven: {reason}", to.as_ref().map(|to| to.to_string()).unwrap_or_else(|| address.clone()))]
    Unproven {
        alias: Alias,
        to: Option<Box<SocketId>>,
        address: String,
        reason: String,
    },
    #[error("{alias} is {} socket: it cannot {verb}", kind.with_article())]
    WrongKind {
        alias: Alias,
        kind: Kind,
        verb: String,
    },
    /// The queue to the peers is full: no peer reads, or none is connected.
    #[error("{alias} cannot send: {reason}")]
    NotSent { alias: Alias, reason: String },
    #[error("cannot start {agent}: {reason}")]
    Start { agent: AgentName, reason: String },
    /// A handler or a program answered with an error.
    #[error("{reason}")]
    Handler { reason: String },
    /// The requester's key is not good for that.
    #[error("{verb} is not for the level {level}")]
    NotPermitted { verb: String, level: Access },
    /// The requester has had as much as its level may have.
    #[error("one member may have {most} {}, and this one wants more", quota.what())]
    OverQuota { quota: Quota, most: u64 },
    #[error("{reason}")]
    Refused { reason: String },
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;

    type Fields = BTreeSet<String>;

    /// The words in backquotes, but for those in brackets, which explain.
    fn words(cell: &str) -> Vec<String> {
        let outside = |part: &str| {
            part.split_once(')')
                .map_or(part.to_owned(), |it| it.1.to_owned())
        };
        let mut parts = cell.split('(');
        let first = parts.next().unwrap_or_default().to_owned();
        let text = first + &parts.map(outside).collect::<String>();
        let words = text.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    }

    /// The faults of specs/protocol.md, each with its fields.
    fn specified() -> BTreeMap<String, Fields> {
        let page = include_str!("../../specs/protocol.md");
        let section = page.split("\n## Faults\n").nth(1).unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let faults = rows.flat_map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            let fields: Fields = words(cells[2]).into_iter().collect();
            words(cells[1])
                .into_iter()
                .map(move |code| (code, fields.clone()))
        });
        faults.collect()
    }

    /// What serde says that it expects.
    fn expected(value: serde_json::Value) -> Vec<String> {
        let error = serde_json::from_value::<Fault>(value).unwrap_err();
        let error = error.to_string();
        let list = error.split("expected").nth(1).unwrap_or_default();
        words(list)
    }

    #[test]
    fn the_specification_has_these_faults() {
        let codes = expected(json!({ "code": "no such" }));
        let known: BTreeMap<String, Fields> = codes
            .into_iter()
            .map(|code| {
                let fields = expected(json!({ "code": &code, "no such": 1 }));
                (code, fields.into_iter().collect())
            })
            .collect();
        assert!(known.len() > 20);
        assert_eq!(specified(), known);
    }
}
