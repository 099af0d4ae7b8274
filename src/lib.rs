//! osb brings up systems of agents that talk over ZeroMQ, from one YAML topology, on one machine
//! or many.
//!
//! specs/architecture.md is the map. In short, from the top: [`model`] and [`wire`] are words and
//! messages; pure cores decide; drivers move bytes, start processes and read clocks; `cli` talks to
//! people.

pub mod agent;
pub mod model;
pub mod wire;
