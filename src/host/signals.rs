//! Being told to end by signals.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::GRACE;
use crate::model::Millis;

pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for one, and tells how long agents may take to end. SIGQUIT is for those who know that
    /// asking is in vain.
    pub async fn next(&mut self) -> Millis {
        tokio::select! {
            _ = self.terminate.recv() => GRACE,
            _ = self.interrupt.recv() => GRACE,
            _ = self.quit.recv() => Millis::new(0),
        }
    }
}
