//! Agents that are asked for while their system is up: each is led to its work, and the requester is told when it is there, or why it
//! is not; then it is taken back.
//!
//! A pure core: how such agents stand, and the time, come in; what has come of them comes out.

use std::collections::BTreeMap;

use super::{Now, Ticket};
use crate::model::{AgentName, ExitReport, Millis};
use crate::wire::{Fault, Incarnation};

/// How many lines of its log the requester of one that has ended is told.
const TOLD_LINES: usize = 3;

/// The agents of one host daemon that are on their way.
#[derive(Default)]
pub(crate) struct Spawns(BTreeMap<AgentName, Spawn>);

struct Spawn {
    ticket: Ticket,
    life: Incarnation,
    /// It has so long, until then.
    limit: Millis,
    until: Now,
    pid: Option<u32>,
    /// Why it is to end.
    fault: Option<Fault>,
}

/// What has come of one that is on its way no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spawned {
    pub agent: AgentName,
    pub ticket: Ticket,
    /// The pid of one that does its work, or has done it.
    pub outcome: Result<u32, Fault>,
}

impl Spawns {
    /// An agent is asked for. It has so long until it does its work.
    pub(crate) fn begin(
        &mut self,
        agent: &AgentName,
        (ticket, life): (Ticket, Incarnation),
        (limit, now): (Millis, Now),
    ) {
        let spawn = Spawn {
            ticket,
            life,
            limit,
            until: now + limit.duration(),
            pid: None,
            fault: None,
        };
        self.0.insert(agent.clone(), spawn);
    }

    /// Whether that agent is on its way.
    pub(crate) fn has(&self, agent: &AgentName) -> bool {
        self.0.contains_key(agent)
    }

    /// The life that it is to have.
    pub(crate) fn life(&self, agent: &AgentName) -> Option<Incarnation> {
        self.0.get(agent).map(|it| it.life)
    }

    /// Those that are on their way, of which is to be heard how they stand.
    pub(crate) fn followed(&self) -> impl Iterator<Item = &AgentName> {
        self.0.keys()
    }

    /// Whether a requester waits by that ticket; its process is there, or could not be started. Gives what has come of it, if that
    /// is known by now.
    pub(crate) fn on_started(
        &mut self,
        ticket: Ticket,
        outcome: &Result<u32, Fault>,
    ) -> Option<Option<Spawned>> {
        let (agent, spawn) = self.0.iter_mut().find(|(_, it)| it.ticket == ticket)?;
        let agent = agent.clone();
        Some(match outcome {
            Ok(pid) => {
                spawn.pid = Some(*pid);
                None
            }
            Err(fault) => {
                let fault = spawn.fault.take().unwrap_or_else(|| fault.clone());
                self.over(&agent, Err(fault))
            }
        })
    }

    /// It stands so. Gives what has come of it, if it does its work.
    pub(crate) fn on_ready(&mut self, agent: &AgentName, life: Incarnation) -> Option<Spawned> {
        let spawn = self.of_life(agent, life)?;
        let pid = spawn.pid.filter(|_| spawn.fault.is_none())?;
        self.over(agent, Ok(pid))
    }

    /// It cannot come further. Tells whether it is to end, which nobody has said yet.
    pub(crate) fn on_fault(&mut self, agent: &AgentName, life: Incarnation, fault: Fault) -> bool {
        let Some(spawn) = self.of_life(agent, life) else {
            return false;
        };
        let is_news = spawn.fault.is_none();
        spawn.fault.get_or_insert(fault);
        is_news
    }

    /// It has ended. One that has ended well has done its work.
    pub(crate) fn on_ended(
        &mut self,
        agent: &AgentName,
        life: Incarnation,
        exit: &ExitReport,
    ) -> Option<Spawned> {
        let spawn = self.of_life(agent, life)?;
        let outcome = match (spawn.fault.take(), spawn.pid, exit.status) {
            (Some(fault), ..) => Err(fault),
            (None, Some(pid), Some(0)) => Ok(pid),
            (None, ..) => Err(Fault::Start {
                agent: agent.clone(),
                reason: why(exit),
            }),
        };
        self.over(agent, outcome)
    }

    /// When [`Spawns::on_time`] wants to be called, if at all.
    pub(crate) fn next_deadline(&self) -> Option<Now> {
        let waited_for = self.0.values().filter(|it| it.fault.is_none());
        waited_for.map(|it| it.until).min()
    }

    /// Time has passed. Gives those that are to end, because they have not come to their work in time.
    pub(crate) fn on_time(&mut self, now: Now) -> Vec<AgentName> {
        let mut late = Vec::new();
        for (agent, spawn) in &mut self.0 {
            if spawn.fault.is_none() && spawn.until <= now {
                spawn.fault = Some(Fault::Deadline {
                    what: format!("the start of {agent}"),
                    limit: spawn.limit,
                });
                late.push(agent.clone());
            }
        }
        late
    }

    /// It comes to nothing before its process was asked for.
    pub(crate) fn refuse(&mut self, agent: &AgentName, fault: Fault) -> Option<Spawned> {
        self.over(agent, Err(fault))
    }

    fn of_life(&mut self, agent: &AgentName, life: Incarnation) -> Option<&mut Spawn> {
        self.0.get_mut(agent).filter(|it| it.life == life)
    }

    fn over(&mut self, agent: &AgentName, outcome: Result<u32, Fault>) -> Option<Spawned> {
        let spawn = self.0.remove(agent)?;
        Some(Spawned {
            agent: agent.clone(),
            ticket: spawn.ticket,
            outcome,
        })
    }
}

/// With the end of its log.
fn why(exit: &ExitReport) -> String {
    let first = exit.log.len().saturating_sub(TOLD_LINES);
    let log = exit.log[first..].join("; ");
    match log.is_empty() {
        true => format!("it has ended at once ({exit})"),
        false => format!("it has ended at once ({exit}): {log}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIFE: Incarnation = Incarnation(7);

    fn name() -> AgentName {
        "W1".parse().unwrap()
    }

    fn s(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn begun() -> Spawns {
        let mut spawns = Spawns::default();
        spawns.begin(&name(), (Ticket(3), LIFE), (Millis::from_secs(10), s(0)));
        spawns
    }

    fn started() -> Spawns {
        let mut spawns = begun();
        assert_eq!(spawns.on_started(Ticket(3), &Ok(71)), Some(None));
        spawns
    }

    fn exit(status: i32) -> ExitReport {
        ExitReport {
            status: Some(status),
            signal: None,
            log: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            cause: None,
        }
    }

    fn outcome(outcome: Result<u32, Fault>) -> Option<Spawned> {
        Some(Spawned {
            agent: name(),
            ticket: Ticket(3),
            outcome,
        })
    }

    fn refused() -> Fault {
        Fault::Refused {
            reason: "no".to_owned(),
        }
    }

    #[test]
    fn it_is_told_when_it_does_its_work_and_of_its_own_life_only() {
        let mut spawns = started();
        assert_eq!(spawns.on_ready(&name(), Incarnation(6)), None);
        assert!(!spawns.on_fault(&name(), Incarnation(6), refused()));
        assert_eq!(spawns.on_ready(&name(), LIFE), outcome(Ok(71)));
        assert!(!spawns.has(&name()) && spawns.next_deadline().is_none());
    }

    #[test]
    fn a_job_that_is_done_has_done_its_work() {
        let done = started().on_ended(&name(), LIFE, &exit(0));
        assert_eq!(done, outcome(Ok(71)));
    }

    #[test]
    fn one_that_ends_badly_is_told_with_the_end_of_its_log() {
        let ended = started().on_ended(&name(), LIFE, &exit(3)).unwrap();
        let told = ended.outcome.unwrap_err().to_string();
        assert!(
            told.contains("status 3") && told.ends_with("b; c; d"),
            "{told}"
        );
    }

    #[test]
    fn one_that_comes_no_further_ends_and_is_told_with_the_first_reason() {
        let mut spawns = started();
        assert!(spawns.on_fault(&name(), LIFE, refused()));
        let other = Fault::Refused {
            reason: "other".to_owned(),
        };
        assert!(!spawns.on_fault(&name(), LIFE, other));
        assert_eq!(spawns.on_ready(&name(), LIFE), None);
        assert!(spawns.next_deadline().is_none());
        let ended = spawns.on_ended(&name(), LIFE, &exit(0));
        assert_eq!(ended, outcome(Err(refused())));
    }

    #[test]
    fn one_that_is_late_ends() {
        let mut spawns = started();
        assert_eq!(spawns.next_deadline(), Some(s(10)));
        assert!(spawns.on_time(s(9)).is_empty());
        assert_eq!(spawns.on_time(s(10)), [name()]);
        assert!(spawns.on_time(s(11)).is_empty());
        let ended = spawns.on_ended(&name(), LIFE, &exit(143)).unwrap();
        assert!(matches!(ended.outcome, Err(Fault::Deadline { .. })));
    }

    #[test]
    fn one_without_a_process_is_over_at_once() {
        let mut spawns = begun();
        assert_eq!(spawns.on_started(Ticket(4), &Ok(1)), None);
        let over = spawns.on_started(Ticket(3), &Err(refused()));
        assert_eq!(over, Some(outcome(Err(refused()))));
    }
}
