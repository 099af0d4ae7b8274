//! When an attached system is over: nothing of it is left to run, or what its user waits for has come.
//!
//! Pure: what is told of agents comes in, the verdict comes out.

use std::collections::BTreeMap;

use crate::cli::purpose::Purpose;
use crate::model::{AgentId, AgentInfo, ExitReport};

/// Why it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Over {
    /// All have ended, and these have failed.
    AllEnded { failed: Vec<AgentId> },
    /// An agent has failed, upon which the system was to be taken down.
    Failed { agent: AgentId, exit: ExitReport },
    /// The agent has ended that is waited for.
    Ended { agent: AgentId, exit: ExitReport },
}

/// The agents of a system, and how those have ended that have.
pub(crate) struct Attendance {
    purpose: Purpose,
    agents: BTreeMap<AgentId, Option<ExitReport>>,
}

impl Attendance {
    pub(crate) fn new(purpose: Purpose, agents: impl Iterator<Item = AgentId>) -> Self {
        Self {
            purpose,
            agents: agents.map(|agent| (agent, None)).collect(),
        }
    }

    /// An event about an agent. Agents of other systems are ignored.
    pub(crate) fn take(&mut self, agent: &AgentId, info: &AgentInfo) {
        let Some(ours) = self.agents.get_mut(agent) else {
            return;
        };
        let ended = info.state.is_over() && !info.is_about_to_be_told();
        *ours = ended.then(|| ended_how(info));
    }

    /// Why it is over, if it is.
    pub(crate) fn verdict(&self) -> Option<Over> {
        let awaited = self.purpose.exit_code_from.as_ref();
        let ended = awaited.and_then(|agent| Some((agent, self.agents.get(agent)?.as_ref()?)));
        if let Some((agent, exit)) = ended {
            let (agent, exit) = (agent.clone(), exit.clone());
            return Some(Over::Ended { agent, exit });
        }
        let aborts = self.purpose.abort_on_failure || awaited.is_some();
        if let Some((agent, exit)) = self.failed().next().filter(|_| aborts) {
            let (agent, exit) = (agent.clone(), exit.clone());
            return Some(Over::Failed { agent, exit });
        }
        let all = !self.agents.is_empty() && self.agents.values().all(Option::is_some);
        all.then(|| Over::AllEnded {
            failed: self.failed().map(|it| it.0.clone()).collect(),
        })
    }

    fn failed(&self) -> impl Iterator<Item = (&AgentId, &ExitReport)> {
        let ended = self.agents.iter();
        let ended = ended.filter_map(|(agent, exit)| Some((agent, exit.as_ref()?)));
        ended.filter(|(_, exit)| exit.status != Some(0))
    }
}

/// One that was stopped has ended as it was to, whatever its status.
fn ended_how(info: &AgentInfo) -> ExitReport {
    let stopped = info.state == crate::model::State::Stopped;
    match &info.exit {
        Some(exit) if !stopped => exit.clone(),
        _ => ExitReport {
            status: stopped.then_some(0),
            signal: None,
            log: Vec::new(),
            cause: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::State;
    use crate::render::samples;

    fn id(name: &str) -> AgentId {
        name.parse().unwrap()
    }

    fn info(state: State, status: Option<i32>) -> AgentInfo {
        let exit = status.map(|status| ExitReport {
            status: Some(status),
            signal: None,
            log: vec![],
            cause: None,
        });
        AgentInfo {
            state,
            exit,
            ..samples::alice()
        }
    }

    fn of(purpose: Purpose) -> Attendance {
        Attendance::new(purpose, ["Job", "Server"].map(id).into_iter())
    }

    fn from(agent: &str) -> Purpose {
        Purpose {
            exit_code_from: Some(id(agent)),
            ..Purpose::default()
        }
    }

    #[test]
    fn it_is_over_when_nothing_is_left_to_run() {
        let mut plain = of(Purpose::default());
        plain.take(&id("Job"), &info(State::Failed, Some(7)));
        plain.take(&id("Strange"), &info(State::Running, None));
        assert_eq!(plain.verdict(), None);
        plain.take(&id("Server"), &info(State::Restarting, Some(0)));
        assert_eq!(plain.verdict(), None, "it comes back");
        plain.take(&id("Server"), &info(State::Stopped, Some(0)));
        let failed = vec![id("Job")];
        assert_eq!(plain.verdict(), Some(Over::AllEnded { failed }));
        // One that comes back runs.
        plain.take(&id("Job"), &info(State::Running, None));
        assert_eq!(plain.verdict(), None);
        let nobody = Attendance::new(Purpose::default(), std::iter::empty());
        assert_eq!(nobody.verdict(), None);
    }

    #[test]
    fn a_failure_ends_it_if_that_is_wanted_and_a_stop_is_none() {
        let mut aborting = of(Purpose {
            abort_on_failure: true,
            ..Purpose::default()
        });
        aborting.take(&id("Server"), &info(State::Stopped, Some(143)));
        assert_eq!(aborting.verdict(), None);
        // How it has failed is about to be told.
        aborting.take(&id("Job"), &info(State::Failed, None));
        assert_eq!(aborting.verdict(), None);
        aborting.take(&id("Job"), &info(State::Failed, Some(7)));
        assert!(
            matches!(aborting.verdict(), Some(Over::Failed { exit, .. }) if exit.status == Some(7))
        );
    }

    #[test]
    fn the_agent_that_is_waited_for_ends_it_and_so_does_the_failure_of_another() {
        for status in [0, 7] {
            let mut waiting = of(from("Job"));
            let state = if status == 0 {
                State::Stopped
            } else {
                State::Failed
            };
            waiting.take(&id("Job"), &info(state, Some(status)));
            assert!(
                matches!(waiting.verdict(), Some(Over::Ended { exit, .. }) if exit.status == Some(status))
            );
        }
        let mut waiting = of(from("Job"));
        waiting.take(&id("Server"), &info(State::Failed, Some(1)));
        assert!(
            matches!(waiting.verdict(), Some(Over::Failed { agent, .. }) if agent == id("Server"))
        );
    }
}
