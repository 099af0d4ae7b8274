//! What stands of a system, and of which something is missing: what there is is found out, name servers and
//! daemons that have ended are started again where they were, and agents that are missing are handed to the
//! phases. What is missing, `plan::mend` decides; what lives is not touched.

mod elsewhere;
mod look;
mod nameservers;
mod seen;

use tokio::task::JoinSet;

use super::error::UpError;
use super::launch::{Launched, Mended};
use super::machines::let_in;
use super::state::{Shared, Up, lock};
use super::{Progress, Stage, UpRequest};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{Grace, Millis, longest_stop};
use crate::plan::{Mend, Place, Plan};
use crate::state::{GroupRecord, Phase};
use crate::wire::{AgentRequest, HostRequest, Peer, Stopped};

pub(super) use look::what_is_missing;
pub(super) use nameservers::name_servers;

/// Whether a group stands, and is not brought up now as a whole.
fn stands_beside(group: &GroupRecord, request: &UpRequest) -> bool {
    group.phase == Phase::Up && !request.bring_up.contains(&group.name)
}

impl Up<'_> {
    /// Starts daemons of this machine in the place of those that have ended.
    pub(super) async fn launch_missing_hosts(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let missing: &[Place] = &self.missing.mend.hosts;
        if missing.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Hosts, missing.len());
        for (nameserver, host) in missing {
            let mut specs = self.request.plan.hosts_at(nameserver);
            let Some(spec) = specs.find(|it| it.name == *host) else {
                continue;
            };
            let link = self.groups.iter().find(|it| it.name == *nameserver);
            let id = self.request.plan.host_id(host);
            let keys = let_in(link.map(|it| it.link.as_ref()), id).await?;
            let launch = lock(self.launched).launch_host_again(nameserver, spec, keys.as_ref());
            launch.map_err(|reason| UpError::Host {
                host: host.clone(),
                reason,
            })?;
        }
        lock(self.launched).write_standing()
    }

    /// Writes down which agents it is about to bring back, and ends those that are half configured.
    pub(super) async fn make_room(&self) -> Result<(), UpError> {
        let mend = &self.missing.mend;
        if mend.agents.is_empty() {
            return Ok(());
        }
        lock(self.launched).note_mending(&self.request.plan, mend)?;
        let half = self.part.agents.iter();
        let half = half.filter(|it| mend.stop.contains(&it.name));
        // One that could not be ended does not let another take its name, and that is an error then.
        let half = half.map(|agent| Mended {
            link: self.link(&agent.name).clone(),
            host: self.part.host_id(&agent.host),
            agent: agent.name.name.clone(),
        });
        stop(half, longest_stop(&self.part.agents)).await;
        Ok(())
    }
}

impl Launched {
    /// Writes down what stands, with what was started in the place of what had ended.
    pub(super) fn write_standing(&self) -> Result<(), UpError> {
        match &self.standing {
            Some(record) => Ok(self.dir.write_record(record)?),
            None => Ok(()),
        }
    }

    fn note_mending(&mut self, plan: &Plan, mend: &Mend) -> Result<(), UpError> {
        for agent in &mend.agents {
            if let Some(group) = self.standing_group_mut(plan.nameserver_of(agent)) {
                group.mending.push(agent.name.clone());
            }
        }
        for group in self.standing.iter_mut().flat_map(|it| &mut it.groups) {
            group.mending.sort();
            group.mending.dedup();
        }
        self.write_standing()
    }

    /// All that was to be brought back is there.
    pub(super) fn forget_mending(&mut self) {
        let groups = self.standing.iter_mut().flat_map(|it| &mut it.groups);
        groups.for_each(|group| group.mending.clear());
    }
}

/// Stops agents that were started where all else stands.
pub(super) async fn take_back(launched: &Shared, longest: Option<Millis>) {
    let mended = std::mem::take(&mut lock(launched).mended);
    drain(&mended).await;
    stop(mended.into_iter(), longest).await;
}

/// They may have been given work already. What they do not take in soon is counted where it was sent.
async fn drain(agents: &[Mended]) {
    let limit = Grace::SHORT.of(None).duration();
    let mut drained = JoinSet::new();
    for Mended { link, agent, .. } in agents {
        let peer = Peer::Agent(agent.clone());
        drained.spawn(link.ask::<()>(peer, &AgentRequest::Drain {}, limit));
    }
    while drained.join_next().await.is_some() {}
}

/// Has their hosts stop agents, all at once, and waits until they have. `longest`: the longest `stop_timeout` of any of them.
async fn stop(agents: impl Iterator<Item = Mended>, longest: Option<Millis>) {
    let mut stops = JoinSet::new();
    for Mended { link, host, agent } in agents {
        let grace = Grace::SHORT;
        let request = HostRequest::Stop {
            agent,
            grace,
            hold: false,
        };
        let timeout = grace.longest(longest) + CONTROL_TIMEOUT;
        stops.spawn(link.ask::<Stopped>(Peer::Host(host), &request, timeout));
    }
    while stops.join_next().await.is_some() {}
}
