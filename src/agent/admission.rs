//! Which peers are admitted at the agent's data sockets, in a closed system: other agents, by their keys, each at the
//! sockets that are for it. A key is asked for at the name server each time, because it may be revoked since; meanwhile
//! the handshake waits. A peer that was admitted before is admitted again while the name server is away.
//!
//! This module does not know which sockets are for which agents.

use std::collections::BTreeMap;
use std::time::Duration;

use zmq::Context;

use super::sockets::TAP_DOOR;
use crate::model::timing::TURNED_AWAY_INTERVAL;
use crate::model::{Holder, PublicKey};
use crate::zeromq::{Connections, Handshake, Verdict, Zap};

/// How many keys are asked for at a time. A peer that comes when there are so many has to come again.
const ASKED: usize = 1000;

/// By which key a connection was admitted, and by which door.
type Through = (PublicKey, String);

/// The way in.
pub(crate) struct Admission {
    zap: Zap,
    /// Whose keys are known.
    known: BTreeMap<PublicKey, Known>,
    connections: Connections<Through>,
    waiting: BTreeMap<PublicKey, Vec<Handshake>>,
    /// By keys that are not admitted.
    pub unknown: Refusals,
    /// By good keys, at sockets that are not for them.
    pub unwired: Refusals,
}

/// How many peers were refused since the log has last said so, and when that was.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: u64,
    told: Option<Duration>,
}

struct Known {
    holder: Holder,
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

/// Whether a holder of a good key may come to the socket that a door stands for.
pub(crate) type May<'a> = &'a dyn Fn(&str, &Holder) -> bool;

/// A peer whose key is good, and that came to a socket which is not for it.
pub(crate) struct TurnedAway {
    pub holder: Holder,
    pub door: String,
}

impl Admission {
    /// Before any socket of `context` is bound.
    pub(crate) fn bind(context: &Context) -> zmq::Result<Self> {
        Ok(Self {
            zap: Zap::bind(context)?,
            known: BTreeMap::new(),
            connections: Connections::default(),
            waiting: BTreeMap::new(),
            unknown: Refusals::default(),
            unwired: Refusals::default(),
        })
    }

    pub(crate) fn zap(&self) -> &Zap {
        &self.zap
    }

    /// One who looks comes by a key that control has told the agent, and is not asked for. Tells which keys to ask for. If there is no name server, or too much to ask, it
    /// admits those that were admitted before.
    pub(crate) fn attend(
        &mut self,
        alone: bool,
        may: May<'_>,
        looks: &dyn Fn(&PublicKey) -> bool,
    ) -> (Vec<PublicKey>, Vec<TurnedAway>) {
        let (mut unknown, mut turned_away) = (Vec::new(), Vec::new());
        while let Some(handshake) = self.zap.next() {
            if handshake.door == TAP_DOOR {
                self.zap.answer(
                    &handshake,
                    match looks(&handshake.key) {
                        true => Verdict::Admitted("one who looks"),
                        false => Verdict::Refused("nobody looks by that key"),
                    },
                );
                continue;
            }
            let asked = self.waiting.len();
            if let Some(waiting) = self.waiting.get_mut(&handshake.key) {
                waiting.push(handshake);
                continue;
            }
            let known = self.known.get_mut(&handshake.key).filter(|it| !it.stale);
            match known {
                Some(known) if alone || asked >= ASKED => {
                    turned_away.extend(known.answer(
                        &self.zap,
                        &mut self.connections,
                        &handshake,
                        may,
                    ));
                }
                None if asked >= ASKED => self.zap.answer(&handshake, Verdict::Later),
                _ => {
                    unknown.push(handshake.key);
                    self.waiting.insert(handshake.key, vec![handshake]);
                }
            }
        }
        (unknown, turned_away)
    }

    /// Peers that wait by that key are admitted or refused. Tells which were refused although the key is good.
    pub(crate) fn settle(
        &mut self,
        key: &PublicKey,
        answer: Answer,
        may: May<'_>,
    ) -> Vec<TurnedAway> {
        let waiting = self.waiting.remove(key).unwrap_or_default();
        let known = self.known.get_mut(key);
        let verdict = match (answer, known) {
            (Answer::Theirs(holder @ (Holder::Agent(_) | Holder::Guest(_))), _) => {
                let known = Known {
                    holder,
                    stale: false,
                };
                let (zap, connections) = (&self.zap, &mut self.connections);
                let turned_away = known.answer_all(zap, connections, &waiting, may);
                self.known.insert(*key, known);
                return turned_away;
            }
            (Answer::None, Some(known)) if !known.stale => {
                return known.answer_all(&self.zap, &mut self.connections, &waiting, may);
            }
            (Answer::None, _) => Verdict::Later,
            (Answer::Theirs(Holder::Operator { .. } | Holder::Host(_)), _) => {
                Verdict::Refused("not an agent's key")
            }
            (Answer::Nobodys, known) => {
                known.into_iter().for_each(|it| it.stale = true);
                Verdict::Refused("the key is unknown")
            }
        };
        for handshake in &waiting {
            self.zap.answer(handshake, verdict);
        }
        Vec::new()
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
        self.connections.end_where(|(key, _)| keys.contains(key))
    }

    /// Ends what a holder has connected by `door`.
    pub(crate) fn end_connections(&mut self, holder: &Holder, door: &str) {
        let known = &self.known;
        let is_theirs = |key: &PublicKey| known.get(key).is_some_and(|it| it.holder == *holder);
        let connections = &mut self.connections;
        connections.end_where(|(key, at)| at == door && is_theirs(key));
    }
}

impl Refusals {
    /// One more was refused. Tells how many, if that is to be told now.
    pub(crate) fn count(&mut self, now: Duration) -> Option<u64> {
        self.count += 1;
        if self
            .told
            .is_some_and(|told| now < told + TURNED_AWAY_INTERVAL)
        {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

impl Known {
    /// Admits a peer by this key, or tells that the socket is not for it.
    fn answer(
        &self,
        zap: &Zap,
        connections: &mut Connections<Through>,
        handshake: &Handshake,
        may: May<'_>,
    ) -> Option<TurnedAway> {
        if !may(&handshake.door, &self.holder) {
            zap.answer(handshake, Verdict::NoWire);
            return Some(TurnedAway {
                holder: self.holder.clone(),
                door: handshake.door.clone(),
            });
        }
        let through = (handshake.key, handshake.door.clone());
        connections.add(through, handshake.connection);
        zap.answer(handshake, Verdict::Admitted(&self.holder.to_string()));
        None
    }

    fn answer_all(
        &self,
        zap: &Zap,
        connections: &mut Connections<Through>,
        waiting: &[Handshake],
        may: May<'_>,
    ) -> Vec<TurnedAway> {
        let answers = waiting.iter();
        answers
            .filter_map(|it| self.answer(zap, connections, it, may))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_do_not_fill_the_log() {
        let mut refusals = Refusals::default();
        let told = [1, 2, 3, 11].map(|s| refusals.count(Duration::from_secs(s)));
        assert_eq!(told, [Some(1), None, None, Some(3)]);
    }
}
