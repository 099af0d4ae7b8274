//! `logger: NAME`: the agent that gathers what the others log (osBrain's `run_logger`). It stands for a
//! socket `osb.log` of every other agent, and a connection to each; what is said here is no more
//! than that.

use super::bind;
use super::draft::{
    AgentDraft, BindDraft, ConnectionDraft, Defaults, Given, HandlerDraft, RepliesDraft,
};
use super::fields::Fields;
use super::handler;
use super::keys;
use super::replicas::Crowd;
use super::review::{Flaw, Review, Span, Spanned, quote};
use super::values;
use super::yaml::{Data, Node};
use crate::model::{Admits, AgentId, Alias, Kind};

/// The socket by which an agent sends its log, as `agent` has it.
const LOG: &str = "osb.log";
/// What the aliases of the logger's own sockets begin with; the agent's name follows.
const FROM: &str = "log.";

/// What the section says.
struct Logger {
    agent: Spanned<AgentId>,
    handler: Given<HandlerDraft>,
}

/// Adds to agents and connections what the section stands for.
pub(super) fn apply(
    top: &Fields<'_>,
    defaults: &Defaults,
    crowd: &mut Crowd,
    connections: &mut Vec<ConnectionDraft>,
    review: &mut Review,
) {
    let Some(logger) = top.get("logger").and_then(|node| read(node, review)) else {
        return;
    };
    let Some(own) = find(&logger.agent, crowd, review) else {
        return;
    };
    let span = &logger.agent.span;
    let others = crowd.agents.iter_mut();
    for (at, agent) in others.filter(|agent| agent.full_name() != own).enumerate() {
        let name = &agent.name.value.name;
        let from = match &agent.name.value.nameserver {
            Some(nameserver) => format!("{FROM}{name}.{nameserver}"),
            None => format!("{FROM}{name}"),
        };
        let aliases = LOG.parse().and_then(|log| Ok((log, from.parse()?)));
        let read = aliases
            .map_err(|error| Flaw::new(&agent.name.span, format!("a socket for its log: {error}")));
        let Some((log, from)) = review.take(read) else {
            continue;
        };
        connections.push(ConnectionDraft {
            agent: spanned(own.clone(), span),
            to: spanned(format!("{}.{log}", agent.full_name()), span),
            alias: Some(spanned(from, span)),
            kind: None,
            handler: logger.handler.clone(),
            replies: RepliesDraft::default(),
            repeats: at > 0,
        });
        agent.bind.push(socket(log, span, defaults));
    }
}

/// The logger's full name. None if there is none, or several: that is reported.
fn find(meant: &Spanned<AgentId>, crowd: &Crowd, review: &mut Review) -> Option<AgentId> {
    let asked = &meant.value;
    let may_be = |agent: &&AgentDraft| {
        let wanted = asked.nameserver.as_ref();
        agent.name.value.name == asked.name && wanted.is_none_or(|at| *at == agent.at)
    };
    let found: Vec<AgentId> = crowd
        .agents
        .iter()
        .filter(may_be)
        .map(AgentDraft::full_name)
        .collect();
    let flaw = match &found[..] {
        [one] => return Some(one.clone()),
        [] if crowd.missing => return None,
        [] => {
            let names = crowd
                .agents
                .iter()
                .map(|agent| agent.name.value.name.as_str());
            let hint = review.guess(asked.name.as_str(), names);
            let message = format!("there is no agent {}", quote(&asked.to_string()));
            Flaw::new(&meant.span, message).maybe_hint(hint)
        }
        several => {
            let message = format!("several name servers have an agent {asked}");
            let several: Vec<String> = several.iter().map(AgentId::to_string).collect();
            let hint = format!("say which: {}", several.join(", "));
            Flaw::new(&meant.span, message).hint(hint)
        }
    };
    review.add(flaw);
    None
}

fn read(node: &Node, review: &mut Review) -> Option<Logger> {
    let agent = |node: &Node, review: &mut Review| {
        let name = review.take(values::name(node, "logger"))?;
        Some(spanned(name, &node.span))
    };
    let Data::Map(_) = &node.data else {
        return Some(Logger {
            agent: agent(node, review)?,
            handler: Given::Absent,
        });
    };
    let fields = Fields::open(node, "logger", &keys::LOGGER, review)?;
    let handler = handler::read(fields.get("handler"), review);
    let name = fields.need("agent", "logger", review)?;
    Some(Logger {
        agent: agent(name, review)?,
        handler,
    })
}

fn socket(alias: Alias, span: &Span, defaults: &Defaults) -> BindDraft {
    BindDraft {
        alias: spanned(alias, span),
        kind: Some(Kind::Pub),
        endpoint: Some(bind::default_endpoint(span, defaults.transport, defaults)),
        serializer: defaults.serializer,
        handler: Given::Absent,
        admits: Admits::default(),
    }
}

fn spanned<T>(value: T, span: &Span) -> Spanned<T> {
    Spanned {
        value,
        span: span.clone(),
    }
}
