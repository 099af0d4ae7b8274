//! What supervision wants done is done: processes, signals, answers, words to the name server.

use super::signals::Signals;
use super::{Child, Host, HostEnd, Input};
use crate::model::timing::{CONTROL_TIMEOUT, LAST_WORD_TIMEOUT};
use crate::model::{AgentName, AgentSpec, Grace, Millis};
use crate::process::descriptors_before;
use crate::supervision::{Effect, Ticket};
use crate::wire::{AgentBoot, AgentRequest, Fault, Incarnation, NameServerRequest, Peer, Stopped};

impl Host {
    /// Does what supervision wants done. Tells whether that was all there will ever be.
    pub(super) fn perform(&mut self) -> bool {
        loop {
            let effects = self.supervision.effects();
            if effects.is_empty() {
                return false;
            }
            for effect in effects {
                if self.perform_one(effect) {
                    return true;
                }
            }
        }
    }

    fn perform_one(&mut self, effect: Effect) -> bool {
        match effect {
            Effect::LetIn { agent, incarnation } => self.let_in(agent, incarnation),
            Effect::Spawn {
                spec,
                incarnation,
                ticket,
                restarts,
            } => {
                let name = spec.name.name.clone();
                let before = self.last_lives.get(&name).copied();
                self.begin_life(&name, incarnation);
                let mut boot = self.boot(spec, incarnation);
                let is_asked_for = self.spawns.has(&name);
                let succeeds = self.put_to_succeed(&mut boot);
                if !succeeds && (ticket.is_none() || is_asked_for) {
                    self.put_to_work(&mut boot, before, is_asked_for);
                }
                let outcome = self.spawn(boot, restarts);
                if let Ok(pid) = outcome {
                    self.tell_started(&name, pid, restarts);
                }
                let now = self.now();
                self.supervision.on_spawned(&name, ticket, outcome, now);
            }
            Effect::Restart { agent } => self.restart(agent),
            Effect::Ask { agent, grace } => self.ask_to_end(agent, grace),
            Effect::Terminate { agent } => self.signal(&agent, Child::terminate),
            Effect::Kill { agent } => self.signal(&agent, Child::kill),
            Effect::Look { agent } => {
                let progress = self.children.get(&agent).and_then(Child::progress);
                let now = self.now();
                self.supervision.on_progress(&agent, progress, now);
            }
            Effect::KillHung { agent } => {
                if let Some(child) = self.children.get_mut(&agent) {
                    child.kill_hung();
                }
            }
            Effect::Report {
                agent,
                incarnation,
                exit,
                asked,
                then,
            } => {
                if !asked && exit.status != Some(0) {
                    // It crashed: its log tells, and no caller that stops the others waits for that.
                    self.killed.remove(&agent);
                }
                self.tell_ended((&agent, incarnation), &exit, asked, then);
                self.note_that_it_stays(&agent, incarnation, &exit, then);
                let exited = NameServerRequest::Exited {
                    agent: agent.clone(),
                    incarnation,
                    exit: exit.clone(),
                    asked,
                    then,
                };
                self.link.tell(Peer::NameServer, &exited);
                self.on_spawn_ended(&agent, incarnation, &exit);
            }
            Effect::Failed { agent, exit, then } => self.on_failed(&agent, &exit, then),
            Effect::AnswerStart { ticket, outcome } => {
                if !self.on_spawn_started(ticket, &outcome) {
                    self.answer(ticket, outcome);
                }
            }
            Effect::AnswerStop { ticket, outcome } => {
                let outcome = outcome.map(|it| self.with_what_is_left(it));
                self.on_stopped(ticket);
                self.answer(ticket, outcome);
            }
            Effect::End {
                ticket,
                mut stopped,
            } => {
                self.end_commands();
                self.end_all_leftovers(&mut stopped);
                if let Some(ticket) = ticket {
                    let stopped = stopped.into_iter().map(|it| self.with_what_is_left(it));
                    let stopped: Vec<Stopped> = stopped.collect();
                    self.answer(ticket, Ok(stopped));
                    self.leave_timeout = CONTROL_TIMEOUT;
                    self.end = HostEnd::Asked;
                }
                return true;
            }
        }
        false
    }

    /// With what the agent has left behind.
    fn with_what_is_left(&mut self, stopped: Stopped) -> Stopped {
        Stopped {
            unsent: self.unsent.get(&stopped.agent).cloned().unwrap_or_default(),
            killed: self.killed.remove(&stopped.agent).unwrap_or_default(),
            ..stopped
        }
    }

    fn boot(&mut self, spec: Box<AgentSpec>, incarnation: Incarnation) -> AgentBoot {
        let id = self.spawner.id(&spec.name.name);
        let (version, ports) = self.specs.keep(&spec);
        let started = self.started.entry(spec.name.name.clone()).or_default();
        let former_lives = *started;
        *started = started.saturating_add(1);
        AgentBoot {
            version: Some(version),
            works: None,
            ports,
            incarnation,
            successor_of: None,
            within: None,
            host: Some(self.options.name.clone()),
            advertise: self.options.advertise,
            nameserver: self.link.address().to_owned(),
            keys: self.agents_keys.remove(&spec.name.name),
            ipc_dir: self.options.ipc_dir(),
            log: Some(self.options.dir.log_of(&id)),
            output: spec
                .program
                .as_ref()
                .map(|_| self.options.dir.output_of(&id)),
            dir: Some(self.options.dir.path().to_owned()),
            spec,
            descriptors: descriptors_before(),
            former_lives,
        }
    }

    /// Starts the process. Its end is told by SIGCHLD: a descriptor for each agent would have to be closed again in
    /// each process that is started.
    fn spawn(&mut self, boot: AgentBoot, restarts: u32) -> Result<u32, Fault> {
        let agent = boot.name().clone();
        let start_fault = |reason| Fault::Start {
            agent: agent.clone(),
            reason,
        };
        let child = self
            .spawner
            .spawn(&boot, restarts)
            .map_err(|error| start_fault(error.to_string()))?;
        let pid = child.pid();
        self.pids.insert(pid, agent.clone());
        self.children.insert(agent, child);
        Ok(pid)
    }

    fn ask_to_end(&self, agent: AgentName, grace: Millis) {
        let kept = self.specs.get(&self.spawner.id(&agent));
        // What it gives its program by itself need not be said.
        let by_itself = Grace::USUAL.of(kept.and_then(|it| it.spec.stop_timeout));
        let shutdown = AgentRequest::Shutdown {
            grace: Some(grace).filter(|it| *it != by_itself),
        };
        let peer = self.peer_of(agent.clone());
        let answer = self.link.ask::<()>(peer, &shutdown, CONTROL_TIMEOUT);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            if answer.await.is_err() {
                let _ = inputs.send(Input::NotAsked(agent));
            }
        });
    }

    fn signal(&self, agent: &AgentName, send: fn(&Child)) {
        if let Some(child) = self.children.get(agent) {
            send(child);
        }
    }

    /// The last word, and its answer is waited for: all that was said before it has arrived then. A
    /// connection that is closed while something is still on its way here is reset, and takes with it
    /// what has not been read at the other end, even the answer that a requester waits for.
    pub(super) async fn leave(&self, signals: &mut Signals) {
        let leave = NameServerRequest::Leave { end: None };
        let timeout = match self.link.is_in() {
            true => self.leave_timeout,
            false => LAST_WORD_TIMEOUT,
        };
        let left = self.link.ask::<()>(Peer::NameServer, &leave, timeout);
        tokio::select! {
            _ = left => {}
            _ = signals.next() => {}
        }
    }

    pub(super) fn answer<T: serde::Serialize>(
        &mut self,
        ticket: Ticket,
        outcome: Result<T, Fault>,
    ) {
        if let Some(envelope) = self.tickets.remove(&ticket) {
            self.link.reply(&envelope, outcome);
        }
    }
}
