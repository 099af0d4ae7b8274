//! When a program that has been started is ready, or will not be in time.
//!
//! A line that it prints, and its end, are events. Whether a port is open, or a probe succeeds,
//! is no event: that is tried again and again.

use std::time::Duration;

use crate::model::Ready;
use crate::model::timing::PORT_PROBE_INTERVAL;

/// What a program is waited for.
#[derive(Debug)]
pub(crate) struct Readiness {
    awaited: Awaited,
    until: Duration,
}

#[derive(Debug)]
enum Awaited {
    Start,
    Line,
    End,
    Success(Attempts),
    /// It is ready, and has to be healthy, too.
    Health,
}

#[derive(Debug)]
struct Attempts {
    pause: Duration,
    /// When the next one is due; None while one is under way.
    next: Option<Duration>,
}

/// The outcome of the waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ready,
    /// It has ended, and will never be.
    Ended,
    Late,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempted {
    Success,
    Failure,
}

impl Readiness {
    /// A program was started now, and is to be ready within `limit`.
    pub(crate) fn new(ready: &Ready, now: Duration, limit: Duration) -> Self {
        let attempts = |pause| {
            Awaited::Success(Attempts {
                pause,
                next: Some(now),
            })
        };
        Self {
            awaited: match ready {
                Ready::Started => Awaited::Start,
                Ready::Line(_) => Awaited::Line,
                Ready::Done => Awaited::End,
                Ready::Port(_) => attempts(PORT_PROBE_INTERVAL),
                Ready::Probe { every, .. } => attempts(every.duration()),
            },
            until: now + limit,
        }
    }

    /// It is ready; now it has to be healthy, within the same limit.
    pub(crate) fn await_health(&mut self) {
        self.awaited = Awaited::Health;
    }

    /// Whether only its health is waited for.
    pub(crate) fn awaits_health(&self) -> bool {
        matches!(self.awaited, Awaited::Health)
    }

    /// What there is to say at this time; `found` tells whether the line has been printed.
    pub(crate) fn verdict(&self, found: bool, now: Duration) -> Option<Verdict> {
        let is_ready = match self.awaited {
            Awaited::Start => true,
            Awaited::Line => found,
            Awaited::End | Awaited::Success(_) | Awaited::Health => false,
        };
        match is_ready {
            true => Some(Verdict::Ready),
            false => (now >= self.until).then_some(Verdict::Late),
        }
    }

    /// The program has ended.
    pub(crate) fn on_end(&self, success: bool, found: bool) -> Verdict {
        let is_ready = match self.awaited {
            Awaited::End => success,
            Awaited::Line => found,
            Awaited::Start | Awaited::Success(_) | Awaited::Health => false,
        };
        match is_ready {
            true => Verdict::Ready,
            false => Verdict::Ended,
        }
    }

    /// Whether an attempt is due; then it counts as under way.
    pub(crate) fn begin_attempt(&mut self, now: Duration) -> bool {
        let Awaited::Success(attempts) = &mut self.awaited else {
            return false;
        };
        attempts.next.take_if(|next| *next <= now).is_some()
    }

    /// An attempt has come to its end.
    pub(crate) fn on_attempt(&mut self, attempted: Attempted, now: Duration) -> Option<Verdict> {
        if let Awaited::Success(attempts) = &mut self.awaited {
            attempts.next = Some(now + attempts.pause);
        }
        (attempted == Attempted::Success).then_some(Verdict::Ready)
    }

    pub(crate) fn wakes_at(&self) -> Duration {
        match &self.awaited {
            Awaited::Success(Attempts { next, .. }) => {
                next.map_or(self.until, |next| self.until.min(next))
            }
            Awaited::Start | Awaited::Line | Awaited::End | Awaited::Health => self.until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn of(ready: &Ready) -> Readiness {
        Readiness::new(ready, ms(100), ms(1000))
    }

    #[test]
    fn a_job_is_ready_when_it_has_ended_well() {
        let job = of(&Ready::Done);
        assert_eq!(job.verdict(false, ms(1099)), None);
        assert_eq!(job.on_end(true, false), Verdict::Ready);
        assert_eq!(job.on_end(false, false), Verdict::Ended);
        assert_eq!(job.verdict(false, ms(1100)), Some(Verdict::Late));
        assert_eq!(
            of(&Ready::Started).verdict(false, ms(100)),
            Some(Verdict::Ready)
        );
    }

    #[test]
    fn a_line_may_be_the_last_thing_that_is_seen() {
        let line = of(&Ready::Line("up".into()));
        assert_eq!(line.verdict(false, ms(100)), None);
        assert_eq!(line.verdict(true, ms(100)), Some(Verdict::Ready));
        assert_eq!(line.on_end(true, false), Verdict::Ended);
        assert_eq!(line.on_end(false, true), Verdict::Ready);
    }

    #[test]
    fn who_has_to_be_healthy_is_late_or_ends_until_it_is() {
        let mut line = of(&Ready::Line("up".into()));
        assert!(!line.awaits_health());
        line.await_health();
        assert!(line.awaits_health() && !line.begin_attempt(ms(200)));
        assert_eq!(line.verdict(true, ms(1099)), None);
        assert_eq!(line.on_end(true, true), Verdict::Ended);
        assert_eq!(line.wakes_at(), ms(1100));
        assert_eq!(line.verdict(true, ms(1100)), Some(Verdict::Late));
    }

    #[test]
    fn attempts_come_one_after_the_other() {
        let mut port = of(&Ready::Port("127.0.0.1:80".parse().unwrap()));
        assert!(port.begin_attempt(ms(100)) && !port.begin_attempt(ms(500)));
        assert_eq!(port.wakes_at(), ms(1100));
        assert_eq!(port.on_attempt(Attempted::Failure, ms(150)), None);
        assert_eq!(port.wakes_at(), ms(250));
        assert!(!port.begin_attempt(ms(249)) && port.begin_attempt(ms(250)));
        let verdict = port.on_attempt(Attempted::Success, ms(260));
        assert_eq!(verdict, Some(Verdict::Ready));
        assert_eq!(port.on_end(true, false), Verdict::Ended);
    }
}
