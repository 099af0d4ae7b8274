//! What is asked of the daemon: from bytes to what supervision is told, or to the answer.

use super::logs::Wanted;
use super::{Host, facts};
use crate::supervision::Ticket;
use crate::wire::{Envelope, HostRequest, Incarnation, read_body};

impl Host {
    pub(super) fn on_request(&mut self, envelope: Envelope, content: &[u8]) {
        let now = self.now();
        let request = match read_body(content) {
            Ok(request) => request,
            Err(fault) => return self.link.reply::<()>(&envelope, Err(fault)),
        };
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, envelope);
        match request {
            HostRequest::Start(agent) => {
                self.supervision
                    .on_start(agent, Incarnation::draw(), ticket)
            }
            HostRequest::Stop { agent, grace } => {
                self.supervision.on_stop(&agent, grace, ticket, now)
            }
            HostRequest::Facts {} => self.answer(ticket, Ok(facts::machine_facts())),
            HostRequest::Logs { from, bytes, wait } => {
                self.on_logs(Wanted { from, bytes }, wait, ticket)
            }
            HostRequest::Shutdown { grace } => {
                self.supervision.on_shutdown(grace, Some(ticket), now)
            }
        }
    }
}
