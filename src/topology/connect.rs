//! Connections are followed to the sockets at both of their ends.

use super::draft::ConnectionDraft;
use super::replicas;
use super::review::{Flaw, Review, Spanned, list, quote};
use super::sockets::{Directory, Socket, Who, Wire};
use super::targets::{self, Found};
use crate::model::{Alias, Kind, Serializer};

impl<'d> Directory<'d> {
    /// Follows all connections and gives each client its socket.
    pub(crate) fn wire(
        &mut self,
        drafts: &'d [ConnectionDraft],
        review: &mut Review,
    ) -> Vec<Wire<'d>> {
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
