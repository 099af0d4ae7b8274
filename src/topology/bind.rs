//! One entry of an agent's section `bind`: a socket, its kind and where it is to be bound.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::draft::{BindDraft, Defaults, EndpointDraft, Given, HandlerDraft};
use super::fields::{Fields, there_are, wrong_type};
use super::handler;
use super::keys;
use super::review::{Flaw, Review, Span, Spanned, quote};
use super::values;
use super::yaml::{Data, Key, Node};
use crate::model::{Accept, Admits, Alias, Endpoint, Kind, Serializer, Transport};

/// What fits into the address of a Unix socket, without the zero at its end.
const LONGEST_PATH: usize = 107;

/// Reads one socket. None if it has no name, and the review knows why.
pub(super) fn read(
    key: &Key,
    node: &Node,
    defaults: &Defaults,
    review: &mut Review,
) -> Option<BindDraft> {
    let alias = review.take(values::key_name::<Alias>(key, "alias"));
    let what = format!("the socket {}", quote(&key.text));
    let socket = match &node.data {
        Data::Map(_) => long(key, node, &what, defaults, review)?,
        _ if node.text().is_some() => Socket {
            kind: kind_to_bind(node, review),
            ..Socket::plain(key, defaults)
        },
        _ => {
            let flaw = wrong_type(node, &what, "a kind or a map");
            review.add(flaw.hint("write a kind, such as PUSH, or { kind: PUSH }"));
            Socket::plain(key, defaults)
        }
    };
    Some(BindDraft {
        alias: Spanned {
            value: alias?,
            span: key.span.clone(),
        },
        kind: socket.kind,
        endpoint: socket.endpoint,
        serializer: socket.serializer,
        handler: socket.handler,
        admits: socket.admits,
    })
}

/// A socket without its alias.
struct Socket {
    kind: Option<Kind>,
    endpoint: Option<EndpointDraft>,
    serializer: Serializer,
    handler: Given<HandlerDraft>,
    admits: Admits,
}

impl Socket {
    /// What a socket is that says nothing of itself.
    fn plain(key: &Key, defaults: &Defaults) -> Self {
        Self {
            kind: None,
            endpoint: Some(default_endpoint(&key.span, defaults.transport, defaults)),
            serializer: defaults.serializer,
            handler: Given::Absent,
            admits: Admits::default(),
        }
    }
}

fn long(
    key: &Key,
    node: &Node,
    what: &str,
    defaults: &Defaults,
    review: &mut Review,
) -> Option<Socket> {
    let fields = Fields::open(node, what, &keys::BIND, review)?;
    let kind = fields
        .need("kind", what, review)
        .and_then(|node| kind_to_bind(node, review));
    let transport = match fields.get("transport") {
        Some(node) => values::transport(node, review),
        None => Some(defaults.transport),
    };
    let endpoint = transport.and_then(|transport| match fields.get("addr") {
        Some(node) => review.take(endpoint(node, transport)),
        None => Some(default_endpoint(&key.span, transport, defaults)),
    });
    let serializer = fields.get("serializer");
    Some(Socket {
        kind,
        endpoint,
        serializer: serializer
            .and_then(|node| values::serializer(node, review))
            .unwrap_or(defaults.serializer),
        handler: handler::read(fields.get("handler"), review),
        admits: admits(&fields, review),
    })
}

/// The agents that it admits besides those that have a wire to it.
fn admits(fields: &Fields<'_>, review: &mut Review) -> Admits {
    let accept = fields.get("accept").map(accepted);
    let guests = fields
        .get("guests")
        .map(|node| values::boolean(node, "guests"));
    Admits {
        wires: BTreeSet::new(),
        accept: accept.and_then(|it| review.take(it)).unwrap_or_default(),
        guests: guests.and_then(|it| review.take(it)).unwrap_or_default(),
    }
}

/// One name or several.
fn accepted(node: &Node) -> Result<BTreeSet<Accept>, Flaw> {
    match &node.data {
        Data::List(items) => items.iter().map(accept).collect(),
        _ => accept(node).map(|one| BTreeSet::from([one])),
    }
}

fn accept(node: &Node) -> Result<Accept, Flaw> {
    let text = values::text(node, "accept")?;
    text.parse().map_err(|error| {
        let flaw = Flaw::new(&node.span, format!("accept: {error}"));
        flaw.hint("write an agent's name, Worker* for all whose names begin so, or '*' for all")
    })
}

/// A kind of socket that can be bound.
fn kind_to_bind(node: &Node, review: &mut Review) -> Option<Kind> {
    let kind = kind(node, review)?;
    if !kind.binds() {
        let message = format!("{} socket is not bound: it connects", kind.with_article());
        let hint = format!("bind {}, and connect to it", kind.twin().with_article());
        review.add(Flaw::new(&node.span, message).hint(hint));
        return None;
    }
    Some(kind)
}

/// A kind of socket.
pub(super) fn kind(node: &Node, review: &mut Review) -> Option<Kind> {
    let text = review.take(values::text(node, "kind"))?;
    if let Ok(kind) = text.parse() {
        return Some(kind);
    }
    let known = || Kind::ALL.into_iter().map(Kind::as_str);
    let hint = review.guess(text, known());
    let message = format!("there is no kind of socket {}", quote(text));
    let flaw = Flaw::new(&node.span, message).hint(there_are(known()));
    review.add(flaw.maybe_hint(hint));
    None
}

/// On the host's address, or a path of the system's own. `span` is what it is for.
pub(super) fn default_endpoint(
    span: &Span,
    transport: Transport,
    defaults: &Defaults,
) -> EndpointDraft {
    let value = match transport {
        Transport::Tcp => Endpoint::Tcp {
            ip: defaults.ip,
            port: 0,
        },
        Transport::Ipc => Endpoint::Ipc { path: None },
    };
    EndpointDraft {
        at: Spanned {
            value,
            span: span.clone(),
        },
        by_default: true,
    }
}

/// Where `addr` says that the socket is to be bound.
fn endpoint(node: &Node, transport: Transport) -> Result<EndpointDraft, Flaw> {
    let value = match transport {
        Transport::Tcp => tcp(node)?,
        Transport::Ipc => Endpoint::Ipc {
            path: Some(ipc(node)?),
        },
    };
    Ok(EndpointDraft {
        at: Spanned {
            value,
            span: node.span.clone(),
        },
        by_default: false,
    })
}

fn tcp(node: &Node) -> Result<Endpoint, Flaw> {
    if let Some(text) = node.text()
        && (text.starts_with('/') || text.starts_with("ipc:"))
    {
        let message = format!("addr: {} is no address for tcp", quote(text));
        return Err(Flaw::new(&node.span, message).hint("for a path, add transport: ipc"));
    }
    let address = values::ip_maybe_port(node, "addr")?;
    Ok(Endpoint::Tcp {
        ip: address.ip(),
        port: address.port(),
    })
}

/// An absolute path, or a bare file name that stands for one in the system's own folder.
fn ipc(node: &Node) -> Result<PathBuf, Flaw> {
    let text = values::text(node, "addr")?;
    let refuse = |message: String| Flaw::new(&node.span, message);
    let text = text.strip_prefix("ipc://").unwrap_or(text);
    if text.len() > LONGEST_PATH {
        let long = text.len();
        let message = format!("addr: the path has {long} bytes; the system takes {LONGEST_PATH}");
        return Err(
            refuse(message).hint("use a bare file name: it is put in the system's own folder")
        );
    }
    let is_path = text.starts_with('/') && !text.ends_with('/') && !text.contains('\0');
    if is_path || text.parse::<Alias>().is_ok() {
        return Ok(Path::new(text).to_owned());
    }
    let message = format!(
        "addr: {} is neither an absolute path nor a bare file name",
        quote(text)
    );
    Err(refuse(message)
        .hint("such as /run/user/1000/feed.sock, or feed.sock in the system's own folder"))
}
