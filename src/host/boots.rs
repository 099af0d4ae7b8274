//! Agents that came with the machine get to work in the order of their `after`: the name server tells how those stand that are
//! waited for, wherever they are, and this daemon leads its own on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Host;
use crate::agent::Log;
use crate::model::timing::START_TIMEOUT;
use crate::model::{AgentName, AgentSpec, State, Step};
use crate::state::KeptSpec;
use crate::supervision::{After, Led, Now, Standing, Unready};
use crate::wire::{AgentRequest, Incarnation, Peer, Presence};

impl Host {
    /// Of `all` agents of this daemon, those begin that have had a `former` life. Those of them that are after others wait.
    pub(super) fn hold_back(&mut self, all: &[KeptSpec], former: BTreeMap<AgentName, Incarnation>) {
        let specs = all.iter().map(|kept| (&kept.spec.name.name, kept));
        let specs: BTreeMap<&AgentName, &KeptSpec> = specs.collect();
        let alive: BTreeSet<AgentName> = self.supervision.alive().cloned().collect();
        // One that stays down is not waited for.
        let comes = |name: &AgentName| {
            !specs.contains_key(name) || former.contains_key(name) || alive.contains(name)
        };
        let begin = specs.values().map(|kept| &kept.spec);
        let begin = begin.filter(|spec| former.contains_key(&spec.name.name));
        let after: After = begin
            .map(|spec| (spec.name.name.clone(), firsts(spec, comes)))
            .collect();
        let patience = |agent: &AgentName| {
            let spec = specs.get(agent).map(|kept| &kept.spec);
            spec.map_or(START_TIMEOUT.duration(), patience)
        };
        let now = self.now();
        self.boots.begin(after, former, patience, now);
        if !self.boots.is_over() {
            self.follow();
        }
    }

    /// An agent stands so that this daemon follows.
    pub(super) fn see_to_boots(&mut self, presence: &Presence) {
        if self.boots.is_over() {
            return;
        }
        let stands = (presence.incarnation, standing(presence));
        let now = self.now();
        let led = self.boots.on_standing(&presence.agent, stands, now);
        self.lead_all_on(led);
    }

    pub(super) fn on_boots_time(&mut self, now: Now) {
        let led = self.boots.on_time(now);
        self.lead_all_on(led);
    }

    fn lead_all_on(&mut self, led: Vec<Led>) {
        for Led { agent, unready } in led {
            self.lead_on(&agent);
            self.tell_of_unready(&agent, &unready);
        }
        if self.boots.is_over() {
            self.follow();
        }
    }

    /// To its work, from where it is.
    pub(super) fn lead_on(&self, agent: &AgentName) {
        let lead = AgentRequest::Lead { to: Step::Go };
        self.link.tell(Peer::Agent(agent.clone()), &lead);
    }

    /// To the agent's log.
    fn tell_of_unready(&self, agent: &AgentName, unready: &[(AgentName, Unready)]) {
        if unready.is_empty() {
            return;
        }
        let log = self.options.dir.log_of(&self.spawner.id(agent));
        let limits = self.children.get(agent).map(|it| it.logs());
        if let Ok(mut log) = Log::to_file(&log, limits.unwrap_or_default()) {
            for (first, why) in unready {
                let why = match why {
                    Unready::Failed => format!("{first} has failed"),
                    Unready::Late(limit) => format!("{first} is not ready after {limit}"),
                };
                log.warn(&format!("its command does not wait any longer: {why}"));
            }
        }
    }

    /// A life of this daemon before this one has started the agents, and may have died while some waited for others.
    pub(super) fn lead_on_after_boot(&self) {
        let left = self.kept.as_ref().map(|kept| kept.left());
        let is_of_boot = matches!(left, Some(Ok(Some(_))));
        if !is_of_boot || !self.boots.is_over() {
            return;
        }
        for agent in self.supervision.alive() {
            let kept = self.specs.get(&self.spawner.id(agent));
            if kept.is_some_and(|it| it.is_up) {
                self.lead_on(agent);
            }
        }
    }
}

/// The agents of its name server that it is after.
fn firsts(spec: &AgentSpec, comes: impl Fn(&AgentName) -> bool) -> BTreeSet<AgentName> {
    let after = spec.ties().after.into_iter();
    let beside = after.filter(|it| it.nameserver == spec.name.nameserver);
    beside.map(|it| it.name).filter(comes).collect()
}

/// How long it may take until it is ready: to prove its wires, and what its command may take.
fn patience(spec: &AgentSpec) -> Duration {
    let program = spec.program.as_ref().and_then(|it| it.timeout);
    spec.start_timeout.duration() + program.unwrap_or(spec.start_timeout).duration()
}

fn standing(presence: &Presence) -> Standing {
    match presence.state {
        State::Running | State::Unhealthy | State::Suspect if presence.ready => Standing::Ready,
        State::Starting | State::Running | State::Unhealthy | State::Suspect => Standing::Coming,
        State::Stopped => Standing::Done,
        State::Failed | State::Ended => Standing::Failed,
        State::Restarting | State::Unreachable => Standing::Away,
    }
}
