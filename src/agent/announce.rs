//! The agent tells its name server what it is, that it still works, and that it goes.

use std::process;

use super::control::Weight;
use super::sockets::LinkAt;
use super::state::Agent;
use super::waiting::Waiting;
use crate::model::{ConnectionInfo, ExitReport};
use crate::wire::{self, Announcement, Envelope, NameServerRequest, Peer, Reached, body};
use crate::zeromq::{End, hang_up_dead};

impl Agent {
    /// Tells the name server the whole truth about this agent. If the line is down, that will be
    /// the first thing said when it is back.
    pub(crate) fn announce(&mut self) {
        if self.membership.is_hidden() {
            return;
        }
        let (envelope, body) = self.announcement();
        self.membership.send(&envelope, body, Weight::Light);
        self.membership.tell_happened();
    }

    /// Its program is prepared: from now on the agent is there for all.
    pub(crate) fn introduce(&mut self) {
        if self.membership.show() {
            self.carry_out_spec();
            self.announce();
            self.go_alone();
        }
    }

    /// The line to the name server takes messages again.
    pub(crate) fn control_is_back(&mut self) {
        let (envelope, body) = self.announcement();
        self.membership.control.restore((&envelope, body));
    }

    /// Announces if anything has changed.
    pub(crate) fn announce_changes(&mut self) {
        if self.membership.has_news() {
            self.announce();
        }
    }

    /// Announces at the end of a turn, unless another member waits for more changes of the kind: many
    /// connections that are proven one after the other are one piece of news.
    pub(crate) fn announce_in_time(&mut self) {
        let wired = |(_, waiting): (u64, &Waiting)| matches!(waiting, Waiting::Wire { .. });
        if !self.waiting.iter().any(wired) {
            self.announce_changes();
        }
    }

    fn announcement(&mut self) -> (Envelope, Vec<u8>) {
        let envelope = self.membership.begin_announcement();
        let (state, why) = self.own_state();
        let (addresses, connections) = (self.sockets.addresses(), self.connections());
        let now = (state, why.clone());
        let happened = self
            .history
            .on_announced(self.boot.name(), now, &addresses, &connections);
        happened.into_iter().for_each(|it| self.membership.note(it));
        let announcement = Announcement::Agent {
            name: self.boot.name().clone(),
            incarnation: self.boot.incarnation,
            host: self.boot.host.clone(),
            pid: process::id(),
            state,
            why,
            busy_ms: self.busy_ms(),
            uptime_ms: u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX),
            addresses,
            connections,
            spec_version: self.given.version,
            reached: Box::new(self.reached()),
            relaunches: Box::new(self.relaunching.core.told(self.now)),
            former_lives: self.boot.former_lives,
            successor_of: self.successor_of,
            within: self.boot.within,
            guards: crate::zeromq::GUARDS.to_vec(),
        };
        (envelope, body(&NameServerRequest::Announce(announcement)))
    }

    fn reached(&self) -> Reached {
        Reached {
            done: self.steps.done().clone(),
            fault: self.given.fault.as_ref().or(self.steps.fault()).cloned(),
        }
    }

    fn connections(&self) -> Vec<ConnectionInfo> {
        let mut connections = Vec::new();
        for (socket, slot) in self.sockets.numbered() {
            let links = slot.connections(self.now);
            connections.extend(links.map(|(link, info)| {
                let at = LinkAt { socket, link };
                self.wires.seen(info, at, self.now)
            }));
        }
        connections.extend(self.wires.unresolved(self.now));
        connections
    }

    /// The name server has taken an announcement. A user who started the agent by hand sees it in the log.
    pub(crate) fn note_registered(&mut self) {
        let is_news = self.membership.note_registered();
        self.membership.tell_happened_again();
        if !is_news {
            return;
        }
        if self.boot.host.is_none() {
            let (name, at) = (self.boot.name(), &self.boot.nameserver);
            self.log.info(&format!("{name} is registered at {at}"));
        }
        self.tell_registered();
    }

    pub(crate) fn heartbeat_if_due(&mut self) {
        if !self.membership.begin_heartbeat(self.now) || self.membership.is_hidden() {
            return;
        }
        let envelope = Envelope::oneway(Peer::NameServer);
        let body = body(&NameServerRequest::Heartbeat {});
        self.membership.send(&envelope, body, Weight::Light);
        self.see_to_accounts();
        self.membership.tell_happened();
        self.look_for_the_dead();
    }

    /// Ends connections, to the name server and of data sockets, whose other end has gone without a word
    /// while data was under way. Those that were dialled from here are dialled anew.
    fn look_for_the_dead(&mut self) {
        if !self.membership.begin_look(self.now) {
            return;
        }
        let ours = |end: &End| {
            end.leads_to(&self.boot.nameserver) || self.sockets.iter().any(|slot| slot.has_end(end))
        };
        for end in hang_up_dead(ours) {
            self.log.warn(&format!(
                "the connection with {} is given up: nobody answers there any more",
                end.there
            ));
        }
    }

    /// Says goodbye to the name server.
    pub(crate) fn leave(&mut self) {
        self.tell_last_losses();
        self.membership.tell_happened_again();
        let envelope = self.membership.begin_leave();
        let end = self.life.code().map(|code| wire::End {
            exit: ExitReport {
                status: Some(code),
                signal: None,
                log: Vec::new(),
                cause: self.cause.clone(),
            },
            asked: self.asked_to_end,
        });
        let body = body(&NameServerRequest::Leave { end });
        self.membership.send(&envelope, body, Weight::Light);
    }
}
