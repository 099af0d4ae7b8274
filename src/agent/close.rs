//! Closing sockets while the agent runs: members that wait for them are told, what has not
//! left is counted, and the name server hears of it before the requester.

use std::collections::BTreeMap;
use std::mem;

use serde_json::Value;

use super::closing::Closing;
use super::exchange::{Origin, SentRequest, Ticket};
use super::requester::Requester;
use super::requests::value;
use super::sockets::SlotId;
use super::state::Agent;
use crate::model::{Alias, Millis};
use crate::wire::Fault;

impl Agent {
    /// Begins to close sockets, of which each has an alias; the answer comes when they are closed.
    pub(crate) fn close(
        &mut self,
        aliases: Vec<Alias>,
        linger: Option<Millis>,
        requester: Option<Requester>,
    ) {
        let retired = aliases
            .into_iter()
            .filter_map(|alias| self.sockets.retire(&alias).map(|at| (alias, at)));
        let sockets = retired.collect();
        self.closing.push(Closing {
            requester,
            sockets,
            linger,
        });
    }

    /// Closes what is to be closed.
    pub(crate) fn finish_closing(&mut self) {
        for closing in mem::take(&mut self.closing) {
            let sockets = closing.sockets.into_iter();
            let unsent: BTreeMap<Alias, usize> = sockets
                .map(|(alias, at)| {
                    let unsent = self.close_one(&alias, at, closing.linger);
                    (alias, unsent)
                })
                .collect();
            self.announce();
            self.reply(closing.requester, Ok(value(&unsent)));
        }
    }

    /// Tells how many messages never left.
    fn close_one(&mut self, alias: &Alias, at: SlotId, linger: Option<Millis>) -> usize {
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.flush();
        }
        self.tell_at_the_end(at);
        let requests = self.settle_requests(alias, at);
        self.settle_pending_replies(alias, at);
        self.settle_waiting(alias, at);
        self.give_up_wires(alias);
        let Some(slot) = self.sockets.remove(at) else {
            return 0;
        };
        let unsent = slot.outbox.len() + requests;
        if unsent > 0 {
            let what = match unsent {
                1 => "1 message was".to_owned(),
                many => format!("{many} messages were"),
            };
            self.log
                .warn(&format!("{alias} is closed: {what} not sent by it"));
        }
        slot.close_within(linger.map(Millis::duration), &self.context);
        unsent
    }

    /// Requests that were sent by the socket, or whose answers were to go back through it. Tells
    /// how many had not been sent.
    fn settle_requests(&mut self, alias: &Alias, at: SlotId) -> usize {
        let mut unsent = 0;
        for (id, request) in self.exchange.take_about(at) {
            match request {
                SentRequest {
                    origin: Origin::Forward(ticket),
                    ..
                } => self.answer_closed(ticket, alias),
                SentRequest {
                    origin: Origin::Proxy { requester, .. },
                    ..
                } => self.reply(Some(requester), Err(self.closed(alias))),
                request => self.resolve(request, Err(format!("{alias} was closed"))),
            }
            if let Some(slot) = self.sockets.get_mut(at) {
                let before = slot.outbox.len();
                slot.outbox.withdraw(id);
                unsent += before - slot.outbox.len();
            }
        }
        unsent
    }

    /// What the program was to answer through it.
    fn settle_pending_replies(&mut self, alias: &Alias, at: SlotId) {
        for ticket in self.exchange.take_tickets(at) {
            self.answer_closed(ticket, alias);
        }
    }

    /// The peer still hears why, as long as the socket lingers.
    fn answer_closed(&mut self, ticket: Ticket, alias: &Alias) {
        let reason = format!("{}.{alias} was closed", self.boot.name());
        self.answer_error(ticket, &reason);
    }

    fn settle_waiting(&mut self, alias: &Alias, at: SlotId) {
        for (_, waiting) in self.waiting.take_where(|waiting| waiting.is_about(at)) {
            let fault = self.closed(alias);
            self.reply(waiting.into_requester(), Err(fault));
        }
    }

    /// Its wires are kept no more. Members that wait for one of them are told.
    fn give_up_wires(&mut self, alias: &Alias) {
        for wire in self.wires.of_alias(alias) {
            for (_, waiting) in self.waiting.take_where(|waiting| waiting.awaits(wire)) {
                let fault = self.closed(alias);
                self.reply(waiting.into_requester(), Err(fault));
            }
            self.wires.forget(wire);
        }
    }

    pub(super) fn closed(&self, alias: &Alias) -> Fault {
        Fault::Closed {
            agent: self.boot.name().clone(),
            alias: alias.clone(),
        }
    }

    /// The sockets that `close_all` is about.
    pub(crate) fn close_all(
        &mut self,
        linger: Option<Millis>,
        requester: Option<Requester>,
    ) -> Option<Result<Value, Fault>> {
        self.close(self.sockets.aliases(), linger, requester);
        None
    }
}
