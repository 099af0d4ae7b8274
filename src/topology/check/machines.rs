//! What has to hold between machines: a socket that is dialled from another one has an address that
//! means the same there.

use std::net::{IpAddr, SocketAddr};

use super::super::draft::{AgentDraft, Draft};
use super::super::fields::there_are;
use super::super::review::{Flaw, Review, Span, quote};
use super::super::sockets::Wire;
use crate::model::{AgentId, Endpoint, HostName, NameServerSpec, Reach};

/// Checks the wires that lead from one machine to another, and the way of daemons to their name
/// servers.
pub(in crate::topology) fn check(draft: &Draft, wires: &[Wire<'_>], review: &mut Review) {
    nameservers(draft, review);
    for wire in wires {
        review.repeating(wire.draft.repeats);
        across(draft, wire, review);
    }
    review.repeating(false);
}

/// A daemon on another machine dials the name server.
fn nameservers(draft: &Draft, review: &mut Review) {
    for entry in &draft.nameservers {
        let (NameServerSpec::Launch(at) | NameServerSpec::Attach(at)) = entry.value.at;
        let name = &entry.value.name;
        if let Some(host) = &entry.value.host {
            elsewhere(draft, host, at, &entry.span, review);
            continue;
        }
        let far = |agent: &&AgentDraft| agent.at == *name && !agent.attach && agent.host() > 0;
        let Some(agent) = draft.agents.iter().find(far) else {
            continue;
        };
        let host = &draft.hosts[agent.host()].value.name;
        if at.ip().to_canonical().is_loopback() {
            let message = format!(
                "the host {host} cannot dial the name server at {at}, which is for this machine only"
            );
            let span = match entry.span.is_empty() {
                true => &agent.name.span,
                false => &entry.span,
            };
            let hint = "give it an address of this machine that the others can dial, such as nameserver: 10.0.0.5:0";
            review.add(Flaw::new(span, message).hint(hint));
        } else if at.ip().is_unspecified() && loopback(draft, 0) {
            let message = format!(
                "the host {host} cannot dial {at}: that is every address of this machine, and none in particular"
            );
            let hint = "say which the others dial: hosts: { local: { address: 10.0.0.5 } }, and nameserver: 10.0.0.5:0";
            review.add(Flaw::new(&entry.span, message).hint(hint));
        }
    }
}

/// A name server that is launched on another machine: by ssh, and where this one and the others can dial it.
fn elsewhere(draft: &Draft, host: &HostName, at: SocketAddr, span: &Span, review: &mut Review) {
    let Some(spec) = draft.hosts.iter().find(|it| it.value.name == *host) else {
        let known = || draft.hosts.iter().map(|host| host.value.name.as_str());
        let guess = review.guess(host.as_str(), known());
        let flaw = Flaw::new(span, format!("there is no host {}", quote(host.as_str())));
        return review.add(flaw.hint(there_are(known())).maybe_hint(guess));
    };
    if !matches!(spec.value.reach, Reach::Ssh(_)) {
        let message = format!("a name server is launched on {host} only if that is reached by ssh");
        let hint =
            "start one there, with osb ns, and attach to it: nameserver: { attach: IP:PORT }";
        return review.add(Flaw::new(span, message).hint(hint));
    }
    if at.ip().to_canonical().is_loopback() {
        let message = format!("nobody but {host} can dial a name server at {at} there");
        let hint = format!("give it an address of {host} that the others can dial");
        review.add(Flaw::new(span, message).hint(hint));
    } else if at.ip().is_unspecified() && spec.value.address.is_none() {
        let message = format!("{at} is every address of {host}, and none in particular");
        let hint =
            format!("say which the others dial: hosts: {{ {host}: {{ address: 10.0.0.11 }} }}");
        review.add(Flaw::new(span, message).hint(hint));
    }
}

fn loopback(draft: &Draft, host: usize) -> bool {
    let address = draft.hosts[host].value.address;
    address.is_some_and(|ip| ip.to_canonical().is_loopback())
}

fn across(draft: &Draft, wire: &Wire<'_>, review: &mut Review) {
    let Some(server) = find(draft, &wire.to.agent) else {
        return;
    };
    let client = &draft.agents[wire.client];
    if client.host() == server.host() {
        return;
    }
    let name = |agent: &AgentDraft| draft.hosts[agent.host()].value.name.clone();
    let (from, on): (HostName, HostName) = (name(client), name(server));
    let bound = server
        .bind
        .iter()
        .find(|it| it.alias.value == wire.to.alias);
    let Some(endpoint) = bound.and_then(|it| it.endpoint.as_ref()) else {
        return;
    };
    let who = &client.name.value;
    let span = &wire.draft.to.span;
    let dialled = |ip: &IpAddr| match ip.is_unspecified() {
        true => loopback(draft, server.host()),
        false => ip.to_canonical().is_loopback(),
    };
    match &endpoint.at.value {
        Endpoint::Ipc { .. } => {
            let message = format!(
                "{who} runs on {from} and cannot reach {} on {on}: ipc does not leave a machine",
                wire.to
            );
            review.add(Flaw::new(span, message).hint("give that socket transport: tcp"));
        }
        Endpoint::Tcp { ip, .. } if dialled(ip) => {
            let message = format!(
                "{who} runs on {from} and cannot reach {} on {on}, which is bound to {ip}: that never leaves a machine",
                wire.to
            );
            let hint = format!(
                "say what peers dial to reach {on}: hosts: {{ {on}: {{ address: 10.0.0.5 }} }}; and give that socket no addr, or one with that address"
            );
            review.add(Flaw::new(span, message).hint(hint));
        }
        Endpoint::Tcp { .. } => {}
    }
}

fn find<'d>(draft: &'d Draft, id: &AgentId) -> Option<&'d AgentDraft> {
    draft.agents.iter().find(|agent| agent.name.value == *id)
}
