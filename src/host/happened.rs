//! What has happened to this host and its agents is told the name server, until it says that it has it.

use jiff::Timestamp;

use super::{Host, Input};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AfterEnd, AgentName, ExitReport};
use crate::wire::{AgentEvent, HostEvent, Incarnation, Occurred, Peer};

impl Host {
    /// The daemon has begun.
    pub(super) fn tell_begun(&mut self) {
        let what = HostEvent::Came {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let of = self.options.name.clone();
        self.note(Occurred::Host { of, what });
        self.tell_happened();
    }

    pub(super) fn tell_started(&mut self, agent: &AgentName, pid: u32, restarts: u32) {
        let of = agent.clone();
        let what = AgentEvent::Started { pid, restarts };
        self.note(Occurred::Agent { of, what });
        self.tell_happened();
    }

    /// The end of a life is reported again when the name server has begun anew: it is told once.
    pub(super) fn tell_ended(
        &mut self,
        (agent, life): (&AgentName, Incarnation),
        exit: &ExitReport,
        asked: bool,
        then: AfterEnd,
    ) {
        if self.ends_told.insert(agent.clone(), life) == Some(life) {
            return;
        }
        let is_bad = !asked && exit.status != Some(0);
        let what = AgentEvent::Ended {
            status: exit.status,
            signal: exit.signal,
            asked,
            then,
            why: exit.log.last().filter(|_| is_bad).cloned(),
        };
        let of = agent.clone();
        self.note(Occurred::Agent { of, what });
        self.tell_happened();
    }

    fn note(&mut self, what: Occurred) {
        let now = Timestamp::now().as_millisecond();
        self.outbox.note(what, u64::try_from(now).unwrap_or(0));
    }

    /// Tells it, unless an answer to what was told is still to come.
    pub(super) fn tell_happened(&mut self) {
        let Some(request) = self.outbox.tell() else {
            return;
        };
        let kept = self
            .link
            .ask::<u64>(Peer::NameServer, &request, CONTROL_TIMEOUT);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let _ = inputs.send(Input::Kept(kept.await.ok()));
        });
    }

    /// The name server has what has happened up to that number. None: that is not known.
    pub(super) fn on_kept(&mut self, upto: Option<u64>) {
        match upto {
            Some(upto) => {
                self.outbox.on_kept(upto);
                self.tell_happened();
            }
            // When the name server is there again, or something else has happened.
            None => self.outbox.on_unanswered(),
        }
    }

    /// The name server is there again: what it may not have got is told again.
    pub(super) fn tell_happened_again(&mut self) {
        self.outbox.on_unanswered();
        self.tell_happened();
    }
}
