//! `osb version`.

use serde::Serialize;

use crate::render::json::pretty;
use crate::render::{Report, Style};

/// What this osb is made of.
#[derive(Serialize)]
pub struct Versions {
    pub osb: String,
    pub zeromq: String,
    /// Whether connections could be encrypted.
    pub curve: bool,
    /// Of the control protocol.
    pub protocol: u8,
}

impl Report for Versions {
    fn table(&self, _style: Style) -> String {
        let Self {
            osb,
            zeromq,
            protocol,
            ..
        } = self;
        let curve = if self.curve { "with" } else { "without" };
        format!("osb {osb} (protocol {protocol}, ZeroMQ {zeromq} {curve} CURVE)")
    }

    fn json(&self) -> String {
        pretty(self)
    }

    fn names(&self) -> Vec<String> {
        vec![self.osb.clone()]
    }
}
