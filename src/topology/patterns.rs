//! Connections of many agents by one entry: `agent: Worker*` and `to: Worker*.in`. A star stands
//! at the end of an agent's name, and for whatever may follow there.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::draft::ConnectionDraft;
use super::fields::there_are;
use super::partial::Partial;
use super::replicas::{Copies, Crowd};
use super::review::{Flaw, Review, Span, Spanned, quote};
use super::values;
use super::yaml::Node;
use crate::model::{AgentId, AgentName, Alias};

/// The agents that connect.
#[derive(Clone)]
pub(super) enum Clients {
    One(AgentId),
    /// All agents whose names begin so.
    All(String),
}

/// The value of the key `agent` of a connection.
pub(super) fn clients(node: &Node) -> Result<Clients, Flaw> {
    let text = values::text(node, "agent")?;
    match text.strip_suffix('*') {
        Some(begin) => begins(begin, &node.span).map(|()| Clients::All(begin.to_owned())),
        None => values::name(node, "agent").map(Clients::One),
    }
}

/// What stands before a star is the beginning of a name, and may be nothing.
fn begins(begin: &str, span: &Span) -> Result<(), Flaw> {
    match begin.parse::<AgentName>() {
        Err(error) if !begin.is_empty() => {
            let flaw = Flaw::new(span, format!("before the star: {error}"));
            Err(flaw.hint("one star can stand at the end of an agent's name, as in Worker*"))
        }
        _ => Ok(()),
    }
}

/// One connection for each agent that an entry's star stands for. With each entry comes the number
/// of its values.
pub(super) fn expand(
    entries: Vec<(ConnectionDraft<Clients>, usize)>,
    crowd: &Crowd,
    copies: &mut Copies,
    review: &mut Review,
) -> Partial<ConnectionDraft> {
    let names = crowd.agents.iter().enumerate();
    let mut expansion = Expansion {
        crowd,
        index: names
            .map(|(at, agent)| ((agent.name.value.name.as_str(), at), at))
            .collect(),
        copies,
        review,
        done: Partial {
            read: Vec::new(),
            missing: false,
        },
    };
    for (entry, size) in entries {
        let missing = expansion.entry(entry, size).is_none();
        expansion.done.missing |= missing;
    }
    expansion.done
}

struct Expansion<'a> {
    crowd: &'a Crowd,
    /// Names, each with its place: several name servers may have agents of one name.
    index: BTreeMap<(&'a str, usize), usize>,
    copies: &'a mut Copies,
    review: &'a mut Review,
    done: Partial<ConnectionDraft>,
}

impl<'a> Expansion<'a> {
    /// None if something is left out, and the review knows why.
    fn entry(&mut self, entry: ConnectionDraft<Clients>, size: usize) -> Option<()> {
        let to_many = entry.to.value.contains('*');
        match entry.agent.value.clone() {
            Clients::One(name) if to_many => self.many_targets(&of(&entry, name), size),
            Clients::One(name) => {
                self.done.read.push(of(&entry, name));
                Some(())
            }
            Clients::All(_) if to_many => {
                let message = "a star on both sides does not say who connects to whom";
                let flaw = Flaw::new(&entry.to.span, message);
                self.review
                    .add(flaw.hint("write one connection for each agent that others connect to"));
                None
            }
            Clients::All(begin) => self.many_clients(&entry, &begin, size),
        }
    }

    fn many_clients(
        &mut self,
        entry: &ConnectionDraft<Clients>,
        begin: &str,
        size: usize,
    ) -> Option<()> {
        let matches = self.matches(begin, "", &entry.agent.span, size)?;
        for (number, (name, _)) in matches.into_iter().enumerate() {
            let mut connection = of(entry, name);
            connection.repeats = number > 0;
            self.done.read.push(connection);
        }
        Some(())
    }

    /// Each connection has an alias of its own: the entry's, and what the star stands for.
    fn many_targets(&mut self, entry: &ConnectionDraft, size: usize) -> Option<()> {
        let (begin, target) = self.review.take(split(&entry.to))?;
        let alias = entry.alias.clone().unwrap_or(Spanned {
            value: target.clone(),
            span: entry.to.span.clone(),
        });
        let tail = format!(".{target}");
        let matches = self.matches(&begin, &tail, &entry.to.span, size)?;
        for (number, (name, rest)) in matches.into_iter().enumerate() {
            let mut connection = entry.clone();
            connection.repeats = number > 0;
            connection.to.value = format!("{name}.{target}");
            let own = format!("{}{rest}", alias.value).parse();
            let own = own.map_err(|error| Flaw::new(&alias.span, format!("alias: {error}")));
            connection.alias = Some(Spanned {
                value: self.review.take(own)?,
                span: alias.span.clone(),
            });
            self.done.read.push(connection);
        }
        Some(())
    }

    /// Agents whose names begin so, in the order of the file, each with the rest of its name.
    fn matches(
        &mut self,
        begin: &str,
        tail: &str,
        span: &Span,
        size: usize,
    ) -> Option<Vec<(AgentId, &'a str)>> {
        if self.copies.are_spent() {
            return None;
        }
        let from = (Bound::Included((begin, 0)), Bound::Unbounded);
        let all = self.index.range(from);
        let mut found: Vec<usize> = all
            .take_while(|((name, _), _)| name.starts_with(begin))
            .map(|(_, at)| *at)
            .collect();
        if found.is_empty() {
            self.nobody(begin, tail, span);
            return None;
        }
        if !self.copies.take(found.len(), size, span, self.review) {
            return None;
        }
        found.sort_unstable();
        let agents: &'a [_] = &self.crowd.agents;
        let named = found.into_iter().map(|at| &agents[at]);
        Some(
            named
                .map(|agent| {
                    let name = agent.name.value.name.as_str();
                    (agent.full_name(), &name[begin.len()..])
                })
                .collect(),
        )
    }

    fn nobody(&mut self, begin: &str, tail: &str, span: &Span) {
        if self.crowd.missing {
            return;
        }
        let message = format!("no agent's name begins with {}", quote(begin));
        let replicated = || self.crowd.replicated.keys().map(|id| id.name.as_str());
        let names = || self.index.keys().map(|(name, _)| *name);
        let nearest = self.review.nearest(begin, replicated().chain(names()));
        let hint = nearest.map(|name| match replicated().any(|it| it == name) {
            true => format!("did you mean {name}*{tail}?"),
            false => format!("did you mean {name}{tail}?"),
        });
        let flaw = Flaw::new(span, message).hint(there_are(names()));
        self.review.add(flaw.maybe_hint(hint));
    }
}

/// The entry, for one of its agents.
fn of(entry: &ConnectionDraft<Clients>, name: AgentId) -> ConnectionDraft {
    ConnectionDraft {
        agent: Spanned {
            value: name,
            span: entry.agent.span.clone(),
        },
        to: entry.to.clone(),
        alias: entry.alias.clone(),
        kind: entry.kind.clone(),
        handler: entry.handler.clone(),
        replies: entry.replies.clone(),
        repeats: false,
    }
}

/// The two sides of the star in `Worker*.in`.
fn split(to: &Spanned<String>) -> Result<(String, Alias), Flaw> {
    let parts = to.value.split_once("*.").and_then(|(begin, alias)| {
        begins(begin, &to.span).ok()?;
        Some((begin.to_owned(), alias.parse().ok()?))
    });
    parts.ok_or_else(|| {
        let message = format!("to: expected AGENT*.ALIAS, found {}", quote(&to.value));
        Flaw::new(&to.span, message).hint("such as to: Worker*.in")
    })
}
