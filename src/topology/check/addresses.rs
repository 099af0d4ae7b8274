//! Addresses of all sockets together: none twice.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::super::draft::Draft;
use super::super::review::{Flaw, Review, Span, Spanned};
use crate::model::{Endpoint, HostSpec, Kind, NameServerSpec, SocketId};

/// Checks what the system binds.
pub(in crate::topology) fn check(draft: &Draft, review: &mut Review) {
    let mut taken = Taken::default();
    for Spanned { value, span } in &draft.nameservers {
        let NameServerSpec::Launch(address) = value.at else {
            continue;
        };
        let by = match draft.nameservers.len() {
            1 => "the name server".to_owned(),
            _ => format!("the name server {}", value.name),
        };
        let mut hosts = draft.hosts.iter();
        let is_its = |host: &Spanned<HostSpec>| Some(&host.value.name) == value.host.as_ref();
        let host = hosts.position(is_its).unwrap_or(0);
        taken.tcp(host, address, span, &by, review);
    }
    for agent in &draft.agents {
        review.repeating(agent.repeats);
        for bind in &agent.bind {
            let Some(endpoint) = &bind.endpoint else {
                continue;
            };
            let target = SocketId {
                agent: agent.name.value.clone(),
                alias: bind.alias.value.clone(),
            };
            let span = &endpoint.at.span;
            match &endpoint.at.value {
                Endpoint::Tcp { ip, port } => {
                    let host = agent.host();
                    taken.tcp(host, SocketAddr::new(*ip, *port), span, &target, review);
                    if let Some(port) = port_for_requests(bind.kind, *port) {
                        let by = format!("{target}, for requests,");
                        taken.tcp(host, SocketAddr::new(*ip, port), span, &by, review);
                    }
                }
                Endpoint::Ipc { path: Some(path) } => {
                    taken.ipc(agent.host(), path, span, &target, review);
                }
                Endpoint::Ipc { path: None } => {}
            }
        }
    }
    review.repeating(false);
}

/// The other port of a socket that has two: the one after.
fn port_for_requests(kind: Option<Kind>, port: u16) -> Option<u16> {
    let has_two = kind.is_some_and(Kind::answers_beside) && port > 0;
    port.checked_add(1).filter(|_| has_two)
}

/// Addresses that are taken, on which host, and by which socket.
#[derive(Default)]
struct Taken<'d> {
    ports: BTreeMap<(usize, u16), Vec<(IpAddr, String)>>,
    paths: BTreeMap<(usize, &'d Path), String>,
}

impl<'d> Taken<'d> {
    fn tcp(
        &mut self,
        host: usize,
        at: SocketAddr,
        span: &Span,
        by: &dyn ToString,
        review: &mut Review,
    ) {
        if at.port() == 0 {
            return;
        }
        let ip = at.ip().to_canonical();
        let same_port = self.ports.entry((host, at.port())).or_default();
        let clash = |taken: &IpAddr| *taken == ip || taken.is_unspecified() || ip.is_unspecified();
        match same_port.iter().find(|(taken, _)| clash(taken)) {
            Some((taken, by)) => {
                let taken = SocketAddr::new(*taken, at.port());
                let message = format!("{at} is taken: {by} is bound to {taken}");
                let hint = "give it another port, or 0 for any free one";
                review.add(Flaw::new(span, message).hint(hint));
            }
            None => same_port.push((ip, by.to_string())),
        }
    }

    fn ipc(
        &mut self,
        host: usize,
        path: &'d Path,
        span: &Span,
        by: &dyn ToString,
        review: &mut Review,
    ) {
        if let Some(by) = self.paths.get(&(host, path)) {
            let message = format!("{} is taken: {by} is bound to it", path.display());
            review.add(Flaw::new(span, message).hint("give it another name"));
            return;
        }
        self.paths.insert((host, path), by.to_string());
    }
}
