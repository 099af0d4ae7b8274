//! The stages of an agent's life.
//!
//! An agent prepares until `start`, then works; it may be made quiet, which leaves it there for questions;
//! and it ends. Each stage only ever leads to a later one; but an agent that was started elsewhere
//! rests when its system releases it, and prepares for another.

use std::time::Duration;

use crate::model::timing::{KILL_TIMEOUT, LINGER_TIMEOUT, PROGRAM_TERM_TIMEOUT};

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nothing is sent of its own accord: the system is not wired yet.
    Preparing,
    /// The system is wired: the program's messages go out, and timers run after `go`.
    Working,
    /// It sends nothing of its own accord any more, and still answers.
    Quiet,
    /// It lets its program end, up to a deadline for each push.
    Ending {
        code: i32,
        push: Push,
        by: Duration,
        /// Between SIGTERM and SIGKILL.
        term: Duration,
    },
    /// The program is gone: what is queued leaves, up to a deadline.
    Flushing { code: i32, by: Duration },
    /// Nothing holds it.
    Over { code: i32 },
}

/// How hard the program has been pushed to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    Asked,
    Terminated,
    Killed,
}

impl Push {
    /// The exit status that tells of the signal, as shells have it.
    fn status(self) -> Option<i32> {
        match self {
            Push::Asked => None,
            Push::Terminated => Some(128 + 15),
            Push::Killed => Some(128 + 9),
        }
    }
}

/// What the driver is to do when an end takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Terminate,
    Kill,
}

impl Life {
    /// The system is wired. True if this is news.
    pub(crate) fn start(&mut self) -> bool {
        let news = *self == Life::Preparing;
        if news {
            *self = Life::Working;
        }
        news
    }

    /// Back to preparing, for an agent that its system has released. True if this is news.
    pub(crate) fn rest(&mut self) -> bool {
        let news = matches!(self, Life::Working | Life::Quiet);
        if news {
            *self = Life::Preparing;
        }
        news
    }

    /// No more of its own accord. True if this is news.
    pub(crate) fn quiet(&mut self) -> bool {
        let news = matches!(self, Life::Preparing | Life::Working);
        if news {
            *self = Life::Quiet;
        }
        news
    }

    /// The end begins; the program is killed after `grace`. True if this is news.
    pub(crate) fn end(&mut self, code: i32, grace: Duration, now: Duration) -> bool {
        if self.ending() {
            return false;
        }
        // A program that does what it is told has most of the time for that.
        let term = PROGRAM_TERM_TIMEOUT.min(grace * 2 / 5);
        *self = Life::Ending {
            code,
            push: Push::Asked,
            by: now + grace.saturating_sub(term),
            term,
        };
        true
    }

    /// The program has ended, or was never there: what is queued leaves.
    pub(crate) fn flush(&mut self, code: i32, now: Duration) {
        if !matches!(self, Life::Flushing { .. } | Life::Over { .. }) {
            *self = Life::Flushing {
                code,
                by: now + LINGER_TIMEOUT,
            };
        }
    }

    /// At once.
    pub(crate) fn over(&mut self, code: i32) {
        *self = Life::Over { code };
    }

    /// Whether it sends of its own accord.
    pub(crate) fn working(self) -> bool {
        self == Life::Working
    }

    pub(crate) fn ending(self) -> bool {
        matches!(
            self,
            Life::Ending { .. } | Life::Flushing { .. } | Life::Over { .. }
        )
    }

    /// The exit status with which it is about to end.
    pub(crate) fn code(self) -> Option<i32> {
        match self {
            Life::Preparing | Life::Working | Life::Quiet => None,
            Life::Ending { code, .. } | Life::Flushing { code, .. } | Life::Over { code } => {
                Some(code)
            }
        }
    }

    /// When [`Life::tick`] wants to be called next.
    pub(crate) fn wakes_at(self) -> Option<Duration> {
        match self {
            Life::Ending { by, .. } | Life::Flushing { by, .. } => Some(by),
            Life::Preparing | Life::Working | Life::Quiet | Life::Over { .. } => None,
        }
    }

    /// Time has passed, or something has happened: `program` tells whether there still is one,
    /// `queued` whether messages wait to leave.
    pub(crate) fn tick(&mut self, now: Duration, program: bool, queued: bool) -> Option<Effect> {
        match *self {
            Life::Ending { code, .. } if !program => {
                self.flush(code, now);
                self.tick(now, program, queued)
            }
            Life::Ending {
                code,
                push,
                by,
                term,
            } if now >= by => self.push((code, push), term, now),
            Life::Flushing { code, by } if !queued || now >= by => {
                *self = Life::Over { code };
                None
            }
            Life::Ending { .. } | Life::Flushing { .. } => None,
            Life::Preparing | Life::Working | Life::Quiet | Life::Over { .. } => None,
        }
    }

    fn push(&mut self, (code, push): (i32, Push), term: Duration, now: Duration) -> Option<Effect> {
        let (push, effect, patience) = match push {
            Push::Asked => (Push::Terminated, Effect::Terminate, term),
            Push::Terminated => (Push::Killed, Effect::Kill, KILL_TIMEOUT),
            Push::Killed => {
                self.flush(code, now);
                return None;
            }
        };
        *self = Life::Ending {
            // The exit status tells the requester that it took a signal.
            code: push.status().unwrap_or(code),
            push,
            by: now + patience,
            term,
        };
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn stages_only_go_forward() {
        let mut life = Life::Preparing;
        assert!(life.start() && !life.start() && life.working());
        assert!(life.quiet() && !life.quiet() && !life.start());
        assert!(life.end(0, s(5), s(1)) && !life.end(1, s(5), s(1)) && !life.quiet());
        assert_eq!(life.tick(s(1), false, true), None);
        assert_eq!(life, Life::Flushing { code: 0, by: s(2) });
        assert_eq!(life.tick(s(1), false, false), None);
        assert_eq!(life, Life::Over { code: 0 });
    }

    #[test]
    fn who_is_let_go_of_may_go_again_and_the_end_stays_the_end() {
        let mut life = Life::Working;
        assert!(life.rest() && !life.rest() && life.start());
        life.end(0, s(5), s(0));
        assert!(!life.rest() && life.ending());
    }

    #[test]
    fn a_program_that_stays_is_pushed_harder_and_then_left() {
        let mut life = Life::Working;
        life.end(0, s(5), s(0));
        assert_eq!(life.tick(s(2), true, false), None);
        assert_eq!(life.tick(s(3), true, false), Some(Effect::Terminate));
        assert_eq!(life.wakes_at(), Some(s(5)));
        assert_eq!(life.tick(s(5), true, false), Some(Effect::Kill));
        assert_eq!(life.tick(s(7), true, false), None);
        assert_eq!(life.tick(s(7), true, false), None);
        assert_eq!(life, Life::Over { code: 128 + 9 });
    }

    #[test]
    fn the_program_is_killed_when_its_time_is_over_however_long_that_is() {
        for (grace, term) in [(s(60), s(58)), (s(1), Duration::from_millis(600))] {
            let mut life = Life::Working;
            life.end(0, grace, s(10));
            assert_eq!(life.wakes_at(), Some(s(10) + term));
            assert_eq!(
                life.tick(s(10) + term, true, false),
                Some(Effect::Terminate)
            );
            assert_eq!(life.wakes_at(), Some(s(10) + grace));
            assert_eq!(life.tick(s(10) + grace, true, false), Some(Effect::Kill));
        }
    }

    #[test]
    fn without_any_time_it_is_killed_at_once() {
        let mut life = Life::Working;
        life.end(0, s(0), s(7));
        assert_eq!(life.tick(s(7), true, false), Some(Effect::Terminate));
        assert_eq!(life.wakes_at(), Some(s(7)));
        assert_eq!(life.tick(s(7), true, false), Some(Effect::Kill));
    }

    #[test]
    fn queued_messages_have_their_linger() {
        let mut life = Life::Working;
        life.flush(3, s(0));
        life.tick(s(0), false, true);
        assert!(matches!(life, Life::Flushing { .. }));
        life.tick(s(1), false, true);
        assert_eq!(life, Life::Over { code: 3 });
    }
}
