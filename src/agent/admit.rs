//! Keys by which others come in at the data sockets are asked for at the name server, and connections
//! end whose keys are revoked.

use std::collections::BTreeSet;

use serde_json::Value;

use super::admission::{Answer, TurnedAway};
use super::lookups::Lookup;
use super::requests::Request;
use super::sockets::{SlotId, Sockets};
use super::state::Agent;
use crate::model::timing::ADMISSION_TIMEOUT;
use crate::model::{Holder, NameServerName, PublicKey};
use crate::wire::{Fault, NameServerRequest, Peer};

impl Agent {
    /// A peer asks to be admitted.
    pub(crate) fn attend_admission(&mut self) {
        let alone = self.membership.control.down();
        let (sockets, own) = (&self.sockets, self.given.nameserver.as_ref());
        let may = |door: &str, holder: &Holder| may_connect(sockets, own, door, holder);
        let Some(admission) = &mut self.admission else {
            return;
        };
        let (unknown, turned_away) = admission.attend(alone, &may, &|key| self.taps.expects(key));
        for key in unknown {
            self.ask_whose(key, Lookup::Whose(key));
        }
        self.tell_of_unwired(turned_away);
    }

    /// A peer whose key is good has come to a socket that is not for it.
    fn tell_of_unwired(&mut self, turned_away: Vec<TurnedAway>) {
        for TurnedAway { holder, door } in turned_away {
            let admission = self.admission.as_mut();
            let count = admission.and_then(|it| it.unwired.count(self.now));
            if let Some(count) = count {
                self.log.warn(&format!(
                    "{count} connections refused because no wire leads here, the last: {holder} to {door}"
                ));
            }
        }
    }

    fn ask_whose(&mut self, key: PublicKey, lookup: Lookup) {
        let request = Request {
            requester: None,
            limit: ADMISSION_TIMEOUT,
            until: self.now + ADMISSION_TIMEOUT,
        };
        let whose = NameServerRequest::Whose { key };
        self.send_lookup(Peer::NameServer, &whose, lookup, request);
    }

    /// Asks for all keys again by which others are connected: some may have been revoked while this
    /// agent could not be told, and the name server reports those of agents that have ended to no member.
    pub(super) fn ask_for_keys_again(&mut self) {
        let Some(admission) = &self.admission else {
            return;
        };
        let dialled = self.sockets.iter_mut().flat_map(|slot| slot.keys_dialled());
        let mut keys: BTreeSet<PublicKey> = dialled.collect();
        keys.extend(admission.keys());
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
        let (sockets, own) = (&self.sockets, self.given.nameserver.as_ref());
        let may = |door: &str, holder: &Holder| may_connect(sockets, own, door, holder);
        let Some(admission) = &mut self.admission else {
            return;
        };
        if let Answer::Nobodys = answer
            && let Some(count) = admission.unknown.count(self.now)
        {
            self.log.warn(&format!(
                "{count} peers refused whose key is unknown, the last: {key}"
            ));
        }
        let turned_away = admission.settle(key, answer, &may);
        self.tell_of_unwired(turned_away);
    }

    /// Ends the connections of a holder to one of its sockets.
    pub(super) fn end_connections_of(&mut self, holder: &Holder, at: SlotId) {
        let own = self.given.nameserver.as_ref();
        let slot = self.sockets.get(at);
        let Some(slot) = slot.filter(|it| !it.may_connect(holder, own)) else {
            return;
        };
        if let Some(admission) = &mut self.admission {
            admission.end_connections(holder, slot.alias.as_str());
        }
    }

    /// These keys were revoked: their connections end, and no others.
    pub(super) fn on_revoked(&mut self, keys: &[PublicKey]) {
        for slot in self.sockets.iter_mut() {
            if slot.disconnect_holders(keys, self.now) {
                self.membership.note_change();
            }
        }
        let ended = self
            .admission
            .as_mut()
            .map_or(0, |admission| admission.revoke(keys));
        if ended > 0 {
            self.log.warn(&format!(
                "keys were revoked: {ended} connections of theirs have ended"
            ));
        }
    }
}

/// Whether the holder of a good key may connect to the socket that `door` stands for.
fn may_connect(
    sockets: &Sockets,
    own: Option<&NameServerName>,
    door: &str,
    holder: &Holder,
) -> bool {
    let slot = sockets.named(door).map(|(_, slot)| slot);
    slot.is_some_and(|slot| slot.may_connect(holder, own))
}
