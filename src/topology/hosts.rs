//! The section `hosts`, and references to hosts: by name, or by a label that several have.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::fields::{Fields, entries, items, there_are};
use super::keys;
use super::review::{Flaw, Review, Spanned, quote};
use super::source::Source;
use super::values;
use super::yaml::{Key, Node};
use crate::model::{HostName, HostSpec, Reach, SshDestination, SshSpec};

/// The machine that always exists.
const LOCAL: &str = "local";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// All machines, `local` first. None if the review knows why.
pub(super) fn read(
    top: &Fields<'_>,
    source: &Source,
    review: &mut Review,
) -> Option<Vec<Spanned<HostSpec>>> {
    let mut hosts = vec![Spanned {
        value: HostSpec {
            name: HostName::local(),
            address: Some(LOOPBACK),
            reach: Reach::Local,
            labels: BTreeSet::new(),
        },
        span: 0..0,
    }];
    let Some(section) = top.get("hosts") else {
        return Some(hosts);
    };
    for (key, node) in review.take(entries(section, "hosts")).unwrap_or_default() {
        match one(key, node, source, review) {
            Some(host) if key.text == LOCAL => hosts[0] = host,
            other => hosts.extend(other),
        }
    }
    Some(hosts)
}

/// What sockets on a host are bound to that say nothing else.
pub fn ip(host: &HostSpec) -> IpAddr {
    // Where its address is not known here, it is registered with what its daemon says.
    host.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn one(key: &Key, node: &Node, source: &Source, review: &mut Review) -> Option<Spanned<HostSpec>> {
    let name: Option<HostName> = review.take(values::key_name(key, "host"));
    let Some(fields) = Fields::open(node, "a host", &keys::HOST, review) else {
        return unread(name?, key);
    };
    let address = fields.get("address").map(|node| address(node, review));
    let labels = labels(&fields, review);
    let (reach, address, span) = match key.text.as_str() {
        LOCAL => {
            only_address(&fields, review);
            let (address, span) = address.flatten().unwrap_or((LOOPBACK, 0..0));
            (Reach::Local, Some(address), span)
        }
        _ => {
            let reach = reach(key, &fields, source, review);
            let (address, span) = address.flatten().unzip();
            let Some(reach) = reach else {
                return unread(name?, key);
            };
            (reach, address, span.unwrap_or(key.span.clone()))
        }
    };
    let value = HostSpec {
        name: name?,
        address,
        reach,
        labels,
    };
    Some(Spanned { value, span })
}

/// A host of which the review knows what is wrong: that it is there is not to be doubted wherever it is named.
fn unread(name: HostName, key: &Key) -> Option<Spanned<HostSpec>> {
    let value = HostSpec {
        name,
        address: None,
        reach: Reach::Attach,
        labels: BTreeSet::new(),
    };
    let span = key.span.clone();
    Some(Spanned { value, span })
}

fn only_address(local: &Fields<'_>, review: &mut Review) {
    for word in ["ssh", "attach", "port", "identity", "ssh_config"] {
        if let Some((key, _)) = local.entry(word) {
            let message = format!("the host local is this machine: it needs no {word}");
            let hint = format!("take the key {word} away");
            review.add(Flaw::new(&key.span, message).hint(hint));
        }
    }
}

fn address(node: &Node, review: &mut Review) -> Option<(IpAddr, super::review::Span)> {
    let address = review.take(values::ip(node, "address"))?;
    if address.is_unspecified() {
        let message = format!("address: {address} is no address that peers can dial");
        let hint = "give one of this machine's own addresses";
        review.add(Flaw::new(&node.span, message).hint(hint));
        return None;
    }
    Some((address, node.span.clone()))
}

/// How the daemon of another machine comes about: others start it, or ssh does.
fn reach(key: &Key, host: &Fields<'_>, source: &Source, review: &mut Review) -> Option<Reach> {
    let attach = host
        .get("attach")
        .and_then(|node| review.take(values::boolean(node, "attach")));
    match (attach, host.get("ssh")) {
        (Some(true), None) => Some(Reach::Attach),
        (None | Some(false), Some(ssh)) => Some(Reach::Ssh(self::ssh(ssh, host, source, review)?)),
        (attach, ssh) => {
            let name = quote(&key.text);
            let message = match (attach, ssh) {
                (Some(true), Some(_)) => {
                    format!("the host {name} is either attached or reached by ssh")
                }
                _ => format!("the host {name} is another machine: how is it reached?"),
            };
            let hint = "write ssh: user@machine for a daemon that is started there, or attach: true for one that others start";
            review.add(Flaw::new(&key.span, message).hint(hint));
            None
        }
    }
}

fn ssh(node: &Node, host: &Fields<'_>, source: &Source, review: &mut Review) -> Option<SshSpec> {
    let text = review.take(values::text(node, "ssh"))?;
    let parsed = text.parse::<SshDestination>();
    let destination = review.take(parsed.map_err(|error| {
        let flaw = Flaw::new(
            &node.span,
            format!("ssh: {} is no destination: {error}", quote(text)),
        );
        flaw.hint("such as user@10.0.0.11, or the name of a Host in your ssh_config")
    }));
    let port = host.get("port").and_then(|node| port(node, review));
    let mut path = |key: &str| -> Option<PathBuf> {
        let text = review.take(values::text(host.get(key)?, key))?;
        Some(source.folder.join(text))
    };
    let (identity, config) = (path("identity"), path("ssh_config"));
    Some(SshSpec {
        destination: destination?,
        port,
        identity,
        config,
    })
}

fn port(node: &Node, review: &mut Review) -> Option<u16> {
    let port = node.number().and_then(serde_json::Number::as_u64);
    let port = port.and_then(|port| u16::try_from(port).ok());
    let port = port.filter(|port| *port > 0);
    if port.is_none() {
        review.add(Flaw::new(
            &node.span,
            "port: expected a number from 1 to 65535",
        ));
    }
    port
}

fn labels(host: &Fields<'_>, review: &mut Review) -> BTreeSet<String> {
    let Some(section) = host.get("labels") else {
        return BTreeSet::new();
    };
    let nodes = review.take(items(section, "labels")).unwrap_or_default();
    let texts = nodes.iter().map(|node| values::text(node, "a label"));
    let texts: Vec<_> = texts.filter_map(|text| review.take(text)).collect();
    texts.into_iter().map(str::to_owned).collect()
}

/// The places of the hosts that an agent may run on: the one it names, or those with the label
/// that it asks for. One that says nothing runs here.
pub(super) fn of_agent(
    agent: &Fields<'_>,
    hosts: &[Spanned<HostSpec>],
    review: &mut Review,
) -> Vec<usize> {
    match (agent.get("host"), agent.get("on")) {
        (None, None) => vec![0],
        (Some(node), None) => by_name(node, hosts, review).into_iter().collect(),
        (None, Some(node)) => by_label(node, hosts, review),
        (Some(_), Some(on)) => {
            let message =
                "an agent has either host, a machine by its name, or on, any that matches";
            review.add(Flaw::new(&on.span, message));
            Vec::new()
        }
    }
}

/// The place of the host of that name.
pub(super) fn place_of(name: &HostName, hosts: &[Spanned<HostSpec>]) -> Option<usize> {
    hosts.iter().position(|host| host.value.name == *name)
}

fn by_name(node: &Node, hosts: &[Spanned<HostSpec>], review: &mut Review) -> Option<usize> {
    let name: HostName = review.take(values::name(node, "host"))?;
    let found = place_of(&name, hosts);
    if found.is_none() {
        let known = || hosts.iter().map(|host| host.value.name.as_str());
        let guess = review.guess(name.as_str(), known());
        let flaw = Flaw::new(
            &node.span,
            format!("there is no host {}", quote(name.as_str())),
        );
        let hint = format!("{}; others stand in the section hosts", there_are(known()));
        review.add(flaw.hint(hint).maybe_hint(guess));
    }
    found
}

fn by_label(node: &Node, hosts: &[Spanned<HostSpec>], review: &mut Review) -> Vec<usize> {
    let label = Fields::open(node, "on", &keys::ON, review)
        .and_then(|on| on.need("label", "on", review))
        .and_then(|node| Some((review.take(values::text(node, "label"))?, node)));
    let Some((label, at)) = label else {
        return Vec::new();
    };
    let has = |host: &Spanned<HostSpec>| host.value.labels.contains(label);
    let places: Vec<usize> = (0..hosts.len())
        .filter(|place| has(&hosts[*place]))
        .collect();
    if places.is_empty() {
        let known: BTreeSet<&str> = hosts
            .iter()
            .flat_map(|host| host.value.labels.iter().map(String::as_str))
            .collect();
        let guess = review.guess(label, known.iter().copied());
        let hint = match known.is_empty() {
            true => format!("hosts have labels: lab1: {{ labels: [{label}] }}"),
            false => there_are(known),
        };
        let message = format!("no host has the label {}", quote(label));
        review.add(Flaw::new(&at.span, message).hint(hint).maybe_hint(guess));
    }
    places
}

/// The machine that a name server is launched on, if it is another than this.
pub(super) fn other(node: &Node, review: &mut Review) -> Option<HostName> {
    let name: HostName = review.take(values::name(node, "host"))?;
    (name.as_str() != LOCAL).then_some(name)
}
