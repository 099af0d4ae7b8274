//! What a daemon does first that its machine's service manager has started: when the name server has taken note of it,
//! it starts the agents of its folder.

use std::collections::{BTreeMap, HashMap};

use super::Host;
use crate::model::AgentName;
use crate::state::{AgentRecord, EndRecord, KeptSpec};
use crate::supervision::{Condition, TakenBack};
use crate::wire::Incarnation;

/// What the life of a daemon that has started the agents leaves to the next.
const BOOTED: &str = "booted";

impl Host {
    /// Starts the agents whose processes have ended with the machine. One that lives has outlived only its daemon, and was
    /// taken back.
    pub(super) fn boot_once(&mut self) {
        if !std::mem::take(&mut self.options.boot) {
            return self.lead_on_after_boot();
        }
        if let Some(kept) = &self.kept {
            // Another life of this daemon takes back what was started.
            let _ = kept.leave(BOOTED);
        }
        let dir = self.options.dir.clone();
        let lives = dir.latest_agents(self.link.address()).into_iter();
        let mut lives: BTreeMap<AgentName, AgentRecord> =
            lives.map(|it| (it.agent.clone(), it)).collect();
        let ends = dir.ends();
        let mut former = BTreeMap::new();
        let all = self.own_specs();
        for kept in &all {
            self.note_companions(&kept.spec);
            let name = &kept.spec.name.name;
            let record = lives.remove(name);
            match record {
                // It may have waited for others in the former life of this daemon.
                Some(record) if record.process.is_alive() => self.lead_on(name),
                record => {
                    let life = record.and_then(|it| it.incarnation);
                    let begins = self.boot_agent(kept, life, &ends);
                    former.extend(begins.map(|life| (name.clone(), life)));
                }
            }
        }
        self.hold_back(&all, former);
    }

    /// Of the agents that this daemon starts. Its folder may have those of others, of other name servers.
    fn own_specs(&self) -> Vec<KeptSpec> {
        let group = self.options.group.as_ref();
        let ours = |it: &&KeptSpec| it.spec.name.nameserver.as_ref() == group && !it.spec.attach;
        self.specs.all().filter(ours).cloned().collect()
    }

    /// Gives the life that has ended, if it is to run again.
    fn boot_agent(
        &mut self,
        kept: &KeptSpec,
        life: Option<Incarnation>,
        ends: &HashMap<Incarnation, EndRecord>,
    ) -> Option<Incarnation> {
        let name = &kept.spec.name.name;
        if let Some(life) = life {
            // Its next life begins when the name server has read of the end of this one.
            self.last_lives.insert(name.clone(), life);
            self.lives.insert(life.run(), name.clone());
        }
        let life = life.unwrap_or_else(Incarnation::draw);
        let found = condition(kept, ends.get(&life));
        let begins = matches!(found, Condition::Again { .. });
        let known = TakenBack {
            incarnation: life,
            is_up: true,
            stopped: kept.stopped,
            restarts: 0,
            found,
        };
        let now = self.now();
        self.supervision.on_taken_back(&kept.spec, known, now);
        begins.then_some(life)
    }
}

/// It runs again, unless it was stopped or is a job that is not to be done again.
fn condition(kept: &KeptSpec, end: Option<&EndRecord>) -> Condition {
    let program = kept.spec.program.as_ref();
    let is_once = program.is_some_and(|it| it.once);
    let is_done = end.is_some_and(|it| it.status == Some(0));
    let exit = EndRecord::report(end);
    match kept.stopped || (is_once && is_done) {
        true => Condition::Stays { exit },
        false => Condition::Again { exit },
    }
}
