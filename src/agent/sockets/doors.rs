//! The agents that may connect to a socket, and the key by which it dials, in a closed system. In an open one every peer
//! is admitted, and nothing here has an effect.

use std::time::Duration;

use super::link::Link;
use super::raw;
use super::slot::Slot;
use crate::model::{Address, Credentials, Holder, NameServerName, PublicKey};
use crate::zeromq::{Seen, admit_by_key, dial_with};

impl Slot {
    /// In a closed system, only admitted peers can connect.
    pub(super) fn close_to_unknown_keys(&mut self) -> zmq::Result<()> {
        let Some(keys) = &self.keys else {
            return Ok(());
        };
        let door = self.alias.as_str();
        admit_by_key(&mut self.socket, &keys.secret, door)?;
        match self.request_socket.as_deref_mut() {
            Some(request_socket) => admit_by_key(request_socket.socket_mut(), &keys.secret, door),
            None => Ok(()),
        }
    }

    /// Whether the holder of a good key may connect. `own`: the name server of this agent, by its name in the topology.
    pub(crate) fn may_connect(&self, holder: &Holder, own: Option<&NameServerName>) -> bool {
        self.admits.has(holder, own) || self.admitted.contains(holder)
    }

    /// Admits the holder of a key from now on. Tells whether that is news.
    pub(crate) fn admit(&mut self, holder: Holder) -> bool {
        self.admitted.insert(holder)
    }

    /// Takes that back. Tells whether there was something to take back.
    pub(crate) fn dismiss(&mut self, holder: &Holder) -> bool {
        self.admitted.remove(holder)
    }

    /// The agents that it admits, in words. None where every peer is admitted, or none can connect.
    pub(crate) fn doors(&self) -> Option<Vec<String>> {
        self.keys.as_ref().and(self.bound.as_ref())?;
        let by_hand = self.admitted.iter().map(|holder| match holder {
            Holder::Agent(name) => name.to_string(),
            Holder::Guest(agent) => agent.to_string(),
            other @ (Holder::Operator { .. } | Holder::Host(_)) => other.to_string(),
        });
        let mut words = self.admits.words();
        words.extend(by_hand);
        Some(words)
    }

    /// In a closed system, `server` is dialled as the holder of the key that it is registered with.
    pub(super) fn take_key(&mut self, server: &Address) -> Result<(), String> {
        let Some(own) = self.keys.clone() else {
            return match server.key {
                None => Ok(()),
                Some(_) => Err(format!(
                    "{} admits by key, and this agent has none: its system is open",
                    server.address
                )),
            };
        };
        let server = server.key.ok_or_else(|| {
            format!(
                "this system is closed, and the key of the socket at {} is not known",
                server.address
            )
        })?;
        let keys = Credentials::new(own, server);
        let taken = dial_with(&self.socket, &keys).and_then(|()| match &self.request_socket {
            Some(request_socket) => dial_with(request_socket.socket(), &keys),
            None => Ok(()),
        });
        taken.map_err(|error| error.message().to_lowercase())
    }

    /// By which keys others of this name server are known that are dialled.
    pub(crate) fn keys_dialled(&self) -> Vec<PublicKey> {
        let ours = |link: &&Link| matches!(&link.to, Some(to) if to.agent.nameserver.is_none());
        let keys = self.links.iter().filter(ours);
        keys.filter_map(|link| link.server.key).collect()
    }

    /// Stops dialling the holders of these keys. Tells whether there were any.
    pub(crate) fn disconnect_holders(&mut self, keys: &[PublicKey], now: Duration) -> bool {
        let mut lost = false;
        let is_theirs = |link: &&mut Link| link.server.key.is_some_and(|key| keys.contains(&key));
        for link in self.links.iter_mut().filter(is_theirs) {
            let _ = raw::disconnect(&mut self.socket, &link.server.address);
            if let (Some(request_socket), Some(link)) =
                (&mut self.request_socket, &link.request_socket)
            {
                let _ = raw::disconnect(request_socket.socket_mut(), &link.server.address);
            }
            lost |= link.note(Seen::Lost, now);
        }
        lost
    }
}
