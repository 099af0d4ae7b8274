//! References in a program's texts: `${addr:Alice.main}`, `${attr:Alice.level}`, `${env:HOME}`,
//! `${host}`. Follows each to what it is about, and reports those that lead nowhere. What stands
//! there is filled in when the system is brought up, not here.

use super::draft::{
    AfterDraft, AgentDraft, CheckDraft, HealthDraft, LateText, ProgramDraft, ReadyDraft,
};
use super::fields::there_are;
use super::replicas;
use super::review::{Flaw, Review, Span, Spanned, list, quote};
use super::sockets::{Directory, Who};
use super::targets;
use super::yaml::Part;
use crate::model::{
    AddrPart, AgentId, Alias, Check, Health, Piece, Program, Ready, Reference, SocketId, Speaks,
    SyncSpec, Template, Transport,
};

/// An agent that refers to others.
pub(super) struct Referrer<'a> {
    pub agent: &'a AgentDraft,
    pub directory: &'a Directory<'a>,
    /// How its program talks with osb.
    pub speaks: Speaks,
}

impl Referrer<'_> {
    /// The program with its references followed, and the files that go with it.
    pub(crate) fn program(
        &self,
        draft: &ProgramDraft,
        sync: Option<SyncSpec>,
        review: &mut Review,
    ) -> Program {
        let mut texts = |texts: &[LateText]| -> Vec<Template> {
            let settled = texts.iter().map(|text| self.settle(text, review));
            settled.collect()
        };
        let argv = texts(&draft.argv);
        let ready = match &draft.ready {
            ReadyDraft::Started => Ready::Started,
            ReadyDraft::Port(at) => Ready::Port(*at),
            ReadyDraft::Line(pattern) => Ready::Line(pattern.clone()),
            ReadyDraft::Probe { argv, every } => Ready::Probe {
                argv: texts(argv),
                every: *every,
            },
            ReadyDraft::Done => Ready::Done,
        };
        let check = draft.health.as_ref().and_then(|it| it.check.as_ref());
        let check = check.map(|check| match check {
            CheckDraft::Call(method) => Check::Call(method.clone()),
            CheckDraft::Command(argv) => Check::Command(texts(argv)),
            CheckDraft::Port(at) => Check::Port(*at),
            CheckDraft::Http(url) => Check::Http(url.clone()),
        });
        let env = draft.env.iter();
        Program {
            argv,
            env: env
                .map(|(name, value)| (name.clone(), self.settle(value, review)))
                .collect(),
            cwd: draft.cwd.clone(),
            sync: sync.map(Box::new),
            speaks: draft.speaks,
            ready,
            timeout: draft.timeout,
            once: draft.once,
            after: self.after(draft, |_| true),
            after_healthy: self.after(draft, |it| it.healthy),
            // Known when all agents are.
            ready_when_healthy: false,
            health: draft.health.as_ref().map(|it| Box::new(settled(it, check))),
        }
    }

    /// Agents after which it comes. That there is none of that name, the check of the order reports.
    fn after(&self, draft: &ProgramDraft, among: impl Fn(&AfterDraft) -> bool) -> Vec<AgentId> {
        let after = draft.after.iter().filter(|it| among(&it.value));
        after
            .filter_map(|it| match self.directory.agent(&it.value.agent) {
                Who::One(at) => Some(self.directory.agents[at].name.value.clone()),
                Who::Nobody | Who::Several => None,
            })
            .collect()
    }

    /// The text with its references followed. What leads nowhere is reported and left away.
    fn settle(&self, text: &LateText, review: &mut Review) -> Template {
        let pieces = text.value.iter().filter_map(|part| match part {
            Part::Text(text) => Some(Piece::Text(text.clone())),
            Part::Reference(inside) => self
                .follow(inside, &text.span, review)
                .map(Piece::Reference),
        });
        Template::new(pieces)
    }

    fn follow(&self, inside: &str, span: &Span, review: &mut Review) -> Option<Reference> {
        let (word, rest) = inside.split_once(':').unwrap_or((inside, ""));
        let reference = match word {
            "addr" => self.addr(rest, span, review),
            "attr" => self.attr(rest, span, review),
            "env" => review.take(variable(rest, span)),
            _ => review.take(host(rest, span)),
        }?;
        if reference.agent().is_some() && self.speaks == Speaks::Osb {
            let message =
                format!("${{{inside}}} is not known when a program that speaks osb is started");
            let hint = "such a program is the agent itself: give it a connection instead";
            review.add(Flaw::new(span, message).hint(hint));
            return None;
        }
        Some(reference)
    }

    fn addr(&self, rest: &str, span: &Span, review: &mut Review) -> Option<Reference> {
        let (socket, part) = review.take(divided(rest, span))?;
        let to = Spanned {
            value: match socket.contains('.') {
                true => socket.to_owned(),
                // A socket of the agent's own.
                false => format!("{}.{socket}", self.agent.full_name()),
            },
            span: span.clone(),
        };
        let (at, target) = targets::find(&to, "addr", self.directory, review)?;
        if part != AddrPart::Whole {
            self.refuse_ipc(at, &target, part, span, review);
        }
        let SocketId { agent, alias } = target;
        Some(Reference::Addr { agent, alias, part })
    }

    /// What is bound by ipc has a path, and neither host nor port.
    fn refuse_ipc(
        &self,
        at: usize,
        target: &SocketId,
        part: AddrPart,
        span: &Span,
        review: &mut Review,
    ) {
        let is_meant = |alias: &Alias| *alias == target.alias;
        let mut sockets = self.directory.agents[at].bind.iter();
        let socket = sockets.find(|bind| is_meant(&bind.alias.value));
        let endpoint = socket.and_then(|bind| bind.endpoint.as_ref());
        if endpoint.is_some_and(|it| it.at.value.transport() == Transport::Ipc) {
            let part = part.suffix();
            let message = format!(
                "{target} is bound by ipc: its address has no {}",
                &part[1..]
            );
            let hint = format!("write ${{addr:{target}}}, or give the socket transport: tcp");
            review.add(Flaw::new(span, message).hint(hint));
        }
    }

    fn attr(&self, rest: &str, span: &Span, review: &mut Review) -> Option<Reference> {
        let (owner, name) = match rest.contains('.') {
            true => self.owner(rest, span, review)?,
            // An attribute of the agent's own.
            false => (self.agent, rest),
        };
        let agent = owner.name.value.clone();
        if !owner.attributes.contains_key(name) && !may_have_more(owner, self.agent) {
            let known = || owner.attributes.keys().map(String::as_str);
            let shown = owner.name.value.name.as_str();
            let message = format!("{shown} has no attribute {}", quote(name));
            let has = format!("{shown} has: {}", list(known()));
            let hint = review.guess(name, known());
            review.add(Flaw::new(span, message).hint(has).maybe_hint(hint));
            return None;
        }
        let name = name.to_owned();
        Some(Reference::Attr { agent, name })
    }

    /// Whose attribute it is, and which. Names may have dots: the agents that there are decide.
    fn owner<'t>(
        &self,
        text: &'t str,
        span: &Span,
        review: &mut Review,
    ) -> Option<(&AgentDraft, &'t str)> {
        let agents = self.directory.agents;
        let mut all = Vec::new();
        for (dot, _) in text.match_indices('.') {
            let Ok(id) = text[..dot].parse::<AgentId>() else {
                continue;
            };
            match self.directory.agent(&id) {
                Who::One(at) => all.push((&agents[at], &text[dot + 1..])),
                Who::Nobody => {}
                Who::Several => {
                    let flaw = self.directory.ambiguous(&id, &text[dot..], span);
                    review.add(flaw);
                    return None;
                }
            }
        }
        let has_it = |(agent, name): &&(&AgentDraft, &str)| agent.attributes.contains_key(*name);
        match (all.iter().filter(has_it).count(), all.as_slice()) {
            (0, []) => self.unknown(text, span, review),
            (0 | 1, _) => {
                let meant = all.iter().find(has_it).or(all.first());
                return meant.copied();
            }
            _ => {
                let message = format!("{} can be read in several ways", quote(text));
                let flaw = Flaw::new(span, message);
                review.add(flaw.hint("give one of the agents another name"));
            }
        }
        None
    }

    fn unknown(&self, text: &str, span: &Span, review: &mut Review) {
        if self.directory.incomplete {
            return;
        }
        let name = text.split('.').next().unwrap_or(text);
        let names = || self.directory.names();
        let several = name.parse::<AgentId>().ok().and_then(|agent| {
            replicas::one_of(&agent, &text[name.len()..], self.directory.replicated)
        });
        let hint = several.or_else(|| review.guess(name, names()));
        let flaw = Flaw::new(span, format!("there is no agent {}", quote(name)));
        review.add(flaw.hint(there_are(names())).maybe_hint(hint));
    }
}

/// What is not said is as it is by default.
fn settled(draft: &HealthDraft, check: Option<Check>) -> Health {
    let HealthDraft {
        check: _,
        every,
        timeout,
        failures,
        grace,
        then,
        max_busy,
    } = draft;
    let fallback = Health::default();
    Health {
        check,
        every: every.unwrap_or(fallback.every),
        timeout: timeout.unwrap_or(fallback.timeout),
        failures: failures.unwrap_or(fallback.failures),
        grace: grace.unwrap_or(fallback.grace),
        then: *then,
        max_busy: *max_busy,
    }
}

/// The agents, by their places, that a text refers to, as far as they are known.
pub(super) fn agents_in(text: &LateText, directory: &Directory<'_>) -> Vec<usize> {
    let references = text.value.iter().filter_map(|part| match part {
        Part::Reference(inside) => inside.split_once(':'),
        Part::Text(_) => None,
    });
    references
        .filter(|(word, _)| matches!(*word, "addr" | "attr"))
        .flat_map(|(_, rest)| rest.match_indices('.').map(move |(dot, _)| &rest[..dot]))
        .filter_map(|name| match directory.agent(&name.parse().ok()?) {
            Who::One(at) => Some(at),
            Who::Nobody | Who::Several => None,
        })
        .collect()
}

/// Whether the agent may have attributes, by the time that they are looked up, that stand nowhere
/// in the topology: others give it some, or its program does.
fn may_have_more(owner: &AgentDraft, referrer: &AgentDraft) -> bool {
    let hears = owner.program.as_ref().is_some_and(|it| it.speaks.hears());
    // What it refers to itself is looked up before its program is started.
    owner.attach || (hears && owner.name.value != referrer.name.value)
}

/// The socket, and which part of its address.
fn divided<'t>(text: &'t str, span: &Span) -> Result<(&'t str, AddrPart), Flaw> {
    let (socket, part) = match text.rfind(':') {
        Some(colon) => text.split_at(colon),
        None => (text, ""),
    };
    match AddrPart::ALL.into_iter().find(|it| it.suffix() == part) {
        Some(known) => Ok((socket, known)),
        None => {
            let message = format!("an address has no part {}", quote(&part[1..]));
            Err(Flaw::new(span, message)
                .hint("there are host and port, as in ${addr:Alice.main:port}"))
        }
    }
}

fn variable(text: &str, span: &Span) -> Result<Reference, Flaw> {
    let (name, default) = match text.split_once(":-") {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (text, None),
    };
    if name.is_empty() || name.contains(['=', '\0']) {
        let message = format!("env: {} names no variable", quote(name));
        return Err(Flaw::new(span, message).hint("such as ${env:HOME} or ${env:LEVEL:-info}"));
    }
    let name = name.to_owned();
    Ok(Reference::Env { name, default })
}

fn host(text: &str, span: &Span) -> Result<Reference, Flaw> {
    match text {
        "" => Ok(Reference::Host { address: false }),
        "address" => Ok(Reference::Host { address: true }),
        other => {
            let message = format!("a host has no {}", quote(other));
            Err(Flaw::new(span, message).hint("there are ${host}, its name, and ${host:address}"))
        }
    }
}
