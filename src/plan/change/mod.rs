//! What makes a system that is meant to be so another: agents that come and go, and what becomes of those that stay.
//!
//! Pure: two sets of specs come in. What really runs, `mend` looks at.

mod edits;
mod fixed;
mod parting;
mod reasons;
mod rolling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use edits::edited;
pub(super) use edits::is_same_socket;
pub use edits::{edits, midway};
pub use fixed::{Fixed, fixed};
pub use parting::{gets_work, partings};
pub use reasons::{Reason, Setting};
use reasons::{reasons, settings, variables};
pub use rolling::{Aim, Turn, spare_groups, states_between};

use crate::model::{AgentId, AgentSpec, Contents, Edit};

/// From one set of agents to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Agents that are not there yet, in the order of the file.
    pub added: Vec<AgentSpec>,
    /// Agents that are to go, in the order of the former file, as they were.
    pub removed: Vec<AgentSpec>,
    /// Agents that stay, and are to be otherwise, in the order of the file.
    pub altered: Vec<Alteration>,
}

/// An agent that is to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alteration {
    pub from: AgentSpec,
    pub to: AgentSpec,
    /// Why it needs a new process. If there is a reason, it is started anew, and the edits are no steps of their own.
    pub anew: Vec<Reason>,
    /// What it does otherwise in the process that it has.
    pub edits: Vec<Edit>,
    /// The variables of its environment that are otherwise, by their names.
    pub variables: BTreeSet<String>,
    /// What its host alone has to know.
    pub settings: Vec<Setting>,
}

impl Alteration {
    /// What becomes of an agent; None if it stays as it is.
    fn between(from: &AgentSpec, to: &AgentSpec) -> Option<Self> {
        let alteration = Self {
            anew: reasons(from, to),
            edits: edits(from, to),
            settings: settings(from, to),
            variables: variables(from.program.as_ref(), to.program.as_ref()),
            from: from.clone(),
            to: to.clone(),
        };
        let Self {
            anew,
            edits,
            settings,
            ..
        } = &alteration;
        (!anew.is_empty() || !edits.is_empty() || !settings.is_empty()).then_some(alteration)
    }

    /// Whether it keeps its process.
    pub fn is_in_place(&self) -> bool {
        self.anew.is_empty()
    }
}

impl Change {
    /// From the agents of one topology to those of another.
    pub fn between(from: &[AgentSpec], to: &[AgentSpec]) -> Self {
        let by_name = |agents: &[AgentSpec]| -> BTreeMap<AgentId, AgentSpec> {
            let agents = agents.iter();
            agents.map(|it| (it.name.clone(), it.clone())).collect()
        };
        let (before, after) = (by_name(from), by_name(to));
        let is_new = |agent: &&AgentSpec| !before.contains_key(&agent.name);
        let is_gone = |agent: &&AgentSpec| !after.contains_key(&agent.name);
        let altered = to.iter().filter_map(|agent| {
            let former = before.get(&agent.name)?;
            Alteration::between(former, agent)
        });
        Self {
            added: to.iter().filter(is_new).cloned().collect(),
            removed: from.iter().filter(is_gone).cloned().collect(),
            altered: altered.collect(),
        }
    }

    /// Agents begin anew whose files have other contents than those that they have begun with. Other files than before are another
    /// reason.
    pub fn and_contents(
        &mut self,
        (before, now): (&Contents, &Contents),
        from: &[AgentSpec],
        to: &[AgentSpec],
    ) {
        for next in to {
            let changed = before.get(&next.name) != now.get(&next.name);
            let is_known = before.contains_key(&next.name) && now.contains_key(&next.name);
            let former = from.iter().find(|it| it.name == next.name);
            let Some(former) = former.filter(|_| changed && is_known) else {
                continue;
            };
            let sync = |it: &AgentSpec| it.program.as_ref().and_then(|it| it.sync.clone());
            if sync(former) != sync(next) {
                continue;
            }
            match self.altered.iter_mut().find(|it| it.to.name == next.name) {
                Some(it) => it.anew.push(Reason::Contents),
                None => self.altered.push(Alteration {
                    from: former.clone(),
                    to: next.clone(),
                    anew: vec![Reason::Contents],
                    edits: Vec::new(),
                    variables: BTreeSet::new(),
                    settings: Vec::new(),
                }),
            }
        }
    }

    /// The agents that there are after it, if there were these before.
    pub fn applied_to(&self, agents: &[AgentSpec]) -> Vec<AgentSpec> {
        let is_gone = |agent: &&AgentSpec| self.removed.iter().all(|it| it.name != agent.name);
        let altered = |agent: &AgentSpec| {
            let mut altered = self.altered.iter();
            match altered.find(|it| it.to.name == agent.name) {
                None => agent.clone(),
                Some(it) => it.applied_to(agent),
            }
        };
        let stay = agents.iter().filter(is_gone).map(altered);
        stay.chain(self.added.iter().cloned()).collect()
    }

    /// The same after an `up` was cut off that was to make of `from` what is `cut_off`: the agents that it may have touched are
    /// started anew, or end.
    pub fn after_cut_off(&mut self, from: &[AgentSpec], cut_off: &[AgentSpec], to: &[AgentSpec]) {
        let find = |agents: &[AgentSpec], name: &AgentId| {
            let mut agents = agents.iter();
            agents.find(|it| it.name == *name).cloned()
        };
        let cut = Self::between(from, cut_off);
        let anew: BTreeSet<AgentId> = cut.anew().map(|it| it.to.name.clone()).collect();
        let parted = partings(from, &anew).into_iter();
        let parted: Vec<AgentId> = parted.map(|(it, _)| it.name.clone()).collect();
        let touched: BTreeSet<AgentId> = cut.names().into_iter().chain(parted).collect();
        for name in touched {
            let Some(next) = find(to, &name) else {
                let is_known = self.removed.iter().any(|it| it.name == name);
                self.removed
                    .extend(find(cut_off, &name).filter(|_| !is_known));
                continue;
            };
            let Some(former) = find(from, &name).or_else(|| find(cut_off, &name)) else {
                continue;
            };
            self.added.retain(|it| it.name != name);
            self.altered.retain(|it| it.to.name != name);
            self.altered.push(Alteration {
                anew: vec![Reason::CutOff],
                edits: edits(&former, &next),
                settings: settings(&former, &next),
                variables: variables(former.program.as_ref(), next.program.as_ref()),
                from: former,
                to: next,
            });
        }
    }

    /// What is done when some of `to` is there already, for it was made by hand: `seen` is the change from what runs. What needs
    /// no new process by that needs none.
    pub fn with_reasons_of(&mut self, seen: &Self) {
        for it in &mut self.altered {
            let name = &it.to.name;
            let seen = seen.altered.iter().find(|it| it.to.name == *name);
            it.anew = seen.map(|it| it.anew.clone()).unwrap_or_default();
        }
    }

    /// Hides the values of variables that look secret, for it to be shown. Gives their names.
    pub fn hide_secrets(&mut self) -> BTreeSet<String> {
        let altered = self.altered.iter_mut();
        let altered = altered.flat_map(|it| [&mut it.from, &mut it.to]);
        let all = self
            .added
            .iter_mut()
            .chain(&mut self.removed)
            .chain(altered);
        all.flat_map(AgentSpec::hide_secrets).collect()
    }

    /// All agents that it touches.
    fn names(&self) -> Vec<AgentId> {
        let altered = self.altered.iter().map(|it| &it.to);
        let all = self.added.iter().chain(&self.removed).chain(altered);
        all.map(|it| it.name.clone()).collect()
    }

    /// Whether all agents stay as they are.
    pub fn is_empty(&self) -> bool {
        let Self {
            added,
            removed,
            altered,
        } = self;
        added.is_empty() && removed.is_empty() && altered.is_empty()
    }

    /// Agents that keep their processes.
    pub fn in_place(&self) -> impl Iterator<Item = &Alteration> {
        self.altered.iter().filter(|it| it.is_in_place())
    }

    /// Agents that are started anew.
    pub fn anew(&self) -> impl Iterator<Item = &Alteration> {
        self.altered.iter().filter(|it| !it.is_in_place())
    }
}

impl Alteration {
    fn applied_to(&self, agent: &AgentSpec) -> AgentSpec {
        if !self.is_in_place() {
            return self.to.clone();
        }
        let mut agent = edited(agent, &self.edits);
        for setting in &self.settings {
            match setting {
                Setting::StopTimeout => agent.stop_timeout = self.to.stop_timeout,
                Setting::Restart => agent.restart = self.to.restart,
                Setting::OnFailed => agent.on_failed = self.to.on_failed.clone(),
                Setting::Keep => agent.keep = self.to.keep.clone(),
                Setting::With => agent.with = self.to.with.clone(),
                Setting::Update => agent.update = self.to.update.clone(),
            }
        }
        agent
    }
}
