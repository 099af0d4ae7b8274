//! Whole topologies, good and bad.

mod bad;
mod flat;
mod good;
mod health;
mod hostile;
mod keys;
mod language;
mod programs;
mod replicas;
mod restart;
mod stop_timeout;
mod sync;
mod update;
mod with;

use super::{Problems, Source, load};
use crate::model::{Topology, WireSpec};

fn source() -> Source {
    Source {
        name: "topology.yaml".into(),
        stem: "quickstart".into(),
        folder: "/srv/agents".into(),
    }
}

fn read(text: &str) -> Result<Topology, Problems> {
    load(text, &source())
}

/// The wires of a topology, in the order of their agents.
fn wires(topology: &Topology) -> Vec<&WireSpec> {
    topology.wires().map(|(_, wire)| wire).collect()
}
