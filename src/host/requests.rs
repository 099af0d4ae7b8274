//! What is asked of the daemon: from bytes to what supervision is told, or to the answer.

use super::{Host, facts, log_end};
use crate::access::Asked;
use crate::model::{Access, AgentName};
use crate::supervision::Ticket;
use crate::wire::{Envelope, Fault, HostRequest, LARGEST_BODY, LARGEST_LOG_END, LogEnd, read_body};

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
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, envelope);
        match request {
            HostRequest::Start(agent) => self.let_in_and_start(agent, ticket),
            HostRequest::Stop { agent, grace } => {
                self.supervision.on_stop(&agent, grace, ticket, now)
            }
            HostRequest::Facts {} => {
                let files = self.options.dir.amount_of_files();
                self.answer(ticket, Ok(facts::machine_facts(files)));
            }
            HostRequest::Logs { agents, bytes } => {
                let ends = self.log_ends(agents, bytes);
                self.answer(ticket, ends);
            }
            HostRequest::Shutdown { grace } => {
                self.supervision.on_shutdown(grace, Some(ticket), now)
            }
        }
    }

    /// What the asker may do, in the word of the name server. Where everybody is let in, everything.
    fn level_of(&self, envelope: &Envelope) -> Access {
        match self.link.server_key() {
            Some(_) => envelope.level.unwrap_or(Access::Join),
            None => Access::Admin,
        }
    }

    /// As much as goes into one answer; of agents whose turn does not come, nothing, which is said.
    fn log_ends(&self, agents: Vec<AgentName>, bytes: u32) -> Result<Vec<LogEnd>, Fault> {
        // Written as JSON, a byte may become six.
        let share = LARGEST_BODY / 16 / agents.len().max(1);
        let bytes = u64::from(bytes.min(LARGEST_LOG_END)).min(share as u64);
        let end = |agent: AgentName| {
            let id = self.spawner.id(&agent);
            let (log, more) = log_end(&self.options.dir.log_of(&id), bytes)?;
            let output = log_end(&self.options.dir.output_of(&id), bytes);
            let (output, yet_more) = output.unwrap_or_default();
            Some(LogEnd {
                agent,
                log,
                output,
                cut: more || yet_more,
            })
        };
        Ok(agents.into_iter().filter_map(end).collect())
    }
}
