//! Which peers are admitted at the agent's data sockets, in a closed system: other agents of it, by their keys. A
//! key is asked for at the name server each time, because it may be revoked since; meanwhile the handshake
//! waits. A peer that was admitted before is admitted again while the name server is away.

use std::collections::BTreeMap;
use std::time::Duration;

use zmq::Context;

use crate::model::timing::TURNED_AWAY_INTERVAL;
use crate::model::{Holder, PublicKey};
use crate::zeromq::{Connections, Handshake, Verdict, Zap};

/// How many keys are asked for at a time. A peer that comes when there are so many has to come again.
const ASKED: usize = 1000;

/// The way in.
pub(crate) struct Admission {
    zap: Zap,
    /// Which peers were admitted.
    known: BTreeMap<PublicKey, Known>,
    connections: Connections<PublicKey>,
    waiting: BTreeMap<PublicKey, Vec<Handshake>>,
    /// Since the log has last said so, and when that was.
    turned_away: u64,
    told: Option<Duration>,
}

#[derive(Default)]
struct Known {
    name: String,
    /// It is revoked. Its connections may still be there.
    stale: bool,
}

/// The outcome of a question for a key.
pub(crate) enum Answer {
    Theirs(Holder),
    Nobodys,
    /// The name server did not say.
    None,
}

impl Admission {
    /// Before any socket of `context` is bound.
    pub(crate) fn bind(context: &Context) -> zmq::Result<Self> {
        Ok(Self {
            zap: Zap::bind(context)?,
            known: BTreeMap::new(),
            connections: Connections::default(),
            waiting: BTreeMap::new(),
            turned_away: 0,
            told: None,
        })
    }

    pub(crate) fn zap(&self) -> &Zap {
        &self.zap
    }

    /// Tells which keys are to be asked for. If there is nobody to ask, or too much to ask, those are
    /// let in who were before.
    pub(crate) fn attend(&mut self, alone: bool) -> Vec<PublicKey> {
        let mut unknown = Vec::new();
        while let Some(handshake) = self.zap.next() {
            let asked = self.waiting.len();
            if let Some(waiting) = self.waiting.get_mut(&handshake.key) {
                waiting.push(handshake);
                continue;
            }
            let known = self.known.get_mut(&handshake.key).filter(|it| !it.stale);
            match known {
                Some(known) if alone || asked >= ASKED => {
                    admit(&self.zap, &mut self.connections, &known.name, &handshake);
                }
                None if asked >= ASKED => self.zap.answer(&handshake, Verdict::Later),
                _ => {
                    unknown.push(handshake.key);
                    self.waiting.insert(handshake.key, vec![handshake]);
                }
            }
        }
        unknown
    }

    /// Peers that wait by that key are admitted or refused.
    pub(crate) fn settle(&mut self, key: &PublicKey, answer: &Answer) {
        let waiting = self.waiting.remove(key).unwrap_or_default();
        if let Answer::Theirs(Holder::Agent(name)) = answer {
            let known = self.known.entry(*key).or_default();
            (known.name, known.stale) = (name.to_string(), false);
        }
        let known = self.known.get_mut(key);
        let verdict = match (answer, known) {
            (Answer::Theirs(Holder::Agent(_)), Some(known)) => {
                for handshake in &waiting {
                    admit(&self.zap, &mut self.connections, &known.name, handshake);
                }
                return;
            }
            (Answer::None, Some(known)) if !known.stale => {
                for handshake in &waiting {
                    admit(&self.zap, &mut self.connections, &known.name, handshake);
                }
                return;
            }
            (Answer::None, _) => Verdict::Later,
            (Answer::Theirs(_), _) => Verdict::Refused("not an agent's key"),
            (Answer::Nobodys, known) => {
                known.into_iter().for_each(|it| it.stale = true);
                Verdict::Refused("the key is unknown")
            }
        };
        for handshake in &waiting {
            self.zap.answer(handshake, verdict);
        }
    }

    /// One more was refused. Tells how many, if that is to be told now.
    pub(crate) fn count_turned_away(&mut self, now: Duration) -> Option<u64> {
        self.turned_away += 1;
        if self
            .told
            .is_some_and(|told| now < told + TURNED_AWAY_INTERVAL)
        {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.turned_away))
    }

    /// By which a peer was admitted.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.known.keys()
    }

    /// These keys are revoked: their connections end. Tells how many there were.
    pub(crate) fn revoke(&mut self, keys: &[PublicKey]) -> usize {
        for key in keys {
            self.known.remove(key);
        }
        self.connections.end(keys)
    }
}

fn admit(zap: &Zap, connections: &mut Connections<PublicKey>, name: &str, handshake: &Handshake) {
    connections.add(handshake.key, handshake.connection);
    zap.answer(handshake, Verdict::Admitted(name));
}

#[cfg(test)]
mod tests {
    use super::*;

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
