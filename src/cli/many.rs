//! Commands to many agents at once: `W*` is every agent whose name begins so, as in topologies. All are
//! asked before the first is waited for, and what one of them fails at is said beside what the others
//! answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CommandError, Context, ErrorKind, Session};
use crate::model::{AgentId, AgentName, NameServerName, State};
use crate::proxy::{NameServer, Proxy, ProxyError};
use crate::render::{Done, Failure, Listed, Many, Outcome, Output, did_you_mean, sentence};
use crate::wire::AgentRequest;

/// Asks each name server once, for all agents of it. Tells of each agent what became of it.
pub(super) fn ask_at_nameservers<T: Clone>(
    agents: Vec<Asked>,
    ask: impl Fn(&NameServer, Vec<AgentName>) -> Result<Outcomes<T>, ProxyError>,
) -> Vec<(Asked, Result<T, ProxyError>)> {
    let mut at: BTreeMap<String, Vec<Asked>> = BTreeMap::new();
    for agent in agents {
        let address = agent.proxy.nameserver().link().address().to_owned();
        at.entry(address).or_default().push(agent);
    }
    let mut all = Vec::new();
    for agents in at.into_values() {
        let names = agents.iter().map(|it| it.proxy.name().clone()).collect();
        // None is made for no agent.
        let outcomes = ask(agents[0].proxy.nameserver(), names);
        all.extend(agents.into_iter().map(|agent| {
            let outcome = match &outcomes {
                Ok(outcomes) => outcomes.get(agent.proxy.name()).cloned(),
                Err(error) => Some(Err(error.clone())),
            };
            (agent, outcome.unwrap_or(Err(ProxyError::Closed)))
        }));
    }
    all
}

/// What became of each agent of a name server.
type Outcomes<T> = BTreeMap<AgentName, Result<T, ProxyError>>;

/// Whom a command is for.
pub(crate) enum Whom {
    One(Proxy),
    /// In order of their names; one at least.
    Many(Vec<Asked>),
}

/// One of many.
#[derive(Clone)]
pub(crate) struct Asked {
    pub id: AgentId,
    pub proxy: Proxy,
}

/// Its outcome.
pub(crate) type Answered = (AgentId, Result<Value, ProxyError>);

/// Which of those that have ended are meant by a star.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All: they have left something.
    Too,
    /// Those that have ended as they should are not missed; that others cannot answer is to be said.
    IfBadly,
}

impl Ended {
    fn are_meant(self, state: State) -> bool {
        match self {
            Ended::Too => true,
            Ended::IfBadly => state != State::Stopped,
        }
    }
}

/// What stands before the star at the end of an agent's name, and the name server behind it. None if there is no star
/// there.
fn begin_of(text: &str) -> Option<(&str, Option<&str>)> {
    let (name, nameserver) = match text.split_once('@') {
        Some((name, nameserver)) => (name, Some(nameserver)),
        None => (text, None),
    };
    Some((name.strip_suffix('*')?, nameserver))
}

/// The agents that `text` names: one, or with a star all whose names begin so.
pub(crate) fn whom(
    (session, context): (&Session, &Context),
    text: &str,
    limit: std::time::Duration,
    ended: Ended,
) -> Result<Whom, CommandError> {
    let Some((begin, nameserver)) = begin_of(text) else {
        return session.proxy(text, limit).map(Whom::One);
    };
    let nameserver = match nameserver.map(str::parse::<NameServerName>).transpose() {
        Ok(name) => name.map(|name| session.group(&name)).transpose()?,
        Err(error) => return Err(CommandError::new(ErrorKind::Usage, error)),
    };
    let all = session.listed(context)?;
    let is_meant = |agent: &&Listed| {
        let here = match (nameserver, &agent.group) {
            (Some(wanted), Some(its)) => wanted.name == *its,
            _ => true,
        };
        here && agent.info.name.as_str().starts_with(begin)
    };
    let named: Vec<&Listed> = all.iter().filter(is_meant).collect();
    if named.is_empty() {
        return Err(nobody(begin, &all));
    }
    let meant = named.iter().filter(|it| ended.are_meant(it.info.state));
    let asked = meant.map(|agent| {
        Ok(Asked {
            id: agent.id.clone(),
            proxy: session.proxy_of(agent, limit)?,
        })
    });
    let asked: Vec<Asked> = asked.collect::<Result<_, CommandError>>()?;
    match asked.is_empty() {
        false => Ok(Whom::Many(asked)),
        true => Err(CommandError::say(
            ErrorKind::Failed,
            format!("all agents that {text} stands for have ended"),
        )
        .with_code("not_running")),
    }
}

fn nobody(begin: &str, all: &[Listed]) -> CommandError {
    let sentence = match begin {
        "" => "there are no agents".to_owned(),
        begin => format!("no agent's name begins with {begin:?}"),
    };
    let names = all.iter().map(|agent| agent.info.name.as_str());
    let hint = did_you_mean(begin, names);
    let hint = hint.unwrap_or_else(|| "`osb ls` shows the agents there are".to_owned());
    CommandError::say(ErrorKind::Failed, sentence)
        .with_code("unknown_agent")
        .with_hint(hint)
}

/// The agents that several texts name.
pub(crate) struct Chosen {
    /// In order of their names, each once.
    pub agents: Vec<Asked>,
    /// One of the texts has a star.
    pub are_many: bool,
}

/// All that `texts` name.
pub(crate) fn chosen(
    of: (&Session, &Context),
    texts: &[String],
    limit: std::time::Duration,
    ended: Ended,
) -> Result<Chosen, CommandError> {
    let mut chosen = Chosen {
        agents: Vec::new(),
        are_many: false,
    };
    for text in texts {
        match whom(of, text, limit, ended)? {
            Whom::One(proxy) => {
                let own = || proxy.name().clone().into();
                let id = text.parse().unwrap_or_else(|_| own());
                chosen.agents.push(Asked { id, proxy });
            }
            Whom::Many(some) => {
                chosen.are_many = true;
                chosen.agents.extend(some);
            }
        }
    }
    chosen.agents.sort_by(|one, other| one.id.cmp(&other.id));
    chosen.agents.dedup_by(|one, other| one.id == other.id);
    Ok(chosen)
}

/// Shows that it is done, for each where there are many.
pub(crate) fn show_done(
    context: &Context,
    answered: Vec<Answered>,
    are_many: bool,
    tell: impl Fn(Result<Value, ProxyError>) -> Result<Value, CommandError>,
) -> Result<(), CommandError> {
    if are_many {
        return show(context, answered, true, tell);
    }
    for (_, outcome) in answered {
        tell(outcome)?;
    }
    context.print(&Done)
}

/// Asks all of them, each in its own words.
pub(crate) fn ask(agents: Vec<Asked>, request: impl Fn(&Proxy) -> AgentRequest) -> Vec<Answered> {
    ask_or(agents, request, |_, error| Err(error))
}

/// The same; what an agent does not answer may be known elsewhere.
pub(crate) fn ask_or(
    agents: Vec<Asked>,
    request: impl Fn(&Proxy) -> AgentRequest,
    otherwise: impl Fn(&Proxy, ProxyError) -> Result<Value, ProxyError>,
) -> Vec<Answered> {
    let ask = |Asked { id, proxy }: Asked| {
        let answer = proxy.ask::<Value>(&request(&proxy));
        (id, proxy, answer)
    };
    let asked: Vec<_> = agents.into_iter().map(ask).collect();
    // A name server that does not answer for one of them is not asked about the next.
    let mut mute: Option<ProxyError> = None;
    let mut settle = |proxy: &Proxy, error: ProxyError| match (&mute, otherwise(proxy, error)) {
        (Some(mute), Err(ProxyError::Timeout { .. })) => Err(mute.clone()),
        (_, outcome) => {
            let outcome = outcome.map_err(|error| proxy.standing(error));
            if let Err(error @ ProxyError::Mute { .. }) = &outcome {
                mute = Some(error.clone());
            }
            outcome
        }
    };
    let answered = asked.into_iter().map(|(id, proxy, answer)| {
        let outcome = answer.wait().or_else(|error| settle(&proxy, error));
        (id, outcome)
    });
    answered.collect()
}

/// Shows all of it. An error if any has failed, which is shown with the others.
pub(crate) fn show(
    context: &Context,
    answered: Vec<Answered>,
    done: bool,
    tell: impl Fn(Result<Value, ProxyError>) -> Result<Value, CommandError>,
) -> Result<(), CommandError> {
    let mut rows: Vec<(AgentId, Outcome)> = answered
        .into_iter()
        .map(|(id, outcome)| (id, outcome_of(tell(outcome))))
        .collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let many = Many { rows, done };
    context.print(&many)?;
    if context.output() == Output::Names {
        for (agent, failure) in many.failures() {
            context.complain_in_full(&format!("error: {agent}: {}", sentence(&failure.message)));
        }
    }
    match many.failures().next() {
        Some(_) => Err(CommandError::already_shown(ErrorKind::Failed)),
        None => Ok(()),
    }
}

fn outcome_of(outcome: Result<Value, CommandError>) -> Outcome {
    match outcome {
        Ok(value) => Outcome::Result(value),
        Err(error) => {
            let hints = error.hints().join("\n");
            Outcome::Error(Failure {
                code: error.code().to_owned(),
                message: error.message(),
                hint: (!hints.is_empty()).then_some(hints),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_at_the_end_of_a_name() {
        assert_eq!(begin_of("W*"), Some(("W", None)));
        assert_eq!(begin_of("*"), Some(("", None)));
        assert_eq!(begin_of("W*@lab"), Some(("W", Some("lab"))));
        for one in ["W", "W*1", "W@lab", "W@lab*"] {
            assert_eq!(begin_of(one), None, "{one}");
        }
    }

    #[test]
    fn who_has_ended_as_it_should_is_missed_by_nobody() {
        assert!(Ended::Too.are_meant(State::Stopped));
        assert!(!Ended::IfBadly.are_meant(State::Stopped));
        for state in [State::Failed, State::Ended] {
            assert!(Ended::IfBadly.are_meant(state));
        }
    }
}
