//! A look at what was made by hand in a system that is up: sockets, wires and agents that its topology does not have.

use std::collections::{BTreeMap, BTreeSet};

use super::UpRequest;
use super::ask::look_through;
use super::error::UpError;
use super::state::Group;
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AgentId, AgentInfo, AgentSpec, Contents, HeldSocket, TimerInfo, Topology};
use crate::plan::{Change, Conflict, Plan, Running, Seen, TakeOver, Told, is_otherwise};
use crate::state::{SystemDir, SystemRecord};
use crate::wire::{AgentRequest, Peer};

/// Which agents are asked what sockets they have.
enum Ask<'a> {
    All,
    /// Those that have announced other sockets than they are meant to have, and those that are to be otherwise.
    Some(BTreeSet<&'a AgentId>),
}

/// What becomes of what was made by hand when the system becomes what is requested.
pub(super) async fn taken_over(
    request: &UpRequest,
    record: &SystemRecord,
    dir: &SystemDir,
    now: &Contents,
    (former, change): (&Topology, &Change),
) -> Result<TakeOver, UpError> {
    let altered = change.altered.iter().map(|it| &it.to.name).collect();
    let seen = look(former, record, dir, Ask::Some(altered)).await?;
    let running = Running::of(former, &seen);
    let next = &request.plan.agents;
    let mut taken = TakeOver::of(former, &running, next);
    let contents = (&record.contents, now);
    taken.change.and_contents(contents, &former.agents, next);
    let started = change.added.iter().filter(|it| !it.attach);
    let spawned = started.map(|it| &it.name).filter(|agent| {
        let mut seen = seen.iter();
        seen.any(|it| it.agent == **agent && it.is_hosted && !it.state.is_over())
    });
    let spawned = spawned.cloned().map(|agent| Conflict::Spawned { agent });
    taken.conflicts.extend(spawned);
    Ok(taken)
}

/// What runs of a system. None: it is not up.
pub(crate) async fn running(dir: &SystemDir) -> Result<Option<Running>, UpError> {
    let Some(record) = dir.record()? else {
        return Ok(None);
    };
    if !record.groups.iter().any(|group| group.lives(dir)) {
        return Ok(None);
    }
    let desired = super::change::former(&record)?;
    let seen = look(&desired, &record, dir, Ask::All).await?;
    Ok(Some(Running::of(&desired, &seen)))
}

async fn look(
    desired: &Topology,
    record: &SystemRecord,
    dir: &SystemDir,
    ask: Ask<'_>,
) -> Result<Vec<Seen>, UpError> {
    let plan = Plan::new(desired.clone());
    let specs = desired.agents.iter().map(|it| (&it.name, it)).collect();
    let mut all = Vec::new();
    for group in record.groups.iter().filter(|group| group.lives(dir)) {
        let group = Group::dial(group)?;
        let (agents, _) = look_through(&group.link).await?;
        let seen = agents.into_iter().map(|info| seen(&plan, &group, info));
        let (asked, others): (Vec<Seen>, Vec<Seen>) =
            seen.partition(|it| is_asked(&specs, it, &ask));
        all.extend(told(&group, asked).await);
        all.extend(others);
    }
    Ok(all)
}

fn seen(plan: &Plan, group: &Group, info: AgentInfo) -> Seen {
    Seen {
        agent: plan.id(&group.name, info.name),
        state: info.state,
        is_hosted: info.host.is_some() && info.system.is_none_or(|it| it == plan.system),
        is_free: info.host.is_none() && info.spec_version.is_none(),
        addresses: info.addresses,
        connections: info.connections.into_iter().map(|it| it.alias).collect(),
        told: Told::NotAsked,
        timers: Vec::new(),
    }
}

fn is_asked(specs: &BTreeMap<&AgentId, &AgentSpec>, seen: &Seen, ask: &Ask<'_>) -> bool {
    match (specs.get(&seen.agent), ask) {
        _ if seen.state.ended() => false,
        (None, _) => seen.is_free,
        (Some(_), Ask::All) => true,
        (Some(spec), Ask::Some(altered)) => {
            altered.contains(&seen.agent) || is_otherwise(spec, seen)
        }
    }
}

/// All are asked at once. One that does not answer, or not to that, tells nothing.
async fn told(group: &Group, seen: Vec<Seen>) -> Vec<Seen> {
    let ask = |seen: Seen| {
        let peer = || Peer::Agent(seen.agent.name.clone());
        let sockets = AgentRequest::Sockets {};
        let sockets = group
            .link
            .ask::<Vec<HeldSocket>>(peer(), &sockets, CONTROL_TIMEOUT);
        let timers = AgentRequest::Timers {};
        let timers = group
            .link
            .ask::<Vec<TimerInfo>>(peer(), &timers, CONTROL_TIMEOUT);
        (seen, sockets, timers)
    };
    let asked: Vec<_> = seen.into_iter().map(ask).collect();
    let mut told = Vec::new();
    for (seen, sockets, timers) in asked {
        told.push(Seen {
            told: sockets.await.map_or(Told::Nothing, Told::Sockets),
            timers: timers.await.unwrap_or_default(),
            ..seen
        });
    }
    told
}
