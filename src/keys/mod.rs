//! Which keys are admitted at a name server, looked at and changed: at the name server itself while it runs, in
//! its list on this machine while it does not.

use crate::access::{KeyChange, Keyring};
use crate::model::{KeyEntry, KeyPair, KeysOf};
use crate::proxy::{NameServer, ProxyError};
use crate::state::{KeyDir, KeyLog, StateError};
use crate::wire::NameServerRequest;
use crate::zeromq;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("cannot write down which keys are admitted: {0}")]
    Write(#[from] std::io::Error),
    #[error("ZeroMQ cannot draw keys: {0}")]
    Draw(#[from] zmq::Error),
}

/// The keys that a name server admits.
pub(crate) enum Keys {
    /// It does not run: its list is held, so that it does not begin meanwhile.
    Asleep { ring: Keyring, log: KeyLog },
    /// It runs, and is asked.
    Awake(NameServer),
}

impl Keys {
    /// Those of the name server whose keys are in `dir`. `dial` is how to get at it if it runs.
    pub(crate) fn open(
        dir: &KeyDir,
        dial: impl FnOnce() -> Result<NameServer, ProxyError>,
    ) -> Result<Self, KeysError> {
        match dir.log() {
            Ok((log, changes)) => Ok(Keys::Asleep {
                ring: Keyring::recall(changes),
                log,
            }),
            Err(StateError::KeysInUse { .. }) => Ok(Keys::Awake(dial()?)),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn entries(&self) -> Result<Vec<KeyEntry>, KeysError> {
        match self {
            Keys::Asleep { ring, .. } => Ok(ring.entries()),
            Keys::Awake(nameserver) => Ok(nameserver.ask(&NameServerRequest::Keys {}).wait()?),
        }
    }

    /// Lets a key in.
    pub(crate) fn admit(&mut self, entry: KeyEntry) -> Result<(), KeysError> {
        match self {
            Keys::Asleep { ring, log } => Ok(log.write(&ring.admit(entry))?),
            Keys::Awake(nameserver) => {
                Ok(nameserver.ask(&NameServerRequest::Admit(entry)).wait()?)
            }
        }
    }

    /// Revokes the keys that are meant, and returns them.
    pub(crate) fn revoke(&mut self, meant: KeysOf) -> Result<Vec<KeyEntry>, KeysError> {
        match self {
            Keys::Asleep { ring, log } => {
                let out = ring.revoke(|entry| meant.means(entry));
                let mut entries = Vec::new();
                for (_, entry, change) in out {
                    log.write(&change)?;
                    entries.push(entry);
                }
                Ok(entries)
            }
            Keys::Awake(nameserver) => {
                Ok(nameserver.ask(&NameServerRequest::Revoke(meant)).wait()?)
            }
        }
    }

    /// Replaces the owner's key; the new one is in the owner's file when this returns.
    pub(crate) fn rotate_owner(&mut self, dir: &KeyDir) -> Result<(), KeysError> {
        let (old, new) = (dir.operator()?, zeromq::draw_keys()?);
        // The new one is admitted first, and the old one revoked last: whenever this is cut off, the
        // file has one of the two.
        match self {
            Keys::Asleep { ring, log } => {
                let holder = old.holder.clone();
                let entry = KeyEntry::lasting(new.public, holder);
                log.write(&ring.admit(entry))?;
                dir.replace_operator(&new)?;
                log.write(&KeyChange::Drop(old.own.public))?;
            }
            Keys::Awake(nameserver) => {
                let entry = KeyEntry::lasting(new.public, old.holder.clone());
                let admit = NameServerRequest::Admit(entry);
                nameserver.ask::<()>(&admit).wait()?;
                dir.replace_operator(&new)?;
                let mut to = crate::model::Dial::plain(nameserver.link().address());
                to.keys = Some(dir.operator()?.credentials());
                let old = NameServerRequest::Revoke(KeysOf::Key(old.own.public));
                NameServer::dial(&to)?.ask::<Vec<KeyEntry>>(&old).wait()?;
            }
        }
        Ok(())
    }
}

/// Draws a pair of keys.
pub(crate) fn draw() -> Result<KeyPair, KeysError> {
    Ok(zeromq::draw_keys()?)
}
