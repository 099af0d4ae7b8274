//! osb brings up systems of agents that talk over ZeroMQ, from one YAML topology, on one machine
//! or many.
//!
//! specs/architecture.md is the map. In short, from the bottom: [`model`] and [`wire`] are words and
//! messages; pure cores decide; drivers move bytes, start processes and read clocks; [`cli`] talks
//! to people.

pub mod access;
pub mod agent;
pub mod cli;
pub mod doctor;
pub mod down;
pub mod examine;
pub mod files;
pub mod host;
pub mod keys;
pub mod kit;
pub mod logfile;
pub mod machine;
pub mod model;
pub mod nameserver;
pub mod plan;
pub mod process;
pub mod proxy;
pub mod registry;
pub mod render;
pub mod ssh;
pub mod state;
pub mod supervision;
pub mod topology;
pub mod up;
pub mod wire;
pub mod zeromq;
