//! The sockets of each agent, bound and connected, by alias: what handlers and timers refer to.

use std::collections::BTreeMap;

use super::draft::{AgentDraft, ConnectionDraft, Draft};
use super::replicas;
use super::review::{Flaw, Review, Span, Spanned, list, quote};
use super::targets::{self, Found};
use crate::model::{AgentName, Alias, Kind, Serializer, Target};

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
        agent: &AgentName,
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
    pub to: Target,
    /// The client's kind.
    pub kind: Kind,
}

/// All agents of a system and their sockets.
pub(super) struct Directory<'d> {
    pub agents: &'d [AgentDraft],
    pub sockets: Vec<Sockets>,
    pub index: BTreeMap<&'d str, usize>,
    /// There are other agents, of which nothing is known.
    pub incomplete: bool,
    /// Names that stand for several agents, and for how many.
    pub replicated: &'d BTreeMap<AgentName, usize>,
}

impl<'d> Directory<'d> {
    /// The agents with the sockets that they bind.
    pub fn new(draft: &'d Draft) -> Self {
        let names = draft.agents.iter().enumerate();
        let mut sockets: Vec<Sockets> = draft.agents.iter().map(Sockets::bound).collect();
        if draft.connections_missing {
            sockets
                .iter_mut()
                .for_each(|of_one| of_one.incomplete = true);
        }
        Self {
            agents: &draft.agents,
            sockets,
            index: names
                .map(|(at, agent)| (agent.name.value.as_str(), at))
                .collect(),
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
        let found = self.index.get(name.value.as_str()).copied();
        if found.is_none() && !self.incomplete {
            let message = format!("there is no agent {}", quote(name.value.as_str()));
            let hint = replicas::stands_for(&name.value, "", self.replicated)
                .or_else(|| review.guess(name.value.as_str(), self.index.keys().copied()));
            let there_are = format!("there are {}", list(self.index.keys().copied()));
            review.add(
                Flaw::new(&name.span, message)
                    .hint(there_are)
                    .maybe_hint(hint),
            );
        }
        found
    }

    pub fn socket(&self, target: &Target) -> Option<&Socket> {
        let agent = *self.index.get(target.agent.as_str())?;
        self.sockets[agent].by_alias.get(&target.alias)
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
