//! `--on-reply`, `--on-error` and `--within`: what becomes of the answers to requests.

use super::CommandError;
use super::handlers::actions;
use crate::model::{Millis, Replies};

/// How answers are handled.
#[derive(Debug, clap::Args)]
pub struct RepliesArgs {
    /// What the agent does with replies, instead of what it would do; several in order
    #[arg(long, value_name = "ACTION")]
    pub on_reply: Vec<String>,
    /// What it does if there is no reply, or an error
    #[arg(long, value_name = "ACTION")]
    pub on_error: Vec<String>,
    /// How long it waits for a reply
    #[arg(long, value_name = "DURATION")]
    pub within: Option<Millis>,
}

impl RepliesArgs {
    pub fn read(&self) -> Result<Replies, CommandError> {
        let some = |words: &[String]| match words {
            [] => Ok(None),
            words => actions(words).map(Some),
        };
        Ok(Replies {
            on_reply: some(&self.on_reply)?,
            wait: self.within,
            on_error: some(&self.on_error)?,
        })
    }
}
