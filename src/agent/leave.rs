//! An agent leaves an end of its own wires that it keeps no more, or leaves a peer's connection out: the peer gets what was
//! meant for it, and answers it; everything else goes to the others.

use serde_json::Value;

use super::leaving::Leaving;
use super::lookups::Lookup;
use super::requester::Requester;
use super::requests::Request;
use super::sockets::{LinkAt, is_answered, shares};
use super::state::Agent;
use crate::model::timing::REQUEST_TIMEOUT;
use crate::model::{Alias, Holder, SocketId, Target};
use crate::wire::{AgentRequest, Fault, Peer};

impl Agent {
    /// A reader that is about to go has connected: these lines get no more. Tells what was given to each, of those that are
    /// known.
    pub(super) fn leave_out(
        &mut self,
        alias: &Alias,
        lines: &[Box<str>],
        requester: Option<&Requester>,
    ) -> Result<Value, Fault> {
        let own = self.given.nameserver.clone();
        let is_open = self.boot.keys.is_none();
        let (_, slot) = self.find_for_mut(alias, shares, "leave a connection out")?;
        // Who may not even connect there has no line.
        if let Some(Requester::Member {
            peer: Peer::Agent(name),
            ..
        }) = requester
            && !is_open
            && !slot.may_connect(&Holder::Agent(name.clone()), own.as_ref())
        {
            let reason = format!("{alias} does not admit {name}");
            return Err(Fault::Refused { reason });
        }
        let given = slot.leave_out(lines);
        Ok(serde_json::to_value(given).unwrap_or_default())
    }

    /// All wires are proven: those that are not kept any more are left. Whether that is done.
    pub(super) fn leave_former_ends(&mut self) -> bool {
        for (alias, to) in std::mem::take(&mut self.given.former_wires) {
            let target = Target {
                agent: to.agent.name.clone(),
                alias: to.alias.clone(),
            };
            let Some(id) = self.wires.between(&alias, &target) else {
                continue;
            };
            let link = self.wires.link(id);
            self.wires.forget(id);
            if let Some(link) = link {
                self.begin_to_leave(link, to);
            }
            self.membership.note_change();
        }
        self.see_to_leaving();
        self.leaving.is_empty()
    }

    fn begin_to_leave(&mut self, link: LinkAt, to: SocketId) {
        let Some(slot) = self.sockets.get_mut(link.socket) else {
            return;
        };
        let lines: Vec<Box<str>> = slot.lines_of(link.link);
        if shares(slot.kind) && !lines.is_empty() {
            let given = slot.leave_out(&lines);
            let left = AgentRequest::Left {
                alias: to.alias,
                lines: given,
            };
            let lookup = Lookup::Arrived {
                at: link.socket,
                lines: lines.clone(),
            };
            let request = Request::new(None, REQUEST_TIMEOUT, self.now);
            self.send_lookup(Peer::Agent(to.agent.name), &left, lookup, request);
        }
        self.leaving.push(Leaving { link, lines });
    }

    /// Leaves the ends from which all answers have come.
    pub(super) fn see_to_leaving(&mut self) {
        while let Some(at) = (0..self.leaving.len()).find(|at| self.is_answered_at(*at)) {
            let link = self.leaving.remove(at).link;
            self.leave_link(link);
        }
    }

    fn is_answered_at(&mut self, at: usize) -> bool {
        let Leaving { link, lines } = &self.leaving[at];
        let waits = self.exchange.sent_by(link.socket).next().is_some();
        let Some(slot) = self.sockets.get_mut(link.socket) else {
            return true;
        };
        // Each request has a limit, so that none is waited for for ever.
        !slot.kind.asks() || !waits || is_answered(&slot.standing_lines(), lines)
    }

    fn leave_link(&mut self, at: LinkAt) {
        let Some(slot) = self.sockets.get_mut(at.socket) else {
            return;
        };
        if let Some(link) = slot.leave(at.link) {
            let socket = at.socket;
            let moved = LinkAt { socket, link };
            self.wires.move_link(moved, at);
            let mut leaving = self.leaving.iter_mut();
            if let Some(other) = leaving.find(|it| it.link == moved) {
                other.link = at;
            }
        }
        self.membership.note_change();
    }
}
