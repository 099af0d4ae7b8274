//! The sockets of each agent, bound and connected, by alias: what handlers and timers refer to.

use std::collections::BTreeMap;

use super::draft::{AgentDraft, ConnectionDraft, Draft};
use super::review::{Flaw, Review, Span, Spanned, list};
use crate::model::{AgentId, Alias, Kind, Serializer, SocketId};

/// A socket, as far as it is known.
pub(super) struct Socket {
    /// None if it could not be read: then nothing is said about it.
    pub kind: Option<Kind>,
    pub serializer: Serializer,
    /// Bound, and not a connection.
    pub bound: bool,
}

/// The sockets of one agent.
pub(super) struct Sockets {
    pub by_alias: BTreeMap<Alias, Socket>,
    /// There are others, of which nothing is known.
    pub incomplete: bool,
}

impl Sockets {
    fn bound(agent: &AgentDraft) -> Self {
        let socket = |serializer, kind| Socket {
            kind,
            serializer,
            bound: true,
        };
        let entries = agent.bind.iter().map(|bind| {
            let socket = socket(bind.serializer, bind.kind);
            (bind.alias.value.clone(), socket)
        });
        Self {
            by_alias: entries.collect(),
            incomplete: agent.sockets_missing,
        }
    }

    pub(crate) fn aliases(&self) -> impl Iterator<Item = &str> {
        self.by_alias.keys().map(Alias::as_str)
    }

    /// The socket that `alias` names. That there is none is reported.
    pub(crate) fn find(
        &self,
        alias: &Alias,
        span: &Span,
        agent: &AgentId,
        review: &mut Review,
    ) -> Option<&Socket> {
        let found = self.by_alias.get(alias);
        if found.is_none() && !self.incomplete {
            let message = format!("{agent} has no socket {alias}");
            let has = format!("{agent} has: {}", list(self.aliases()));
            let hint = review.guess(alias.as_str(), self.aliases());
            review.add(Flaw::new(span, message).hint(has).maybe_hint(hint));
        }
        found
    }
}

/// A connection whose ends are known.
pub(super) struct Wire<'d> {
    pub draft: &'d ConnectionDraft,
    /// The connecting agent's place among the agents.
    pub client: usize,
    pub alias: Spanned<Alias>,
    pub to: SocketId,
    /// The client's kind.
    pub kind: Kind,
}

/// The agents that a name may stand for.
pub(super) enum Who {
    One(usize),
    Nobody,
    /// Agents of several name servers.
    Several,
}

/// All agents of a system and their sockets.
pub(super) struct Directory<'d> {
    pub agents: &'d [AgentDraft],
    pub sockets: Vec<Sockets>,
    /// Names without their name servers', and the agents that have them.
    by_name: BTreeMap<&'d str, Vec<usize>>,
    /// Names as they may be written, for hints.
    pub names: Vec<String>,
    /// There are other agents, of which nothing is known.
    pub incomplete: bool,
    /// Names that stand for several agents, and for how many.
    pub replicated: &'d BTreeMap<AgentId, usize>,
}

impl<'d> Directory<'d> {
    /// The agents with the sockets that they bind.
    pub(crate) fn new(draft: &'d Draft) -> Self {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, agent) in draft.agents.iter().enumerate() {
            let name = agent.name.value.name.as_str();
            by_name.entry(name).or_default().push(at);
        }
        let names = by_name.values().flat_map(|all| {
            let shown = |at: &usize| match all.len() {
                1 => draft.agents[*at].name.value.name.to_string(),
                _ => draft.agents[*at].full_name().to_string(),
            };
            all.iter().map(shown)
        });
        let names = names.collect();
        let mut sockets: Vec<Sockets> = draft.agents.iter().map(Sockets::bound).collect();
        if draft.connections_missing {
            sockets
                .iter_mut()
                .for_each(|of_one| of_one.incomplete = true);
        }
        Self {
            agents: &draft.agents,
            sockets,
            by_name,
            names,
            incomplete: draft.agents_missing,
            replicated: &draft.replicated,
        }
    }

    /// The agent that is meant.
    pub(crate) fn agent(&self, id: &AgentId) -> Who {
        let all = self.by_name.get(id.name.as_str());
        let all = all.map(Vec::as_slice).unwrap_or_default();
        match (&id.nameserver, all) {
            (_, []) => Who::Nobody,
            (None, [one]) => Who::One(*one),
            (None, _) => Who::Several,
            (Some(nameserver), _) => {
                let there = |at: &&usize| self.agents[**at].at == *nameserver;
                all.iter()
                    .find(there)
                    .map_or(Who::Nobody, |at| Who::One(*at))
            }
        }
    }

    /// An agent's name as one would write it: without its name server's, if there is only one of
    /// that name.
    pub(crate) fn shown(&self, at: usize) -> AgentId {
        let agent = &self.agents[at];
        let name = &agent.name.value.name;
        match self.by_name.get(name.as_str()).map(Vec::len) {
            Some(1) => name.clone().into(),
            _ => agent.full_name(),
        }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// A name that more than one has. What is written behind it is the `tail`.
    pub(crate) fn ambiguous(&self, id: &AgentId, tail: &str, span: &Span) -> Flaw {
        let all = self.by_name.get(id.name.as_str()).into_iter().flatten();
        let each: Vec<String> = all
            .map(|at| format!("{}{tail}", self.agents[*at].full_name()))
            .collect();
        let message = format!("several name servers have an agent {id}");
        let hint = format!("say which: {}", list(each.iter().map(String::as_str)));
        Flaw::new(span, message).hint(hint)
    }

    /// Whether the agent binds a socket of that alias.
    pub(crate) fn bound(&self, agent: usize, alias: &Alias) -> bool {
        let socket = self.sockets[agent].by_alias.get(alias);
        socket.is_some_and(|socket| socket.bound)
    }

    /// The socket of an agent that has been found: a bare name is that of the first name server.
    pub(crate) fn socket(&self, found: &SocketId) -> Option<&Socket> {
        let all = self.by_name.get(found.agent.name.as_str())?;
        let named = |at: &&usize| self.agents[**at].name.value == found.agent;
        let agent = *all.iter().find(named)?;
        self.sockets[agent].by_alias.get(&found.alias)
    }
}
