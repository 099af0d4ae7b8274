//! A program that is watched while it runs: what is tried to see that it is healthy, and what is under way.

use super::attempt::Attempt;
use super::core::Health;
use crate::model::{self, Check, Command, Machine, MethodName, Then, Unfilled};

/// The watch.
pub(crate) struct Watch {
    pub core: Health,
    /// What is tried, if anything is.
    pub trial: Option<Trial>,
    /// The one that is under way, with its number; a call is under way without one.
    pub attempt: Option<(u64, Attempt)>,
}

/// What is tried, with nothing left to fill in.
#[derive(Debug, Clone)]
pub(crate) enum Trial {
    Call(MethodName),
    Command(Command),
    Port(std::net::SocketAddr),
    Http(model::HttpUrl),
}

impl Watch {
    /// Of a program that is about to begin; `then` is what follows if it does not say.
    pub(crate) fn of(
        program: &model::Program,
        then: Then,
        machine: &Machine<'_>,
    ) -> Result<Self, Unfilled> {
        let health = program.health.as_deref().cloned().unwrap_or_default();
        let command = program.health_command(machine)?;
        let trial = health.check.as_ref().and_then(|check| match check {
            Check::Call(method) => Some(Trial::Call(method.clone())),
            Check::Command(_) => command.map(Trial::Command),
            Check::Port(at) => Some(Trial::Port(*at)),
            Check::Http(url) => Some(Trial::Http(url.clone())),
        });
        Ok(Self {
            core: Health::new(&health, then),
            trial,
            attempt: None,
        })
    }
}
