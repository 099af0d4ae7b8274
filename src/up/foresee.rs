//! What `up` would do with a system that is up: found out without changing anything.

use std::collections::BTreeSet;

use serde::Serialize;

use super::UpRequest;
use super::ask::look_through;
use super::by_hand;
use super::change;
use super::contents;
use super::error::UpError;
use super::hosts::none_taken;
use super::rolling;
use super::state::Group;
use crate::model::{AgentId, AgentInfo, AgentSpec, HostName, NameServerName, State};
use crate::plan::{Actual, Change, Plan, TakeOver, mend, taken_from_standing};

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// From what runs to what the file says, where what the file does not have and was made by hand is left away.
    pub change: Change,
    /// What becomes of what was made by hand.
    pub by_hand: TakeOver,
    /// Name servers that are not there: with all that is registered at them, they would be brought up.
    pub nameservers: Vec<NameServerName>,
    /// Daemons that are not there, and that would be started again.
    pub hosts: Vec<HostName>,
    /// Agents that have ended, and that would be started again.
    pub missing: Vec<AgentId>,
    /// Agents that are not otherwise, and whose wires would be proven again, for the other end is new.
    pub touched: Vec<AgentId>,
    /// In how many turns agents begin anew, if they do so some at a time.
    pub turns: Option<usize>,
    /// An `up` that was to change the system was cut off.
    pub cut_off: bool,
    /// Agents that are no part of it, and are left alone. They come and go: a plan holds whichever there are.
    #[serde(skip)]
    pub spawned: Vec<AgentId>,
}

impl Foreseen {
    /// Whether nothing would be done.
    pub fn is_empty(&self) -> bool {
        let Self {
            change,
            by_hand: TakeOver { conflicts, .. },
            nameservers,
            hosts,
            missing,
            touched: _,
            turns: _,
            cut_off,
            spawned: _,
        } = self;
        change.is_empty()
            && conflicts.is_empty()
            && nameservers.is_empty()
            && hosts.is_empty()
            && missing.is_empty()
            && !cut_off
    }
}

/// What `up` would do. None if the system is not up: then it would bring it up.
pub(crate) async fn foresee(request: &UpRequest) -> Result<Option<Foreseen>, UpError> {
    let dir = request.state.system(&request.plan.system);
    let Some(record) = dir.record()? else {
        return Ok(None);
    };
    if !record.groups.iter().any(|group| group.lives(&dir)) {
        return Ok(None);
    }
    let plan = &request.plan;
    let now = contents::of(request).await?;
    let (change, former) = change::of(request, &now, &record)?;
    let between = rolling::turns(request, &former)?.len();
    let (change, by_hand) = match record.changing {
        Some(_) => (change, TakeOver::default()),
        None => {
            let seen =
                by_hand::taken_over(request, &record, &dir, &now, (&former, &change)).await?;
            (seen.change.clone(), seen)
        }
    };
    let (mut actual, mut names, mut absent) = (Actual::default(), Vec::new(), Vec::new());
    for entry in &plan.nameservers {
        let group = record.groups.iter().find(|it| it.name == entry.name);
        let group = group.filter(|it| it.lives(&dir));
        let looked = match group.map(Group::dial) {
            Some(Ok(group)) => match look(plan, &group, &mut actual).await {
                Err(taken @ UpError::NamesTaken { .. }) => return Err(taken),
                looked => looked.is_ok(),
            },
            Some(Err(_)) | None => false,
        };
        match looked {
            true => names.push(entry.name.clone()),
            false => absent.push(entry.name.clone()),
        }
    }
    let mend = mend(plan, &names, &actual);
    let is_changed = |agent: &AgentId| {
        let altered = change.altered.iter().map(|it| &it.to);
        let mut all = change.added.iter().chain(altered);
        all.any(|it| it.name == *agent)
    };
    let is_new = |agent: &AgentId| {
        change.added.iter().any(|it| it.name == *agent)
            || change.anew().any(|it| it.to.name == *agent)
    };
    let begins = |agent: &AgentId| is_new(agent) || mend.agents.contains(agent);
    let touched = plan.part(begins).standing;
    let touched = touched.into_iter().map(|it| it.name);
    let hosts = mend.hosts.iter().chain(&mend.machines);
    Ok(Some(Foreseen {
        nameservers: absent,
        hosts: hosts.map(|(_, host)| host.clone()).collect(),
        missing: mend
            .agents
            .iter()
            .filter(|it| !is_new(it))
            .cloned()
            .collect(),
        touched: touched.filter(|it| !is_changed(it)).collect(),
        turns: (between > 0).then_some(between + 1),
        cut_off: record.changing.is_some(),
        spawned: spawned(plan, &change.removed, actual.agents.iter()),
        change,
        by_hand,
    }))
}

/// Agents that hosts of the system have started for nobody but who asked them: they live, and neither the file nor the record names
/// them.
pub(crate) fn spawned<'a>(
    plan: &Plan,
    removed: &[AgentSpec],
    agents: impl Iterator<Item = (&'a AgentId, &'a AgentInfo)>,
) -> Vec<AgentId> {
    let named: BTreeSet<&AgentId> = plan
        .agents
        .iter()
        .chain(removed)
        .map(|it| &it.name)
        .collect();
    let ours = |it: &AgentInfo| it.system.as_ref() == Some(&plan.system) && it.host.is_some();
    let lives = agents.filter(|(_, it)| ours(it) && !it.state.is_over());
    let all = lives.map(|(id, _)| id).filter(|id| !named.contains(id));
    all.cloned().collect()
}

/// What one name server knows.
async fn look(plan: &Plan, group: &Group, actual: &mut Actual) -> Result<(), UpError> {
    let (agents, hosts) = look_through(&group.link).await?;
    none_taken(taken_from_standing(plan, &group.name, &agents), &group.link)?;
    let there = hosts
        .iter()
        .filter(|host| plan.host_id(&host.name) == host.id() && host.state != State::Unreachable);
    let places = there.map(|host| (group.name.clone(), host.name.clone()));
    actual.hosts.extend(places);
    let agents = agents.into_iter();
    actual
        .agents
        .extend(agents.map(|it| (plan.id(&group.name, it.name.clone()), it)));
    Ok(())
}
