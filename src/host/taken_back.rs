//! Agents that a daemon before this one has started. They are found in the folder, known by pid, start time and boot, and
//! are this daemon's from now on: those that live, as they are; those that have ended meanwhile, by their policies.

use std::collections::HashSet;

use super::child::TAIL_LINES;
use super::log_tail::end_of_logs;
use super::{Host, Input};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AgentInfo, AgentName, AgentSpec, ExitReport, State};
use crate::process::{Ended, ProcessId, end_of, kill_found, marked, parent_of};
use crate::state::{AgentRecord, EndRecord};
use crate::supervision::{Condition, TakenBack};
use crate::wire::{Incarnation, NameServerRequest, Peer};

/// An agent that has ended while there was no daemon, or before.
pub(super) struct Unseen {
    record: AgentRecord,
    life: Incarnation,
    /// As it was written down, if it was.
    end: Option<EndRecord>,
}

impl Unseen {
    pub(super) fn agent(&self) -> &AgentName {
        &self.record.agent
    }
}

impl Host {
    /// Takes back all agents of this folder that live. Those that do not are `unseen` until [`Host::see_to_unseen`].
    pub(super) fn take_back(&mut self) {
        let specs: Vec<AgentSpec> = self.specs.all().map(|kept| kept.spec.clone()).collect();
        specs.iter().for_each(|spec| self.note_companions(spec));
        let mut records = self.options.dir.agents();
        records.retain(|it| it.nameserver == self.link.address());
        let mut lives = HashSet::new();
        for record in &records {
            // There is more than one record of a life whose program was started anew.
            if lives.insert(record.incarnation) {
                *self.started.entry(record.agent.clone()).or_default() += 1;
            }
        }
        for record in AgentRecord::latest(records) {
            let Some(life) = record.incarnation else {
                continue;
            };
            self.lives.insert(life.run(), record.agent.clone());
            self.last_lives.insert(record.agent.clone(), life);
            // What has ended and was not waited for yet, the keeper will tell.
            let is_kept = self.is_kept_by_keeper(&record.process);
            let is_there = match is_kept {
                true => !record.process.was_waited_for(),
                false => record.process.is_alive(),
            };
            match is_there {
                true => self.take_back_alive(&record, life, is_kept),
                false => self.unseen.push(Unseen {
                    record,
                    life,
                    end: None,
                }),
            }
        }
        // What was waited for by now was written down before.
        let mut ends = self.options.dir.ends();
        for it in &mut self.unseen {
            it.end = ends.remove(&it.life);
        }
    }

    fn take_back_alive(&mut self, record: &AgentRecord, life: Incarnation, is_kept: bool) {
        let spec = self.spec_of(&record.agent);
        let Ok(child) = self.spawner.take_back(record, &spec, life) else {
            return;
        };
        self.pids.insert(record.process.pid, record.agent.clone());
        self.children.insert(record.agent.clone(), child);
        let known = self.known(record, life, Condition::Alive);
        let now = self.now();
        self.supervision.on_taken_back(&spec, known, now);
        if !is_kept {
            self.watch(record);
        }
    }

    /// Of an agent that has ended for good, there may be none.
    fn spec_of(&self, agent: &AgentName) -> AgentSpec {
        let id = self.spawner.id(agent);
        let kept = self.specs.get(&id).map(|it| it.spec.clone());
        kept.unwrap_or_else(|| AgentSpec {
            name: id,
            ..AgentSpec::named(agent.clone())
        })
    }

    fn known(&self, record: &AgentRecord, incarnation: Incarnation, found: Condition) -> TakenBack {
        let kept = self.specs.get(&self.spawner.id(&record.agent));
        TakenBack {
            incarnation,
            is_up: kept.is_some_and(|it| it.is_up),
            stopped: kept.is_some_and(|it| it.stopped),
            restarts: record.restarts,
            found,
        }
    }

    /// Whether the keeper sees how it ends.
    fn is_kept_by_keeper(&self, process: &ProcessId) -> bool {
        let keeper = self.kept.as_ref().map(|kept| kept.keeper().pid);
        keeper.is_some() && parent_of(process) == keeper
    }

    /// No parent of it is of osb's: that it has ended is noticed, how it has is told by itself at best.
    fn watch(&self, record: &AgentRecord) {
        let Some(Ok(end)) = record.process.open().map(end_of) else {
            let _ = self.inputs.send(Input::TakenBackEnded(None));
            return;
        };
        let (inputs, agent) = (self.inputs.clone(), record.agent.clone());
        tokio::spawn(async move {
            end.await;
            let _ = inputs.send(Input::TakenBackEnded(Some(agent)));
        });
    }

    /// Agents have ended that a daemon before this one had started: this one, or all that were waited for by now.
    pub(super) fn on_taken_back_ended(&mut self, agent: Option<AgentName>) {
        let has_ended = |(name, child): (&AgentName, &super::Child)| {
            let process = child.taken_back()?;
            let ended = match &agent {
                Some(agent) => name == agent && !process.is_alive(),
                None => process.was_waited_for(),
            };
            ended.then(|| (name.clone(), process.pid, child.incarnation()))
        };
        let ended: Vec<_> = self.children.iter().filter_map(has_ended).collect();
        if ended.is_empty() {
            return;
        }
        let ends = self.options.dir.ends();
        let mut names = Vec::new();
        for (name, pid, life) in ended {
            let end = ends.get(&life);
            self.pids.remove(&pid);
            if let Some(child) = self.children.get_mut(&name) {
                child.end(Ended {
                    pid,
                    status: end.and_then(|it| it.status),
                    signal: end.and_then(|it| it.signal),
                });
            }
            names.push(name);
        }
        self.on_agents_ended(names);
    }

    /// The name server knows this daemon: what has ended unseen has its consequences, and is told.
    pub(super) fn see_to_unseen(&mut self) {
        let unseen = std::mem::take(&mut self.unseen);
        self.end_what_they_left(&unseen);
        for it in unseen {
            self.see_to(it);
        }
    }

    fn see_to(&mut self, Unseen { record, life, end }: Unseen) {
        if end.as_ref().is_some_and(|it| it.stays) {
            // By the daemon before this one.
            self.ends_told.insert(record.agent.clone(), life);
        }
        let (dir, id) = (&self.options.dir, self.spawner.id(&record.agent));
        let stays = !record.process.is_of_this_boot() || end.as_ref().is_some_and(|it| it.stays);
        let exit = ExitReport {
            log: match stays {
                true => Vec::new(),
                false => end_of_logs(dir, &id, TAIL_LINES),
            },
            cause: dir.take_cause(life),
            ..EndRecord::report(end.as_ref())
        };
        let found = match stays {
            true => Condition::Stays { exit },
            false => Condition::Ended {
                exit,
                asked: dir.take_asked(life),
            },
        };
        let known = self.known(&record, life, found);
        let (spec, now) = (self.spec_of(&record.agent), self.now());
        self.supervision.on_taken_back(&spec, known, now);
    }

    /// What was left running by agents that have ended unseen ends too, unless they are jobs that are done.
    fn end_what_they_left(&self, unseen: &[Unseen]) {
        let is_done = |it: &Unseen| {
            self.spec_of(&it.record.agent).is_job()
                && it.end.as_ref().is_some_and(|end| end.status == Some(0))
        };
        let of_now = |it: &&Unseen| it.record.process.is_of_this_boot() && !is_done(it);
        let lives = unseen.iter().filter(of_now);
        let runs: HashSet<String> = lives.map(|it| it.life.run()).collect();
        kill_found(|| marked(&runs));
    }

    /// The same of a daemon that others have started, when it is registered for the first time: of those that the name
    /// server takes for alive, for what its folder knows may be long ago.
    pub(super) fn see_to_unseen_of_known(&mut self) {
        if self.unseen.is_empty() {
            return;
        }
        let (link, host) = (self.link.clone(), self.options.name.clone());
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let request = NameServerRequest::Agents { name: None };
            let known = link.ask::<Vec<AgentInfo>>(Peer::NameServer, &request, CONTROL_TIMEOUT);
            // Without an answer, it is asked again when this daemon is registered the next time.
            let Ok(mut known) = known.await else {
                return;
            };
            let goes_on = |state: State| !state.ended() || state == State::Restarting;
            known.retain(|it| it.host_id().as_ref() == Some(&host) && goes_on(it.state));
            let known = known.into_iter().map(|it| it.name).collect();
            let _ = inputs.send(Input::StillKnown(known));
        });
    }

    pub(super) fn on_still_known(&mut self, known: &HashSet<AgentName>) {
        self.unseen.retain(|it| known.contains(&it.record.agent));
        self.see_to_unseen();
    }
}
