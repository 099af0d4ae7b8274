//! What decides within an agent, as synchronous values: no socket, clock or process in here. Time
//! is given from outside, as the duration since the agent began.

mod ledger;
mod life;
mod pending;
mod readiness;
mod settling;
mod timers;
mod wire;

pub use ledger::Ledger;
pub use life::{Effect, Life};
pub use pending::Pending;
pub use readiness::{Attempted, Readiness, Verdict};
pub use settling::{Settling, Standing, Watched};
pub use timers::{Tick, TickEnd, TimerId, Timers};
pub use wire::{Stage, Wire, WireEffect, WireEvent};
