//! What decides within an agent, as synchronous values: no socket, clock or process in here. Time
//! is given from outside, as the duration since the agent began.

mod health;
mod history;
mod ledger;
mod life;
mod pending;
mod readiness;
mod relaunch;
mod settling;
mod steps;
mod stream;
mod timers;
mod wire;

pub(crate) use health::{Condition, Health, HealthEffect};
pub(crate) use history::History;
pub(crate) use ledger::Ledger;
pub(crate) use life::{Effect, Life};
pub(crate) use pending::Pending;
pub(crate) use readiness::{Attempted, Readiness, Verdict};
pub(crate) use relaunch::{Next, Relaunch};
pub(crate) use settling::{Settling, Standing, Watched};
pub(crate) use steps::Steps;
pub(crate) use stream::Stream;
pub(crate) use timers::{Tick, TickEnd, TimerId, Timers};
pub(crate) use wire::{Stage, Wire, WireEffect, WireEvent};
