//! The key `nameserver`: where the system's name server is, or is to be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::fields::{Fields, wrong_type};
use super::hosts;
use super::review::{Flaw, Review, Span, Spanned};
use super::values;
use super::yaml::{Data, Node};
use crate::model::NameServerSpec;

/// Any free port of this machine, for itself only.
const DEFAULT: NameServerSpec =
    NameServerSpec::Launch(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

/// Where the name server is, or is to be.
pub(super) fn read(top: &Fields<'_>, review: &mut Review) -> Spanned<NameServerSpec> {
    let Some(node) = top.get("nameserver") else {
        return Spanned {
            value: DEFAULT,
            span: 0..0,
        };
    };
    let read = match &node.data {
        Data::Map(_) => long(node, review),
        Data::List(_) | Data::Bool(_) => {
            review.add(wrong_type(node, "nameserver", "IP:port or a map"));
            None
        }
        _ => review
            .take(values::ip_and_port(node, "nameserver"))
            .map(|address| (NameServerSpec::Launch(address), node.span.clone())),
    };
    let (value, span) = read.unwrap_or((DEFAULT, node.span.clone()));
    Spanned { value, span }
}

fn long(node: &Node, review: &mut Review) -> Option<(NameServerSpec, Span)> {
    let map = Fields::open(node, "nameserver", &["launch", "attach", "host"], review)?;
    if let Some(host) = map.get("host") {
        hosts::check(host, "the name server", review);
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
