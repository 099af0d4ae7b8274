//! How a program stands while it runs: by checks that are made again and again, and by the answers to pings that it
//! gives by itself. What follows is decided here too: it is told, or the program is ended.
//!
//! A program that says that it is busy is not ended, for as long as it may be busy: what it does may be worth more than
//! the answer that it owes.

use std::time::Duration;

use crate::model::timing::{
    AWAY_TIMEOUT, BUSY_NOTICE_TIMEOUT, FIRST_HEALTH_INTERVAL, PING_INTERVAL, PONG_TIMEOUT,
};
use crate::model::{self, Check, Millis, Then};

/// How a program stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    #[default]
    Well,
    /// Why.
    Unhealthy(String),
    /// It does not answer at all.
    Hung(String),
}

impl Condition {
    /// Why it is not well.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Condition::Well => None,
            Condition::Unhealthy(why) | Condition::Hung(why) => Some(why),
        }
    }
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HealthEffect {
    /// Begin the check of this number.
    Check(u64),
    /// The check that is under way takes too long.
    GiveUpCheck,
    Ping,
    /// What is to be told of the program has changed.
    Show,
    /// End the program. Whether the agent ends with it is not decided here.
    End(Condition),
}

/// A program that is watched.
#[derive(Debug)]
pub(crate) struct Health {
    checks: Option<Checks>,
    pings: Pings,
    busy: Busy,
    then: Then,
    condition: Condition,
    /// It was told to end.
    over: bool,
    /// When it began, and was looked at last.
    looked: Option<Duration>,
    effects: Vec<HealthEffect>,
}

#[derive(Debug)]
struct Checks {
    what: String,
    every: Duration,
    timeout: Millis,
    failures: u32,
    grace: Duration,
    /// A call waits until the program has done what it is busy with.
    is_call: bool,
    /// How many have been begun.
    number: u64,
    stage: Stage,
    /// When failures begin to count.
    counts_from: Duration,
    /// How many in a row have failed.
    failed: u32,
    /// One has succeeded.
    succeeded: bool,
    last: String,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// When the next one is due.
    Idle(Duration),
    /// When the one that is under way is given up.
    UnderWay(Duration),
}

#[derive(Debug, Default)]
struct Pings {
    /// When the next one is due. None: the program has not said that it answers.
    next: Option<Duration>,
    /// Since when one waits for its answer.
    waits: Option<Duration>,
}

#[derive(Debug, Default)]
struct Busy {
    since: Option<Duration>,
    most: Option<Millis>,
    /// It was told.
    is_shown: bool,
}

impl Health {
    /// A program that has not begun yet.
    pub(crate) fn new(health: &model::Health, then: Then) -> Self {
        let model::Health {
            check,
            every,
            timeout,
            failures,
            grace,
            then: said,
            max_busy,
        } = health;
        Self {
            checks: check.as_ref().map(|check| Checks {
                what: check.to_string(),
                every: every.duration(),
                timeout: *timeout,
                failures: *failures,
                grace: grace.duration(),
                is_call: matches!(check, Check::Call(_)),
                number: 0,
                stage: Stage::Idle(Duration::ZERO),
                counts_from: Duration::ZERO,
                failed: 0,
                succeeded: false,
                last: String::new(),
            }),
            pings: Pings::default(),
            busy: Busy {
                most: *max_busy,
                ..Busy::default()
            },
            then: said.unwrap_or(then),
            condition: Condition::Well,
            over: false,
            looked: None,
            effects: Vec::new(),
        }
    }

    /// The program has begun to work. To say so again changes nothing.
    pub(crate) fn begin(&mut self, now: Duration) {
        if self.looked.is_some() {
            return;
        }
        self.looked = Some(now);
        if let Some(checks) = &mut self.checks {
            checks.stage = Stage::Idle(now);
            checks.counts_from = now + checks.grace;
        }
        if let Some(next) = &mut self.pings.next {
            *next = now;
        }
    }

    /// The program says that it answers pings.
    pub(crate) fn on_willing(&mut self, now: Duration) {
        self.pings.next.get_or_insert(now);
    }

    /// The program reads nothing any more, and cannot answer.
    pub(crate) fn on_deaf(&mut self) {
        self.pings = Pings::default();
    }

    /// The program has given a sign of life, asked or not.
    pub(crate) fn on_pong(&mut self, busy: Option<Duration>, now: Duration) {
        self.note_pong(busy, now);
        self.reconsider(now);
    }

    /// The same, while nothing is to follow.
    pub(crate) fn note_pong(&mut self, busy: Option<Duration>, now: Duration) {
        self.pings.waits = None;
        if self.pings.next.is_some() {
            self.pings.next = Some(now + PING_INTERVAL);
        }
        self.busy.since = busy.map(|busy| now.saturating_sub(busy));
    }

    /// The agent does not read what the program says, for now: no answer can arrive.
    pub(crate) fn on_held(&mut self, now: Duration) {
        if let Some(since) = &mut self.pings.waits {
            *since = now;
        }
    }

    /// The outcome of the check of this number. One that was given up comes too late.
    pub(crate) fn on_checked(&mut self, number: u64, outcome: Result<(), String>, now: Duration) {
        let is_busy = self.busy.since.is_some();
        if let Some(checks) = &mut self.checks
            && checks.number == number
            && let Stage::UnderWay(_) = checks.stage
        {
            checks.end(outcome, is_busy, now);
            self.reconsider(now);
        }
    }

    /// Time has passed.
    pub(crate) fn on_time(&mut self, now: Duration) {
        let Some(looked) = self.looked.replace(now).filter(|_| !self.over) else {
            return;
        };
        let past = now.saturating_sub(looked);
        if past >= AWAY_TIMEOUT {
            self.was_away(past);
        }
        let is_busy = self.busy.since.is_some();
        if let Some(checks) = &mut self.checks {
            self.effects.extend(checks.on_time(is_busy, now));
        }
        if self.pings.is_due(now) {
            self.effects.push(HealthEffect::Ping);
        }
        self.reconsider(now);
    }

    /// What waited has waited for the agent.
    fn was_away(&mut self, past: Duration) {
        if let Some(Checks {
            stage: Stage::UnderWay(by),
            ..
        }) = &mut self.checks
        {
            *by += past;
        }
        if let Some(since) = &mut self.pings.waits {
            *since += past;
        }
    }

    fn reconsider(&mut self, now: Duration) {
        if self.over || self.looked.is_none() {
            return;
        }
        let found = self.found(now);
        let changed = std::mem::discriminant(&found) != std::mem::discriminant(&self.condition);
        if changed {
            self.condition = found;
        }
        let is_busy = self.busy.is_worth_telling(now);
        let busy_changed = std::mem::replace(&mut self.busy.is_shown, is_busy) != is_busy;
        if changed || busy_changed {
            self.effects.push(HealthEffect::Show);
        }
        let is_protected = match self.condition {
            Condition::Well => true,
            Condition::Unhealthy(_) => self.busy.since.is_some() && !self.busy.is_too_long(now),
            Condition::Hung(_) => false,
        };
        if self.then == Then::Restart && !is_protected {
            self.over = true;
            self.effects.push(HealthEffect::End(self.condition.clone()));
        }
    }

    fn found(&self, now: Duration) -> Condition {
        if self.pings.is_overdue(now) {
            let limit = Millis::from(PONG_TIMEOUT);
            return Condition::Hung(format!("its program has not answered a ping for {limit}"));
        }
        if let Some(most) = self.busy.most.filter(|_| self.busy.is_too_long(now)) {
            return Condition::Unhealthy(format!(
                "its program is busy with one thing for longer than max_busy: {most}"
            ));
        }
        match self.checks.as_ref().and_then(Checks::complaint) {
            Some(why) => Condition::Unhealthy(why),
            None => Condition::Well,
        }
    }

    /// How the program stands.
    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How long the program has been busy with one thing, if that is worth telling.
    pub(crate) fn busy(&self, now: Duration) -> Option<Duration> {
        let since = self.busy.since.filter(|_| self.busy.is_shown)?;
        Some(now.saturating_sub(since))
    }

    /// Whether a check has succeeded.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.checks.as_ref().is_some_and(|checks| checks.succeeded)
    }

    /// Why the last check has failed, if one has.
    pub(crate) fn last_failure(&self) -> Option<&str> {
        let last = self.checks.as_ref().map(|checks| checks.last.as_str());
        last.filter(|last| !last.is_empty())
    }

    /// How long a check may take.
    pub(crate) fn timeout(&self) -> Duration {
        let checks = self.checks.as_ref();
        checks.map_or(Duration::ZERO, |checks| checks.timeout.duration())
    }

    /// What is to be done since the last time.
    pub(crate) fn effects(&mut self) -> Vec<HealthEffect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Health::on_time`] wants to be called next.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        if self.over || self.looked.is_none() {
            return None;
        }
        let check = self.checks.as_ref().map(|checks| match checks.stage {
            Stage::Idle(next) => next,
            Stage::UnderWay(by) => by,
        });
        let pings = self.pings.wakes_at(&self.condition);
        let busy = self.busy.wakes_at(&self.condition);
        [check, pings, busy].into_iter().flatten().min()
    }
}

impl Checks {
    fn on_time(&mut self, is_busy: bool, now: Duration) -> Option<HealthEffect> {
        match self.stage {
            Stage::Idle(next) if now >= next => {
                self.number += 1;
                self.stage = Stage::UnderWay(now + self.timeout.duration());
                Some(HealthEffect::Check(self.number))
            }
            Stage::UnderWay(by) if now >= by => {
                let late = format!("no answer within {}", self.timeout);
                self.end(Err(late), is_busy, now);
                Some(HealthEffect::GiveUpCheck)
            }
            Stage::Idle(_) | Stage::UnderWay(_) => None,
        }
    }

    fn end(&mut self, outcome: Result<(), String>, is_busy: bool, now: Duration) {
        match outcome {
            Ok(()) => {
                self.succeeded = true;
                self.failed = 0;
            }
            Err(_) if self.is_call && is_busy => {}
            Err(reason) if !self.succeeded && now < self.counts_from => self.last = reason,
            Err(reason) => {
                self.failed = self.failed.saturating_add(1);
                self.last = reason;
            }
        }
        let pause = match self.succeeded {
            true => self.every,
            false => self.every.min(FIRST_HEALTH_INTERVAL),
        };
        self.stage = Stage::Idle(now + pause);
    }

    /// Why it is unhealthy, if it is.
    fn complaint(&self) -> Option<String> {
        let Self {
            what, last, failed, ..
        } = self;
        let times = match failed {
            1 => String::new(),
            several => format!(", {several} times in a row"),
        };
        (*failed >= self.failures).then(|| format!("{what}: {last}{times}"))
    }
}

impl Pings {
    /// Whether one is to be sent; then it waits for its answer.
    fn is_due(&mut self, now: Duration) -> bool {
        let due = self.waits.is_none() && self.next.is_some_and(|next| now >= next);
        if due {
            self.waits = Some(now);
        }
        due
    }

    fn is_overdue(&self, now: Duration) -> bool {
        self.waits.is_some_and(|since| now >= since + PONG_TIMEOUT)
    }

    fn wakes_at(&self, condition: &Condition) -> Option<Duration> {
        match (self.waits, condition) {
            (Some(_), Condition::Hung(_)) => None,
            (Some(since), Condition::Well | Condition::Unhealthy(_)) => Some(since + PONG_TIMEOUT),
            (None, _) => self.next,
        }
    }
}

impl Busy {
    fn for_how_long(&self, now: Duration) -> Duration {
        let since = self.since.unwrap_or(now);
        now.saturating_sub(since)
    }

    fn is_worth_telling(&self, now: Duration) -> bool {
        self.for_how_long(now) >= BUSY_NOTICE_TIMEOUT
    }

    fn is_too_long(&self, now: Duration) -> bool {
        let most = self.most.map(Millis::duration);
        most.is_some_and(|most| self.for_how_long(now) >= most)
    }

    fn wakes_at(&self, condition: &Condition) -> Option<Duration> {
        let since = self.since?;
        let notice = (!self.is_shown).then(|| since + BUSY_NOTICE_TIMEOUT);
        let most = self.most.filter(|_| *condition == Condition::Well);
        let most = most.map(|most| since + most.duration());
        notice.into_iter().chain(most).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const fn s(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn call() -> model::Health {
        model::Health {
            check: Some(Check::Call("alive".parse().unwrap())),
            ..model::Health::default()
        }
    }

    fn port() -> model::Health {
        model::Health {
            check: Some(Check::Port("127.0.0.1:80".parse().unwrap())),
            ..model::Health::default()
        }
    }

    fn watched(health: &model::Health, then: Then) -> Health {
        let mut health = Health::new(health, then);
        health.begin(s(0));
        health.on_time(s(0));
        health
    }

    /// Time passes as it does for an agent, which looks once a second at least.
    fn pass(health: &mut Health, from: u64, to: u64) {
        (from..=to).for_each(|at| look(health, s(at)));
    }

    /// As the agent does in each turn of its loop.
    fn look(health: &mut Health, now: Duration) {
        health.begin(now);
        health.on_time(now);
    }

    fn ends(health: &mut Health) -> Option<Condition> {
        health.effects().into_iter().find_map(|it| match it {
            HealthEffect::End(condition) => Some(condition),
            _ => None,
        })
    }

    #[test]
    fn failures_in_a_row_make_it_unhealthy_and_one_success_makes_it_well() {
        let mut health = watched(&port(), Then::Tell);
        assert_eq!(health.effects(), [HealthEffect::Check(1)]);
        health.on_checked(1, Ok(()), s(0));
        let mut at = 10;
        for number in 2..=4 {
            pass(&mut health, at - 9, at);
            assert_eq!(health.effects(), [HealthEffect::Check(number)]);
            assert_eq!(health.condition(), &Condition::Well);
            health.on_checked(number, Err("refused".into()), s(at));
            at += 10;
        }
        let why = "port 127.0.0.1:80: refused, 3 times in a row";
        assert_eq!(health.condition(), &Condition::Unhealthy(why.into()));
        assert_eq!(health.effects(), [HealthEffect::Show]);
        pass(&mut health, at - 9, at);
        health.on_checked(4, Ok(()), s(at));
        assert_eq!(
            health.condition().why(),
            Some(why),
            "an old one says nothing"
        );
        health.on_checked(5, Ok(()), s(at));
        assert_eq!(health.condition(), &Condition::Well);
        let told = health.effects();
        assert_eq!(told, [HealthEffect::Check(5), HealthEffect::Show]);
    }

    #[test]
    fn failures_do_not_count_while_it_begins() {
        let mut health = watched(&port(), Then::Restart);
        for at in 0..10 {
            health.on_time(s(at));
            health.on_checked(at + 1, Err("refused".into()), s(at));
        }
        assert_eq!(health.condition(), &Condition::Well);
        for at in 10..13 {
            health.on_time(s(at));
            health.on_checked(at + 1, Err("refused".into()), s(at));
        }
        let why = "port 127.0.0.1:80: refused, 3 times in a row";
        let unhealthy = Condition::Unhealthy(why.into());
        assert_eq!(ends(&mut health), Some(unhealthy));
        assert_eq!(health.wakes_at(), None);
    }

    #[test]
    fn a_check_that_takes_too_long_has_failed() {
        let once = model::Health {
            failures: 1,
            grace: Millis::new(0),
            ..port()
        };
        let mut health = watched(&once, Then::Tell);
        assert_eq!(health.wakes_at(), Some(s(2)));
        pass(&mut health, 1, 2);
        let why = "port 127.0.0.1:80: no answer within 2s";
        assert_eq!(health.condition().why(), Some(why));
        assert!(health.effects().contains(&HealthEffect::GiveUpCheck));
    }

    #[test]
    fn who_does_not_answer_pings_hangs() {
        let mut health = watched(&model::Health::default(), Then::Tell);
        pass(&mut health, 1, 100);
        assert_eq!(health.effects(), [], "it was not said that it answers");
        health.on_willing(s(100));
        health.on_time(s(100));
        assert_eq!(health.effects(), [HealthEffect::Ping]);
        health.on_pong(None, ms(100_010));
        pass(&mut health, 101, 112);
        assert_eq!(health.effects(), [HealthEffect::Ping]);
        assert_eq!(health.condition(), &Condition::Well);
        pass(&mut health, 113, 113);
        let hung = Condition::Hung("its program has not answered a ping for 10s".into());
        assert_eq!(health.condition(), &hung);
        health.on_pong(None, s(114));
        assert_eq!(health.condition(), &Condition::Well);
        assert_eq!(health.effects(), [HealthEffect::Show, HealthEffect::Show]);
    }

    #[test]
    fn what_the_agent_itself_has_missed_is_no_fault() {
        let mut health = watched(&model::Health::default(), Then::Restart);
        health.on_willing(s(0));
        health.on_time(s(1));
        // The agent stood still, and its program perhaps too.
        look(&mut health, s(60));
        pass(&mut health, 61, 69);
        assert_eq!(ends(&mut health), None);
        pass(&mut health, 70, 71);
        assert!(matches!(ends(&mut health), Some(Condition::Hung(_))));
        // What the agent does not read cannot have arrived.
        let mut health = watched(&model::Health::default(), Then::Restart);
        health.on_willing(s(0));
        for at in 1..60 {
            health.on_held(s(at));
            health.on_time(s(at));
        }
        assert_eq!(ends(&mut health), None);
    }

    #[test]
    fn a_busy_one_is_not_ended_unless_it_is_busy_for_too_long() {
        for (max_busy, expected) in [(None, None), (Some(Millis::from_secs(60)), Some(60))] {
            let mut health = watched(&model::Health { max_busy, ..call() }, Then::Restart);
            health.on_willing(s(0));
            health.on_checked(1, Ok(()), s(0));
            let mut ended = None;
            for at in 1..=200 {
                health.on_time(s(at));
                if at % 2 == 0 {
                    health.on_pong(Some(s(at)), s(at));
                }
                let end = ends(&mut health).map(|_| at);
                ended = ended.or(end);
            }
            assert_eq!(ended, expected);
        }
        // By a port it is seen that something else is wrong, and when it has done its work it is ended.
        let mut health = watched(&port(), Then::Restart);
        health.on_willing(s(0));
        health.on_checked(1, Ok(()), s(0));
        for at in 1..=100 {
            health.on_time(s(at));
            health.on_pong(Some(s(at)), s(at));
        }
        assert_eq!(ends(&mut health), None);
        assert!(matches!(health.condition(), Condition::Unhealthy(_)));
        assert_eq!(health.busy(s(100)), Some(s(100)));
        health.on_pong(None, s(101));
        assert!(matches!(ends(&mut health), Some(Condition::Unhealthy(_))));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Pass(u64),
        Pong(Option<u64>),
        Checked(bool),
        Held,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..2500_u64).prop_map(Step::Pass),
            1 => (0..60_000_u64).prop_map(Step::Pass),
            2 => prop::option::of(0..20_000_u64).prop_map(Step::Pong),
            2 => any::<bool>().prop_map(Step::Checked),
            1 => Just(Step::Held),
        ]
    }

    proptest! {
        #[test]
        fn walks(
            steps in prop::collection::vec(step(), 0..200),
            by_call: bool,
            restart: bool,
            most in prop::option::of(1..30_000_u64),
        ) {
            let spec = model::Health {
                max_busy: most.map(Millis::new),
                ..if by_call { call() } else { port() }
            };
            let then = if restart { Then::Restart } else { Then::Tell };
            let mut health = watched(&spec, then);
            health.on_willing(s(0));
            let (mut now, mut under_way, mut last_pong) = (s(0), None, s(0));
            let (mut busy, mut over, mut number) = (None, false, 0);
            for step in steps {
                match step {
                    Step::Pass(past) => {
                        now += ms(past);
                        health.on_time(now);
                    }
                    Step::Pong(for_ms) => {
                        health.on_pong(for_ms.map(ms), now);
                        last_pong = now;
                        busy = for_ms.map(|it| now.saturating_sub(ms(it)));
                    }
                    Step::Checked(well) => {
                        let outcome = if well { Ok(()) } else { Err("no".into()) };
                        health.on_checked(number, outcome, now);
                        under_way = None;
                    }
                    Step::Held => health.on_held(now),
                }
                for effect in health.effects() {
                    prop_assert!(!over, "nothing follows the end: {effect:?}");
                    match effect {
                        HealthEffect::Check(next) => {
                            prop_assert_eq!((under_way, next), (None, number + 1));
                            (under_way, number) = (Some(next), next);
                        }
                        HealthEffect::GiveUpCheck => under_way = None,
                        HealthEffect::Ping | HealthEffect::Show => {}
                        HealthEffect::End(Condition::Well) => prop_assert!(false, "it is well"),
                        HealthEffect::End(Condition::Hung(_)) => {
                            prop_assert!(restart && now >= last_pong + PONG_TIMEOUT);
                            over = true;
                        }
                        HealthEffect::End(Condition::Unhealthy(_)) => {
                            let too_long = |since: Duration| most.is_some_and(|most| now - since >= ms(most));
                            prop_assert!(restart && busy.is_none_or(too_long));
                            over = true;
                        }
                    }
                }
                if !over && let Condition::Hung(_) = health.condition() {
                    prop_assert!(now >= last_pong + PONG_TIMEOUT);
                }
                // The loop does not spin.
                health.on_time(now);
                prop_assert!(over || health.effects().iter().all(|it| !matches!(it, HealthEffect::End(_))));
            }
        }
    }
}
