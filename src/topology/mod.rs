//! From the text of a topology to what it asks for: parse, resolve, validate. All that is wrong
//! is reported at once, each with its place and, where one can be given, a hint.
//!
//! Pure: no file is opened and no clock is read here. specs/topology.md is the format in words.
//!
//! The way through: `yaml` gives a tree whose parts know their places; `system` and the modules
//! named as the sections read it into a `draft`; `resolve` follows the references, with `check` for
//! what has to hold between the parts.

mod agent;
mod bind;
mod bytes;
mod check;
mod connection;
mod defaults;
mod draft;
mod fields;
mod handler;
mod hosts;
mod nameserver;
mod patterns;
mod problem;
mod program;
mod replicas;
mod resolve;
mod review;
mod sockets;
mod source;
mod system;
mod targets;
#[cfg(test)]
mod tests;
mod text;
mod timer;
mod values;
mod yaml;

pub use problem::{Problem, Problems};
pub use source::Source;

use crate::model::Topology;
use review::Review;

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// The topology that `text` describes, or everything that is wrong with it.
pub fn load(text: impl AsRef<[u8]>, source: &Source) -> Result<Topology, Problems> {
    load_bytes(text.as_ref(), source)
}

fn load_bytes(bytes: &[u8], source: &Source) -> Result<Topology, Problems> {
    let mut review = Review::new();
    let text = match bytes::as_text(bytes) {
        Ok(text) => text,
        Err((readable, flaw)) => {
            review.add(flaw);
            return Err(review.finish(readable));
        }
    };
    let topology = yaml::parse(text, &mut review)
        .and_then(|root| system::read(&root, source, &mut review))
        .and_then(|draft| resolve::resolve(&draft, &mut review));
    match topology {
        Some(topology) if review.is_clean() => Ok(topology),
        _ => Err(review.finish(text)),
    }
}
