//! What a daemon does first that its machine's service manager has started: when the name server has taken note of it,
//! it starts the agents of its folder.

use std::collections::{BTreeMap, HashMap};

use super::Host;
use crate::model::AgentName;
use crate::state::{AgentRecord, EndRecord, KeptSpec};
use crate::supervision::{Condition, TakenBack};
use crate::wire::Incarnation;

impl Host {
    /// Starts the agents whose processes have ended with the machine. One that lives has outlived only its daemon, and was
    /// taken back.
    pub(super) fn boot_once(&mut self) {
        if !std::mem::take(&mut self.options.boot) {
            return;
        }
        if let Some(kept) = &self.kept {
            // Another life of this daemon takes back what was started.
            let _ = kept.leave("booted");
        }
        let dir = self.options.dir.clone();
        let lives = dir.latest_agents(self.link.address()).into_iter();
        let mut lives: BTreeMap<AgentName, AgentRecord> =
            lives.map(|it| (it.agent.clone(), it)).collect();
        let ends = dir.ends();
        for kept in self.own_specs() {
            self.note_companions(&kept.spec);
            let record = lives.remove(&kept.spec.name.name);
            match record {
                Some(record) if record.process.is_alive() => {}
                record => self.boot_agent(&kept, record.and_then(|it| it.incarnation), &ends),
            }
        }
    }

    /// Of the agents that this daemon starts. Its folder may have those of others, of other name servers.
    fn own_specs(&self) -> Vec<KeptSpec> {
        let group = self.options.group.as_ref();
        let ours = |it: &&KeptSpec| it.spec.name.nameserver.as_ref() == group && !it.spec.attach;
        self.specs.all().filter(ours).cloned().collect()
    }

    fn boot_agent(
        &mut self,
        kept: &KeptSpec,
        life: Option<Incarnation>,
        ends: &HashMap<Incarnation, EndRecord>,
    ) {
        let name = &kept.spec.name.name;
        if let Some(life) = life {
            // Its next life begins when the name server has read of the end of this one.
            self.last_lives.insert(name.clone(), life);
            self.lives.insert(life.run(), name.clone());
        }
        let life = life.unwrap_or_else(Incarnation::draw);
        let end = ends.get(&life);
        let known = TakenBack {
            incarnation: life,
            is_up: true,
            stopped: kept.stopped,
            restarts: 0,
            found: condition(kept, end),
        };
        let now = self.now();
        self.supervision.on_taken_back(&kept.spec, known, now);
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
