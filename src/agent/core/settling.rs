//! When a program that was told to start has settled. Whether it works cannot be known before it has said
//! something; one that cannot begin, for want of a file or a module, ends soon.

use std::time::Duration;

/// A program that is watched until it has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settling {
    until: Duration,
}

/// How it stands with a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It runs, and has said nothing yet.
    Silent,
    /// It has said something; or there is none that could.
    Answered,
    Ended {
        success: bool,
    },
}

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    /// It has said something, has lived for long enough, or has ended as it should.
    Settled,
    /// It has failed; how, its host tells.
    Failed,
}

impl Settling {
    /// From now on it has to live for `within`, if it says nothing.
    pub(crate) fn new(now: Duration, within: Duration) -> Self {
        Self {
            until: now + within,
        }
    }

    /// What there is to say at this time.
    pub(crate) fn look(self, standing: Standing, now: Duration) -> Option<Watched> {
        match standing {
            // First: what it said before it failed settles nothing.
            Standing::Ended { success: false } => Some(Watched::Failed),
            Standing::Ended { success: true } => Some(Watched::Settled),
            Standing::Answered => Some(Watched::Settled),
            Standing::Silent => (now >= self.until).then_some(Watched::Settled),
        }
    }

    pub(crate) fn wakes_at(self) -> Duration {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn who_says_nothing_has_to_live_and_who_answers_does_not_wait() {
        let settling = Settling::new(ms(100), ms(500));
        assert_eq!(settling.look(Standing::Silent, ms(599)), None);
        let lives = Some(Watched::Settled);
        assert_eq!(settling.look(Standing::Silent, ms(600)), lives);
        let answered = Some(Watched::Settled);
        assert_eq!(settling.look(Standing::Answered, ms(101)), answered);
        assert_eq!(settling.wakes_at(), ms(600));
    }

    #[test]
    fn an_end_is_one_or_the_other_whatever_the_time() {
        let settling = Settling::new(ms(0), ms(500));
        for now in [ms(1), ms(500), ms(900)] {
            let good = settling.look(Standing::Ended { success: true }, now);
            assert_eq!(good, Some(Watched::Settled));
            let bad = settling.look(Standing::Ended { success: false }, now);
            assert_eq!(bad, Some(Watched::Failed));
        }
    }
}
