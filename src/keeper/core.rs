//! When a keeper starts its daemon again, and when it ends with it.
//!
//! A pure core: what happens and the time go in, [`Effect`]s come out.

use std::time::Duration;

/// Time since the keeper began, on the monotonic clock.
pub(super) type Now = Duration;

/// A daemon that has lived so long begins anew as if it had never died.
const LONG_LIFE: Duration = Duration::from_secs(60);
/// How long the keeper waits before the second start in a row; before each further one, twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// How long it waits at most.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How many lives a daemon gets to end its agents.
const LIVES_TO_END: u32 = 3;
/// The exit status of a program of Rust that has panicked.
const PANICKED: i32 = 101;

/// How a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Status(i32),
    Signal(i32),
}

impl Ending {
    /// The exit status of one that ends as this one did, as shells tell it.
    pub(crate) fn code(self) -> u8 {
        let code = match self {
            Ending::Status(status) => status,
            Ending::Signal(signal) => 128 + signal,
        };
        u8::try_from(code & 0xff).unwrap_or(u8::MAX)
    }

    /// It did not end by a decision of its own.
    fn is_crash(self) -> bool {
        match self {
            Ending::Status(status) => status == PANICKED,
            Ending::Signal(_) => true,
        }
    }
}

/// What a keeper hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The daemon stands by itself: from now on it is to live.
    Stands,
    /// A signal has told the keeper to end.
    Told(Told),
    /// The daemon hangs, according to the one that watches over it.
    Hangs,
    /// The daemon has ended.
    Ended(Ending),
    /// Time has passed.
    Time,
}

/// A signal by which the keeper was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub signal: i32,
    /// The terminal has sent it, which sends it to the daemon, too.
    pub by_terminal: bool,
}

/// What a keeper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Start the daemon.
    Start,
    /// Start the daemon, and send it this signal at once: there may be agents that it is to end.
    StartAndSignal(i32),
    /// Send the daemon this signal.
    Signal(i32),
    /// SIGKILL to the daemon.
    Kill,
    /// End as the daemon has ended.
    End(Ending),
}

/// What the keeper knows of its daemon.
pub(super) struct Keeper {
    phase: Phase,
    stands: bool,
    /// It hangs, and is not begun anew.
    hangs: bool,
    /// The signal by which the keeper was told to end, and in how many more lives the daemon may try to end its agents.
    told: Option<(i32, u32)>,
    /// How many in a row have lived for a short time only.
    short_lives: u32,
}

enum Phase {
    Runs { since: Now },
    Waits { until: Now, ending: Ending },
    Over,
}

impl Keeper {
    /// The daemon was started just now; whether it stands already, for it comes in the place of another.
    pub(super) fn begin(stands: bool, now: Now) -> Self {
        Self {
            phase: Phase::Runs { since: now },
            stands,
            hangs: false,
            told: None,
            short_lives: 0,
        }
    }

    pub(super) fn on(&mut self, event: Event, now: Now) -> Option<Effect> {
        match event {
            Event::Stands => {
                self.stands = true;
                None
            }
            Event::Told(told) => self.on_told(told, now),
            Event::Hangs => {
                self.hangs = true;
                match self.phase {
                    Phase::Runs { .. } => Some(Effect::Kill),
                    Phase::Waits { ending, .. } => self.end(ending),
                    Phase::Over => None,
                }
            }
            Event::Ended(ending) => self.on_ended(ending, now),
            Event::Time => self.on_time(now),
        }
    }

    /// When [`Event::Time`] is due, if at all.
    pub(super) fn next_deadline(&self) -> Option<Now> {
        match self.phase {
            Phase::Waits { until, .. } => Some(until),
            Phase::Runs { .. } | Phase::Over => None,
        }
    }

    fn on_told(&mut self, told: Told, now: Now) -> Option<Effect> {
        let tries = self.told.map_or(LIVES_TO_END, |(_, tries)| tries);
        self.told = Some((told.signal, tries));
        match self.phase {
            Phase::Runs { .. } if told.by_terminal => None,
            Phase::Runs { .. } => Some(Effect::Signal(told.signal)),
            Phase::Waits { .. } => {
                self.phase = Phase::Runs { since: now };
                Some(Effect::StartAndSignal(told.signal))
            }
            Phase::Over => None,
        }
    }

    fn on_ended(&mut self, ending: Ending, now: Now) -> Option<Effect> {
        let Phase::Runs { since } = self.phase else {
            return None;
        };
        if self.hangs || !self.stands || !ending.is_crash() {
            return self.end(ending);
        }
        if let Some((signal, tries)) = &mut self.told {
            // It was killed before it had ended its agents, perhaps.
            let Some(left) = tries.checked_sub(1) else {
                return self.end(ending);
            };
            *tries = left;
            self.phase = Phase::Runs { since: now };
            return Some(Effect::StartAndSignal(*signal));
        }
        if now.saturating_sub(since) >= LONG_LIFE {
            self.short_lives = 0;
        }
        let until = now + wait(self.short_lives);
        self.short_lives = self.short_lives.saturating_add(1);
        self.phase = Phase::Waits { until, ending };
        self.on_time(now)
    }

    fn on_time(&mut self, now: Now) -> Option<Effect> {
        match self.phase {
            Phase::Waits { until, .. } if until <= now => {
                self.phase = Phase::Runs { since: now };
                Some(Effect::Start)
            }
            Phase::Runs { .. } | Phase::Waits { .. } | Phase::Over => None,
        }
    }

    fn end(&mut self, ending: Ending) -> Option<Effect> {
        self.phase = Phase::Over;
        Some(Effect::End(ending))
    }
}

/// At once, and then longer and longer.
fn wait(short_lives: u32) -> Duration {
    match short_lives {
        0 => Duration::ZERO,
        more => FIRST_WAIT
            .saturating_mul(2u32.saturating_pow(more - 1))
            .min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KILLED: Ending = Ending::Signal(9);

    fn s(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn told(by_terminal: bool) -> Event {
        Event::Told(Told {
            signal: 15,
            by_terminal,
        })
    }

    #[test]
    fn a_daemon_that_stands_is_started_again_at_once_and_then_later_and_later() {
        let mut keeper = Keeper::begin(false, s(0));
        assert_eq!(keeper.on(Event::Stands, s(1)), None);
        assert_eq!(keeper.on(Event::Ended(KILLED), s(2)), Some(Effect::Start));
        let panicked = Event::Ended(Ending::Status(101));
        assert_eq!(keeper.on(panicked, s(3)), None);
        let due = s(3) + FIRST_WAIT;
        assert_eq!(keeper.next_deadline(), Some(due));
        assert_eq!(keeper.on(Event::Time, due), Some(Effect::Start));
        assert_eq!(keeper.on(Event::Ended(KILLED), s(4)), None);
        assert_eq!(keeper.next_deadline(), Some(s(4) + 2 * FIRST_WAIT));
        assert_eq!(keeper.on(Event::Time, s(5)), Some(Effect::Start));
        // It has lived long.
        let late = s(5) + LONG_LIFE;
        assert_eq!(keeper.on(Event::Ended(KILLED), late), Some(Effect::Start));
    }

    #[test]
    fn one_that_ends_by_itself_or_does_not_stand_or_was_told_to_is_not() {
        for (stands, told_to, ending) in [
            (true, false, Ending::Status(0)),
            (true, false, Ending::Status(4)),
            (false, false, KILLED),
            (false, true, KILLED),
            (true, true, Ending::Status(0)),
        ] {
            let mut keeper = Keeper::begin(stands, s(0));
            if told_to {
                assert_eq!(keeper.on(told(false), s(1)), Some(Effect::Signal(15)));
            }
            let end = Some(Effect::End(ending));
            assert_eq!(keeper.on(Event::Ended(ending), s(2)), end);
            assert_eq!(keeper.on(Event::Ended(ending), s(3)), None);
        }
    }

    #[test]
    fn who_is_told_to_end_between_two_lives_has_the_daemon_end_its_agents() {
        let mut keeper = Keeper::begin(true, s(0));
        assert_eq!(keeper.on(Event::Ended(KILLED), s(1)), Some(Effect::Start));
        assert_eq!(keeper.on(Event::Ended(KILLED), s(2)), None);
        assert_eq!(
            keeper.on(told(false), s(2)),
            Some(Effect::StartAndSignal(15))
        );
        // It is killed once more before it has.
        let again = Some(Effect::StartAndSignal(15));
        assert_eq!(keeper.on(Event::Ended(KILLED), s(3)), again);
        assert_eq!(keeper.on(Event::Ended(KILLED), s(3)), again);
        assert_eq!(keeper.on(Event::Ended(KILLED), s(3)), again);
        let end = Some(Effect::End(KILLED));
        assert_eq!(keeper.on(Event::Ended(KILLED), s(3)), end);
    }

    #[test]
    fn a_terminal_tells_the_daemon_itself() {
        let mut keeper = Keeper::begin(true, s(0));
        assert_eq!(keeper.on(told(true), s(1)), None);
        let end = Some(Effect::End(Ending::Status(0)));
        assert_eq!(keeper.on(Event::Ended(Ending::Status(0)), s(2)), end);
        let codes = [Ending::Status(3), Ending::Signal(9)].map(Ending::code);
        assert_eq!(codes, [3, 137]);
    }

    #[test]
    fn one_that_hangs_is_killed_and_the_keeper_ends_with_it() {
        let mut keeper = Keeper::begin(true, s(0));
        assert_eq!(keeper.on(Event::Hangs, s(1)), Some(Effect::Kill));
        let end = Some(Effect::End(KILLED));
        assert_eq!(keeper.on(Event::Ended(KILLED), s(2)), end);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            2 => Just(Event::Stands),
            1 => any::<bool>().prop_map(told),
            1 => Just(Event::Hangs),
            3 => (0..140).prop_map(|status| Event::Ended(Ending::Status(status))),
            3 => (1..32).prop_map(|signal| Event::Ended(Ending::Signal(signal))),
            4 => Just(Event::Time),
        ]
    }

    proptest! {
        /// One daemon at most runs at each time, and none after the end.
        #[test]
        fn there_is_one_daemon_at_most(
            stands: bool,
            steps in prop::collection::vec((any_event(), 0..40_000u64), 0..60),
        ) {
            let mut now = s(0);
            let mut keeper = Keeper::begin(stands, now);
            let (mut runs, mut is_over) = (true, false);
            for (event, later) in steps {
                now += Duration::from_millis(later);
                if matches!(event, Event::Ended(_)) {
                    if !runs {
                        continue;
                    }
                    runs = false;
                }
                match keeper.on(event, now) {
                    None => {}
                    Some(Effect::Start | Effect::StartAndSignal(_)) => {
                        prop_assert!(!runs && !is_over);
                        runs = true;
                    }
                    Some(Effect::Signal(_) | Effect::Kill) => prop_assert!(runs),
                    Some(Effect::End(_)) => {
                        prop_assert!(!runs && !is_over);
                        is_over = true;
                    }
                }
                prop_assert!(runs || is_over || keeper.next_deadline().is_some());
            }
        }
    }
}
