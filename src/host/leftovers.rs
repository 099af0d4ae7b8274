//! What agents' programs have left running. It is adopted by this daemon when the agents' processes end, waited for,
//! and killed with the life that it is of; but what a job leaves that has done its work stays until the daemon ends.

use std::collections::{BTreeMap, HashSet};

use super::{Child, Host};
use crate::agent::Log;
use crate::model::{AgentName, Leftover};
use crate::process::{
    Kin, Member, descendants, has_ending, has_others, kill_found, marked, reap_orphans,
};
use crate::wire::{Incarnation, StopStage, Stopped};

impl Host {
    /// Children that are no agents have ended, perhaps.
    fn reap_orphans(&self) {
        reap_orphans(|pid| match self.pids.contains_key(&pid) {
            true => Kin::Awaited,
            false => Kin::Orphan,
        });
    }

    /// These agents' processes have ended: what they have left running is killed. To look for that takes its time, which
    /// grows with the number of all agents.
    pub(super) fn end_leftovers(&mut self, agents: &[AgentName]) {
        let (mut ended, mut taken_back) = (Vec::new(), HashSet::new());
        for agent in agents {
            let child = self.children.get(agent);
            let Some(child) = child.filter(|it| it.has_program()) else {
                continue;
            };
            ended.push(agent);
            if !child.is_done() {
                let run = child.run().to_owned();
                if child.taken_back().is_some() {
                    taken_back.insert(run.clone());
                }
                self.over.insert(run, agent.clone());
            }
        }
        if ended.is_empty() {
            return;
        }
        self.end_late_leftovers();
        // What they have left was adopted by others.
        let killed = kill_found(|| marked(&taken_back));
        self.note_all_killed(killed);
        for agent in ended {
            self.take_killed(agent);
        }
    }

    /// Of lives that are over, one process may outlive another: what it has started is adopted when it ends at last.
    pub(super) fn end_late_leftovers(&mut self) {
        if self.over.is_empty() {
            return;
        }
        if !has_others(|pid| self.pids.contains_key(&pid)) {
            return self.over.clear();
        }
        let of_those = |run: Option<&str>| run.is_some_and(|run| self.over.contains_key(run));
        let killed = self.kill_leftovers(of_those);
        self.note_all_killed(killed);
        if !has_ending(|pid| self.pids.contains_key(&pid)) {
            self.over.clear();
        }
    }

    /// Nothing is to go on: kills all that is left, but for what is of other systems.
    pub(super) fn end_all_leftovers(&mut self, stopped: &mut Vec<Stopped>) {
        let lives: HashSet<String> = self.lives.keys().cloned().collect();
        let killed = self.kill_leftovers(|run| run.is_none_or(|run| lives.contains(run)));
        self.note_all_killed(killed);
        // Those that had ended by themselves, and whose leftovers are not reported yet.
        for agent in self.killed.keys() {
            if !stopped.iter().any(|it| it.agent == *agent) {
                stopped.push(Stopped::at(agent.clone(), StopStage::Already));
            }
        }
    }

    /// What those leave running that have ended: jobs that are done.
    pub(super) fn leftovers(&self) -> BTreeMap<AgentName, Vec<Leftover>> {
        let is_agent = |pid| self.pids.contains_key(&pid);
        let mut left = BTreeMap::<_, Vec<Leftover>>::new();
        if !has_others(is_agent) {
            return left;
        }
        let agent_of = |run: Option<&str>| run.and_then(|run| self.lives.get(run));
        let has_ended = |run: Option<&str>| {
            agent_of(run).is_some_and(|agent| !self.children.contains_key(agent))
        };
        for member in descendants(is_agent, has_ended) {
            if let Some(agent) = agent_of(member.run.as_deref()) {
                let of_agent = left.entry(agent.clone()).or_default();
                of_agent.push(Leftover::from(member));
            }
        }
        left
    }

    fn kill_leftovers(&self, ours: impl Fn(Option<&str>) -> bool) -> Vec<Member> {
        let is_agent = |pid| self.pids.contains_key(&pid);
        if !has_others(is_agent) {
            return Vec::new();
        }
        let killed = kill_found(|| {
            self.reap_orphans();
            descendants(is_agent, &ours)
        });
        self.reap_orphans();
        killed
    }

    fn note_all_killed(&mut self, killed: Vec<Member>) {
        for member in killed {
            let life = |run| self.lives.get(run).or_else(|| self.over.get(run));
            if let Some(agent) = member.run.as_ref().and_then(life).cloned() {
                let leftover = Leftover::from(member);
                self.note_killed(&agent, &leftover);
                self.killed.entry(agent).or_default().push(leftover);
            }
        }
    }

    /// In the agent's log: it cannot write there itself any more.
    fn note_killed(&self, agent: &AgentName, leftover: &Leftover) {
        let log = self.options.dir.log_of(&self.spawner.id(agent));
        let limits = self
            .children
            .get(agent)
            .map(Child::logs)
            .unwrap_or_default();
        if let Ok(mut log) = Log::to_file(&log, limits) {
            log.warn(&Leftover::were_killed(std::slice::from_ref(leftover)));
        }
    }

    /// What the agent has killed itself at its end.
    fn take_killed(&mut self, agent: &AgentName) {
        let Some(child) = self.children.get(agent) else {
            return;
        };
        let killed = self.options.dir.take_killed(child.incarnation());
        if !killed.is_empty() {
            self.killed.entry(agent.clone()).or_default().extend(killed);
        }
    }

    /// A new life begins; nothing of the one before may be in its way.
    pub(super) fn begin_life(&mut self, agent: &AgentName, incarnation: Incarnation) {
        if let Some(before) = self.last_lives.insert(agent.clone(), incarnation) {
            let before = before.run();
            self.over.insert(before.clone(), agent.clone());
            self.end_late_leftovers();
            self.killed.remove(agent);
            self.lives.remove(&before);
        }
        self.lives.insert(incarnation.run(), agent.clone());
    }
}
