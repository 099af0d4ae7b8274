//! An agent that is about to go takes in all that was meant for it, and answers it, before it does: writers leave its
//! connections out, and say how much they have given to each.
//!
//! Whom it has connected to, it asks itself, by `leave_out`. Who has connected to it, leaves when its own spec says so, and tells
//! by `left`; whoever has not, would go on writing, and is named.

use std::collections::BTreeMap;

use serde_json::Value;

use super::draining::Draining;
use super::lookups::Lookup;
use super::requests::{Outcome, Request};
use super::sockets::{SlotId, is_drained, takes};
use super::state::Agent;
use super::waiting::Waiting;
use crate::model::{Alias, Millis, SocketId};
use crate::wire::{AgentRequest, Arrived, Fault, Given, Peer};

/// Lines of a socket that were dialled, by where they lead.
type ByWriter = BTreeMap<SocketId, Vec<Box<str>>>;

impl Agent {
    /// Takes in and answers all that is under way. The answer comes when that is done.
    pub(super) fn drain_asked(&mut self, request: Request) -> Outcome {
        let mut ask = Vec::new();
        for at in self.sockets.ids() {
            match self.writers_to(at) {
                Ok(writers) => ask.extend(writers.into_iter().map(|it| (at, it))),
                Err(fault) => return Some(Err(fault)),
            }
        }
        self.end_draining(Err(self.draining_again()));
        let waiting = Waiting::Drain {
            requester: request.requester,
            limit: request.limit,
        };
        let waiting = self.waiting.add(request.until, waiting);
        self.draining = Some(Draining {
            waiting,
            asked: ask.len(),
            given: BTreeMap::new(),
        });
        self.drained = true;
        for (at, (to, lines)) in ask {
            let leave_out = AgentRequest::LeaveOut {
                alias: to.alias,
                lines: lines.clone(),
            };
            let lookup = Lookup::LeaveOut { at, lines };
            let peer = Peer::Agent(to.agent.name);
            let request = Request::new(None, request.limit, self.now);
            self.send_lookup(peer, &leave_out, lookup, request);
        }
        self.see_to_draining();
        None
    }

    /// Where the lines lead by which a socket gets its messages. A fault if one is of a writer that cannot be told.
    fn writers_to(&mut self, at: SlotId) -> Result<ByWriter, Fault> {
        let name = self.boot.name().clone();
        let Some(slot) = self.sockets.get_mut(at).filter(|it| takes(it.kind)) else {
            return Ok(ByWriter::new());
        };
        let mut writers = ByWriter::new();
        for line in slot.standing_lines() {
            let Some(own) = line.name else {
                continue;
            };
            match slot.leads_to(&line.there) {
                Some(to) if line.dialled => writers.entry(to).or_default().push(own),
                None if !line.dialled && slot.account.left.contains_key(&own) => {}
                Some(_) | None => {
                    let alias = &slot.alias;
                    let there = line.there;
                    let reason = format!(
                        "{name}.{alias} is connected to {there}, which no wire of this system leads to: it would go on sending, and that would be lost"
                    );
                    return Err(Fault::Refused { reason });
                }
            }
        }
        Ok(writers)
    }

    /// A writer has answered.
    pub(super) fn on_left_out(
        &mut self,
        at: SlotId,
        lines: &[Box<str>],
        answer: Result<Value, Fault>,
    ) {
        let read = |answer| serde_json::from_value::<Vec<Given>>(answer);
        let told = answer.map(|answer| read(answer).unwrap_or_default());
        let Some(draining) = &mut self.draining else {
            return;
        };
        draining.asked = draining.asked.saturating_sub(1);
        match told {
            Ok(told) => {
                let told = told.into_iter().map(|it| ((at, it.line), it.given));
                draining.given.extend(told);
            }
            Err(fault) if is_gone(&fault) => {}
            Err(fault) => return self.end_draining(Err(fault)),
        }
        // A line that its writer does not know gets nothing any more, either.
        for line in lines {
            draining.given.entry((at, line.clone())).or_insert(0);
        }
        self.see_to_draining();
    }

    /// Whether all has been taken in meanwhile, and answered.
    pub(super) fn see_to_draining(&mut self) {
        let Some(draining) = self.draining.take() else {
            return;
        };
        let done = draining.asked == 0
            && !self.owes_to_program()
            && self.sockets.ids().into_iter().all(|at| {
                let Some(slot) = self.sockets.get_mut(at).filter(|it| takes(it.kind)) else {
                    return true;
                };
                let lines = slot.standing_lines();
                let given = |line: &str| {
                    let told = draining.given.get(&(at, line.into()));
                    told.or_else(|| slot.account.left.get(line)).copied()
                };
                is_drained(&lines, given) && !self.exchange.is_to_answer_by(at)
            });
        self.draining = Some(draining);
        if done {
            // Now, for its host's word of its end may overtake its own last one.
            for at in self.sockets.ids() {
                self.tell_at_the_end(at);
            }
            self.end_draining(Ok(Value::Null));
        }
    }

    /// The time is up.
    pub(super) fn answer_late_drain(&mut self, limit: Millis) -> Fault {
        self.draining = None;
        let what = format!("taking in what is under way to {}", self.boot.name());
        Fault::Deadline { what, limit }
    }

    fn end_draining(&mut self, outcome: Result<Value, Fault>) {
        if let Some(draining) = self.draining.take()
            && let Some(waiting) = self.waiting.take(draining.waiting)
        {
            self.reply(waiting.into_requester(), outcome);
        }
    }

    fn draining_again(&self) -> Fault {
        let reason = format!("{} was asked again to drain", self.boot.name());
        Fault::Refused { reason }
    }

    /// It takes part again: the connections that it has dialled, and that were left out, are made anew.
    pub(super) fn resume(&mut self) {
        if !std::mem::take(&mut self.drained) {
            return;
        }
        let reason = format!("{} takes part again", self.boot.name());
        self.end_draining(Err(Fault::Refused { reason }));
        for at in self.sockets.ids() {
            let Some(slot) = self.sockets.get_mut(at).filter(|it| takes(it.kind)) else {
                continue;
            };
            slot.account.left.clear();
            for wire in self.wires.of_socket(at) {
                self.redial(wire);
            }
        }
    }

    /// A writer that has connected has left: it has given so much to these lines. The answer comes when all of it has come.
    pub(super) fn left(&mut self, alias: &Alias, lines: Vec<Given>, request: Request) -> Outcome {
        let (at, slot) = match self.find_for_mut(alias, takes, "be left") {
            Ok(found) => found,
            Err(fault) => return Some(Err(fault)),
        };
        // By any other nothing comes any more, whatever is said of it. Its end may be known before the word that it was left.
        let (standing, ended) = slot.known_of(lines);
        slot.account.note_left(&standing);
        let lines = [standing, ended].concat();
        let waiting = Waiting::Left {
            requester: request.requester,
            at,
            lines,
            limit: request.limit,
        };
        let id = self.waiting.add(request.until, waiting);
        self.being_left.push(id);
        self.see_to_those_that_left();
        None
    }

    /// Tells those that have left, and whose messages have come.
    pub(super) fn see_to_those_that_left(&mut self) {
        if self.being_left.is_empty() {
            return;
        }
        let waits = |id: &u64| match self.waiting.get(*id)? {
            Waiting::Left { at, lines, .. } => Some((*id, *at, lines.clone())),
            _ => None,
        };
        let left: Vec<(u64, SlotId, Vec<Given>)> =
            self.being_left.iter().filter_map(waits).collect();
        self.being_left = left.iter().map(|(id, ..)| *id).collect();
        for (id, at, lines) in left {
            let Some(slot) = self.sockets.get_mut(at) else {
                continue;
            };
            let arrived = slot.arrived_of(&lines);
            if is_all(&lines, &arrived)
                && let Some(waiting) = self.waiting.take(id)
            {
                let arrived = serde_json::to_value(arrived).unwrap_or_default();
                self.reply(waiting.into_requester(), Ok(arrived));
            }
        }
    }
}

/// Whether all has come that was given; of a line that has ended, all that ever will.
fn is_all(given: &[Given], arrived: &[Arrived]) -> bool {
    given.iter().all(|given| {
        let mut arrived = arrived.iter();
        let it = arrived.find(|it| it.line == given.line);
        it.is_none_or(|it| it.last || it.received >= given.given)
    })
}

/// Whether the writer that was asked is not there any more, and so writes no more.
fn is_gone(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::UnknownAgent { .. }
            | Fault::UnknownAlias { .. }
            | Fault::NotRunning { .. }
            | Fault::Gone { .. }
    )
}
