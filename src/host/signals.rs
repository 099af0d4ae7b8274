//! Being told by signals: to end, or that children have ended.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Input;
use crate::model::Grace;
use crate::process::is_ignored;

pub(crate) struct Signals {
    to_end: ToEnd,
    child: Signal,
}

/// By these the daemon is told to end.
struct ToEnd {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// None: it was started so that the end of its terminal does not matter.
    hangup: Option<Signal>,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        let hangup = SignalKind::hangup();
        let hears_hangup = !is_ignored(hangup.as_raw_value());
        Ok(Self {
            to_end: ToEnd {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
                hangup: hears_hangup.then(|| signal(hangup)).transpose()?,
            },
            child: signal(SignalKind::child())?,
        })
    }

    /// Waits for one, or for the end of a child.
    pub(crate) async fn any(&mut self) -> Input {
        tokio::select! {
            _ = self.child.recv() => Input::Children,
            grace = told(&mut self.to_end) => Input::Terminate(grace),
        }
    }

    /// Waits for one, and tells how long agents may take to end. SIGQUIT is for a `down` that knows that
    /// requests do not arrive.
    pub(crate) async fn next(&mut self) -> Grace {
        told(&mut self.to_end).await
    }
}

async fn told(to_end: &mut ToEnd) -> Grace {
    tokio::select! {
        _ = to_end.terminate.recv() => Grace::USUAL,
        _ = to_end.interrupt.recv() => Grace::USUAL,
        () = hung_up(&mut to_end.hangup) => Grace::USUAL,
        _ = to_end.quit.recv() => Grace::NONE,
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}
