//! Whether a member is admitted at the name server: what a socket's monitor tells of its handshakes, and
//! what becomes of questions meanwhile. Pure: it is told what was seen, and the time.

use std::time::{Duration, Instant};

use super::ProxyError;
use crate::model::{Dial, Millis};
use crate::zeromq::{Failure, Seen};

/// What a handshake takes, in ways there and back: four, and as many again for what is lost and sent again.
const HANDSHAKE_ROUND_TRIPS: u32 = 8;
/// No way is so long that a handshake has to take more than that.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(5);
/// How many first handshakes in a row may break off: a name server that is killed breaks one off, too, and comes back.
const BROKEN_HANDSHAKES: u32 = 2;

/// The way in.
pub(crate) struct Admission {
    address: String,
    has_keys: bool,
    /// Until when the first handshake has to be done, if a call waits for that.
    until: Option<Instant>,
    began: Instant,
    patience: Duration,
    /// How far the name server is has been seen.
    measured: bool,
    /// It was open once.
    was_open: bool,
    /// It is, and this member is inside.
    is_in: bool,
    connected: bool,
    /// How many handshakes have broken off before it was open.
    broken: u32,
    /// It is again, since that was asked last.
    has_returned: bool,
    shut: Option<ProxyError>,
}

impl Admission {
    /// `patience`: how long the first handshake may take; None: as long as it likes.
    pub(crate) fn new(to: &Dial, patience: Option<Duration>) -> Self {
        let began = Instant::now();
        Self {
            address: to.address.trim_start_matches("tcp://").to_owned(),
            has_keys: to.keys.is_some(),
            until: patience.map(|patience| began + patience),
            began,
            measured: false,
            patience: patience.unwrap_or_default(),
            was_open: false,
            is_in: false,
            connected: false,
            broken: 0,
            has_returned: false,
            shut: None,
        }
    }

    /// Why this member is not admitted, if so.
    pub(crate) fn shut(&self) -> Option<&ProxyError> {
        self.shut.as_ref()
    }

    /// Whether there is a connection, and its handshake done.
    pub(crate) fn is_in(&self) -> bool {
        self.is_in
    }

    /// Whether there is a connection in the place of one that was lost: to a name server that may know nothing of this
    /// member. It is told once.
    pub(crate) fn take_returned(&mut self) -> bool {
        std::mem::take(&mut self.has_returned)
    }

    /// When [`Admission::on_time`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// There is a connection: how long that took is how far the name server is, and the handshake has so much more time.
    pub(crate) fn on_connected(&mut self, now: Instant) {
        let measured = std::mem::replace(&mut self.measured, true);
        if let Some(until) = self.until.as_mut().filter(|_| !measured) {
            let way = now.saturating_duration_since(self.began);
            let patience = self.patience + (way * HANDSHAKE_ROUND_TRIPS).min(LONGEST_HANDSHAKE);
            *until = (*until).max(self.began + patience);
            self.patience = patience;
        }
    }

    /// Takes note. Tells whether it is shut since.
    pub(crate) fn note(&mut self, seen: Seen) -> bool {
        let connected = std::mem::replace(&mut self.connected, seen == Seen::Connected);
        self.is_in = seen == Seen::Proven;
        let reason = match seen {
            Seen::Proven => {
                self.has_returned |= self.was_open;
                (self.was_open, self.until, self.shut) = (true, None, None);
                return false;
            }
            Seen::Connected | Seen::Retried => return false,
            Seen::Failed(Failure::NoWire) => {
                "it has another key by now, and was dialled by a former one, whose time is over: get another file from whoever keeps its keys (`osb keys new`, `osb keys join`)"
            }
            Seen::Failed(Failure::Refused) if self.was_open => "this key is admitted no more",
            Seen::Failed(Failure::Refused) => "it does not know this key",
            // It may be on its way down.
            Seen::Failed(Failure::Broken) | Seen::Lost if self.was_open => return false,
            // A port at which no process listens any more is noticed otherwise.
            Seen::Failed(Failure::Broken) | Seen::Lost if !connected => return false,
            Seen::Failed(Failure::Broken) | Seen::Lost if self.broken < BROKEN_HANDSHAKES => {
                self.broken += 1;
                return false;
            }
            _ if self.has_keys => {
                "it does not answer to the key that it is to have: it is another name server, or is not a closed one"
            }
            _ => "it wants a key, or is no name server",
        };
        self.close(reason)
    }

    /// Time passed. Tells whether it is shut since.
    pub(crate) fn on_time(&mut self, now: Instant) -> bool {
        if self.until.is_none_or(|until| now < until) {
            return false;
        }
        self.until = None;
        self.shut = Some(ProxyError::Unreachable {
            address: self.address.clone(),
            reason: format!(
                "something listens there, and has not shaken hands within {}",
                Millis::from(self.patience)
            ),
        });
        true
    }

    fn close(&mut self, reason: &str) -> bool {
        self.until = None;
        let first = self.shut.is_none();
        self.shut = Some(ProxyError::NotLetIn {
            address: self.address.clone(),
            reason: reason.to_owned(),
        });
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(patience: Option<Duration>) -> Admission {
        Admission::new(&Dial::plain("tcp://10.0.0.5:7400"), patience)
    }

    fn why(admission: &Admission) -> String {
        admission
            .shut()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    #[test]
    fn who_is_refused_is_told_whether_he_was_ever_known() {
        let mut admission = admission(None);
        assert!(!admission.note(Seen::Connected));
        assert!(admission.note(Seen::Failed(Failure::Refused)));
        assert!(why(&admission).ends_with("it does not know this key"));
        assert!(!admission.note(Seen::Proven) && admission.shut().is_none() && admission.is_in());
        assert!(!admission.take_returned(), "it is there for the first time");
        assert!(!admission.note(Seen::Lost), "the name server may come back");
        assert!(!admission.is_in());
        assert!(!admission.note(Seen::Proven) && admission.take_returned());
        assert!(!admission.take_returned(), "that was told");
        assert!(!admission.note(Seen::Lost));
        assert!(admission.note(Seen::Failed(Failure::Refused)));
        assert!(why(&admission).ends_with("this key is admitted no more"));
    }

    #[test]
    fn who_dials_by_a_former_key_is_told_what_to_do() {
        let mut admission = admission(None);
        assert!(admission.note(Seen::Failed(Failure::NoWire)));
        assert!(why(&admission).contains("osb keys join"));
    }

    #[test]
    fn a_first_handshake_that_breaks_off_again_and_again_is_a_refusal() {
        let mut admission = admission(None);
        assert!(!admission.note(Seen::Lost), "nobody was there");
        for _ in 0..BROKEN_HANDSHAKES {
            admission.note(Seen::Connected);
            assert!(!admission.note(Seen::Lost), "it may have been killed");
            assert!(!admission.note(Seen::Retried) && !admission.note(Seen::Lost));
        }
        admission.note(Seen::Connected);
        assert!(admission.note(Seen::Lost));
        assert!(why(&admission).contains("it wants a key"));
    }

    #[test]
    fn a_handshake_has_its_time() {
        let (began, patience) = (Instant::now(), Duration::from_secs(3));
        let mut admission = admission(Some(patience));
        assert!(!admission.on_time(began));
        assert!(admission.on_time(began + 2 * patience));
        assert!(why(&admission).contains("has not shaken hands within 3s"));
        assert!(!admission.on_time(began + 3 * patience));
    }

    #[test]
    fn a_handshake_has_more_time_if_the_way_is_long() {
        let at = |ms| Duration::from_millis(ms);
        let patience = at(3000);
        for (way, more) in [(at(0), at(0)), (at(400), at(3200)), (at(9000), at(5000))] {
            let mut admission = admission(Some(patience));
            let began = admission.began;
            admission.on_connected(began + way);
            let until = began + patience + more;
            assert!(!admission.on_time(until - at(1)), "{way:?}");
            assert!(admission.on_time(until), "{way:?}");
        }
    }
}
