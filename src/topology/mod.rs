//! From the text of a topology to what it asks for: parse, resolve, validate. All that is wrong
//! is reported at once, each with its place and, where one can be given, a hint.
//!
//! Pure: no file is opened, no clock and no environment is read here. specs/topology.md is the format in words.
//!
//! The way through: `inputs` makes one tree of all files, of which `yaml` gives one each, whose
//! parts know their places; `system` and the modules
//! named as the sections read it into a `draft`; `resolve` follows the references, with `check` for
//! what has to hold between the parts.

mod agent;
mod bind;
mod bytes;
mod check;
mod command;
mod connect;
mod connection;
mod defaults;
mod dotenv;
mod draft;
mod env_file;
mod fields;
mod files;
mod flat;
mod handler;
mod health;
mod hosts;
mod include;
mod inputs;
mod keys;
mod logger;
mod logs;
mod merge;
mod nameserver;
mod partial;
mod patterns;
mod problem;
mod program;
mod ready;
mod references;
mod replicas;
mod replies;
mod resolve;
mod restart;
mod review;
mod schema;
mod set;
mod sockets;
mod source;
mod sources;
mod surroundings;
mod sync;
mod system;
mod targets;
#[cfg(test)]
mod tests;
mod text;
mod timer;
mod update;
mod values;
mod yaml;

pub use dotenv::{DotenvError, DotenvFault, Variables, dotenv};
pub use flat::Flat;
pub use hosts::ip as usual_ip;
pub use include::included;
pub use inputs::{Input, InputKind};
pub use problem::{Problem, Problems};
pub use resolve::admit;
pub use schema::schema;
pub use source::{Source, default_name, stem};
pub use sources::Sources;
pub use surroundings::{ReadFile, Surroundings};
pub use yaml::Lookup;

use std::collections::BTreeMap;

use crate::model::{AgentId, Topology};
use files::Files;
use review::Review;

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// The topology that one `text` describes, in which no variable is set and no file is named, or everything that is
/// wrong with it.
pub fn load(text: impl AsRef<[u8]>, source: &Source) -> Result<Topology, Problems> {
    let input = Input::file(&source.name, text.as_ref());
    load_all(&[input], &Surroundings::bare(source))
}

/// The topology that all `inputs` describe together, the later over the earlier, or everything
/// that is wrong with it.
pub fn load_all(inputs: &[Input], around: &Surroundings<'_>) -> Result<Topology, Problems> {
    let mut review = Review::new();
    let mut files = Files::default();
    let topology = inputs::joined(inputs, around.variables, &mut files, &mut review)
        .and_then(|root| system::read(&root, around, &mut review))
        .and_then(|draft| resolve::resolve(&draft, &mut review));
    match topology {
        Some(topology) if review.is_clean() => Ok(topology),
        _ => Err(review.finish(&files)),
    }
}

/// The entries that stand for several agents, and for how many. Empty if the texts cannot be read.
fn replicas_of(inputs: &[Input], around: &Surroundings<'_>) -> BTreeMap<AgentId, usize> {
    let (mut review, mut files) = (Review::new(), Files::default());
    let root = inputs::joined(inputs, around.variables, &mut files, &mut review);
    let draft = root.and_then(|root| system::read(&root, around, &mut review));
    draft.map(|draft| draft.replicated).unwrap_or_default()
}
