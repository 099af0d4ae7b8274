//! Who gets in at the agent's data sockets, in a closed system: other agents of it, by their keys. A
//! key that is not known yet is asked for at the name server, once; meanwhile the handshake waits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use zmq::Context;

use super::errands::Errand;
use super::requests::Request;
use super::state::Agent;
use crate::model::{Holder, PublicKey};
use crate::wire::{Fault, NameServerRequest, Peer};
use crate::zeromq::{Handshake, Verdict, Zap, hang_up_at};

/// How long the name server may take to tell whose a key is: less than a handshake may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many keys are asked for at a time. Whoever comes when there are so many comes again.
const ASKED: usize = 1000;

/// The way in.
pub struct Door {
    zap: Zap,
    /// Who was let in, and from which machines.
    known: BTreeMap<PublicKey, Known>,
    waiting: BTreeMap<PublicKey, Vec<Handshake>>,
}

struct Known {
    name: String,
    from: BTreeSet<String>,
}

/// What became of a question for a key.
pub enum Answer {
    Theirs(Holder),
    Nobodys,
    /// The name server did not say.
    None,
}

impl Door {
    /// Before any socket of `context` is bound.
    pub fn bind(context: &Context) -> zmq::Result<Self> {
        Ok(Self {
            zap: Zap::bind(context)?,
            known: BTreeMap::new(),
            waiting: BTreeMap::new(),
        })
    }

    pub fn zap(&self) -> &Zap {
        &self.zap
    }

    /// Lets in whom it knows. Tells which keys are to be asked for.
    fn attend(&mut self) -> Vec<PublicKey> {
        let mut unknown = Vec::new();
        while let Some(handshake) = self.zap.next() {
            if let Some(known) = self.known.get_mut(&handshake.key) {
                known.let_in(&self.zap, &handshake);
                continue;
            }
            let asked = self.waiting.len();
            match self.waiting.get_mut(&handshake.key) {
                Some(waiting) => waiting.push(handshake),
                None if asked >= ASKED => self.zap.answer(&handshake, Verdict::Later),
                None => {
                    unknown.push(handshake.key);
                    self.waiting.insert(handshake.key, vec![handshake]);
                }
            }
        }
        unknown
    }

    /// Whoever waits by that key is let in or not.
    fn settle(&mut self, key: &PublicKey, answer: &Answer) {
        let waiting = self.waiting.remove(key).unwrap_or_default();
        let verdict = match answer {
            Answer::Theirs(Holder::Agent(name)) => {
                let mut known = Known {
                    name: name.to_string(),
                    from: BTreeSet::new(),
                };
                for handshake in &waiting {
                    known.let_in(&self.zap, handshake);
                }
                self.known.insert(*key, known);
                return;
            }
            Answer::Theirs(_) => Verdict::TurnAway("not an agent's key"),
            Answer::Nobodys => Verdict::TurnAway("the key is unknown"),
            Answer::None => Verdict::Later,
        };
        for handshake in &waiting {
            self.zap.answer(handshake, verdict);
        }
    }

    /// These keys are nobody's any more. Tells from which machines they were used.
    fn forget(&mut self, keys: &[PublicKey]) -> BTreeSet<String> {
        let known = keys.iter().filter_map(|key| self.known.remove(key));
        known.flat_map(|known| known.from).collect()
    }
}

impl Known {
    fn let_in(&mut self, zap: &Zap, handshake: &Handshake) {
        self.from.insert(handshake.address.clone());
        zap.answer(handshake, Verdict::LetIn(&self.name));
    }
}

impl Agent {
    /// Somebody wants to come in.
    pub fn attend_door(&mut self) {
        let unknown = self.door.as_mut().map(Door::attend);
        for key in unknown.unwrap_or_default() {
            let request = Request {
                asker: None,
                limit: PATIENCE,
                until: self.now + PATIENCE,
            };
            let whose = NameServerRequest::Whose { key };
            self.send_errand(Peer::NameServer, &whose, Errand::Whose(key), request);
        }
    }

    pub(super) fn on_whose(&mut self, key: &PublicKey, answer: Result<Value, &Fault>) {
        let answer = match answer.map(serde_json::from_value) {
            Ok(Ok(holder)) => Answer::Theirs(holder),
            Err(Fault::Refused { .. }) => Answer::Nobodys,
            _ => Answer::None,
        };
        if let Answer::Nobodys = answer {
            self.log.warn(&format!(
                "somebody was turned away whose key is unknown: {key}"
            ));
        }
        if let Some(door) = &mut self.door {
            door.settle(key, &answer);
        }
    }

    /// The name server did not tell in time.
    pub(super) fn on_untold(&mut self, key: &PublicKey) {
        if let Some(door) = &mut self.door {
            door.settle(key, &Answer::None);
        }
    }

    /// The holders of these keys were put out. Their connections end; so do others from the same
    /// machines, for libzmq does not tell them apart: these are made again at once.
    pub(super) fn on_revoked(&mut self, keys: &[PublicKey]) {
        for slot in self.sockets.iter_mut() {
            self.unannounced |= slot.let_go_of(keys, self.now);
        }
        let from = self.door.as_mut().map(|door| door.forget(keys));
        let from: BTreeSet<String> = from.unwrap_or_default();
        if from.is_empty() {
            return;
        }
        let ips: Vec<IpAddr> = from.iter().filter_map(|ip| ip.parse().ok()).collect();
        let places = self.sockets.places();
        let ended = hang_up_at(&places, &ips);
        self.log.warn(&format!(
            "keys were revoked: {ended} connections have ended, and those that may come again"
        ));
    }
}
