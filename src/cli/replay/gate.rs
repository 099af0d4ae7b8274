//! How far those who send may be behind the one who says what is due, until when that one waits, and that all is to stop.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many messages may be on their way to those who send them.
const ROOM: usize = 4096;

/// The gate. Whoever waits at it is woken when all is to stop.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    stopped: bool,
}

impl Gate {
    /// All is to stop.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits until then. False if all is to stop.
    pub(super) fn wait_until(&self, due: Instant) -> bool {
        let mut state = self.lock();
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if state.stopped || left.is_zero() {
                return !state.stopped;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets one message in, when there is room. False if all is to stop.
    pub(super) fn enter(&self) -> bool {
        let mut state = self.lock();
        while !state.stopped && state.inside >= ROOM {
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.inside += 1;
        !state.stopped
    }

    /// One has been sent.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.inside = state.inside.saturating_sub(1);
        if state.inside + 1 == ROOM {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_waits_is_let_in_when_there_is_room_or_woken_to_stop() {
        let gate = Gate::default();
        assert!(gate.wait_until(Instant::now()));
        assert!((0..ROOM).all(|_| gate.enter()));
        let hour = Instant::now() + Duration::from_secs(3600);
        std::thread::scope(|scope| {
            let next = scope.spawn(|| gate.enter());
            gate.leave();
            assert!(next.join().unwrap());
            let sleeper = scope.spawn(|| gate.wait_until(hour));
            let full = scope.spawn(|| gate.enter());
            gate.stop();
            assert!(!sleeper.join().unwrap() && !full.join().unwrap());
        });
        assert!(gate.is_stopped());
    }
}
