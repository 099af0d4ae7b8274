//! A program that has ended, or that its agent ends because it is not well, while the agent is whole. The host daemon, which has the policy, says whether it is started anew, and
//! in how long; meanwhile the agent keeps its sockets, and reads nothing that is for the program. If the program is not started
//! anew, or the daemon cannot be asked, the agent ends, too.

use std::time::Duration;

use crate::model::timing::{KILL_TIMEOUT, LINGER_TIMEOUT};
use crate::model::{Cause, ExitReport, Relaunches};
use crate::wire::{AfterProgram, Launch};

/// How it stands with the program of an agent.
#[derive(Debug, Default)]
pub(crate) struct Relaunch {
    stage: Stage,
    count: u32,
    last_end: Option<ExitReport>,
}

#[derive(Debug, Default, PartialEq)]
enum Stage {
    /// It has not ended, or there is none.
    #[default]
    None,
    /// It was killed because it is not well. It has to have ended by then.
    Killed { by: Duration },
    /// The daemon is asked.
    Asked { code: i32, ended: Duration },
    /// It is started at that time.
    Waiting {
        at: Duration,
        ended: Duration,
        launch: Option<Box<Launch>>,
    },
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is started anew when its time has come.
    Waits,
    /// The agent ends, with this exit status.
    AgentEnds { code: i32 },
    /// Nobody has asked, or that is over.
    Nothing,
}

impl Relaunch {
    /// The agent has killed the program, which is not well.
    pub(crate) fn on_kill(&mut self, now: Duration) {
        self.stage = Stage::Killed {
            by: now + KILL_TIMEOUT,
        };
    }

    /// Whether the program does not end although it was killed: its agent cannot be rid of it, and ends.
    pub(crate) fn is_stuck(&self, now: Duration) -> bool {
        matches!(self.stage, Stage::Killed { by } if now >= by)
    }

    /// Whether the agent has killed the program, and its end is not known yet.
    pub(crate) fn is_killed(&self) -> bool {
        matches!(self.stage, Stage::Killed { .. })
    }

    /// The program has ended, and the daemon is asked. `code` is the exit status for an agent that ends with it.
    pub(crate) fn on_end(&mut self, exit: ExitReport, code: i32, now: Duration) {
        self.last_end = Some(exit);
        self.stage = Stage::Asked { code, ended: now };
    }

    /// The daemon has answered; None: it has not, or nothing that can be done.
    pub(crate) fn on_answer(&mut self, answer: Option<AfterProgram>, now: Duration) -> Next {
        let Stage::Asked { code, ended } = self.stage else {
            return Next::Nothing;
        };
        match answer {
            Some(AfterProgram::Again { wait, launch }) => {
                let at = now + wait.duration();
                self.stage = Stage::Waiting { at, ended, launch };
                Next::Waits
            }
            Some(AfterProgram::AgentEnds) | None => {
                self.stage = Stage::None;
                Next::AgentEnds { code }
            }
        }
    }

    /// Whether it is to be started now; then it counts as started. What the former one has said and is not done yet has a moment.
    pub(crate) fn begin(&mut self, is_owed: bool, now: Duration) -> Option<Option<Box<Launch>>> {
        self.wakes_at(is_owed).filter(|due| *due <= now)?;
        let Stage::Waiting { launch, .. } = &mut self.stage else {
            return None;
        };
        let launch = launch.take();
        self.stage = Stage::None;
        self.count += 1;
        Some(launch)
    }

    /// The agent ends.
    pub(crate) fn give_up(&mut self) {
        self.stage = Stage::None;
    }

    /// Whether the program has ended, or is about to, and is perhaps started anew.
    pub(crate) fn is_under_way(&self) -> bool {
        self.stage != Stage::None
    }

    /// When it is to be started, or has to have ended.
    pub(crate) fn wakes_at(&self, is_owed: bool) -> Option<Duration> {
        match &self.stage {
            Stage::Waiting { at, ended, .. } if is_owed => Some((*ended + LINGER_TIMEOUT).max(*at)),
            Stage::Waiting { at, .. } => Some(*at),
            Stage::Killed { by } => Some(*by),
            Stage::None | Stage::Asked { .. } => None,
        }
    }

    /// For the name server.
    pub(crate) fn told(&self, now: Duration) -> Relaunches {
        let wait_ms = match &self.stage {
            Stage::Waiting { at, .. } => u64::try_from(at.saturating_sub(now).as_millis()).ok(),
            Stage::None | Stage::Killed { .. } | Stage::Asked { .. } => None,
        };
        Relaunches {
            count: self.count,
            last_end: self.last_end.clone(),
            wait_ms,
        }
    }

    /// Why the last one was ended, if that is known.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.last_end.as_ref()?.cause.as_ref()
    }

    /// Why there is no program at the moment.
    pub(crate) fn why(&self) -> Option<String> {
        let has_ended = self.is_under_way() && !self.is_killed();
        let exit = self.last_end.as_ref().filter(|_| has_ended)?;
        Some(format!("its program has ended: {exit}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Millis;

    fn exit(signal: i32) -> ExitReport {
        ExitReport {
            status: None,
            signal: Some(signal),
            log: Vec::new(),
            cause: None,
        }
    }

    fn again(wait: u64) -> Option<AfterProgram> {
        let wait = Millis::new(wait);
        Some(AfterProgram::Again { wait, launch: None })
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_waits_for_as_long_as_its_daemon_says() {
        let mut relaunch = Relaunch::default();
        assert_eq!(relaunch.on_answer(again(0), ms(0)), Next::Nothing);
        relaunch.on_end(exit(9), 137, ms(1000));
        assert_eq!(relaunch.why().unwrap(), "its program has ended: signal 9");
        assert_eq!(
            (
                relaunch.begin(false, ms(1000)),
                relaunch.told(ms(1000)).wait_ms
            ),
            (None, None)
        );
        assert_eq!(relaunch.on_answer(again(500), ms(1010)), Next::Waits);
        assert_eq!(relaunch.told(ms(1110)).wait_ms, Some(400));
        assert_eq!(relaunch.begin(false, ms(1509)), None);
        assert_eq!(relaunch.wakes_at(false), Some(ms(1510)));
        assert_eq!(relaunch.begin(false, ms(1510)), Some(None));
        let told = relaunch.told(ms(1510));
        assert_eq!(
            (told.count, told.wait_ms, told.last_end),
            (1, None, Some(exit(9)))
        );
        assert_eq!((relaunch.why(), relaunch.wakes_at(true)), (None, None));
    }

    #[test]
    fn what_the_former_program_has_said_has_a_moment() {
        let mut relaunch = Relaunch::default();
        relaunch.on_end(exit(9), 137, ms(0));
        relaunch.on_answer(again(0), ms(10));
        assert_eq!(relaunch.begin(true, ms(10)), None);
        assert_eq!(relaunch.wakes_at(true), Some(LINGER_TIMEOUT));
        assert_eq!(relaunch.begin(true, LINGER_TIMEOUT), Some(None));
    }

    #[test]
    fn one_that_was_killed_has_a_while_to_end() {
        let mut relaunch = Relaunch::default();
        relaunch.on_kill(ms(0));
        assert!(relaunch.is_under_way() && relaunch.is_killed());
        assert_eq!((relaunch.why(), relaunch.told(ms(0)).count), (None, 0));
        assert_eq!(relaunch.on_answer(again(0), ms(0)), Next::Nothing);
        assert_eq!(relaunch.begin(false, KILL_TIMEOUT), None);
        assert_eq!(relaunch.wakes_at(false), Some(KILL_TIMEOUT));
        assert!(!relaunch.is_stuck(KILL_TIMEOUT - ms(1)) && relaunch.is_stuck(KILL_TIMEOUT));
        relaunch.on_end(exit(9), 137, ms(10));
        assert!(!relaunch.is_killed() && !relaunch.is_stuck(KILL_TIMEOUT));
        assert_eq!(relaunch.on_answer(again(0), ms(20)), Next::Waits);
        assert_eq!(relaunch.begin(false, ms(20)), Some(None));
    }

    #[test]
    fn an_agent_whose_daemon_does_not_start_its_program_anew_ends_as_it_did() {
        for answer in [Some(AfterProgram::AgentEnds), None] {
            let mut relaunch = Relaunch::default();
            relaunch.on_end(exit(9), 137, ms(0));
            assert_eq!(
                relaunch.on_answer(answer, ms(0)),
                Next::AgentEnds { code: 137 }
            );
            assert!(!relaunch.is_under_way());
        }
    }

    #[derive(Debug, Clone)]
    enum Event {
        Kill,
        End,
        Answer(Option<u64>),
        Time { is_owed: bool },
        GiveUp,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            1 => Just(Event::Kill),
            4 => Just(Event::End),
            4 => prop::option::weighted(0.9, 0u64..3000).prop_map(Event::Answer),
            6 => any::<bool>().prop_map(|is_owed| Event::Time { is_owed }),
            1 => Just(Event::GiveUp),
        ]
    }

    proptest! {
        /// Whatever happens: no program is started beside another, none before its time or later than that and a moment, and
        /// each start is counted.
        #[test]
        fn there_is_one_program_at_most(events in prop::collection::vec((event(), 0u64..2000), 0..60)) {
            let mut relaunch = Relaunch::default();
            let (mut runs, mut over, mut count, mut now) = (true, false, 0, Duration::ZERO);
            let (mut due, mut ended, mut killed) = (None, Duration::ZERO, None);
            for (event, past) in events {
                now += ms(past);
                match event {
                    Event::Kill if runs && !over => {
                        relaunch.on_kill(now);
                        killed = Some(now);
                    }
                    Event::Kill => {}
                    Event::End if runs && !over => {
                        relaunch.on_end(exit(9), 137, now);
                        (runs, due, ended, killed) = (false, None, now, None);
                    }
                    Event::End => {}
                    Event::Answer(wait) => match relaunch.on_answer(wait.and_then(again), now) {
                        Next::Waits => {
                            prop_assert!(!runs && !over && due.is_none());
                            due = wait.map(|wait| now + ms(wait));
                        }
                        Next::AgentEnds { code } => {
                            prop_assert!(code == 137 && !runs && wait.is_none());
                            over = true;
                        }
                        Next::Nothing => prop_assert!(runs || over || due.is_some()),
                    },
                    Event::Time { is_owed } => {
                        let wakes_at = relaunch.wakes_at(is_owed);
                        let begun = relaunch.begin(is_owed, now).is_some();
                        let is_due = killed.is_none() && wakes_at.is_some_and(|it| it <= now);
                        prop_assert_eq!(begun, is_due);
                        let is_stuck = killed.is_some_and(|at| now >= at + KILL_TIMEOUT);
                        prop_assert_eq!(relaunch.is_stuck(now), is_stuck);
                        if begun {
                            prop_assert!(!runs && !over && due.is_some_and(|due| due <= now));
                            (runs, count) = (true, count + 1);
                        } else if !runs && !over && let Some(due) = due {
                            prop_assert!(now < due || (is_owed && now < ended + LINGER_TIMEOUT));
                        }
                    }
                    Event::GiveUp => {
                        relaunch.give_up();
                        (over, killed) = (true, None);
                    }
                }
                let is_under_way = (!runs && !over) || killed.is_some();
                prop_assert_eq!(relaunch.is_under_way(), is_under_way);
                prop_assert_eq!(relaunch.told(now).count, count);
            }
        }
    }
}
