//! The top of a topology: the format, the system's name, and the sections in their order.

use super::draft::{AgentDraft, ConnectionDraft, Defaults, Draft};
use super::fields::{Fields, entries, items};
use super::review::{Flaw, Review, quote};
use super::source::Source;
use super::yaml::{Data, Node};
use super::{agent, connection, defaults, hosts, nameserver, values};
use crate::model::SystemName;

const KEYS: &[&str] = &[
    "osb",
    "name",
    "nameserver",
    "nameservers",
    "insecure",
    "defaults",
    "hosts",
    "agents",
    "connections",
];
/// No system has more agents than this.
const MOST_AGENTS: usize = 10_000;

/// Reads the whole file, section by section. None if there is nothing to read.
pub(super) fn read(root: &Node, source: &Source, review: &mut Review) -> Option<Draft> {
    let top = Fields::open(root, "a topology", KEYS, review)?;
    format(&top, review);
    top.not_yet(&[("nameservers", "a system has one name server")], review);
    let local = hosts::local(&top, review)?;
    let defaults = defaults::read(&top, local.value.address, review);
    let agents = agents(&top, &defaults, source, review);
    let connections = connections(&top, review);
    Some(Draft {
        name: name(&top, source, review),
        nameserver: nameserver::read(&top, review),
        insecure: insecure(&top, review),
        local,
        agents: agents.read,
        agents_missing: agents.missing,
        connections: connections.read,
        connections_missing: connections.missing,
    })
}

fn format(top: &Fields<'_>, review: &mut Review) {
    let Some(node) = top.get("osb") else {
        let flaw = Flaw::new(&(0..0), "the format is missing");
        review.add(flaw.hint("begin the file with osb: 1"));
        return;
    };
    if node.data != Data::Number(1.into()) {
        let flaw = Flaw::new(&node.span, "this version of osb reads format 1 only");
        review.add(flaw.hint("write osb: 1, or use an osb that knows this format"));
    }
}

fn name(top: &Fields<'_>, source: &Source, review: &mut Review) -> Option<SystemName> {
    if let Some(node) = top.get("name") {
        return review.take(values::name(node, "name"));
    }
    let from_file = source.stem.parse().map_err(|error| {
        let stem = quote(&source.stem);
        let message = format!("the file's name {stem} cannot name the system: {error}");
        Flaw::new(&(0..0), message).hint("give the system a name: name: my-system")
    });
    review.take(from_file)
}

fn insecure(top: &Fields<'_>, review: &mut Review) -> bool {
    let given = top.get("insecure");
    given
        .and_then(|node| review.take(values::boolean(node, "insecure")))
        .unwrap_or(false)
}

/// What could be read of a section, and whether that is not all of it.
struct Part<T> {
    read: Vec<T>,
    missing: bool,
}

impl<T> Part<T> {
    fn of(all: impl Iterator<Item = Option<T>>) -> Self {
        let (mut read, mut missing) = (Vec::new(), false);
        for item in all {
            missing |= item.is_none();
            read.extend(item);
        }
        Self { read, missing }
    }

    fn unreadable() -> Self {
        Self {
            read: Vec::new(),
            missing: true,
        }
    }
}

fn agents(
    top: &Fields<'_>,
    defaults: &Defaults,
    source: &Source,
    review: &mut Review,
) -> Part<AgentDraft> {
    let Some(section) = top.get("agents") else {
        return Part::of(std::iter::empty());
    };
    let Some(entries) = review.take(entries(section, "agents")) else {
        return Part::unreadable();
    };
    if entries.len() > MOST_AGENTS {
        let message = format!(
            "{} agents: a system has {MOST_AGENTS} at most",
            entries.len()
        );
        review.add(Flaw::new(&section.span, message));
    }
    let agents = entries
        .iter()
        .map(|(key, node)| agent::read(key, node, defaults, source, review));
    Part::of(agents)
}

fn connections(top: &Fields<'_>, review: &mut Review) -> Part<ConnectionDraft> {
    let Some(section) = top.get("connections") else {
        return Part::of(std::iter::empty());
    };
    match review.take(items(section, "connections")) {
        Some(items) => Part::of(items.iter().map(|node| connection::read(node, review))),
        None => Part::unreadable(),
    }
}
