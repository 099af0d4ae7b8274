//! Timers: when each is due, and its outcome.
//!
//! A timer never piles up: one that is late fires once, and then an interval from now; one whose
//! last call is still under way does not fire, and that is counted.

use std::rc::Rc;
use std::time::Duration;

use crate::model::{Alias, Millis, TimerAction, TimerInfo, TimerSpec, When};

/// The shortest interval; a shorter one is taken for this.
const SHORTEST: Duration = Duration::from_millis(1);

/// All timers of an agent. They stand still until they are started.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    timers: Vec<Timer>,
    started: bool,
    last: u64,
}

/// A timer's number. It is never used twice, so that what comes late is not taken for another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerId(u64);

#[derive(Debug)]
struct Timer {
    id: TimerId,
    alias: Alias,
    when: When,
    action: Rc<TimerAction>,
    next: Next,
    /// Its last call is still under way.
    busy: bool,
    fired: u64,
    skipped: u64,
    failed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It waits for the system to start.
    Still,
    At(Duration),
    /// It has fired for the last time.
    Never,
}

/// What a timer has to do now.
#[derive(Debug, Clone)]
pub(crate) struct Tick {
    pub id: TimerId,
    pub alias: Alias,
    /// None: the last call is still under way, so that this tick is skipped.
    pub action: Option<Rc<TimerAction>>,
}

/// The outcome of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TickEnd {
    Done,
    Skipped,
    Failed,
}

impl Timers {
    /// The first alias that is not free, or stands there twice.
    pub(crate) fn taken<'a>(&self, specs: &'a [TimerSpec]) -> Option<&'a Alias> {
        let mut aliases = specs.iter().filter_map(|spec| spec.alias.as_ref());
        let mut seen = Vec::new();
        aliases.find(|alias| {
            let twice = seen.contains(alias);
            seen.push(*alias);
            twice || self.has(alias.as_str())
        })
    }

    fn has(&self, alias: &str) -> bool {
        self.timers
            .iter()
            .any(|timer| timer.alias.as_str() == alias)
    }

    /// Adds a timer whose alias is free, and tells its alias. If the others run already, so does it
    /// from now on.
    pub(crate) fn add(&mut self, spec: TimerSpec, now: Duration) -> Alias {
        self.last += 1;
        let alias = spec.alias.unwrap_or_else(|| self.free_alias());
        let next = match self.started {
            true => Next::At(now + first(spec.when)),
            false => Next::Still,
        };
        self.timers.push(Timer {
            id: TimerId(self.last),
            alias: alias.clone(),
            when: spec.when,
            action: Rc::new(spec.action),
            next,
            busy: false,
            fired: 0,
            skipped: 0,
            failed: 0,
        });
        alias
    }

    fn free_alias(&self) -> Alias {
        let names = (self.last..).map(|number| format!("timer-{number}"));
        let mut free = names.filter(|name| !self.has(name));
        // There are more numbers than timers, and each makes a name.
        let name = free.find_map(|name| name.parse().ok());
        name.unwrap_or_else(|| unreachable!("every number makes a name"))
    }

    /// The alias of a timer that was added by that spec: its own, or that of one that does the same.
    pub(crate) fn alias_of(&self, spec: &TimerSpec) -> Option<Alias> {
        if spec.alias.is_some() {
            return spec.alias.clone();
        }
        let does_the_same = |it: &&Timer| it.when == spec.when && *it.action == spec.action;
        let timer = self.timers.iter().find(does_the_same);
        timer.map(|it| it.alias.clone())
    }

    /// Lets them run, if they do not yet.
    pub(crate) fn start(&mut self, now: Duration) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        for timer in &mut self.timers {
            timer.next = Next::At(now + first(timer.when));
        }
    }

    /// No timer fires any more, and none is left.
    pub(crate) fn stop(&mut self) {
        self.started = false;
        self.timers.clear();
    }

    /// They stand still again, until they are started.
    pub(crate) fn rest(&mut self) {
        self.started = false;
        for timer in &mut self.timers {
            timer.next = Next::Still;
        }
    }

    /// Removes all but these.
    pub(crate) fn keep(&mut self, aliases: &[Alias]) {
        self.timers.retain(|timer| aliases.contains(&timer.alias));
    }

    /// Removes them; those that are added later run.
    pub(crate) fn clear(&mut self) {
        self.timers.clear();
    }

    /// Removes one. False if there is none of that name.
    pub(crate) fn remove(&mut self, alias: &Alias) -> bool {
        let before = self.timers.len();
        self.timers.retain(|timer| timer.alias != *alias);
        self.timers.len() < before
    }

    /// In the order in which they were added.
    pub(crate) fn aliases(&self) -> Vec<Alias> {
        let aliases = self.timers.iter().map(|timer| timer.alias.clone());
        aliases.collect()
    }

    /// In the order in which they were added.
    pub(crate) fn list(&self, now: Duration) -> Vec<TimerInfo> {
        let info = |timer: &Timer| TimerInfo {
            alias: timer.alias.clone(),
            when: timer.when,
            action: (*timer.action).clone(),
            due_ms: match timer.next {
                Next::At(next) => Some(Millis::from(next.saturating_sub(now))),
                Next::Still | Next::Never => None,
            },
            fired: timer.fired,
            skipped: timer.skipped,
            failed: timer.failed,
        };
        self.timers.iter().map(info).collect()
    }

    /// When the next one is due.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        let at = |timer: &Timer| match timer.next {
            Next::At(next) => Some(next),
            Next::Still | Next::Never => None,
        };
        self.timers.iter().filter_map(at).min()
    }

    /// What is due now; each is set to its next time. What becomes of each is to be told by
    /// [`Timers::end`], but for those that are skipped here.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<Tick> {
        let mut due = Vec::new();
        for timer in &mut self.timers {
            let Next::At(next) = timer.next else { continue };
            if next > now {
                continue;
            }
            timer.next = following(timer.when, next, now);
            let action = (!timer.busy).then(|| Rc::clone(&timer.action));
            timer.skipped += u64::from(timer.busy);
            timer.busy |= match *timer.action {
                TimerAction::Call { .. } => true,
                TimerAction::Send { .. } | TimerAction::Set { .. } => false,
            };
            due.push(Tick {
                id: timer.id,
                alias: timer.alias.clone(),
                action,
            });
        }
        due
    }

    /// The outcome of a tick. One that was to fire once is gone then.
    pub(crate) fn end(&mut self, id: TimerId, end: TickEnd) {
        let Some(at) = self.timers.iter().position(|timer| timer.id == id) else {
            return;
        };
        let timer = &mut self.timers[at];
        timer.busy = false;
        match end {
            TickEnd::Done => timer.fired += 1,
            TickEnd::Skipped => timer.skipped += 1,
            TickEnd::Failed => timer.failed += 1,
        }
        if timer.next == Next::Never {
            self.timers.remove(at);
        }
    }
}

fn first(when: When) -> Duration {
    match when {
        When::Every(interval) => interval.duration().max(SHORTEST),
        When::After(delay) => delay.duration(),
    }
}

fn following(when: When, planned: Duration, now: Duration) -> Next {
    match when {
        When::After(_) => Next::Never,
        When::Every(_) => {
            let interval = first(when);
            let next = planned + interval;
            Next::At(if next <= now { now + interval } else { next })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn named(alias: Option<&str>, when: When, action: TimerAction) -> TimerSpec {
        let alias = alias.map(|alias| alias.parse().unwrap());
        TimerSpec {
            alias,
            when,
            action,
        }
    }

    fn call() -> TimerAction {
        TimerAction::Call {
            method: "tick".into(),
            params: Value::Null,
        }
    }

    fn spec(when: When) -> TimerSpec {
        let send = TimerAction::Send {
            alias: "main".parse().unwrap(),
            message: "tick".into(),
            topic: None,
        };
        named(None, when, send)
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    const fn every(milliseconds: u64) -> When {
        When::Every(Millis::new(milliseconds))
    }

    const fn after(milliseconds: u64) -> When {
        When::After(Millis::new(milliseconds))
    }

    #[test]
    fn they_stand_still_until_started() {
        let mut timers = Timers::default();
        timers.add(spec(every(100)), ms(0));
        assert_eq!(timers.wakes_at(), None);
        assert_eq!(timers.list(ms(0))[0].due_ms, None);
        assert!(timers.due(ms(1000)).is_empty());
        timers.start(ms(1000));
        assert_eq!(timers.wakes_at(), Some(ms(1100)));
        assert_eq!(timers.list(ms(1040))[0].due_ms, Some(Millis::new(60)));
        assert_eq!(timers.due(ms(1100)).len(), 1);
        timers.stop();
        assert_eq!(timers.wakes_at(), None);
    }

    #[test]
    fn they_rest_and_begin_again() {
        let mut timers = Timers::default();
        let own = timers.add(spec(every(100)), ms(0));
        timers.start(ms(0));
        timers.add(spec(every(10)), ms(0));
        timers.keep(std::slice::from_ref(&own));
        assert_eq!(timers.wakes_at(), Some(ms(100)));
        timers.rest();
        assert_eq!((timers.wakes_at(), timers.aliases()), (None, vec![own]));
        timers.start(ms(500));
        assert_eq!(timers.wakes_at(), Some(ms(600)));
    }

    #[test]
    fn a_late_timer_fires_once() {
        let mut timers = Timers::default();
        timers.add(spec(every(100)), ms(0));
        timers.start(ms(0));
        assert_eq!(timers.due(ms(1234)).len(), 1);
        assert!(timers.due(ms(1234)).is_empty());
        assert_eq!(timers.wakes_at(), Some(ms(1334)));
    }

    #[test]
    fn after_fires_once_and_none_is_too_short() {
        let mut timers = Timers::default();
        timers.start(ms(0));
        timers.add(spec(after(0)), ms(5));
        timers.add(spec(every(0)), ms(5));
        let due = timers.due(ms(5));
        assert_eq!(due.len(), 1);
        timers.end(due[0].id, TickEnd::Done);
        assert_eq!(timers.list(ms(5)).len(), 1, "it is gone");
        assert_eq!(timers.due(ms(6)).len(), 1);
        assert_eq!(timers.wakes_at(), Some(ms(7)));
    }

    #[test]
    fn a_call_that_is_under_way_is_not_made_again() {
        let mut timers = Timers::default();
        timers.start(ms(0));
        timers.add(named(Some("poll"), every(10), call()), ms(0));
        let first = timers.due(ms(10)).remove(0);
        assert!(first.action.is_some());
        assert!(timers.due(ms(20))[0].action.is_none());
        assert!(timers.due(ms(30))[0].action.is_none());
        timers.end(first.id, TickEnd::Failed);
        assert!(timers.due(ms(40))[0].action.is_some());
        let info = timers.list(ms(40)).remove(0);
        assert_eq!((info.fired, info.skipped, info.failed), (0, 2, 1));
    }

    #[test]
    fn names_are_given_chosen_and_free_again() {
        let mut timers = Timers::default();
        let specs = [
            named(Some("timer-2"), every(1), call()),
            named(Some("timer-2"), every(1), call()),
        ];
        assert_eq!(timers.taken(&specs[..1]), None);
        assert_eq!(timers.taken(&specs).unwrap().as_str(), "timer-2");
        let [spec, same] = specs;
        let given = timers.add(spec, ms(0));
        let chosen = timers.add(named(None, every(1), call()), ms(0));
        assert_eq!(
            (given.as_str(), chosen.as_str()),
            ("timer-2", "timer-3"),
            "a name that is taken is not chosen"
        );
        assert!(timers.taken(std::slice::from_ref(&same)).is_some());
        assert!(timers.remove(&given) && !timers.remove(&given));
        assert!(timers.taken(&[same]).is_none());
    }

    #[test]
    fn what_comes_late_is_not_taken_for_the_next_timer_of_the_name() {
        let mut timers = Timers::default();
        timers.start(ms(0));
        let add = |timers: &mut Timers| timers.add(named(Some("a"), every(10), call()), ms(0));
        let alias = add(&mut timers);
        let old = timers.due(ms(10)).remove(0);
        timers.remove(&alias);
        add(&mut timers);
        timers.end(old.id, TickEnd::Done);
        assert_eq!(timers.list(ms(10))[0].fired, 0);
    }

    proptest! {
        /// However late the calls come, there are no more ticks than intervals.
        #[test]
        fn never_more_ticks_than_intervals(interval in 1u64..50, gaps in prop::collection::vec(0u64..200, 1..100)) {
            let mut timers = Timers::default();
            timers.add(spec(every(interval)), ms(0));
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
