//! Who gets in at the agent's data sockets, in a closed system: other agents of it, by their keys. A
//! key is asked for at the name server each time, for it may be nobody's since; meanwhile the handshake
//! waits. Who was let in before is let in again while the name server is away.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use zmq::Context;

use super::lookups::Lookup;
use super::requests::Request;
use super::state::Agent;
use crate::model::{Holder, PublicKey};
use crate::wire::{Fault, NameServerRequest, Peer};
use crate::zeromq::{Handshake, Verdict, Zap, hang_up_at};

/// How long the name server may take to tell whose a key is: less than a handshake may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many keys are asked for at a time. Whoever comes when there are so many comes again.
const ASKED: usize = 1000;
/// How often the log says at most that somebody was turned away: strangers are not to fill the disk.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The way in.
pub struct Admission {
    zap: Zap,
    /// Who was let in, and from which machines.
    known: BTreeMap<PublicKey, Known>,
    waiting: BTreeMap<PublicKey, Vec<Handshake>>,
    /// Since the log has last said so, and when that was.
    turned_away: u64,
    told: Option<Duration>,
}

#[derive(Default)]
struct Known {
    name: String,
    from: BTreeSet<String>,
    /// It is nobody's any more. Its connections may still be there.
    stale: bool,
}

/// What became of a question for a key.
pub enum Answer {
    Theirs(Holder),
    Nobodys,
    /// The name server did not say.
    None,
}

impl Admission {
    /// Before any socket of `context` is bound.
    pub fn bind(context: &Context) -> zmq::Result<Self> {
        Ok(Self {
            zap: Zap::bind(context)?,
            known: BTreeMap::new(),
            waiting: BTreeMap::new(),
            turned_away: 0,
            told: None,
        })
    }

    pub fn zap(&self) -> &Zap {
        &self.zap
    }

    /// Tells which keys are to be asked for. If there is nobody to ask, or too much to ask, those are
    /// let in who were before.
    fn attend(&mut self, alone: bool) -> Vec<PublicKey> {
        let mut unknown = Vec::new();
        while let Some(handshake) = self.zap.next() {
            let asked = self.waiting.len();
            if let Some(waiting) = self.waiting.get_mut(&handshake.key) {
                waiting.push(handshake);
                continue;
            }
            let known = self.known.get_mut(&handshake.key).filter(|it| !it.stale);
            match known {
                Some(known) if alone || asked >= ASKED => known.let_in(&self.zap, &handshake),
                None if asked >= ASKED => self.zap.answer(&handshake, Verdict::Later),
                _ => {
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
        if let Answer::Theirs(Holder::Agent(name)) = answer {
            let known = self.known.entry(*key).or_default();
            (known.name, known.stale) = (name.to_string(), false);
        }
        let known = self.known.get_mut(key);
        let verdict = match (answer, known) {
            (Answer::Theirs(Holder::Agent(_)), Some(known)) => {
                waiting.iter().for_each(|it| known.let_in(&self.zap, it));
                return;
            }
            (Answer::None, Some(known)) if !known.stale => {
                waiting.iter().for_each(|it| known.let_in(&self.zap, it));
                return;
            }
            (Answer::None, _) => Verdict::Later,
            (Answer::Theirs(_), _) => Verdict::TurnAway("not an agent's key"),
            (Answer::Nobodys, known) => {
                known.into_iter().for_each(|it| it.stale = true);
                Verdict::TurnAway("the key is unknown")
            }
        };
        for handshake in &waiting {
            self.zap.answer(handshake, verdict);
        }
    }

    /// One more was turned away. Tells how many, if that is to be told now.
    fn count_turned_away(&mut self, now: Duration) -> Option<u64> {
        self.turned_away += 1;
        if self.told.is_some_and(|told| now < told + TOLD_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.turned_away))
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
    pub fn attend_admission(&mut self) {
        let alone = self.control.down();
        let unknown = self
            .admission
            .as_mut()
            .map(|admission| admission.attend(alone));
        for key in unknown.unwrap_or_default() {
            self.ask_whose(key, Lookup::Whose(key));
        }
    }

    fn ask_whose(&mut self, key: PublicKey, lookup: Lookup) {
        let request = Request {
            requester: None,
            limit: PATIENCE,
            until: self.now + PATIENCE,
        };
        let whose = NameServerRequest::Whose { key };
        self.send_lookup(Peer::NameServer, &whose, lookup, request);
    }

    /// Asks for all keys again by which others are connected: some may have been revoked while this
    /// agent could not be told, and those of agents that have ended are told of to nobody.
    pub(super) fn ask_for_keys_again(&mut self) {
        let Some(admission) = &self.admission else {
            return;
        };
        let dialled = self.sockets.iter_mut().flat_map(|slot| slot.keys_dialled());
        let mut keys: BTreeSet<PublicKey> = dialled.collect();
        keys.extend(admission.known.keys());
        for key in keys {
            self.ask_whose(key, Lookup::Still(key));
        }
    }

    pub(super) fn on_still(&mut self, key: &PublicKey, answer: Result<Value, &Fault>) {
        if let Err(Fault::Refused { .. }) = answer {
            self.on_revoked(&[*key]);
        }
    }

    pub(super) fn on_whose(&mut self, key: &PublicKey, answer: Result<Value, &Fault>) {
        let answer = match answer.map(serde_json::from_value) {
            Ok(Ok(holder)) => Answer::Theirs(holder),
            Err(Fault::Refused { .. }) => Answer::Nobodys,
            _ => Answer::None,
        };
        let Some(admission) = &mut self.admission else {
            return;
        };
        admission.settle(key, &answer);
        if let Answer::Nobodys = answer
            && let Some(count) = admission.count_turned_away(self.now)
        {
            self.log.warn(&format!(
                "{count} turned away whose key is unknown, the last: {key}"
            ));
        }
    }

    /// The holders of these keys were put out. Their connections end; so do others from the same
    /// machines, for libzmq does not tell them apart: these are made again at once.
    pub(super) fn on_revoked(&mut self, keys: &[PublicKey]) {
        for slot in self.sockets.iter_mut() {
            self.unannounced |= slot.let_go_of(keys, self.now);
        }
        let from = self
            .admission
            .as_mut()
            .map(|admission| admission.forget(keys));
        let from: BTreeSet<String> = from.unwrap_or_default();
        if from.is_empty() {
            return;
        }
        let ips: Vec<IpAddr> = from.iter().filter_map(|ip| ip_of(ip)).collect();
        let places = self.sockets.places();
        let ended = hang_up_at(&places, &ips);
        self.log.warn(&format!(
            "keys were revoked: {ended} connections have ended, and those that may come again"
        ));
    }
}

/// Of an address as ZAP has it: one of IPv6 may name the interface by which it is reached.
fn ip_of(address: &str) -> Option<IpAddr> {
    let ip = address.split('%').next()?.parse::<IpAddr>().ok()?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ipv6_are_those_that_the_kernel_tells() {
        let ip = |text: &str| ip_of(text).map(|it| it.to_string());
        assert_eq!(ip("::ffff:10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(ip("fe80::1%eth0").as_deref(), Some("fe80::1"));
        assert_eq!(ip(""), None);
    }

    #[test]
    fn strangers_do_not_fill_the_log() {
        let mut admission = Admission::bind(&Context::new()).unwrap();
        let told =
            |admission: &mut Admission, s| admission.count_turned_away(Duration::from_secs(s));
        assert_eq!(told(&mut admission, 1), Some(1));
        assert_eq!(
            (told(&mut admission, 2), told(&mut admission, 3)),
            (None, None)
        );
        assert_eq!(told(&mut admission, 11), Some(3));
    }
}
