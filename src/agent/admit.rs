//! Keys by which others come in at the data sockets are asked for at the name server, and connections
//! end whose keys are revoked.

use std::collections::BTreeSet;

use serde_json::Value;

use super::admission::Answer;
use super::lookups::Lookup;
use super::requests::Request;
use super::state::Agent;
use crate::model::PublicKey;
use crate::model::timing::ADMISSION_TIMEOUT;
use crate::wire::{Fault, NameServerRequest, Peer};

impl Agent {
    /// A peer asks to be admitted.
    pub(crate) fn attend_admission(&mut self) {
        let alone = self.membership.control.down();
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
            limit: ADMISSION_TIMEOUT,
            until: self.now + ADMISSION_TIMEOUT,
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
        let Some(admission) = &mut self.admission else {
            return;
        };
        admission.settle(key, &answer);
        if let Answer::Nobodys = answer
            && let Some(count) = admission.count_turned_away(self.now)
        {
            self.log.warn(&format!(
                "{count} peers refused whose key is unknown, the last: {key}"
            ));
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
