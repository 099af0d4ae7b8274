//! Agents that say `update` begin anew some at a time: the system goes through the states that `plan::states_between` finds, each by an
//! `up` of its own. What becomes of it if one of them fails, the agents say.

use std::future::pending;

use tokio::pin;

use super::error::UpError;
use super::{Outcome, Progress, UpReport, UpRequest, change, contents, up_at_once};
use crate::model::{AgentSpec, Topology, UpdateFailure};
use crate::plan::{Change, Plan, states_between};
use crate::state::{Lock, Past, SystemRecord};
use crate::wire::body;

/// Brings a system up, or makes of one that is up what is requested, in as many turns as its agents say.
pub(crate) async fn up(
    request: UpRequest,
    progress: &mut dyn Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<UpReport, UpError> {
    let in_turns = request.plan.agents.iter().any(|it| it.update.is_some());
    let former = match in_turns {
        true => Former::of(&request).await?,
        false => None,
    };
    let Some(former) = former else {
        return up_at_once(request, None, progress, interrupted).await;
    };
    let lock = former.lock.clone();
    let states = states_between(&former.topology.agents, &request.plan.agents);
    let mut undrained = Vec::new();
    pin!(interrupted);
    for agents in states {
        let turn = request.becoming(Topology {
            agents,
            ..request.topology()
        });
        match up_at_once(turn, Some(&lock), progress, &mut interrupted).await {
            Ok(report) => undrained.extend(report.undrained),
            Err(error) => return Err(fail(error, &request, former, progress).await),
        }
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
        Err(error) => Err(fail(error, &request, former, progress).await),
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

/// The turn that failed has been taken back. The ones before it are, too, if the agents of any group say so.
async fn fail(
    error: UpError,
    request: &UpRequest,
    former: Former,
    progress: &mut dyn Progress,
) -> UpError {
    let stays = |agent: &AgentSpec| {
        let update = agent.update.as_ref();
        update.is_some_and(|it| it.on_failure == UpdateFailure::Stop)
    };
    if former.change.anew().any(|it| stays(&it.to)) || matches!(error, UpError::NotPutBack { .. }) {
        return match note_where_it_stays(request) {
            Ok(()) => error,
            Err(left) => UpError::NotRolledBack {
                cause: Box::new(error),
                left: Box::new(left),
            },
        };
    }
    let back = UpRequest {
        sources: former.record.sources,
        overrides: former.record.overrides,
        ..request.becoming(former.topology)
    };
    match up_at_once(back, Some(&former.lock), progress, pending()).await {
        Ok(_) => error,
        Err(left) => UpError::NotRolledBack {
            cause: Box::new(error),
            left: Box::new(left),
        },
    }
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
