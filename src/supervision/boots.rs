//! The order in which agents get to work whose machine has started again. All are there at once, with their sockets; but the
//! program of each waits until those are ready that it is after, wherever these run.
//!
//! A pure core: how agents stand, and the time, come in; who is to be led to its work comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Now;
use crate::model::{AgentName, Millis};
use crate::wire::Incarnation;

/// For each agent those that it is after.
pub(crate) type After = BTreeMap<AgentName, BTreeSet<AgentName>>;

/// How an agent stands, for those that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is there, and not ready yet.
    Coming,
    Ready,
    /// It has ended well, as a job does, or was stopped.
    Done,
    /// It has failed, and is not started again.
    Failed,
    /// It cannot be reached, or waits to be started again.
    Away,
}

/// Why an agent is waited for no longer that was not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unready {
    Failed,
    Late(Millis),
}

/// An agent to lead to its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Led {
    pub agent: AgentName,
    /// Those that it is after, and that were not ready.
    pub unready: Vec<(AgentName, Unready)>,
}

/// The agents of one host daemon that came with its machine.
#[derive(Default)]
pub(crate) struct Boots {
    held: BTreeMap<AgentName, Held>,
    /// Those that were led to their work, and have not shown it yet: the word may have been lost.
    led: BTreeSet<AgentName>,
    awaited: BTreeMap<AgentName, Awaited>,
    /// The lives that have ended with the machine: what is heard of them is old.
    former: BTreeMap<AgentName, Incarnation>,
}

struct Held {
    on: BTreeSet<AgentName>,
    unready: Vec<(AgentName, Unready)>,
}

struct Awaited {
    patience: Duration,
    /// Until then. None: it waits itself.
    until: Option<Now>,
}

impl Boots {
    /// These agents begin with their machine. `patience`: how long one may be waited for, from when it may go to work itself.
    pub(crate) fn begin(
        &mut self,
        after: After,
        former: BTreeMap<AgentName, Incarnation>,
        patience: impl Fn(&AgentName) -> Duration,
        now: Now,
    ) {
        let held = without_circles(after);
        let awaited: BTreeSet<&AgentName> = held.values().flatten().collect();
        let awaited = awaited.into_iter().map(|agent| {
            let patience = patience(agent);
            let until = (!held.contains_key(agent)).then(|| now + patience);
            (agent.clone(), Awaited { patience, until })
        });
        self.awaited = awaited.collect();
        let held = held.into_iter().map(|(agent, on)| {
            let unready = Vec::new();
            (agent, Held { on, unready })
        });
        self.held = held.collect();
        self.former = former;
    }

    /// Whether the agent waits for others.
    pub(crate) fn holds(&self, agent: &AgentName) -> bool {
        self.held.contains_key(agent)
    }

    /// Whether nobody waits, or has yet to show that it works.
    pub(crate) fn is_over(&self) -> bool {
        self.held.is_empty() && self.led.is_empty()
    }

    /// The agents of which is to be heard how they stand.
    pub(crate) fn followed(&self) -> impl Iterator<Item = &AgentName> {
        self.held.keys().chain(&self.led).chain(self.awaited.keys())
    }

    /// An agent stands so, in that life. Gives those to lead.
    pub(crate) fn on_standing(
        &mut self,
        agent: &AgentName,
        (life, standing): (Incarnation, Standing),
        now: Now,
    ) -> Vec<Led> {
        if self.former.get(agent) == Some(&life) {
            return Vec::new();
        }
        match standing {
            Standing::Away => Vec::new(),
            Standing::Coming if self.led.contains(agent) => vec![Led {
                agent: agent.clone(),
                unready: Vec::new(),
            }],
            Standing::Coming => Vec::new(),
            Standing::Ready | Standing::Done => self.is_there(agent, None, now),
            Standing::Failed => self.is_there(agent, Some(Unready::Failed), now),
        }
    }

    /// When [`Boots::on_time`] wants to be called, if at all.
    pub(crate) fn next_deadline(&self) -> Option<Now> {
        self.awaited.values().filter_map(|it| it.until).min()
    }

    /// Time has passed. Gives those to lead that have waited for too long.
    pub(crate) fn on_time(&mut self, now: Now) -> Vec<Led> {
        let is_late = |it: &Awaited| it.until.is_some_and(|until| until <= now);
        let late = self.awaited.iter().filter(|(_, it)| is_late(it));
        let late: Vec<(AgentName, Unready)> = late
            .map(|(agent, it)| (agent.clone(), Unready::Late(it.patience.into())))
            .collect();
        let late = late.into_iter();
        late.flat_map(|(agent, why)| self.no_more(&agent, Some(why), now))
            .collect()
    }

    /// A member starts or stops the agent by itself: it is held no longer.
    pub(crate) fn forget(&mut self, agent: &AgentName, now: Now) {
        self.led.remove(agent);
        if self.held.remove(agent).is_some() {
            self.begins(agent, now);
            self.forget_unneeded();
        }
    }

    /// It is waited for no longer, and has got to work itself.
    fn is_there(&mut self, agent: &AgentName, why: Option<Unready>, now: Now) -> Vec<Led> {
        self.led.remove(agent);
        self.no_more(agent, why, now)
    }

    fn no_more(&mut self, agent: &AgentName, why: Option<Unready>, now: Now) -> Vec<Led> {
        self.awaited.remove(agent);
        for held in self.held.values_mut() {
            if held.on.remove(agent) {
                held.unready.extend(why.map(|why| (agent.clone(), why)));
            }
        }
        let mut free = Vec::new();
        self.held.retain(|agent, held| {
            if held.on.is_empty() {
                let unready = std::mem::take(&mut held.unready);
                let agent = agent.clone();
                free.push(Led { agent, unready });
            }
            !held.on.is_empty()
        });
        for Led { agent, .. } in &free {
            self.led.insert(agent.clone());
            self.begins(agent, now);
        }
        free
    }

    /// From now on those that wait for it have a limit.
    fn begins(&mut self, agent: &AgentName, now: Now) {
        if let Some(awaited) = self.awaited.get_mut(agent) {
            awaited.until = Some(now + awaited.patience);
        }
    }

    fn forget_unneeded(&mut self) {
        let needed: BTreeSet<&AgentName> = self.held.values().flat_map(|it| &it.on).collect();
        self.awaited.retain(|agent, _| needed.contains(agent));
    }
}

/// Those that wait, without those that wait for one another in a circle, which no valid topology has: nobody waits in vain.
fn without_circles(mut after: After) -> After {
    after.retain(|_, on| !on.is_empty());
    let mut left = after.clone();
    loop {
        let free: Vec<AgentName> = left
            .iter()
            .filter(|(_, on)| !on.iter().any(|it| left.contains_key(it)))
            .map(|(agent, _)| agent.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|agent| drop(left.remove(agent)));
    }
    after.retain(|agent, _| !left.contains_key(agent));
    after
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);
    const FORMER: Incarnation = Incarnation(1);
    const NOW: Incarnation = Incarnation(2);

    fn name(text: &str) -> AgentName {
        text.parse().unwrap()
    }

    fn s(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn begun(after: &[(&str, &[&str])]) -> Boots {
        let names = |all: &[&str]| all.iter().map(|it| name(it)).collect::<BTreeSet<_>>();
        let former = after.iter().map(|(agent, _)| (name(agent), FORMER));
        let former = former.collect();
        let after = after
            .iter()
            .map(|(agent, on)| (name(agent), names(on)))
            .collect();
        let mut boots = Boots::default();
        boots.begin(after, former, |_| PATIENCE, s(0));
        boots
    }

    fn led(led: Vec<Led>) -> Vec<String> {
        led.into_iter().map(|it| it.agent.to_string()).collect()
    }

    fn stands(boots: &mut Boots, agent: &str, standing: Standing, now: u64) -> Vec<String> {
        led(boots.on_standing(&name(agent), (NOW, standing), s(now)))
    }

    #[test]
    fn each_waits_until_those_before_it_are_ready() {
        let all: [(&str, &[&str]); 4] = [
            ("Migrate", &[]),
            ("Server", &["Migrate", "Far"]),
            ("Client", &["Server"]),
            ("Other", &[]),
        ];
        let mut boots = begun(&all);
        let held = |boots: &Boots| all.map(|(agent, _)| boots.holds(&name(agent)));
        assert_eq!(held(&boots), [false, true, true, false]);
        assert_eq!(stands(&mut boots, "Migrate", Standing::Coming, 1), [""; 0]);
        assert_eq!(stands(&mut boots, "Migrate", Standing::Done, 2), [""; 0]);
        assert_eq!(stands(&mut boots, "Far", Standing::Away, 2), [""; 0]);
        assert_eq!(stands(&mut boots, "Far", Standing::Ready, 3), ["Server"]);
        assert_eq!(held(&boots), [false, false, true, false]);
        // The word to it may have been lost.
        assert_eq!(
            stands(&mut boots, "Server", Standing::Coming, 3),
            ["Server"]
        );
        assert_eq!(stands(&mut boots, "Server", Standing::Ready, 4), ["Client"]);
        assert!(!boots.is_over());
        assert_eq!(stands(&mut boots, "Client", Standing::Ready, 5), [""; 0]);
        assert!(boots.is_over() && boots.followed().next().is_none());
        assert_eq!(boots.next_deadline(), None);
    }

    #[test]
    fn what_is_heard_of_a_former_life_is_old() {
        let mut boots = begun(&[("Server", &[]), ("Client", &["Server"])]);
        for standing in [Standing::Ready, Standing::Failed, Standing::Done] {
            let heard = boots.on_standing(&name("Server"), (FORMER, standing), s(1));
            assert_eq!(heard, []);
        }
        assert!(boots.holds(&name("Client")));
    }

    #[test]
    fn nobody_waits_for_ever_and_who_has_waited_in_vain_says_so() {
        let mut boots = begun(&[("A", &[]), ("B", &["A"]), ("C", &["B"]), ("D", &["B"])]);
        assert_eq!(boots.next_deadline(), Some(s(30)));
        assert_eq!(boots.on_time(s(29)), []);
        let late = |agent: &str, of: &str| Led {
            agent: name(agent),
            unready: vec![(name(of), Unready::Late(PATIENCE.into()))],
        };
        assert_eq!(boots.on_time(s(30)), [late("B", "A")]);
        // It has its own time from then on.
        assert_eq!(boots.next_deadline(), Some(s(60)));
        let failed = boots.on_standing(&name("B"), (NOW, Standing::Failed), s(31));
        let why = |it: &Led| it.unready[..] == [(name("B"), Unready::Failed)];
        assert!(failed.len() == 2 && failed.iter().all(why), "{failed:?}");
    }

    #[test]
    fn one_that_a_member_starts_or_stops_is_held_no_longer_and_those_behind_it_have_a_limit() {
        let mut boots = begun(&[("A", &[]), ("B", &["A"]), ("C", &["B"])]);
        boots.forget(&name("B"), s(1));
        assert!(!boots.holds(&name("B")) && boots.holds(&name("C")));
        assert_eq!(boots.next_deadline(), Some(s(31)));
        assert_eq!(led(boots.on_time(s(31))), ["C"]);
    }

    proptest! {
        /// Whatever is after whatever, each is led once at least, and nobody before those that it is after have been led or are
        /// given up.
        #[test]
        fn all_get_to_work(
            pairs in prop::collection::vec((0usize..6, 0usize..8), 0..16),
            ready in prop::collection::vec(any::<bool>(), 8),
        ) {
            let agent = |n: usize| name(&format!("A{n}"));
            let mut after: After = (0..6).map(|n| (agent(n), BTreeSet::new())).collect();
            for (n, first) in &pairs {
                if n != first {
                    after.get_mut(&agent(*n)).unwrap().insert(agent(*first));
                }
            }
            let mut boots = Boots::default();
            boots.begin(after.clone(), BTreeMap::new(), |_| PATIENCE, s(0));
            let mut working: BTreeSet<AgentName> =
                (0..8).map(agent).filter(|it| !boots.holds(it)).collect();
            let mut now = s(0);
            let mut heard: BTreeSet<AgentName> = BTreeSet::new();
            for _ in 0..40 {
                let next = (0..8).find(|n| {
                    ready[*n] && working.contains(&agent(*n)) && !heard.contains(&agent(*n))
                });
                let led = match next {
                    Some(n) => {
                        heard.insert(agent(n));
                        boots.on_standing(&agent(n), (NOW, Standing::Ready), now)
                    }
                    None => {
                        let Some(due) = boots.next_deadline() else { break };
                        now = due;
                        boots.on_time(now)
                    }
                };
                for it in led {
                    let given_up: BTreeSet<_> = it.unready.iter().map(|(name, _)| name.clone()).collect();
                    let firsts = &after[&it.agent];
                    prop_assert!(firsts.iter().all(|first| heard.contains(first) || given_up.contains(first)));
                    working.insert(it.agent);
                }
            }
            prop_assert!(boots.held.is_empty());
            prop_assert_eq!(working.len(), 8);
        }
    }
}
