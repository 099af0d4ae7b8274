//! Single values: text, names, words, durations, IP addresses.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::fields::{there_are, wrong_type};
use super::review::{Flaw, Review, quote};
use super::yaml::{Key, Meaning, Node};
use crate::model::{
    BadIp, Millis, NameError, Serializer, Transport, read_ip, read_ip_and_port, read_ip_maybe_port,
    without_scheme,
};

/// A text. What looks like something else is text here: as it stands there, letter by letter.
pub(super) fn text<'n>(node: &'n Node, what: &str) -> Result<&'n str, Flaw> {
    node.text().ok_or_else(|| wrong_type(node, what, "text"))
}

pub(super) fn boolean(node: &Node, what: &str) -> Result<bool, Flaw> {
    match node.means() {
        Some(Meaning::Bool(truth)) => Ok(*truth),
        _ => Err(wrong_type(node, what, "true or false")),
    }
}

/// A name of a system, a host, an agent or a socket.
pub(super) fn name<T: FromStr<Err = NameError>>(node: &Node, what: &str) -> Result<T, Flaw> {
    text(node, what)?
        .parse()
        .map_err(|error| Flaw::new(&node.span, format!("{what}: {error}")))
}

/// A key that is a name.
pub(super) fn key_name<T: FromStr<Err = NameError>>(key: &Key, what: &str) -> Result<T, Flaw> {
    key.text
        .parse()
        .map_err(|error| Flaw::new(&key.span, format!("{what}: {error}")))
}

/// A duration that is longer than nothing.
pub(super) fn some_time(node: &Node, what: &str) -> Result<Millis, Flaw> {
    let time = duration(node, what)?;
    if time.get() > 0 {
        return Ok(time);
    }
    let message = format!("{what}: that is no time at all");
    Err(Flaw::new(&node.span, message).hint("give it a millisecond (1ms) at least"))
}

pub(super) fn duration(node: &Node, what: &str) -> Result<Millis, Flaw> {
    let expected = || wrong_type(node, what, "a duration such as 500ms, 1s or 5m");
    let text = node.text().ok_or_else(expected)?;
    text.parse()
        .map_err(|error| Flaw::new(&node.span, format!("{what}: {error}")))
}

pub(super) fn transport(node: &Node, review: &mut Review) -> Option<Transport> {
    word(node, "transport", Transport::ALL, Transport::as_str, review)
}

pub(super) fn serializer(node: &Node, review: &mut Review) -> Option<Serializer> {
    let found = word(
        node,
        "serializer",
        Serializer::ALL,
        Serializer::as_str,
        review,
    );
    if found == Some(Serializer::Pickle) {
        review.note_pickle(&node.span);
    }
    found
}

/// One word of several.
fn word<T: Copy>(
    node: &Node,
    what: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
    review: &mut Review,
) -> Option<T> {
    let text = review.take(text(node, what))?;
    let found = all.iter().find(|word| as_str(**word) == text);
    if found.is_none() {
        let known = || all.iter().map(|word| as_str(*word));
        let hint = review.guess(text, known());
        let message = format!("there is no {what} {}", quote(text));
        let flaw = Flaw::new(&node.span, message).hint(there_are(known()));
        review.add(flaw.maybe_hint(hint));
    }
    found.copied()
}

/// An IP address without a port.
pub(super) fn ip(node: &Node, what: &str) -> Result<IpAddr, Flaw> {
    let text = text(node, what)?;
    read_ip(text).map_err(|bad| {
        zoned(node, what, &bad).unwrap_or_else(|| {
            let message = format!("{what}: {} is no IP address", quote(text));
            Flaw::new(&node.span, message)
                .hint("write an address such as 10.0.0.11; names are not looked up")
        })
    })
}

/// `IP:port`, `[IPv6]:port`.
pub(super) fn ip_and_port(node: &Node, what: &str) -> Result<SocketAddr, Flaw> {
    address(node, what, read_ip_and_port)
}

/// An IP address, or one with a port. Without a port it is 0: any free one.
pub(super) fn ip_maybe_port(node: &Node, what: &str) -> Result<SocketAddr, Flaw> {
    address(node, what, read_ip_maybe_port)
}

fn address(
    node: &Node,
    what: &str,
    read: fn(&str) -> Result<SocketAddr, BadIp>,
) -> Result<SocketAddr, Flaw> {
    if let Some(number) = node.number().filter(|it| it.is_u64()) {
        let flaw = wrong_type(node, what, "IP:port");
        return Err(flaw.hint(format!("write 127.0.0.1:{number}")));
    }
    let text = text(node, what)?;
    read(text).map_err(|bad| {
        zoned(node, what, &bad).unwrap_or_else(|| {
            let message = format!("{what}: expected IP:port, found {}", quote(text));
            Flaw::new(&node.span, message).hint(address_hint(text))
        })
    })
}

/// What is wrong with an address that means something on one machine only.
fn zoned(node: &Node, what: &str, bad: &BadIp) -> Option<Flaw> {
    let BadIp::Zone { .. } = bad else {
        return None;
    };
    let flaw = Flaw::new(&node.span, format!("{what}: {bad}"));
    Some(flaw.hint("write an address that is the same for all machines of the system"))
}

/// What was probably meant by an address that is none.
fn address_hint(text: &str) -> String {
    let text = without_scheme(text);
    if let Some(port) = text.strip_prefix("*:") {
        return format!("every address of the machine is 0.0.0.0:{port}");
    }
    if let Some(port) = text.strip_prefix("localhost:") {
        return format!("write 127.0.0.1:{port}; names are not looked up");
    }
    if let Ok(ip) = read_ip(text) {
        return format!(
            "add a port: {}, where 0 is any free one",
            SocketAddr::new(ip, 0)
        );
    }
    "such as 127.0.0.1:5555 or [::1]:5555, with a port from 0 (any free one) to 65535; names are not looked up".to_owned()
}
