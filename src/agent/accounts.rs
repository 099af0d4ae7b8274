//! Readers and writers compare the counts of their connections, so that the losses of a writer are known
//! to the message. Once a second, with the heartbeat, and only where messages have passed or a connection has ended:
//! the end that has connected tells the writer what has come, or asks the reader.

use serde_json::Value;

use super::control::Weight;
use super::lookups::Lookup;
use super::requests::Request;
use super::sockets::{Due, SlotId, reads, writes};
use super::state::Agent;
use crate::model::timing::ACCOUNT_TIMEOUT;
use crate::model::{Alias, SocketId};
use crate::wire::{AgentRequest, Arrived, Envelope, Fault, Peer, body};

impl Agent {
    /// Sees what there is to tell or to ask.
    pub(super) fn see_to_accounts(&mut self) {
        for at in self.sockets.ids() {
            let Some(slot) = self.sockets.get_mut(at) else {
                continue;
            };
            slot.settle_lines();
            for due in slot.accounts_due() {
                self.see_to(at, due);
            }
            self.log_losses(at);
        }
    }

    fn see_to(&mut self, at: SlotId, due: Due) {
        let request = Request {
            requester: None,
            limit: ACCOUNT_TIMEOUT,
            until: self.now + ACCOUNT_TIMEOUT,
        };
        let (to, question, lookup) = match due {
            Due::Tell(to, lines) => {
                let lookup = Lookup::Confirm {
                    at,
                    lines: lines.clone(),
                };
                let alias = to.alias.clone();
                (to, AgentRequest::Confirm { alias, lines }, lookup)
            }
            Due::Ask(to, lines) => {
                let lookup = Lookup::Arrived {
                    at,
                    lines: lines.clone(),
                };
                let alias = to.alias.clone();
                (to, AgentRequest::Arrived { alias, lines }, lookup)
            }
        };
        self.send_lookup(peer(&to), &question, lookup, request);
    }

    /// The writer has answered.
    pub(super) fn on_confirmed(
        &mut self,
        at: SlotId,
        lines: &[Arrived],
        answer: Result<Value, &Fault>,
    ) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        let account = &mut slot.account;
        match answer {
            Ok(_) => account.has_told(lines),
            Err(fault) => {
                let names = lines.iter().map(|line| line.line.clone());
                account.came_to_nothing(names, is_for_good(fault));
            }
        }
    }

    /// The reader has answered.
    pub(super) fn on_arrived(
        &mut self,
        at: SlotId,
        asked: &[Box<str>],
        answer: Result<Value, &Fault>,
    ) {
        let Some(slot) = self.sockets.get_mut(at).filter(|slot| writes(slot.kind)) else {
            return;
        };
        let account = &mut slot.account;
        let read = |answer: Value| serde_json::from_value::<Vec<Arrived>>(answer);
        match answer.map(read) {
            Ok(Ok(lines)) => account.has_been_told(asked, &lines),
            Ok(Err(_)) => account.came_to_nothing(asked.iter().cloned(), true),
            Err(fault) => account.came_to_nothing(asked.iter().cloned(), is_for_good(fault)),
        }
    }

    /// A reader has told what has come by lines of this writer's.
    pub(super) fn confirm(&mut self, alias: &Alias, lines: Vec<Arrived>) -> Result<Value, Fault> {
        let (_, slot) = self.find_for_mut(alias, writes, "be told what has arrived")?;
        slot.settle_lines();
        lines.iter().for_each(|line| slot.account.ledger.tell(line));
        Ok(Value::Null)
    }

    /// A writer asks what has come by its lines.
    pub(super) fn arrived(&mut self, alias: &Alias, lines: &[Box<str>]) -> Result<Value, Fault> {
        let (_, slot) = self.find_for_mut(alias, reads, "tell what has arrived")?;
        let lines = slot.arrived(lines);
        Ok(serde_json::to_value(lines).unwrap_or_default())
    }

    /// The last report of a reader whose socket is about to be closed. It waits for no answer.
    pub(super) fn tell_at_the_end(&mut self, at: SlotId) {
        let Some(slot) = self.sockets.get_mut(at).filter(|slot| reads(slot.kind)) else {
            return;
        };
        slot.settle_lines();
        for due in slot.what_to_tell(true) {
            if let Due::Tell(to, lines) = due {
                let alias = to.alias.clone();
                let envelope = Envelope::oneway(peer(&to));
                let body = body(&AgentRequest::Confirm { alias, lines });
                self.membership.send(&envelope, body, Weight::Light);
            }
        }
    }

    /// It goes: what was lost and is not told yet is told.
    pub(super) fn tell_last_losses(&mut self) {
        for at in self.sockets.ids() {
            let Some(slot) = self.sockets.get_mut(at) else {
                continue;
            };
            let counts = [slot.stats.dropped + slot.losses(), slot.stats.garbled];
            let losses = (&slot.alias, counts);
            let happened = self
                .history
                .on_losses(self.boot.name(), losses, true, self.now);
            happened.into_iter().for_each(|it| self.membership.note(it));
        }
    }

    /// Says what is lost, when it is more than twice what was said last; and what no reader confirms, when that has
    /// stayed so for a beat: readers have their time.
    fn log_losses(&mut self, at: SlotId) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        let lost = slot.losses();
        let counts = [slot.stats.dropped + lost, slot.stats.garbled];
        let losses = (&slot.alias, counts);
        let happened = self
            .history
            .on_losses(self.boot.name(), losses, false, self.now);
        happened.into_iter().for_each(|it| self.membership.note(it));
        let unconfirmed = slot.account.ledger.unconfirmed();
        let noted = std::mem::replace(&mut slot.account.noted, (lost, unconfirmed));
        let logged = &mut slot.account.logged;
        let mut lines = Vec::new();
        if lost > 2 * logged.0 {
            logged.0 = lost;
            lines.push(format!(
                "{}: messages have not reached their readers ({lost} so far)",
                slot.alias
            ));
        }
        if unconfirmed > logged.1 && unconfirmed == noted.1 {
            lines.push(format!(
                "{}: connections have ended, and nobody confirms messages that went by them ({unconfirmed} so far)",
                slot.alias
            ));
        }
        logged.1 = if unconfirmed == noted.1 {
            unconfirmed
        } else {
            logged.1
        };
        for line in lines {
            self.log.warn(&line);
        }
    }
}

fn peer(to: &SocketId) -> Peer {
    Peer::Agent(to.agent.name.clone())
}

/// Whether the one that was asked will never answer otherwise.
fn is_for_good(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::NotRunning { .. }
            | Fault::UnknownAlias { .. }
            | Fault::UnknownMethod { .. }
            | Fault::WrongKind { .. }
            | Fault::BadRequest { .. }
            | Fault::NotPermitted { .. }
            | Fault::Closed { .. }
    )
}
