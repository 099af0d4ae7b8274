//! The sockets of each agent, bound and connected, by alias: what handlers and timers refer to.

use std::collections::BTreeMap;

use super::draft::{AgentDraft, ConnectionDraft, Draft};
use super::replicas;
use super::review::{Flaw, Review, Span, Spanned, list, quote};
use super::targets::{self, Found};
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

    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.by_alias.keys().map(Alias::as_str)
    }

    /// The socket that `alias` names. That there is none is reported.
    pub fn find(
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

/// Whom a name means.
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
    /// Names without their name servers', and who has them.
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
    pub fn new(draft: &'d Draft) -> Self {
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

    /// Follows all connections and gives each client its socket.
    pub fn wire(&mut self, drafts: &'d [ConnectionDraft], review: &mut Review) -> Vec<Wire<'d>> {
        let connect = |draft: &'d ConnectionDraft| {
            review.repeating(draft.repeats);
            self.connect(draft, review)
        };
        let wires = drafts.iter().filter_map(connect).collect();
        review.repeating(false);
        wires
    }

    fn connect(&mut self, draft: &'d ConnectionDraft, review: &mut Review) -> Option<Wire<'d>> {
        let found = targets::follow(draft, self, review);
        let client = self.client(draft, review)?;
        let alias = match (&draft.alias, &found) {
            (Some(alias), _) => alias.clone(),
            (None, Found::Socket(target)) => Spanned {
                value: target.alias.clone(),
                span: draft.to.span.clone(),
            },
            (None, Found::Nothing) => {
                self.sockets[client].incomplete = true;
                return None;
            }
        };
        let server = match &found {
            Found::Socket(target) => self.socket(target),
            Found::Nothing => None,
        };
        let kind = server.and_then(|server| server.kind).map(Kind::twin);
        let serializer = server.map_or(Serializer::Json, |server| server.serializer);
        self.add(client, &alias, kind, serializer, review);
        let kind = kind?;
        refuse_other_kind(draft, kind, review);
        match found {
            Found::Socket(to) => Some(Wire {
                draft,
                client,
                alias,
                to,
                kind,
            }),
            Found::Nothing => None,
        }
    }

    /// The agent that connects. That there is none is reported.
    fn client(&self, draft: &ConnectionDraft, review: &mut Review) -> Option<usize> {
        let name = &draft.agent;
        let found = match self.agent(&name.value) {
            Who::One(at) => Some(at),
            Who::Nobody => None,
            Who::Several => {
                review.add(self.ambiguous(&name.value, "", &name.span));
                return None;
            }
        };
        if found.is_none() && !self.incomplete {
            let message = format!("there is no agent {}", quote(&name.value.to_string()));
            let hint = replicas::stands_for(&name.value, "", self.replicated)
                .or_else(|| review.guess(&name.value.to_string(), self.names()));
            let there_are = format!("there are {}", list(self.names()));
            review.add(
                Flaw::new(&name.span, message)
                    .hint(there_are)
                    .maybe_hint(hint),
            );
        }
        found
    }

    /// The agent that is meant.
    pub fn agent(&self, id: &AgentId) -> Who {
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
    pub fn shown(&self, at: usize) -> AgentId {
        let agent = &self.agents[at];
        let name = &agent.name.value.name;
        match self.by_name.get(name.as_str()).map(Vec::len) {
            Some(1) => name.clone().into(),
            _ => agent.full_name(),
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// A name that more than one has. What is written behind it is the `tail`.
    pub fn ambiguous(&self, id: &AgentId, tail: &str, span: &Span) -> Flaw {
        let all = self.by_name.get(id.name.as_str()).into_iter().flatten();
        let each: Vec<String> = all
            .map(|at| format!("{}{tail}", self.agents[*at].full_name()))
            .collect();
        let message = format!("several name servers have an agent {id}");
        let hint = format!("say which: {}", list(each.iter().map(String::as_str)));
        Flaw::new(span, message).hint(hint)
    }

    /// Whether the agent binds a socket of that alias.
    pub fn bound(&self, agent: usize, alias: &Alias) -> bool {
        let socket = self.sockets[agent].by_alias.get(alias);
        socket.is_some_and(|socket| socket.bound)
    }

    pub fn socket(&self, target: &SocketId) -> Option<&Socket> {
        match self.agent(&target.agent) {
            Who::One(agent) => self.sockets[agent].by_alias.get(&target.alias),
            Who::Nobody | Who::Several => None,
        }
    }

    fn add(
        &mut self,
        client: usize,
        alias: &Spanned<Alias>,
        kind: Option<Kind>,
        serializer: Serializer,
        review: &mut Review,
    ) {
        let sockets = &mut self.sockets[client].by_alias;
        let agent = &self.agents[client].name.value;
        if let Some(taken) = sockets.get(&alias.value) {
            let by = if taken.bound {
                "a bound socket"
            } else {
                "another connection"
            };
            let message = format!("{agent} already has {by} called {}", alias.value);
            let hint = "give the connection an alias of its own: alias: NAME";
            review.add(Flaw::new(&alias.span, message).hint(hint));
            return;
        }
        let socket = Socket {
            kind,
            serializer,
            bound: false,
        };
        sockets.insert(alias.value.clone(), socket);
    }
}

/// A connection may say its kind; there is only one that it can be.
fn refuse_other_kind(draft: &ConnectionDraft, kind: Kind, review: &mut Review) {
    let Some(given) = draft.kind.as_ref().filter(|given| given.value != kind) else {
        return;
    };
    let (to, server) = (quote(&draft.to.value), kind.twin());
    let message = format!(
        "{to} is {} socket: a connection to it is {kind}, not {}",
        server.with_article(),
        given.value
    );
    review
        .add(Flaw::new(&given.span, message).hint(format!("write kind: {kind}, or leave it away")));
}
