//! Whether handlers suit their sockets, and what a socket without a handler does.

use std::collections::BTreeMap;

use super::super::draft::{Given, HandlerDraft};
use super::super::review::{Flaw, Review, Spanned};
use super::super::sockets::Sockets;
use super::topic;
use crate::model::{Action, AgentId, Alias, Handlers, Kind};

/// The agent that handles.
pub(in crate::topology) struct Owner<'a> {
    pub name: &'a AgentId,
    /// A program that messages and calls can be handed to.
    pub has_command: bool,
    /// There is a program, and it takes none.
    pub deaf: bool,
    /// Whether it has a program is decided where it is started, and not known here.
    pub attach: bool,
    pub sockets: &'a Sockets,
}

impl Owner<'_> {
    /// How it would have a program that messages and calls can be handed to.
    pub(crate) fn how_to_hear(&self) -> &'static str {
        match self.deaf {
            true => "its command speaks nothing; one that speaks lines takes messages",
            false => "add command: [PROGRAM, ARGUMENT] to the agent",
        }
    }
}

/// The handlers of a socket, as given or by default.
pub(in crate::topology) fn settle(
    given: &Given<HandlerDraft>,
    alias: &Spanned<Alias>,
    kind: Kind,
    owner: &Owner<'_>,
    review: &mut Review,
) -> Handlers {
    let a_kind = kind.with_article();
    let handler = match given {
        Given::There(handler) => handler,
        Given::Absent => return by_default(alias, kind, owner, review),
        Given::Broken => return Handlers::none(),
    };
    if !kind.receives() {
        let message = format!("nothing arrives at {a_kind} socket: no handler would ever run");
        review.add(Flaw::new(&handler.span, message).hint("take the handler away"));
        return Handlers::none();
    }
    match &handler.value {
        HandlerDraft::All(actions) => {
            if kind.answers() && actions.len() > 1 {
                let message = format!("{a_kind} socket has one handler: a request has one answer");
                review.add(Flaw::new(&handler.span, message).hint("keep the one that answers"));
            }
            Handlers::All(suited(actions, kind, owner, review))
        }
        HandlerDraft::ByTopic(topics) => {
            if !kind.subscribes() {
                let message = format!("handlers by topic are for SUB sockets; this one is {kind}");
                let hint = "write one action, or a list of them";
                review.add(Flaw::new(&handler.span, message).hint(hint));
            }
            Handlers::ByTopic(suited_by_topic(topics, kind, owner, review))
        }
    }
}

fn by_default(
    alias: &Spanned<Alias>,
    kind: Kind,
    owner: &Owner<'_>,
    review: &mut Review,
) -> Handlers {
    match owner.has_command {
        _ if !kind.receives() => Handlers::none(),
        true => Handlers::one(Action::Command),
        _ if kind.answers() => {
            let message = format!(
                "{} socket must answer: give it a handler",
                kind.with_article()
            );
            let flaw = Flaw::new(&alias.span, message);
            review.add(flaw.hint(match owner.attach {
                true => "such as handler: echo, or handler: command if it brings a program",
                false => "such as handler: echo, or give the agent a command",
            }));
            Handlers::none()
        }
        false => Handlers::one(Action::Log),
    }
}

fn suited_by_topic(
    topics: &[(Spanned<String>, Vec<Spanned<Action>>)],
    kind: Kind,
    owner: &Owner<'_>,
    review: &mut Review,
) -> BTreeMap<String, Vec<Action>> {
    let mut by_topic = BTreeMap::new();
    for (name, actions) in topics {
        topic::check(name, review);
        by_topic.insert(name.value.clone(), suited(actions, kind, owner, review));
    }
    by_topic
}

pub(super) fn suited(
    actions: &[Spanned<Action>],
    kind: Kind,
    owner: &Owner<'_>,
    review: &mut Review,
) -> Vec<Action> {
    for action in actions {
        let flaw = match &action.value {
            Action::Echo if !kind.answers() => {
                let message = format!(
                    "echo answers requests, and none arrive at {} socket",
                    kind.with_article()
                );
                Flaw::new(&action.span, message)
                    .hint("echo is for REP; to pass messages on, use forward:ALIAS")
            }
            wanting if wanting.needs_program() && !owner.has_command && !owner.attach => {
                let message = format!("{} has no command to hand messages to", owner.name);
                Flaw::new(&action.span, message).hint(owner.how_to_hear())
            }
            Action::Forward(alias) => {
                forward(alias, action, owner, review);
                continue;
            }
            Action::Log
            | Action::Echo
            | Action::Collect
            | Action::Discard
            | Action::Command
            | Action::Call(_) => continue,
        };
        review.add(flaw);
    }
    actions.iter().map(|action| action.value.clone()).collect()
}

/// Whether messages can be sent on by `alias`.
fn forward(alias: &Alias, action: &Spanned<Action>, owner: &Owner<'_>, review: &mut Review) {
    let found = owner.sockets.find(alias, &action.span, owner.name, review);
    if let Some(kind) = found.and_then(|socket| socket.kind)
        && !kind.sends()
    {
        let message = format!(
            "{alias} is {} socket: nothing can be sent on by it",
            kind.with_article()
        );
        review.add(Flaw::new(&action.span, message).hint("forward to a PUSH, PUB or REQ socket"));
    }
}
