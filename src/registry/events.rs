//! What happens, for those who follow events: what members tell of themselves, each once, and what only the name server
//! sees: who is silent, who comes and goes, who is let in.

use super::{Effect, Now, Registry, RoutingId};
use crate::access::Asked;
use crate::events::Taken;
use crate::model::{Access, AgentName, State};
use crate::wire::{
    AgentEvent, AgentRequest, EventOrigin, Fault, HostEvent, Incarnation, NameServerRequest, Note,
    Occurred, OwnEvent, Peer,
};

/// No text that a member has chosen is longer in an event, in bytes.
const LONGEST_TEXT: usize = 300;

/// Whether a member of that level is told. What operators do is for admins, and attributes are for those who may ask for them.
pub(crate) fn may_know(level: Access, what: &Occurred) -> bool {
    match what {
        Occurred::Member { .. } | Occurred::Deed { .. } => level == Access::Admin,
        Occurred::Attribute { .. } => {
            let asked = AgentRequest::Attributes {};
            asked.permitted_to(level).is_ok()
        }
        Occurred::Agent { .. }
        | Occurred::Host { .. }
        | Occurred::Wire { .. }
        | Occurred::Socket { .. }
        | Occurred::Health { .. }
        | Occurred::Loss { .. }
        | Occurred::Nameserver { .. }
        | Occurred::Gap { .. }
        | Occurred::Unknown => true,
    }
}

impl Registry {
    /// A member tells what has happened to it. The number up to which its events are there now.
    pub(super) fn happened(
        &mut self,
        from: &RoutingId,
        life: Incarnation,
        kept: u64,
        events: Vec<OwnEvent>,
    ) -> Result<u64, Fault> {
        let owner = match self.routes.get(from) {
            Some(owner @ (Peer::Agent(_) | Peer::Host(_) | Peer::Successor(_))) => owner.clone(),
            _ => {
                let reason = "that is for agents and hosts, of themselves".to_owned();
                return Err(Fault::Refused { reason });
            }
        };
        let its_own = |event: &OwnEvent| self.may_tell(&owner, &event.what);
        if let Some(other) = events.iter().find(|it| !its_own(it)) {
            let reason = format!("{owner} tells of {}", other.what.about());
            return Err(Fault::Refused { reason });
        }
        let Taken {
            missing,
            events,
            upto,
        } = self.owners.take(&owner, life, kept, events);
        if missing > 0 {
            let of = owner.clone();
            self.occurred(Occurred::Gap { of, count: missing });
        }
        for OwnEvent { own, at, what } in events {
            let by = EventOrigin {
                owner: owner.clone(),
                life,
                own,
            };
            self.effects.push(Effect::Occurred {
                what: Box::new(what.cut(LONGEST_TEXT)),
                at: Some(at),
                by: Some(Box::new(by)),
            });
        }
        Ok(upto)
    }

    /// An agent tells of itself, a host also of the agents that it has started.
    fn may_tell(&self, owner: &Peer, what: &Occurred) -> bool {
        let is_its = |of: &AgentName| {
            let member = self.members.get(&Peer::Agent(of.clone()));
            let host = member.and_then(|it| it.host());
            host.is_none_or(|host| *owner == Peer::Host(host.clone()))
        };
        match (owner, what) {
            (Peer::Agent(own) | Peer::Successor(own), what) => {
                matches!(
                    what,
                    Occurred::Agent { .. }
                        | Occurred::Wire { .. }
                        | Occurred::Socket { .. }
                        | Occurred::Health { .. }
                        | Occurred::Loss { .. }
                        | Occurred::Attribute { .. }
                ) && what.agent() == Some(own)
            }
            (Peer::Host(own), Occurred::Host { of, .. }) => own == of,
            (Peer::Host(_), Occurred::Agent { of, .. }) => is_its(of),
            _ => false,
        }
    }

    pub(super) fn occurred(&mut self, what: Occurred) {
        self.effects.push(Effect::Occurred {
            what: Box::new(what),
            at: None,
            by: None,
        });
    }

    /// The name server sees a member in another state than before, which the member itself cannot tell.
    pub(super) fn seen_in_state(&mut self, peer: &Peer, why: Option<String>) {
        let Some(state) = self.members.get(peer).map(super::Member::state) else {
            return;
        };
        match peer {
            Peer::Agent(of) => {
                let of = of.clone();
                let what = AgentEvent::State { state, why };
                self.occurred(Occurred::Agent { of, what });
            }
            Peer::Host(of) => {
                let of = of.clone();
                let what = HostEvent::State { state };
                self.occurred(Occurred::Host { of, what });
            }
            Peer::Successor(_) | Peer::Client(_) | Peer::NameServer => {}
        }
    }

    /// A member is silent, or has been.
    pub(super) fn seen_silent(&mut self, peer: &Peer, now: Now) {
        let silent = self.members.get(peer).map(|it| it.silent_for(now));
        let why = silent.map(|silent| format!("not heard of for {silent}"));
        self.seen_in_state(peer, why);
    }

    /// A member has said that it goes. Of agents that a host has started, that one tells how they end.
    pub(super) fn seen_leaving(&mut self, peer: &Peer, status: Option<i32>) {
        match peer {
            Peer::Agent(of) => {
                let member = self.members.get(peer);
                if member.is_some_and(|it| it.host().is_none() && it.state() != State::Starting) {
                    let of = of.clone();
                    let what = AgentEvent::Left { status };
                    self.occurred(Occurred::Agent { of, what });
                }
            }
            Peer::Host(of) => {
                let of = of.clone();
                let what = HostEvent::Left {};
                self.occurred(Occurred::Host { of, what });
            }
            Peer::Successor(_) | Peer::Client(_) | Peer::NameServer => {}
        }
    }

    /// What goes into the journal is an event too.
    pub(super) fn noted(&mut self, note: &Note) {
        if let Some(what) = note.what.as_event(note.who.as_ref()) {
            self.occurred(what.cut(LONGEST_TEXT));
        }
    }

    /// Events, for those who may follow them.
    pub(super) fn tell_events(
        &mut self,
        from: &RoutingId,
        level: Access,
        id: u64,
        (after, wait_ms): (Option<u64>, u32),
        now: Now,
    ) {
        let request = NameServerRequest::Events { after, wait_ms };
        let may = match &self.keys {
            Some(_) => request.permitted_to(level),
            None => Ok(()),
        };
        // That they are followed goes on with each part of them.
        if after.unwrap_or_default() == 0 || may.is_err() {
            let deed = self.deed(from, level, Ok(&request));
            self.audit(deed, may.as_ref().err(), now);
        }
        if let Err(fault) = may {
            return self.reply(from, id, Err(fault));
        }
        self.effects.push(Effect::TellEvents {
            to: from.clone(),
            id,
            after,
            wait_ms,
            level: match self.keys {
                Some(_) => level,
                None => Access::Admin,
            },
        });
    }
}
