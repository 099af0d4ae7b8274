//! The top of a topology: the format, the system's name, its name server, hosts and defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::agent;
use super::connection;
use super::draft::{AgentDraft, ConnectionDraft, Defaults, Draft};
use super::fields::{Fields, entries, items, wrong_type};
use super::review::{Flaw, Review, Span, Spanned, quote};
use super::source::Source;
use super::values;
use super::yaml::{Data, Node};
use crate::model::{HostName, HostSpec, Millis, NameServerSpec, Serializer, SystemName, Transport};

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
/// The only machine there is yet.
pub(super) const LOCAL: &str = "local";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// No system has more agents than this.
const MOST_AGENTS: usize = 10_000;
const START_TIMEOUT: Millis = Millis::from_secs(30);

/// Reads the whole file, section by section. None if there is nothing to read.
pub(super) fn read(root: &Node, source: &Source, review: &mut Review) -> Option<Draft> {
    let top = Fields::open(root, "a topology", KEYS, review)?;
    format(&top, review);
    top.not_yet(&[("nameservers", "a system has one name server")], review);
    let local = local_host(&top, review)?;
    let defaults = defaults(&top, local.value.address, review);
    let agents = agents(&top, &defaults, source, review);
    let connections = connections(&top, review);
    Some(Draft {
        name: name(&top, source, review),
        nameserver: nameserver(&top, review),
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

/// Where the name server is, or is to be.
fn nameserver(top: &Fields<'_>, review: &mut Review) -> Spanned<NameServerSpec> {
    let default = NameServerSpec::Launch(SocketAddr::new(LOOPBACK, 0));
    let Some(node) = top.get("nameserver") else {
        return Spanned {
            value: default,
            span: 0..0,
        };
    };
    let read = match &node.data {
        Data::Map(_) => nameserver_map(node, review),
        Data::List(_) | Data::Bool(_) => {
            review.add(wrong_type(node, "nameserver", "IP:port or a map"));
            None
        }
        _ => review
            .take(values::ip_and_port(node, "nameserver"))
            .map(|address| (NameServerSpec::Launch(address), node.span.clone())),
    };
    let (value, span) = read.unwrap_or((default, node.span.clone()));
    Spanned { value, span }
}

fn nameserver_map(node: &Node, review: &mut Review) -> Option<(NameServerSpec, Span)> {
    let map = Fields::open(node, "nameserver", &["launch", "attach", "host"], review)?;
    if let Some(host) = map.get("host") {
        host_of(host, "the name server", review);
    }
    match (map.get("launch"), map.get("attach")) {
        (Some(at), None) => {
            let address = review.take(values::ip_and_port(at, "launch"))?;
            Some((NameServerSpec::Launch(address), at.span.clone()))
        }
        (None, Some(at)) => {
            if let Some((key, _)) = map.entry("host") {
                let message = "a name server that is there already has no host here";
                review.add(Flaw::new(&key.span, message).hint("take the key host away"));
            }
            let address = review.take(values::ip_and_port(at, "attach"))?;
            review.take(attachable(address, at))
        }
        (both, _) => {
            let message = match both {
                Some(_) => "a name server is either launched or attached to",
                None => "nameserver needs the key launch or attach",
            };
            let hint = "write launch: IP:port to start one, attach: IP:port to use one";
            review.add(Flaw::new(&node.span, message).hint(hint));
            None
        }
    }
}

/// To attach, one has to know where: neither port 0 nor a wildcard can be dialled.
fn attachable(address: SocketAddr, at: &Node) -> Result<(NameServerSpec, Span), Flaw> {
    if address.port() == 0 || address.ip().is_unspecified() {
        let message = format!("attach: nobody can dial {address}");
        return Err(Flaw::new(&at.span, message).hint("give the address that osb ls systems shows"));
    }
    Ok((NameServerSpec::Attach(address), at.span.clone()))
}

/// A host that `what` is to run on: only `local` can be.
pub(super) fn host_of(node: &Node, what: &str, review: &mut Review) {
    let Some(name) = review.take(values::name::<HostName>(node, "host")) else {
        return;
    };
    if name.as_str() != LOCAL {
        let message = format!("{what} can run on this machine only, not on {name}");
        review
            .add(Flaw::not_yet(&node.span, &message).hint("leave host away, or write host: local"));
    }
}

/// The machine that always exists, as the section `hosts` has it. None if the review knows why.
fn local_host(top: &Fields<'_>, review: &mut Review) -> Option<Spanned<HostSpec>> {
    let mut local = Spanned {
        value: HostSpec {
            name: LOCAL.parse().ok()?,
            address: LOOPBACK,
        },
        span: 0..0,
    };
    let Some(section) = top.get("hosts") else {
        return Some(local);
    };
    for (key, node) in review.take(entries(section, "hosts")).unwrap_or_default() {
        if key.text != LOCAL {
            let flaw = Flaw::not_yet(&key.span, "agents run on this machine only");
            review.add(flaw.hint("take this host away; the host local always exists"));
        } else if let Some(address) = host_address(node, review) {
            local.value.address = address.value;
            local.span = address.span;
        }
    }
    Some(local)
}

fn host_address(node: &Node, review: &mut Review) -> Option<Spanned<IpAddr>> {
    let host = Fields::open(node, "a host", &["address", "ssh"], review)?;
    if let Some((key, _)) = host.entry("ssh") {
        let flaw = Flaw::new(&key.span, "the host local is this machine: it needs no ssh");
        review.add(flaw.hint("take the key ssh away"));
    }
    let node = host.get("address")?;
    let address = review.take(values::ip(node, "address"))?;
    if address.is_unspecified() {
        let message = format!("address: {address} is no address that peers can dial");
        let hint = "give one of this machine's own addresses";
        review.add(Flaw::new(&node.span, message).hint(hint));
        return None;
    }
    Some(Spanned {
        value: address,
        span: node.span.clone(),
    })
}

fn defaults(top: &Fields<'_>, ip: IpAddr, review: &mut Review) -> Defaults {
    let fallback = Defaults {
        transport: Transport::Tcp,
        serializer: Serializer::Json,
        start_timeout: START_TIMEOUT,
        ip,
    };
    let known = ["transport", "serializer", "start_timeout", "restart"];
    top.get("defaults")
        .and_then(|node| Fields::open(node, "defaults", &known, review))
        .map_or(fallback, |section| overlaid(fallback, &section, review))
}

/// The defaults, with what a section says otherwise.
pub(super) fn overlaid(outer: Defaults, section: &Fields<'_>, review: &mut Review) -> Defaults {
    if let Some(node) = section.get("restart") {
        values::restart(node, review);
    }
    let transport = section.get("transport");
    let serializer = section.get("serializer");
    let start_timeout = section.get("start_timeout");
    Defaults {
        transport: transport
            .and_then(|node| values::transport(node, review))
            .unwrap_or(outer.transport),
        serializer: serializer
            .and_then(|node| values::serializer(node, review))
            .unwrap_or(outer.serializer),
        start_timeout: start_timeout
            .and_then(|node| review.take(values::some_time(node, "start_timeout")))
            .unwrap_or(outer.start_timeout),
        ip: outer.ip,
    }
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
