//! Being told by signals: to end, or that children have ended.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Input;
use crate::model::Millis;
use crate::model::timing::STOP_GRACE;

pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    child: Signal,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// Waits for one, or for the end of a child.
    pub(crate) async fn any(&mut self) -> Input {
        tokio::select! {
            _ = self.child.recv() => Input::Children,
            grace = told(&mut self.terminate, &mut self.interrupt, &mut self.quit) => Input::Terminate(grace),
        }
    }

    /// Waits for one, and tells how long agents may take to end. SIGQUIT is for a `down` that knows that
    /// requests do not arrive.
    pub(crate) async fn next(&mut self) -> Millis {
        told(&mut self.terminate, &mut self.interrupt, &mut self.quit).await
    }
}

async fn told(terminate: &mut Signal, interrupt: &mut Signal, quit: &mut Signal) -> Millis {
    tokio::select! {
        _ = terminate.recv() => STOP_GRACE,
        _ = interrupt.recv() => STOP_GRACE,
        _ = quit.recv() => Millis::new(0),
    }
}
