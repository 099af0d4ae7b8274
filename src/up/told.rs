//! What agents tell of themselves while they are brought up, and waiting for it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::sync::watch;

use crate::model::{Address, AgentId, AgentInfo, AgentName, Alias, SpecVersion, State, Step};
use crate::proxy::ProxyError;
use crate::wire::{Fault, Reached};

/// What an agent has told of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub state: State,
    pub addresses: BTreeMap<Alias, Address>,
    pub reached: Reached,
    /// Which spec it goes by.
    pub version: Option<SpecVersion>,
}

impl Told {
    pub(super) fn by(agent: AgentInfo, reached: Reached) -> Self {
        Self {
            state: agent.state,
            addresses: agent.addresses,
            version: agent.spec_version,
            reached,
        }
    }

    /// What has come of a step; None as long as nothing has.
    fn outcome(&self, agent: &AgentName, step: Step) -> Option<Result<(), Fault>> {
        if self.reached.done.contains(&step) {
            return Some(Ok(()));
        }
        if let Some(fault) = &self.reached.fault {
            return Some(Err(fault.clone()));
        }
        let (agent, state) = (agent.clone(), self.state);
        let gone = state.ended() || state == State::Unreachable;
        gone.then_some(Err(Fault::NotRunning { agent, state }))
    }
}

/// What one agent tells: nothing until it runs, and then the latest.
pub(super) type Telling = watch::Receiver<Option<Told>>;
/// What all agents tell that are brought up.
pub(super) type Tellings = HashMap<AgentId, Telling>;

/// Waits until the agent runs. False if nobody can tell any more.
pub(super) async fn until_runs(mut telling: Telling) -> bool {
    telling.wait_for(Option::is_some).await.is_ok()
}

/// Waits until the agent has taken that step, and returns what it told then. The agent keeps the limit itself and says what it
/// waited for; so this one is a bit longer.
pub(super) async fn until_done(
    mut telling: Telling,
    agent: &AgentName,
    step: Step,
    limit: Duration,
) -> Result<Told, ProxyError> {
    let outcome = |told: &Option<Told>| told.as_ref().and_then(|it| it.outcome(agent, step));
    let told = {
        let waiting = telling.wait_for(|told| outcome(told).is_some());
        match tokio::time::timeout(limit, waiting).await {
            Ok(Ok(told)) => Some(told.clone()),
            Ok(Err(_closed)) => return Err(ProxyError::Closed),
            Err(_late) => None,
        }
    };
    match (told.as_ref().and_then(outcome), told.flatten()) {
        (Some(Ok(())), Some(told)) => Ok(told),
        (Some(Err(fault)), _) => Err(fault.into()),
        (Some(Ok(())) | None, _) => Err(ProxyError::Timeout {
            what: format!("step {step} of {agent}"),
            limit: limit.into(),
            standing: None,
        }),
    }
}

/// Waits until an agent has proven its wires that goes by that version of its spec, or by a later one.
pub(super) async fn until_altered(
    mut telling: Telling,
    agent: &AgentName,
    version: SpecVersion,
    limit: Duration,
) -> Result<(), ProxyError> {
    let outcome = |told: &Option<Told>| {
        let told = told.as_ref()?;
        let goes_by_it = told.version >= Some(version) || told.state.ended();
        goes_by_it
            .then(|| told.outcome(agent, Step::Wire))
            .flatten()
    };
    let waiting = telling.wait_for(|told| outcome(told).is_some());
    match tokio::time::timeout(limit, waiting).await {
        Ok(Ok(told)) => outcome(&told).unwrap_or(Ok(())).map_err(ProxyError::from),
        Ok(Err(_closed)) => Err(ProxyError::Closed),
        Err(_late) => Err(ProxyError::Timeout {
            what: format!("the wires of {agent}"),
            limit: limit.into(),
            standing: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn told(state: State, done: &[Step], fault: Option<Fault>) -> Told {
        let done = BTreeSet::from_iter(done.iter().copied());
        Told {
            state,
            addresses: BTreeMap::new(),
            reached: Reached { done, fault },
            version: Some(SpecVersion::FIRST),
        }
    }

    fn wired(told: Option<Told>) -> Result<Told, ProxyError> {
        let (_teller, telling) = watch::channel(told);
        let name = "Alice".parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().build().unwrap();
        runtime.block_on(until_done(
            telling,
            &name,
            Step::Wire,
            Duration::from_millis(1),
        ))
    }

    #[test]
    fn a_step_is_done_when_the_agent_says_so() {
        let done = told(State::Running, &[Step::Configure, Step::Wire], None);
        assert_eq!(wired(Some(done.clone())).unwrap(), done);
        // What it has told stays true.
        assert!(wired(Some(told(State::Stopped, &[Step::Wire], None))).is_ok());
        for unknown in [None, Some(told(State::Suspect, &[Step::Configure], None))] {
            assert!(wired(unknown).is_err_and(|it| it.is_late()));
        }
    }

    #[test]
    fn an_agent_that_cannot_says_why_and_one_that_is_gone_will_not() {
        let reason = "no such place".to_owned();
        let fault = Fault::Refused { reason };
        let failed = wired(Some(told(State::Running, &[], Some(fault.clone()))));
        assert!(matches!(failed, Err(ProxyError::Fault(it)) if it == fault));
        for state in [State::Stopped, State::Failed, State::Unreachable] {
            let gone = wired(Some(told(state, &[Step::Configure], None)));
            assert!(gone.is_err_and(|it| it.is_absence()), "{state:?}");
        }
    }
}
