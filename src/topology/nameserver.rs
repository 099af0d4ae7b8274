//! The keys `nameserver` and `nameservers`: where the system's name servers are, or are to be, and
//! at which of them an agent is registered.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::fields::{Fields, entries, there_are, wrong_type};
use super::hosts;
use super::keys;
use super::review::{Flaw, Review, Span, Spanned, quote};
use super::values;
use super::yaml::{Data, Node};
use crate::model::{AgentId, HostName, NameServerEntry, NameServerName, NameServerSpec};

/// Any free port of this machine, for itself only.
const DEFAULT: NameServerSpec =
    NameServerSpec::Launch(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

/// Where a name server is, and on which other machine it is launched, if it is.
struct Placed {
    at: NameServerSpec,
    host: Option<HostName>,
}

impl From<NameServerSpec> for Placed {
    fn from(at: NameServerSpec) -> Self {
        Self { at, host: None }
    }
}

/// All name servers: one at least.
pub(super) fn read_all(top: &Fields<'_>, review: &mut Review) -> Vec<Spanned<NameServerEntry>> {
    let Some((key, section)) = top.entry("nameservers").filter(|(_, it)| !it.is_null()) else {
        return vec![only(read(top, review))];
    };
    if top.get("nameserver").is_some() {
        let message = "a topology has either nameserver or nameservers";
        review.add(Flaw::new(&key.span, message).hint("name them all under nameservers"));
    }
    let entries = review.take(entries(section, "nameservers"));
    let named = entries
        .unwrap_or_default()
        .iter()
        .filter_map(|(key, node)| {
            let name = review.take(values::key_name(key, "name server"))?;
            let Spanned { value, span } = spec(node, review);
            let Placed { at, host } = value;
            let span = if span.is_empty() {
                key.span.clone()
            } else {
                span
            };
            let value = NameServerEntry { name, at, host };
            Some(Spanned { value, span })
        });
    let all: Vec<_> = named.collect();
    if all.is_empty() && entries.is_some_and(<[_]>::is_empty) {
        let flaw = Flaw::new(&section.span, "nameservers: there has to be one at least");
        review.add(flaw.hint("such as nameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }"));
    }
    if all.is_empty() {
        return vec![only(Spanned {
            value: DEFAULT.into(),
            span: section.span.clone(),
        })];
    }
    twice(&all, review);
    all
}

/// A system's only name server has a name, too.
fn only(placed: Spanned<Placed>) -> Spanned<NameServerEntry> {
    let Spanned { value, span } = placed;
    let Placed { at, host } = value;
    let name = NameServerName::only();
    let value = NameServerEntry { name, at, host };
    Spanned { value, span }
}

/// Two names for one name server would make one agent two.
fn twice(all: &[Spanned<NameServerEntry>], review: &mut Review) {
    for (number, one) in all.iter().enumerate() {
        let same = |other: &&Spanned<NameServerEntry>| {
            matches!(one.value.at, NameServerSpec::Attach(_)) && other.value.at == one.value.at
        };
        if let Some(other) = all[..number].iter().find(same) {
            let message = format!("{} is this name server already", other.value.name);
            review.add(Flaw::new(&one.span, message));
        }
    }
}

/// Where the name server is, or is to be.
fn read(top: &Fields<'_>, review: &mut Review) -> Spanned<Placed> {
    match top.get("nameserver") {
        Some(node) => spec(node, review),
        None => Spanned {
            value: DEFAULT.into(),
            span: 0..0,
        },
    }
}

fn spec(node: &Node, review: &mut Review) -> Spanned<Placed> {
    let read = match &node.data {
        _ if node.is_null() => Some((DEFAULT.into(), node.span.clone())),
        Data::Map(_) => long(node, review),
        Data::List(_) => {
            review.add(wrong_type(node, "nameserver", "IP:port or a map"));
            None
        }
        _ => review
            .take(values::ip_and_port(node, "nameserver"))
            .map(|address| (NameServerSpec::Launch(address).into(), node.span.clone())),
    };
    let (value, span) = read.unwrap_or((DEFAULT.into(), node.span.clone()));
    Spanned { value, span }
}

/// The name server that an agent is registered at: the one its name says, or the key, or the first.
pub(super) fn of_agent(
    id: &AgentId,
    span: &Span,
    agent: &Fields<'_>,
    all: &[Spanned<NameServerEntry>],
    review: &mut Review,
) -> Option<NameServerName> {
    let key = match agent.get("nameserver") {
        Some(node) => {
            let name: NameServerName = review.take(values::name(node, "nameserver"))?;
            Some((name, &node.span))
        }
        None => None,
    };
    if let (Some(own), Some((other, at))) = (&id.nameserver, &key)
        && own != other
    {
        let message = format!("{id} is registered at {own}, and not at {other}");
        review.add(Flaw::new(at, message).hint("say it once, in the name or with the key"));
        return None;
    }
    let own = id.nameserver.clone().map(|name| (name, span));
    let Some((name, span)) = own.or(key) else {
        return all.first().map(|first| first.value.name.clone());
    };
    let names = || all.iter().map(|entry| entry.value.name.as_str());
    if names().any(|known| known == name.as_str()) {
        return Some(name);
    }
    let message = format!("there is no name server {}", quote(name.as_str()));
    let guess = review.guess(name.as_str(), names());
    review.add(
        Flaw::new(span, message)
            .hint(there_are(names()))
            .maybe_hint(guess),
    );
    None
}

fn long(node: &Node, review: &mut Review) -> Option<(Placed, Span)> {
    let map = Fields::open(node, "nameserver", &keys::NAME_SERVER_FORM, review)?;
    match (map.get("launch"), map.get("attach")) {
        (Some(at), None) => {
            let host = map.get("host").and_then(|host| hosts::other(host, review));
            let address = review.take(values::ip_and_port(at, "launch"))?;
            let at_address = NameServerSpec::Launch(address);
            let placed = Placed {
                at: at_address,
                host,
            };
            Some((placed, at.span.clone()))
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
fn attachable(address: SocketAddr, at: &Node) -> Result<(Placed, Span), Flaw> {
    if address.port() == 0 || address.ip().is_unspecified() {
        let message = format!("attach: nobody can dial {address}");
        return Err(Flaw::new(&at.span, message).hint("give the address that osb ls systems shows"));
    }
    Ok((NameServerSpec::Attach(address).into(), at.span.clone()))
}
