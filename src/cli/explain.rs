//! From an error of a call to one for people: with the names that might have been meant, and what
//! to do next.

use super::{CommandError, ErrorKind};
use crate::model::{AgentId, AgentName, Alias, Quota};
use crate::proxy::ProxyError;
use crate::render::did_you_mean;
use crate::wire::{Fault, Peer};

/// What to say if an agent lives and its program has not answered.
pub(crate) const MAY_NOT_FLUSH: &str = "does its program flush its output after each line, as print(…, flush=True) does in Python? --timeout allows it longer";

/// What to say if a name server is silent.
pub(crate) const MUTE: &str =
    "its process hangs, or its machine is cut off: `osb ls systems` shows where it runs";

/// Whether a member that is there has not answered in time.
pub(crate) fn is_without_answer(error: &ProxyError) -> bool {
    matches!(
        error,
        ProxyError::Fault(Fault::Deadline { .. }) | ProxyError::Timeout { standing: None, .. }
    )
}

/// Adds hints; asks for the names that there are if an agent's was wrong.
pub(crate) fn explain(error: ProxyError, agents: impl FnOnce() -> Vec<AgentId>) -> CommandError {
    let hint = match &error {
        ProxyError::Fault(fault) => hint(fault, agents),
        ProxyError::Timeout {
            standing: Some(_), ..
        } => Some("`osb ls agents` and `osb ls hosts` show how it and its machine are".to_owned()),
        ProxyError::Mute { .. } => Some(MUTE.to_owned()),
        _ => None,
    };
    let error = CommandError::from(error);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn hint(fault: &Fault, agents: impl FnOnce() -> Vec<AgentId>) -> Option<String> {
    match fault {
        Fault::UnknownAgent { name } => Some(hint_agent(&name.clone().into(), &agents())),
        Fault::UnknownMember {
            peer: Peer::Agent(name),
        } => Some(hint_agent(&name.clone().into(), &agents())),
        Fault::UnknownAlias {
            agent,
            alias,
            known,
        } => Some(hint_alias(alias, known, || {
            format!("`osb addr {agent}` shows its sockets")
        })),
        Fault::UnknownAttribute {
            agent,
            attribute,
            known,
        } => {
            let names = known.iter().map(String::as_str);
            Some(
                did_you_mean(attribute, names)
                    .unwrap_or_else(|| format!("`osb get {agent}` shows its attributes")),
            )
        }
        Fault::UnknownTopic { topic, known, .. } => {
            let names = known.iter().map(String::as_str);
            let there = || match known.as_slice() {
                [] => "it is subscribed to nothing".to_owned(),
                known => format!("it is subscribed to {}", known.join(", ")),
            };
            Some(did_you_mean(topic, names).unwrap_or_else(there))
        }
        Fault::UnknownTimer {
            agent,
            alias,
            known,
        } => Some(hint_alias(alias, known, || {
            format!("`osb timers {agent}` shows its timers")
        })),
        Fault::UnknownMethod {
            agent,
            method,
            known,
        } => Some(hint_method(agent, method, known)),
        Fault::Deadline { .. } => {
            Some("`osb ls agents` and `osb ls connections` show who is there".to_owned())
        }
        Fault::Unreachable { agent, .. } => Some(format!(
            "its process hangs, or its machine is cut off: see `osb ls hosts` and `osb logs {agent}`"
        )),
        Fault::NotRunning { agent, .. } => Some(format!("`osb logs {agent}` may show why")),
        Fault::OverQuota { quota, .. } => match quota {
            Quota::Requests | Quota::Admissions => {
                Some("ask again in a second, and more slowly".to_owned())
            }
            Quota::Unanswered | Quota::Keys => None,
        },
        _ => None,
    }
}

fn hint_method(agent: &AgentName, method: &str, known: &[String]) -> String {
    let there = || match known {
        [] => {
            format!("methods are what the program of an agent answers to: has {agent} a command?")
        }
        known => format!("it has {}", known.join(", ")),
    };
    did_you_mean(method, known.iter().map(String::as_str)).unwrap_or_else(there)
}

fn hint_alias(alias: &Alias, known: &[Alias], otherwise: impl FnOnce() -> String) -> String {
    let names = known.iter().map(Alias::as_str);
    did_you_mean(alias.as_str(), names).unwrap_or_else(otherwise)
}

/// What to say when there is no agent of that name.
pub(crate) fn hint_agent(agent: &AgentId, known: &[AgentId]) -> String {
    if known.iter().any(|it| it.name == agent.name) {
        return "another name server has one of that name: `osb ls` shows it".to_owned();
    }
    let names: Vec<String> = known.iter().map(AgentId::to_string).collect();
    did_you_mean(&agent.to_string(), names.iter().map(String::as_str))
        .unwrap_or_else(|| "`osb ls` shows the agents there are".to_owned())
}

/// Agents of several name servers are called so.
pub(crate) fn ambiguous(agent: &AgentId, full: impl Iterator<Item = AgentId>) -> CommandError {
    let full: Vec<String> = full.map(|id| id.to_string()).collect();
    let sentence = format!("several name servers have an agent {agent}");
    CommandError::say(ErrorKind::Usage, sentence)
        .with_code("ambiguous")
        .with_hint(format!("say which: {}", full.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_offered() {
        let fault = Fault::UnknownAgent {
            name: "Alcie".parse().unwrap(),
        };
        let agents = || vec!["Alice".parse().unwrap(), "Bob".parse().unwrap()];
        assert_eq!(hint(&fault, agents).unwrap(), "did you mean Alice?");
        assert!(hint(&fault, Vec::new).unwrap().contains("osb ls"));
        let fault = Fault::UnknownAlias {
            agent: "Alice".parse().unwrap(),
            alias: "mian".parse().unwrap(),
            known: vec!["main".parse().unwrap()],
        };
        assert_eq!(hint(&fault, Vec::new).unwrap(), "did you mean main?");
        let method = |method: &str, known: &[&str]| {
            let fault = Fault::UnknownMethod {
                agent: "Alice".parse().unwrap(),
                method: method.to_owned(),
                known: known.iter().map(|&it| it.to_owned()).collect(),
            };
            hint(&fault, Vec::new).unwrap()
        };
        assert_eq!(method("ad", &["add", "sum"]), "did you mean add?");
        assert_eq!(method("fly", &["add", "sum"]), "it has add, sum");
        assert!(method("fly", &[]).contains("has Alice a command?"));
    }
}
