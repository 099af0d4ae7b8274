//! The top of a topology: the format, the system's name, and the sections in their order.

use super::agent::Known;
use super::draft::{AgentDraft, ConnectionDraft, Draft};
use super::fields::{Fields, entries, items};
use super::keys;
use super::partial::Partial;
use super::patterns;
use super::replicas::{Copies, Crowd};
use super::review::{Flaw, Review, quote};
use super::source::Source;
use super::surroundings::Surroundings;
use super::yaml::Node;
use super::{agent, connection, defaults, hosts, logger, nameserver, values};
use crate::model::{Security, SystemName};

/// Reads the whole file, section by section. None if there is nothing to read.
pub(super) fn read(root: &Node, around: &Surroundings<'_>, review: &mut Review) -> Option<Draft> {
    let source = around.source;
    let top = Fields::open(root, "a topology", &keys::FILE, review)?;
    format(&top, review);
    let nameservers = nameserver::read_all(&top, review);
    let hosts = hosts::read(&top, source, review)?;
    let defaults = defaults::read(&top, hosts::ip(&hosts[0].value), around, review);
    let mut copies = Copies::new();
    let known = Known {
        defaults: &defaults,
        around,
        nameservers: &nameservers,
        hosts: &hosts,
    };
    let mut crowd = agents(&top, &known, &mut copies, review);
    let mut connections = connections(&top, &crowd, &mut copies, review);
    logger::apply(&top, &defaults, &mut crowd, &mut connections.read, review);
    // The logger's sockets too belong where their agents are.
    for agent in &mut crowd.agents {
        let host = agent.host();
        agent.place(host, hosts::ip(&hosts[host].value));
    }
    Some(Draft {
        name: name(&top, source, review),
        nameservers,
        security: security(&top, review),
        hosts,
        agents: crowd.agents,
        agents_missing: crowd.missing,
        replicated: crowd.replicated,
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
    other_format(node, review);
}

/// Refuses a file that says it has another format. That it says none is for others to judge.
pub(super) fn refuse_other_format(root: &Node, review: &mut Review) {
    let top = entries(root, "a topology").unwrap_or_default();
    let format = top.iter().find(|(key, _)| key.text == "osb");
    if let Some((_, node)) = format.filter(|(_, node)| !node.is_null()) {
        other_format(node, review);
    }
}

fn other_format(node: &Node, review: &mut Review) {
    if node.number() != Some(&1.into()) {
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

fn security(top: &Fields<'_>, review: &mut Review) -> Option<Security> {
    let node = top.get("security")?;
    let word = review.take(values::text(node, "security"))?;
    match word {
        "none" => Some(Security::None),
        "curve" => Some(Security::Curve),
        other => {
            let message = format!("{} is no security: it is none or curve", quote(other));
            let hint = "leave it out: a system that other machines have to do with is encrypted";
            review.add(Flaw::new(&node.span, message).hint(hint));
            None
        }
    }
}

fn agents(top: &Fields<'_>, known: &Known<'_>, copies: &mut Copies, review: &mut Review) -> Crowd {
    let Some(section) = top.get("agents") else {
        return Crowd::default();
    };
    let Some(entries) = review.take(entries(section, "agents")) else {
        return Crowd::unreadable();
    };
    let part: Partial<(AgentDraft, usize)> = Partial::of(entries.iter().map(|(key, node)| {
        let mut agent = agent::read(key, node, known, review)?;
        if let Some(replicas) = &mut agent.replicas {
            let scaled = known.around.overrides.replicas.get(&agent.name.value);
            *replicas = scaled.copied().unwrap_or(*replicas);
            let update = agent.update.as_ref();
            let update = update.filter(|it| known.around.spares.contains(&it.group));
            *replicas += update.map_or(0, |it| it.parallel.min(*replicas));
        }
        // What its files of variables hold counts as if it stood there.
        let program = agent.program.as_ref();
        let size = node.size() + program.map_or(0, |program| program.env.len());
        Some((agent, size))
    }));
    let mut crowd = Crowd::of(part.read, &section.span, copies, review);
    crowd.missing |= part.missing;
    crowd
}

fn connections(
    top: &Fields<'_>,
    crowd: &Crowd,
    copies: &mut Copies,
    review: &mut Review,
) -> Partial<ConnectionDraft> {
    let Some(section) = top.get("connections") else {
        return Partial::of(std::iter::empty());
    };
    let Some(items) = review.take(items(section, "connections")) else {
        return Partial::unreadable();
    };
    let part = Partial::of(items.iter().map(|node| {
        let entry = connection::read(node, review)?;
        Some((entry, node.size()))
    }));
    let mut connections = patterns::expand(part.read, crowd, copies, review);
    connections.missing |= part.missing;
    connections
}
