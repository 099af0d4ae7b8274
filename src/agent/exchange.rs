//! Requests and answers that are under way by data sockets: the agent's own requests, those that its
//! program has to answer, and the requesters of these.

use std::collections::BTreeMap;
use std::time::Duration;

use super::core::Pending;
use super::program::ProgramId;
use super::requester::Requester;
use super::sockets::{Envelope, SlotId};
use crate::model::Replies;

/// How many requests may be under way at a time.
const UNDER_WAY: usize = 4096;
/// How many answers of a program may be pending before no more messages are handed to it.
const MAX_PENDING_REPLIES: usize = 4096;

/// Requests and answers under way.
#[derive(Default)]
pub(crate) struct Exchange {
    /// Requests sent, by all sockets that ask.
    sent: Pending<SentRequest>,
    /// What the program is to answer.
    pending: Pending<PendingReply>,
    /// Requests by channels that the program may answer at any time, by their numbers in `pending`.
    deferred: BTreeMap<u64, Ticket>,
}

/// A request that was sent.
pub(crate) struct SentRequest {
    pub at: SlotId,
    pub origin: Origin,
    pub limit: Duration,
}

/// On whose behalf a request was sent.
pub(crate) enum Origin {
    /// A timer's or a plain send: the answer goes to the socket's handlers.
    Handlers,
    /// The answer goes to handlers of its own.
    Given(Replies),
    Proxy {
        requester: Requester,
        /// What it allows; the agent gives up a little earlier.
        limit: Duration,
    },
    Program(ProgramId),
    /// The request of another agent was passed on: the answer goes back to that agent.
    Forward(Ticket),
}

/// The right to answer a request, once.
pub(crate) struct Ticket {
    pub at: SlotId,
    pub path: Envelope,
}

/// What the program is to answer.
pub(crate) enum PendingReply {
    Answer(Ticket),
    Call {
        requester: Option<Requester>,
        name: String,
        limit: Duration,
    },
}

impl Exchange {
    /// Whether another request may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.sent.len() < UNDER_WAY
    }

    /// A request is sent, and waited for until `deadline`. Tells its number.
    pub(crate) fn begin(&mut self, deadline: Duration, request: SentRequest) -> u64 {
        self.sent.add(deadline, request)
    }

    /// Takes a request that is over.
    pub(crate) fn take(&mut self, id: u64) -> Option<SentRequest> {
        self.sent.take(id)
    }

    /// The same, if that socket has sent it.
    pub(crate) fn take_sent_by(&mut self, at: SlotId, id: u64) -> Option<SentRequest> {
        self.sent.get(id).filter(|request| request.at == at)?;
        self.sent.take(id)
    }

    /// The numbers of the requests of a socket.
    pub(crate) fn sent_by(&self, at: SlotId) -> impl Iterator<Item = u64> + '_ {
        let sent = self.sent.iter();
        sent.filter_map(move |(id, request)| (request.at == at).then_some(id))
    }

    /// Takes the requests that a socket has sent, or whose answers were to go back through it.
    pub(crate) fn take_about(&mut self, at: SlotId) -> Vec<(u64, SentRequest)> {
        let back = |request: &SentRequest| matches!(&request.origin, Origin::Forward(ticket) if ticket.at == at);
        self.sent
            .take_where(|request| request.at == at || back(request))
    }

    /// Takes the requests of the program.
    pub(crate) fn take_of_program(&mut self) -> Vec<(u64, SentRequest)> {
        self.sent
            .take_where(|request| matches!(request.origin, Origin::Program(_)))
    }

    pub(crate) fn take_all(&mut self) -> Vec<SentRequest> {
        let all = self.sent.take_all().into_iter();
        all.map(|(_, request)| request).collect()
    }

    /// Takes a request whose time is up.
    pub(crate) fn expired(&mut self, now: Duration) -> Option<(u64, SentRequest)> {
        self.sent.expired(now)
    }

    /// Whether the program may be handed another message.
    pub(crate) fn may_owe(&self) -> bool {
        self.pending.len() < MAX_PENDING_REPLIES
    }

    /// The program is to answer until `deadline`. Tells its number.
    pub(crate) fn add_pending(&mut self, deadline: Duration, reply: PendingReply) -> u64 {
        self.pending.add(deadline, reply)
    }

    /// The program may answer a request at any time. Tells its number.
    pub(crate) fn defer(&mut self, ticket: Ticket) -> u64 {
        let id = self.pending.number();
        self.deferred.insert(id, ticket);
        id
    }

    /// Takes the oldest request that may be answered at any time, if there are too many of them.
    pub(crate) fn take_surplus(&mut self) -> Option<Ticket> {
        let too_many = self.deferred.len() > MAX_PENDING_REPLIES;
        let oldest = too_many.then(|| self.deferred.pop_first()).flatten();
        oldest.map(|(_, ticket)| ticket)
    }

    /// Takes what the answer with this number is for.
    pub(crate) fn take_reply(&mut self, id: u64) -> Option<PendingReply> {
        let deferred = || self.deferred.remove(&id).map(PendingReply::Answer);
        self.pending.take(id).or_else(deferred)
    }

    /// Takes what has waited longest for an answer.
    pub(crate) fn take_oldest_reply(&mut self) -> Option<PendingReply> {
        let deferred = self.deferred.keys().next().copied();
        let oldest = self.pending.oldest().into_iter().chain(deferred).min()?;
        self.take_reply(oldest)
    }

    /// Takes an answer whose time is up.
    pub(crate) fn expired_reply(&mut self, now: Duration) -> Option<PendingReply> {
        self.pending.expired(now).map(|(_, reply)| reply)
    }

    /// Whether a request that has come by that socket is to be answered still.
    pub(crate) fn is_to_answer_by(&self, at: SlotId) -> bool {
        let is_it = |ticket: &Ticket| ticket.at == at;
        let by_program = self
            .pending
            .iter()
            .any(|(_, reply)| matches!(reply, PendingReply::Answer(ticket) if is_it(ticket)));
        let by_others = self.sent.iter().any(
            |(_, request)| matches!(&request.origin, Origin::Forward(ticket) if is_it(ticket)),
        );
        by_program || by_others || self.deferred.values().any(is_it)
    }

    /// Takes the rights to answer through a socket.
    pub(crate) fn take_tickets(&mut self, at: SlotId) -> Vec<Ticket> {
        let meant =
            |reply: &PendingReply| matches!(reply, PendingReply::Answer(ticket) if ticket.at == at);
        let pending = self.pending.take_where(meant).into_iter();
        let pending = pending.filter_map(|(_, reply)| match reply {
            PendingReply::Answer(ticket) => Some(ticket),
            PendingReply::Call { .. } => None,
        });
        let mut tickets: Vec<Ticket> = pending.collect();
        let meant = |(id, ticket): (&u64, &Ticket)| (ticket.at == at).then_some(*id);
        let deferred: Vec<u64> = self.deferred.iter().filter_map(meant).collect();
        tickets.extend(deferred.iter().filter_map(|id| self.deferred.remove(id)));
        tickets
    }

    /// Takes what waits for an answer in time.
    pub(crate) fn take_pending(&mut self) -> Vec<PendingReply> {
        let pending = self.pending.take_all().into_iter();
        pending.map(|(_, reply)| reply).collect()
    }

    /// The same, and what may be answered at any time.
    pub(crate) fn take_replies(&mut self) -> Vec<PendingReply> {
        let mut replies = self.take_pending();
        let deferred = std::mem::take(&mut self.deferred).into_values();
        replies.extend(deferred.map(PendingReply::Answer));
        replies
    }

    /// When the next request's or answer's time is up.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        let both = self.sent.wakes_at().into_iter();
        both.chain(self.pending.wakes_at()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn ticket(at: SlotId) -> Ticket {
        let path = Vec::new();
        Ticket { at, path }
    }

    fn request(at: SlotId, origin: Origin) -> SentRequest {
        let limit = SOON;
        SentRequest { at, origin, limit }
    }

    fn at(reply: Option<PendingReply>) -> Option<SlotId> {
        match reply? {
            PendingReply::Answer(ticket) => Some(ticket.at),
            PendingReply::Call { .. } => None,
        }
    }

    #[test]
    fn requests_are_taken_by_their_socket_or_by_that_of_their_answer() {
        let [a, b] = SlotId::two();
        let mut exchange = Exchange::default();
        let own = exchange.begin(SOON, request(a, Origin::Handlers));
        let passed_on = exchange.begin(SOON, request(b, Origin::Forward(ticket(a))));
        let other = exchange.begin(SOON, request(b, Origin::Handlers));
        assert_eq!(exchange.sent_by(b).collect::<Vec<_>>(), [passed_on, other]);
        assert!(exchange.take_sent_by(a, other).is_none(), "b has sent it");
        let about = exchange.take_about(a).into_iter();
        assert_eq!(
            about.map(|(id, _)| id).collect::<Vec<_>>(),
            [own, passed_on]
        );
        assert!(exchange.take_sent_by(b, other).is_some());
        assert_eq!(exchange.wakes_at(), None);
    }

    #[test]
    fn answers_come_in_time_or_are_deferred() {
        let [a, b] = SlotId::two();
        let mut exchange = Exchange::default();
        let deferred = exchange.defer(ticket(a));
        let pending = exchange.add_pending(SOON, PendingReply::Answer(ticket(b)));
        assert_eq!(exchange.wakes_at(), Some(SOON));
        assert_eq!(at(exchange.take_oldest_reply()), Some(a));
        assert!(
            exchange.take_reply(deferred).is_none(),
            "each is taken once"
        );
        assert!(exchange.expired_reply(Duration::ZERO).is_none());
        assert_eq!(at(exchange.expired_reply(SOON)), Some(b));
        assert!(exchange.take_reply(pending).is_none());
    }

    #[test]
    fn rights_to_answer_go_with_their_socket() {
        let [a, b] = SlotId::two();
        let mut exchange = Exchange::default();
        for socket in [a, b] {
            exchange.defer(ticket(socket));
            exchange.add_pending(SOON, PendingReply::Answer(ticket(socket)));
        }
        assert!(exchange.take_tickets(a).iter().all(|ticket| ticket.at == a));
        assert!(exchange.take_tickets(a).is_empty());
        assert_eq!(exchange.take_replies().len(), 2);
    }

    #[test]
    fn of_very_many_deferred_answers_the_oldest_go() {
        let [a, b] = SlotId::two();
        let mut exchange = Exchange::default();
        exchange.defer(ticket(b));
        for _ in 1..MAX_PENDING_REPLIES {
            exchange.defer(ticket(a));
        }
        assert!(exchange.take_surplus().is_none() && exchange.may_owe());
        exchange.defer(ticket(a));
        assert_eq!(exchange.take_surplus().map(|ticket| ticket.at), Some(b));
        assert!(exchange.take_surplus().is_none());
    }
}
