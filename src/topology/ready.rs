//! When a program is ready, and after which others it is started: the keys `ready`, `job` and
//! `after` of an agent.

use std::net::{Ipv4Addr, SocketAddr};

use regex_lite::Regex;

use super::command::words;
use super::draft::{AfterDraft, ReadyDraft};
use super::fields::{Fields, there_are, wrong_type};
use super::keys;
use super::review::{Flaw, Review, Spanned, quote};
use super::values;
use super::yaml::{Data, Key, Node};
use crate::model::{AgentId, Millis, read_ip_and_port};

/// The keys of an agent that are read here.
pub(super) const KEYS: [&str; 3] = ["ready", "job", "after"];

/// Of which `ready` has one.
const CONDITIONS: [&str; 3] = ["port", "line", "command"];
/// How often a probe is run.
const EVERY: Millis = Millis::new(500);
/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1000;

/// What makes the program ready, and how long that may take if it is said.
pub(super) fn read(agent: &Fields<'_>, review: &mut Review) -> (ReadyDraft, Option<Millis>) {
    let job = agent.get("job").and_then(|node| job(node, review));
    let Some(node) = agent.get("ready") else {
        return job.unwrap_or((ReadyDraft::Started, None));
    };
    if job.is_some() {
        let message = "a job is ready when it has ended well: it has no ready besides";
        let flaw = Flaw::new(&node.span, message);
        review.add(flaw.hint("take ready away; a limit is job: { timeout: 5m }"));
    }
    if let Some(port) = node.number() {
        let flaw = wrong_type(node, "ready", "a map");
        review.add(flaw.hint(format!("write ready: {{ port: {port} }}")));
        return (ReadyDraft::Started, None);
    }
    let Some(fields) = Fields::open(node, "ready", &keys::READY, review) else {
        return (ReadyDraft::Started, None);
    };
    let ready = condition(&fields, review).unwrap_or(ReadyDraft::Started);
    (ready, timeout(&fields, review))
}

/// None if it is no job.
fn job(node: &Node, review: &mut Review) -> Option<(ReadyDraft, Option<Millis>)> {
    if let Data::Map(_) = &node.data {
        let fields = Fields::open(node, "job", &keys::JOB, review)?;
        return Some((ReadyDraft::Done, timeout(&fields, review)));
    }
    let job = review.take(values::boolean(node, "job"))?;
    job.then_some((ReadyDraft::Done, None))
}

/// Whether it is a job that stays done.
pub(super) fn once(agent: &Fields<'_>, review: &mut Review) -> bool {
    let Some(job) = agent.get("job") else {
        return false;
    };
    let Data::Map(entries) = &job.data else {
        return false;
    };
    let mut entries = entries.iter();
    let once = entries.find(|(key, _)| key.text == "once");
    let once = once.and_then(|(_, node)| review.take(values::boolean(node, "once")));
    once.unwrap_or(false)
}

fn timeout(fields: &Fields<'_>, review: &mut Review) -> Option<Millis> {
    let node = fields.get("timeout")?;
    review.take(values::some_time(node, "timeout"))
}

fn condition(fields: &Fields<'_>, review: &mut Review) -> Option<ReadyDraft> {
    let given: Vec<(&str, &Node)> = CONDITIONS
        .into_iter()
        .filter_map(|key| Some((key, fields.get(key)?)))
        .collect();
    if let Some((key, _)) = fields.entry("every")
        && fields.get("command").is_none()
    {
        let flaw = Flaw::new(&key.span, "every is for a command that is run as a probe");
        review.add(flaw.hint("take it away; ports and lines need no interval"));
    }
    match given.as_slice() {
        [("port", node)] => review.take(port(node)).map(ReadyDraft::Port),
        [("line", node)] => review.take(line(node)).map(ReadyDraft::Line),
        [(_, node)] => {
            let argv = words(node, "command", review)?;
            let every = fields.get("every").map_or(Some(EVERY), |node| {
                review.take(values::some_time(node, "every"))
            });
            Some(ReadyDraft::Probe {
                argv,
                every: every?,
            })
        }
        _ => {
            let message = match given.is_empty() {
                true => "ready does not say by what it is seen",
                false => "ready is seen by one thing",
            };
            let hint = "write one of port: 8080, line: TEXT, command: [PROGRAM, ARGUMENT]";
            review.add(Flaw::new(fields.span, message).hint(hint));
            None
        }
    }
}

/// A port of this machine's loopback address, or of another.
pub(super) fn port(node: &Node) -> Result<SocketAddr, Flaw> {
    let text = match node.number() {
        Some(number) => number.to_string(),
        None => values::text(node, "port")?.to_owned(),
    };
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let at = text
        .parse()
        .map(local)
        .ok()
        .or_else(|| read_ip_and_port(&text).ok());
    let dialled = |at: &SocketAddr| at.port() > 0 && !at.ip().is_unspecified();
    at.filter(dialled).ok_or_else(|| {
        let message = format!("port: nothing can be connected to at {}", quote(&text));
        Flaw::new(&node.span, message)
            .hint("write a port from 1 to 65535, which is one of 127.0.0.1, or IP:port")
    })
}

/// A regular expression.
fn line(node: &Node) -> Result<String, Flaw> {
    let text = values::text(node, "line")?;
    let flaw = |message: String| Err(Flaw::new(&node.span, message));
    if text.len() > LONGEST_PATTERN {
        return flaw(format!("line: more than {LONGEST_PATTERN} bytes"));
    }
    match Regex::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            flaw(format!(
                "line: {} is no regular expression: {reason}",
                quote(text)
            ))
        }
    }
}

/// What an agent that is waited for has to be.
const CONDITIONS_OF_AFTER: [&str; 2] = ["ready", "healthy"];

/// The agents after which the program is started: a name, a list of them, or a map that says what each has to be.
pub(super) fn after(agent: &Fields<'_>, review: &mut Review) -> Vec<Spanned<AfterDraft>> {
    let node = agent.get("after");
    if let Some(Data::Map(entries)) = node.map(|it| &it.data) {
        return after_conditions(entries, review);
    }
    let ready = |it: Spanned<AgentId>| Spanned {
        value: AfterDraft {
            agent: it.value,
            healthy: false,
        },
        span: it.span,
    };
    agents(agent, "after", review)
        .into_iter()
        .map(ready)
        .collect()
}

/// The agents that a key names: one, or a list of them.
pub(super) fn agents(
    agent: &Fields<'_>,
    key: &'static str,
    review: &mut Review,
) -> Vec<Spanned<AgentId>> {
    let Some(node) = agent.get(key) else {
        return Vec::new();
    };
    let nodes = match &node.data {
        Data::List(items) => items,
        _ if node.text().is_some() => std::slice::from_ref(node),
        _ => {
            review.add(wrong_type(node, key, "a list of agents"));
            return Vec::new();
        }
    };
    let name = |node: &Node| {
        let value = review.take(values::name(node, key))?;
        let span = node.span.clone();
        Some(Spanned { value, span })
    };
    nodes.iter().filter_map(name).collect()
}

fn after_conditions(entries: &[(Key, Node)], review: &mut Review) -> Vec<Spanned<AfterDraft>> {
    let one = |(key, node): &(Key, Node)| {
        let agent = review.take(values::key_name(key, "after"))?;
        let text = review.take(values::text(node, "after"))?;
        let healthy = match text {
            "ready" => false,
            "healthy" => true,
            other => {
                let hint = review.guess(other, CONDITIONS_OF_AFTER);
                let message = format!("no agent can be waited for until it is {}", quote(other));
                let flaw = Flaw::new(&node.span, message).hint(there_are(CONDITIONS_OF_AFTER));
                review.add(flaw.maybe_hint(hint));
                return None;
            }
        };
        let value = AfterDraft { agent, healthy };
        let span = key.span.clone();
        Some(Spanned { value, span })
    };
    entries.iter().filter_map(one).collect()
}
