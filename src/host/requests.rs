//! What is asked of the daemon: from bytes to what supervision is told, or to the answer.

use super::alter::ToBe;
use super::logs::Wanted;
use super::{Host, facts};
use crate::access::Asked;
use crate::model::Access;
use crate::supervision::Ticket;
use crate::wire::{Envelope, Fault, HostRequest, Incarnation, read_body};

impl Host {
    pub(super) fn on_request(&mut self, envelope: Envelope, content: &[u8]) {
        let now = self.now();
        let request: Result<HostRequest, Fault> = read_body(content);
        let permitted = request.and_then(|request| {
            let level = self.level_of(&envelope);
            request.permitted_to(level).map(|()| request)
        });
        let request = match permitted {
            Ok(request) => request,
            Err(fault) => return self.link.reply::<()>(&envelope, Err(fault)),
        };
        let asker = envelope.peer.clone();
        let ticket = self.ticket();
        self.tickets.insert(ticket, envelope);
        match request {
            HostRequest::Start { mut spec, succeeds } => {
                spec.name = self.spawner.id(&spec.name.name);
                self.note_succession(&spec.name.name, succeeds);
                self.note_companions(&spec);
                self.boots.forget(&spec.name.name, now);
                self.supervision.on_start(spec, Incarnation::draw(), ticket)
            }
            HostRequest::Spawn { spec } => self.on_spawn(spec, ticket),
            HostRequest::Remove { agent, grace } => self.on_remove(agent, grace, ticket),
            HostRequest::Lead { agents, to } => {
                let led = self.lead(agents, to);
                self.answer(ticket, led);
            }
            HostRequest::Launch {
                agent,
                values,
                timers,
                timeout,
            } => self.on_launch(agent, values, (timers, timeout), ticket),
            HostRequest::Keep { agents } => {
                let ids = agents.iter().map(|agent| self.spawner.id(agent));
                self.specs.keep_up(ids);
                self.supervision.on_keep(&agents, now);
                self.specs.flush();
                self.answer(ticket, Ok(()));
            }
            HostRequest::Restart { agent } => {
                self.boots.forget(&agent, now);
                let begun = self.supervision.on_restart_by_hand(&agent, now);
                self.answer(ticket, begun);
            }
            HostRequest::ProgramEnded { incarnation, exit } => {
                self.on_program_ended(asker, (incarnation, exit), ticket);
            }
            HostRequest::Attach { spec } => self.on_attach(spec, ticket),
            HostRequest::Alter { spec, back } => self.on_alter(ToBe { spec, back }, ticket),
            HostRequest::Forget { agents } => {
                let forgotten = self.forget(&agents);
                self.answer(ticket, forgotten);
            }
            HostRequest::Stop { agent, grace, hold } => {
                if hold && self.supervision.on_hold(&agent) {
                    self.specs.keep_stopped(&self.spawner.id(&agent), true);
                }
                self.boots.forget(&agent, now);
                self.supervision.on_stop(&agent, grace, ticket, now)
            }
            HostRequest::Ties {} => {
                let ties: Vec<_> = self.specs.all().map(|kept| kept.spec.ties()).collect();
                self.answer(ticket, Ok(ties));
            }
            HostRequest::Agents {} => {
                let alive: Vec<_> = self.supervision.alive().cloned().collect();
                self.answer(ticket, Ok(alive));
            }
            HostRequest::Attributes { agent, name } => {
                let left = self.left(agent, name);
                self.answer(ticket, left);
            }
            HostRequest::Leftovers {} => {
                let left = self.leftovers();
                self.answer(ticket, Ok(left));
            }
            HostRequest::Facts {} => {
                let files = self.options.dir.amount_of_files();
                self.answer(ticket, Ok(facts::machine_facts(files)));
            }
            HostRequest::Logs { from, bytes, wait } => {
                self.on_logs(Wanted { from, bytes }, wait, ticket)
            }
            HostRequest::Examine(examination) => self.on_examine(examination, ticket),
            HostRequest::Dial { targets } => self.on_dial(targets, ticket),
            HostRequest::EndExamination { token } => self.on_end_examination(&token, ticket),
            HostRequest::Shutdown { grace } => {
                self.supervision.on_shutdown(grace, Some(ticket), now)
            }
        }
    }

    /// The number of a request, or of one that the daemon makes itself.
    pub(super) fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }

    /// What the requester may do, according to the name server. In an open system, everything.
    fn level_of(&self, envelope: &Envelope) -> Access {
        match self.link.server_key() {
            Some(_) => envelope.level.unwrap_or(Access::Join),
            None => Access::Admin,
        }
    }
}
