//! How an agent's process begins: one line of JSON on standard input.

use std::io::{self, Read};

use crate::wire::AgentBoot;

/// The longest boot line.
const LONGEST: u64 = 16 << 20;

/// Why an agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("cannot read how to begin from standard input: {0}")]
    Read(#[from] io::Error),
    #[error("standard input does not tell how to begin: {0}")]
    Decode(#[from] serde_json::Error),
}

/// Reads to the end of `input`.
pub(crate) fn read(input: impl Read) -> Result<AgentBoot, BootError> {
    let mut text = Vec::new();
    input.take(LONGEST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
