//! Timers that send: when each is due.
//!
//! A timer never piles up: one that is late fires once, and then an interval from now.

use std::time::Duration;

use crate::model::{TimerSpec, When};

/// The shortest interval; a shorter one is taken for this.
const SHORTEST: Duration = Duration::from_millis(1);

/// All timers of an agent. They stand still until they are started.
#[derive(Debug, Default)]
pub struct Timers {
    timers: Vec<Timer>,
    started: bool,
}

#[derive(Debug)]
struct Timer {
    spec: TimerSpec,
    /// None: it does not fire again.
    next: Option<Duration>,
}

impl Timers {
    /// Adds timers. If the others run already, so do these from now on.
    pub fn add(&mut self, specs: Vec<TimerSpec>, now: Duration) {
        let started = self.started;
        self.timers.extend(specs.into_iter().map(|spec| Timer {
            next: started.then(|| now + first(&spec)),
            spec,
        }));
    }

    /// Lets them run.
    pub fn start(&mut self, now: Duration) {
        self.started = true;
        for timer in &mut self.timers {
            timer.next = Some(now + first(&timer.spec));
        }
    }

    /// They stand still until they are started again.
    pub fn rest(&mut self) {
        self.started = false;
        self.timers.iter_mut().for_each(|timer| timer.next = None);
    }

    /// No timer fires any more.
    pub fn stop(&mut self) {
        self.started = false;
        self.timers.clear();
    }

    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Only the first `count` stay.
    pub fn truncate(&mut self, count: usize) {
        self.timers.truncate(count);
    }

    /// When the next one is due.
    pub fn wakes_at(&self) -> Option<Duration> {
        self.timers.iter().filter_map(|timer| timer.next).min()
    }

    /// What is due now; each of them is set to its next time.
    pub fn due(&mut self, now: Duration) -> Vec<TimerSpec> {
        let mut due = Vec::new();
        for timer in &mut self.timers {
            if let Some(next) = timer.next.filter(|next| *next <= now) {
                timer.next = following(&timer.spec, next, now);
                due.push(timer.spec.clone());
            }
        }
        due
    }
}

fn first(spec: &TimerSpec) -> Duration {
    match spec.when {
        When::Every(interval) => interval.duration().max(SHORTEST),
        When::After(delay) => delay.duration(),
    }
}

fn following(spec: &TimerSpec, planned: Duration, now: Duration) -> Option<Duration> {
    match spec.when {
        When::After(_) => None,
        When::Every(_) => {
            let interval = first(spec);
            let next = planned + interval;
            Some(if next <= now { now + interval } else { next })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Millis;
    use proptest::prelude::*;

    fn spec(when: When) -> TimerSpec {
        TimerSpec {
            when,
            send: "main".parse().unwrap(),
            message: "tick".into(),
            topic: None,
        }
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn they_stand_still_until_started() {
        let mut timers = Timers::default();
        timers.add(vec![spec(When::Every(Millis::new(100)))], ms(0));
        assert_eq!(timers.wakes_at(), None);
        assert!(timers.due(ms(1000)).is_empty());
        timers.start(ms(1000));
        assert_eq!(timers.wakes_at(), Some(ms(1100)));
        assert_eq!(timers.due(ms(1100)).len(), 1);
        timers.stop();
        assert_eq!(timers.wakes_at(), None);
    }

    #[test]
    fn a_late_timer_fires_once() {
        let mut timers = Timers::default();
        timers.add(vec![spec(When::Every(Millis::new(100)))], ms(0));
        timers.start(ms(0));
        assert_eq!(timers.due(ms(1234)).len(), 1);
        assert!(timers.due(ms(1234)).is_empty());
        assert_eq!(timers.wakes_at(), Some(ms(1334)));
    }

    #[test]
    fn after_fires_once_and_none_is_too_short() {
        let mut timers = Timers::default();
        timers.start(ms(0));
        timers.add(vec![spec(When::After(Millis::new(0)))], ms(5));
        timers.add(vec![spec(When::Every(Millis::new(0)))], ms(5));
        assert_eq!(timers.due(ms(5)).len(), 1);
        assert_eq!(timers.due(ms(6)).len(), 1);
        assert_eq!(timers.wakes_at(), Some(ms(7)));
    }

    proptest! {
        /// However late the calls come, there are no more ticks than intervals.
        #[test]
        fn never_more_ticks_than_intervals(interval in 1u64..50, gaps in prop::collection::vec(0u64..200, 1..100)) {
            let mut timers = Timers::default();
            timers.add(vec![spec(When::Every(Millis::new(interval)))], ms(0));
            timers.start(ms(0));
            let (mut now, mut ticks) = (0, 0);
            for gap in gaps {
                now += gap;
                ticks += timers.due(ms(now)).len() as u64;
                prop_assert!(timers.wakes_at().unwrap() > ms(now));
            }
            prop_assert!(ticks <= now / interval);
        }
    }
}
