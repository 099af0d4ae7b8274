//! How far an agent has come from its spec to its work. It is led: to a step, and from there to a later one; or it goes
//! the whole way alone, as one does that begins in a system that is up.

use std::collections::BTreeSet;

use crate::model::Step;
use crate::wire::Fault;

/// The steps of one agent.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// The step that it is led to.
    to: Option<Step>,
    /// It goes on whatever comes of its wires.
    alone: bool,
    /// Steps that it has begun to take.
    begun: BTreeSet<Step>,
    /// Steps after which it may take the next.
    passed: BTreeSet<Step>,
    done: BTreeSet<Step>,
    /// Why it is not led further.
    fault: Option<Fault>,
    /// Its wires have been proven once, or it was seen that they cannot be.
    wired: bool,
}

impl Steps {
    /// It has become what its spec says.
    pub(crate) fn on_configured(&mut self) {
        *self = Self::default();
        self.done.insert(Step::Configure);
    }

    /// It is to be what another version of its spec says: its wires are to be proven again, and it works on meanwhile. It says what
    /// comes of that, also if it has gone alone before.
    pub(crate) fn on_altered(&mut self) {
        for steps in [&mut self.begun, &mut self.passed, &mut self.done] {
            steps.remove(&Step::Wire);
        }
        self.alone = false;
        self.lead(Step::Wire);
    }

    /// It is led to that step, or further if it was led further before.
    pub(crate) fn lead(&mut self, to: Step) {
        self.fault = None;
        self.to = self.to.max(Some(to));
    }

    /// It goes alone to that step: a wire that leads to what is not there does not keep it, then or later.
    pub(crate) fn lead_alone(&mut self, to: Step) {
        self.alone = true;
        self.lead(to);
    }

    /// Somebody has had its wires proven, or was told that they cannot be.
    pub(crate) fn on_wires_seen_to(&mut self) {
        self.wired = true;
    }

    /// The step that is to begin now. A program that has begun does not keep the timers: whoever wants them to wait until it
    /// has settled, leads the agent only so far.
    pub(crate) fn begin(&mut self) -> Option<Step> {
        let to = self.to?;
        let next = [Step::Wire, Step::Settle, Step::Go]
            .into_iter()
            .find(|step| !self.begun.contains(step))?;
        let may = next == Step::Wire || self.passed.contains(&Step::Wire);
        (may && next <= to && self.begun.insert(next)).then_some(next)
    }

    /// Whether it takes the step now.
    pub(crate) fn is_under_way(&self, step: Step) -> bool {
        self.begun.contains(&step) && !self.passed.contains(&step)
    }

    /// The step is taken. True if that is news.
    pub(crate) fn on_done(&mut self, step: Step) -> bool {
        self.wired |= step == Step::Wire;
        self.passed.insert(step);
        self.done.insert(step)
    }

    /// The step came to nothing. One that goes alone goes on; another is led no further, until it is led again.
    pub(crate) fn on_failed(&mut self, step: Step, fault: Fault) {
        self.wired |= step == Step::Wire;
        if self.alone {
            self.passed.insert(step);
            return;
        }
        self.begun.remove(&step);
        self.to = None;
        self.fault = Some(fault);
    }

    /// Whether it has somewhere to send what it makes of messages that arrive, as far as that can be had.
    pub(crate) fn has_wired(&self) -> bool {
        self.wired
    }

    /// Whether it goes alone.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    pub(crate) fn done(&self) -> &BTreeSet<Step> {
        &self.done
    }

    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unproven() -> Fault {
        Fault::Refused {
            reason: "unproven".to_owned(),
        }
    }

    fn all_to_begin(steps: &mut Steps) -> Vec<Step> {
        std::iter::from_fn(|| steps.begin()).collect()
    }

    #[test]
    fn it_is_led_step_by_step() {
        let mut steps = Steps::default();
        assert_eq!(steps.begin(), None, "nobody leads it");
        steps.on_configured();
        steps.lead(Step::Wire);
        assert_eq!(all_to_begin(&mut steps), [Step::Wire]);
        steps.lead(Step::Settle);
        assert_eq!(steps.begin(), None, "its wires are not proven");
        assert!(!steps.has_wired());
        assert!(steps.on_done(Step::Wire) && !steps.on_done(Step::Wire));
        assert_eq!(all_to_begin(&mut steps), [Step::Settle]);
        assert!(steps.is_under_way(Step::Settle) && steps.has_wired());
        steps.on_done(Step::Settle);
        steps.lead(Step::Wire);
        assert_eq!(steps.begin(), None, "it is further already");
        steps.lead(Step::Go);
        assert_eq!(all_to_begin(&mut steps), [Step::Go]);
        steps.on_done(Step::Go);
        let all = [Step::Configure, Step::Wire, Step::Settle, Step::Go];
        assert_eq!(Vec::from_iter(steps.done().iter().copied()), all);
    }

    #[test]
    fn timers_do_not_wait_for_what_a_program_says() {
        let mut steps = Steps::default();
        steps.lead(Step::Go);
        assert_eq!(all_to_begin(&mut steps), [Step::Wire]);
        steps.on_done(Step::Wire);
        assert_eq!(all_to_begin(&mut steps), [Step::Settle, Step::Go]);
    }

    #[test]
    fn one_whose_wires_are_not_proven_is_led_no_further_until_it_is_led_again() {
        let mut steps = Steps::default();
        steps.lead(Step::Go);
        steps.begin();
        steps.on_failed(Step::Wire, unproven());
        assert_eq!(steps.begin(), None);
        assert_eq!(steps.fault(), Some(&unproven()));
        steps.lead(Step::Wire);
        assert_eq!(steps.fault(), None);
        assert_eq!(all_to_begin(&mut steps), [Step::Wire]);
    }

    #[test]
    fn one_that_goes_alone_goes_on_and_does_not_say_that_its_wires_are_proven() {
        let mut steps = Steps::default();
        steps.lead_alone(Step::Go);
        assert_eq!(all_to_begin(&mut steps), [Step::Wire]);
        steps.on_failed(Step::Wire, unproven());
        assert_eq!(all_to_begin(&mut steps), [Step::Settle, Step::Go]);
        assert!(steps.done().is_empty() && steps.fault().is_none());
    }

    #[test]
    fn one_that_is_altered_proves_its_wires_again_and_works_on() {
        let mut steps = Steps::default();
        steps.on_configured();
        steps.lead_alone(Step::Go);
        assert_eq!(all_to_begin(&mut steps), [Step::Wire]);
        steps.on_done(Step::Wire);
        assert_eq!(all_to_begin(&mut steps), [Step::Settle, Step::Go]);
        steps.on_done(Step::Go);
        steps.on_altered();
        assert!(steps.done().contains(&Step::Go) && !steps.done().contains(&Step::Wire));
        assert_eq!(all_to_begin(&mut steps), [Step::Wire]);
        steps.on_failed(Step::Wire, unproven());
        assert_eq!(steps.fault(), Some(&unproven()));
        // It is taken back.
        steps.on_altered();
        assert_eq!(all_to_begin(&mut steps), [Step::Wire]);
        assert!(steps.on_done(Step::Wire) && steps.fault().is_none());
        assert_eq!(steps.begin(), None);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Lead(Step),
        Done(Step),
        Failed(Step),
    }

    fn event() -> impl Strategy<Value = Event> {
        let step = prop_oneof![Just(Step::Wire), Just(Step::Settle), Just(Step::Go)];
        prop_oneof![
            step.clone().prop_map(Event::Lead),
            step.clone().prop_map(Event::Done),
            step.prop_map(Event::Failed),
        ]
    }

    proptest! {
        /// Whatever happens, a program begins and timers run only when the wires are proven, and nothing begins twice.
        #[test]
        fn nothing_is_sent_before_the_wires_are_proven(events in proptest::collection::vec(event(), 0..40)) {
            let mut steps = Steps::default();
            let mut led: Option<Step> = None;
            let mut under_way = BTreeSet::new();
            for event in events {
                match event {
                    Event::Lead(to) => {
                        led = led.max(Some(to));
                        steps.lead(to);
                    }
                    Event::Done(step) if under_way.remove(&step) => drop(steps.on_done(step)),
                    // Only wires fail.
                    Event::Failed(Step::Wire) if under_way.remove(&Step::Wire) => {
                        steps.on_failed(Step::Wire, unproven());
                        led = None;
                    }
                    Event::Done(_) | Event::Failed(_) => {}
                }
                while let Some(step) = steps.begin() {
                    prop_assert!(Some(step) <= led);
                    prop_assert!(step == Step::Wire || steps.done().contains(&Step::Wire));
                    prop_assert!(under_way.insert(step) && !steps.done().contains(&step));
                    prop_assert!(steps.is_under_way(step));
                }
            }
        }
    }
}
