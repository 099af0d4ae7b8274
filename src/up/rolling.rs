//! Agents that say `update` begin anew some at a time: the system goes through the states that `plan::states_between` finds, each by an
//! `up` of its own. What becomes of it if one of them fails, the agents say.

use std::future::pending;

use tokio::pin;

use super::error::UpError;
use super::spares::with_spares;
use super::{Outcome, Progress, UpReport, UpRequest, change, contents, up_at_once};
use crate::model::{AgentSpec, Topology, UpdateFailure};
use crate::plan::{Aim, Change, Plan, Turn, states_between};
use crate::state::{Lock, Past, SystemRecord};
use crate::wire::body;

/// Brings a system up, or makes of one that is up what is requested, in as many turns as its agents say.
pub(crate) async fn up(
    request: UpRequest,
    progress: &mut dyn Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<UpReport, UpError> {
    let former = match is_in_turns(&request) {
        true => Former::of(&request).await?,
        false => None,
    };
    let Some(former) = former else {
        return up_at_once(request, None, progress, interrupted).await;
    };
    let way = Way::of(&request, &former.topology)?;
    let lock = former.lock.clone();
    let mut undrained = Vec::new();
    let mut reached = None;
    pin!(interrupted);
    for turn in way.turns() {
        let next = request.becoming_agents(turn.agents.clone());
        match up_at_once(next, Some(&lock), progress, &mut interrupted).await {
            Ok(report) => undrained.extend(report.undrained),
            Err(error) => {
                let stays = reached.map(|it: Turn| way.without_spares(&it));
                return Err(fail(error, &request, former, stays, progress).await);
            }
        }
        reached = Some(turn);
    }
    match up_at_once(request.clone(), Some(&lock), progress, &mut interrupted).await {
        Ok(mut report) => Ok(UpReport {
            undrained: {
                undrained.append(&mut report.undrained);
                undrained
            },
            outcome: match report.outcome {
                Outcome::Changed(_) => Outcome::Changed(Box::new(former.change)),
                other => other,
            },
            ..report
        }),
        Err(error) => {
            let stays = reached.map(|it| way.without_spares(&it));
            Err(fail(error, &request, former, stays, progress).await)
        }
    }
}

/// The states of the system on the way from what it is to what is requested.
pub(super) fn turns(request: &UpRequest, former: &Topology) -> Result<Vec<Turn>, UpError> {
    match is_in_turns(request) {
        true => Ok(Way::of(request, former)?.turns()),
        false => Ok(Vec::new()),
    }
}

/// Whether there are any, perhaps: else nothing is to be found out for that.
fn is_in_turns(request: &UpRequest) -> bool {
    request.plan.agents.iter().any(|it| it.update.is_some())
}

struct Way<'a> {
    change: Change,
    plan: &'a Plan,
    with_spares: Option<Vec<AgentSpec>>,
}

impl<'a> Way<'a> {
    fn of(request: &'a UpRequest, former: &Topology) -> Result<Self, UpError> {
        let change = Change::between(&former.agents, &request.plan.agents);
        Ok(Self {
            with_spares: with_spares(request, &change)?,
            plan: &request.plan,
            change,
        })
    }

    fn aim(&self) -> Aim<'_> {
        Aim {
            agents: &self.plan.agents,
            with_spares: self.with_spares.as_deref(),
            first: &self.plan.nameservers[0].name,
        }
    }

    fn turns(&self) -> Vec<Turn> {
        states_between(&self.change, self.aim())
    }

    fn without_spares(&self, turn: &Turn) -> Vec<AgentSpec> {
        turn.without_spares(&self.change, self.aim())
    }
}

/// What the system is, and all that is to be otherwise.
struct Former {
    /// Nobody else changes the system between the turns.
    lock: Lock,
    record: SystemRecord,
    topology: Topology,
    change: Change,
}

impl Former {
    /// None if it is not up.
    async fn of(request: &UpRequest) -> Result<Option<Self>, UpError> {
        let dir = request.state.system(&request.plan.system);
        if dir.record()?.is_none() {
            return Ok(None);
        }
        let lock = Lock::take(&dir, &request.plan.system)?;
        let Some(record) = dir.record()? else {
            return Ok(None);
        };
        if record.changing.is_some() || !record.groups.iter().all(|group| group.lives(&dir)) {
            return Ok(None);
        }
        let now = contents::of(request).await?;
        let (change, topology) = change::of(request, &now, &record)?;
        Ok(Some(Self {
            lock,
            record,
            topology,
            change,
        }))
    }
}

/// The turn that failed has been taken back. The ones before it are, too, if the agents of any group say so; else the system is to be
/// what `stays`, without those that were there only meanwhile. None: no turn has succeeded.
async fn fail(
    error: UpError,
    request: &UpRequest,
    former: Former,
    stays: Option<Vec<AgentSpec>>,
    progress: &mut dyn Progress,
) -> UpError {
    let is_to_stop = |agent: &AgentSpec| {
        let update = agent.update.as_ref();
        update.is_some_and(|it| it.on_failure == UpdateFailure::Stop)
    };
    let done = match (&error, stays) {
        (UpError::NotPutBack { .. }, _) => note_where_it_stays(request),
        (_, stays) if former.change.anew().any(|it| is_to_stop(&it.to)) => match stays {
            Some(agents) => stay(request, &former.lock, agents, progress).await,
            None => Ok(()),
        },
        _ => go_back(request, former, progress).await,
    };
    match done {
        Ok(()) => error,
        Err(left) => UpError::NotRolledBack {
            cause: Box::new(error),
            left: Box::new(left),
        },
    }
}

async fn go_back(
    request: &UpRequest,
    former: Former,
    progress: &mut dyn Progress,
) -> Result<(), UpError> {
    let back = UpRequest {
        sources: former.record.sources,
        overrides: former.record.overrides,
        ..request.becoming(former.topology)
    };
    up_at_once(back, Some(&former.lock), progress, pending()).await?;
    Ok(())
}

async fn stay(
    request: &UpRequest,
    lock: &Lock,
    agents: Vec<AgentSpec>,
    progress: &mut dyn Progress,
) -> Result<(), UpError> {
    let there = request.becoming_agents(agents);
    up_at_once(there, Some(lock), progress, pending()).await?;
    note_where_it_stays(request)
}

/// A state that was on the way to another, and is what the system is meant to be now.
fn note_where_it_stays(request: &UpRequest) -> Result<(), UpError> {
    let dir = request.state.system(&request.plan.system);
    let Some(record) = dir.record()? else {
        return Ok(());
    };
    let past = Past {
        sources: record.sources,
        overrides: record.overrides,
        ..Past::from_now(record.file, record.topology)
    };
    Ok(dir.note_past(&past)?)
}

impl UpRequest {
    fn becoming_agents(&self, agents: Vec<AgentSpec>) -> Self {
        self.becoming(Topology {
            agents,
            ..self.topology()
        })
    }

    /// The same for another state of the system, which is on the way and is noted as no state of its own.
    fn becoming(&self, topology: Topology) -> Self {
        let fingerprint = String::from_utf8_lossy(&body(&topology)).into_owned();
        Self {
            plan: Plan::new(topology),
            fingerprint,
            on_the_way: true,
            replace: true,
            ..self.clone()
        }
    }
}
