//! Members whose sockets lack guards, because they have a libzmq of their own, are told so when they register, and the
//! name server's log says it once for each such life of them. They are let in all the same: what they lack protects
//! them, and nobody else.

use super::{Effect, Now, Registry};
use crate::model::Guard;
use crate::wire::{Envelope, Event, Peer, body};

/// Where a member reads on.
const SEE: &str = "specs/security.md, \"Members with a libzmq of their own\"";

/// So many lines in each of these times: nobody fills the log by registering again and again.
const MOST: u32 = 20;
const WINDOW: Now = Now::from_secs(60);

/// Those that have registered and are to be told, and what was logged lately.
#[derive(Debug, Default)]
pub(super) struct Unguarded {
    waiting: Vec<Peer>,
    since: Now,
    logged: u32,
}

impl Unguarded {
    /// It is told when its announcement has been answered.
    pub(super) fn registered(&mut self, peer: &Peer) {
        self.waiting.push(peer.clone());
    }

    /// Whether there is room for one more line.
    fn may_log(&mut self, now: Now) -> bool {
        if now >= self.since + WINDOW {
            (self.since, self.logged) = (now, 0);
        }
        self.logged += 1;
        self.logged <= MOST
    }
}

impl Registry {
    /// Tells those that have just registered what they lack.
    pub(super) fn tell_unguarded(&mut self, now: Now) {
        for peer in std::mem::take(&mut self.unguarded.waiting) {
            let Some(member) = self.members.get(&peer) else {
                continue;
            };
            let lacks = member.lacks().to_vec();
            if lacks.is_empty() {
                continue;
            }
            let route = member.route.clone();
            if self.unguarded.may_log(now) {
                let names = Guard::listed(&lacks);
                let line = format!(
                    "{peer} has a libzmq of its own, and its sockets lack {names}: see {SEE}"
                );
                self.effects.push(Effect::Warn(line));
            }
            let see = SEE.to_owned();
            let event = body(&Event::Unguarded { lacks, see });
            self.send(&route, Envelope::event(), event);
        }
    }
}
