//! The section `hosts`, and references to hosts. There is one machine yet: this one.

use std::net::{IpAddr, Ipv4Addr};

use super::fields::{Fields, entries};
use super::review::{Flaw, Review, Spanned};
use super::values;
use super::yaml::Node;
use crate::model::{HostName, HostSpec};

/// The machine that always exists.
const LOCAL: &str = "local";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// This machine, as the section has it. None if the review knows why.
pub(super) fn local(top: &Fields<'_>, review: &mut Review) -> Option<Spanned<HostSpec>> {
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
        } else if let Some(address) = address_of(node, review) {
            local.value.address = address.value;
            local.span = address.span;
        }
    }
    Some(local)
}

fn address_of(node: &Node, review: &mut Review) -> Option<Spanned<IpAddr>> {
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

/// A host that `what` is to run on: only `local` can be.
pub(super) fn check(node: &Node, what: &str, review: &mut Review) {
    let Some(name) = review.take(values::name::<HostName>(node, "host")) else {
        return;
    };
    if name.as_str() != LOCAL {
        let message = format!("{what} can run on this machine only, not on {name}");
        review
            .add(Flaw::not_yet(&node.span, &message).hint("leave host away, or write host: local"));
    }
}
