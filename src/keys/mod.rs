//! Which keys are admitted at a name server, looked at and changed: at the name server itself while it runs, in
//! its list on this machine while it does not.

mod list;

use crate::model::timing::ROTATION_TIMEOUT;
use crate::model::{HostName, KeyEntry, KeyPair, KeysOf, Millis};
use crate::proxy::{NameServer, ProxyError};
use crate::state::{KeyDir, StateError};
use crate::wire::{NameServerRequest, NameserverRotated, Record};
use crate::zeromq;
use list::List;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("cannot write down which keys are admitted: {0}")]
    Write(#[from] std::io::Error),
    #[error("the name server does not run")]
    Sleeps,
    #[error("it is done, and the journal cannot be written or read: {0}")]
    Journal(std::io::Error),
    #[error("ZeroMQ cannot draw keys: {0}")]
    Draw(#[from] zmq::Error),
}

/// The keys that a name server admits.
pub(crate) enum Keys {
    /// It does not run: its list is held, so that it does not begin meanwhile.
    Asleep(List),
    /// It runs, and is asked.
    Awake(NameServer),
}

impl Keys {
    /// Those of the name server whose keys are in `dir`. `dial` is how to get at it if it runs.
    pub(crate) fn open(
        dir: &KeyDir,
        dial: impl FnOnce() -> Result<NameServer, ProxyError>,
    ) -> Result<Self, KeysError> {
        match List::open(dir) {
            Ok(list) => Ok(Keys::Asleep(list)),
            Err(StateError::KeysInUse { .. }) => Ok(Keys::Awake(dial()?)),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn entries(&self) -> Result<Vec<KeyEntry>, KeysError> {
        match self {
            Keys::Asleep(list) => Ok(list.entries()),
            Keys::Awake(nameserver) => Ok(nameserver.ask(&NameServerRequest::Keys {}).wait()?),
        }
    }

    /// The next events of the journal, in order; none, if there are none behind that number.
    pub(crate) fn events_behind(&self, after: u64) -> Result<Vec<Record>, KeysError> {
        match self {
            Keys::Asleep(list) => list.events_behind(after),
            Keys::Awake(nameserver) => Ok(nameserver
                .ask(&NameServerRequest::Journal { after })
                .wait()?),
        }
    }

    /// Lets a key in.
    pub(crate) fn admit(&mut self, entry: KeyEntry) -> Result<(), KeysError> {
        match self {
            Keys::Asleep(list) => list.admit(entry),
            Keys::Awake(nameserver) => {
                Ok(nameserver.ask(&NameServerRequest::Admit(entry)).wait()?)
            }
        }
    }

    /// Revokes the keys that are meant, and returns them.
    pub(crate) fn revoke(&mut self, meant: KeysOf) -> Result<Vec<KeyEntry>, KeysError> {
        match self {
            Keys::Asleep(list) => list.revoke(&meant),
            Keys::Awake(nameserver) => {
                Ok(nameserver.ask(&NameServerRequest::Revoke(meant)).wait()?)
            }
        }
    }

    /// A host that has joined moves over to another key, which is good until then.
    pub(crate) fn rotate_host(&self, host: HostName, until: Option<u64>) -> Result<(), KeysError> {
        let Keys::Awake(nameserver) = self else {
            return Err(KeysError::Sleeps);
        };
        let rotate = NameServerRequest::Rotate { host, until };
        Ok(nameserver.ask_within(&rotate, ROTATION_TIMEOUT).wait()?)
    }

    /// Another key for the name server itself; members may dial by the former one for so long.
    pub(crate) fn rotate_nameserver(&self, grace: Millis) -> Result<NameserverRotated, KeysError> {
        let Keys::Awake(nameserver) = self else {
            return Err(KeysError::Sleeps);
        };
        let grace = grace.duration().as_secs();
        let rotate = NameServerRequest::RotateNameserver { grace };
        Ok(nameserver.ask(&rotate).wait()?)
    }

    /// Replaces the owner's key; the new one is in the owner's file when this returns.
    pub(crate) fn rotate_owner(&mut self, dir: &KeyDir) -> Result<(), KeysError> {
        let (old, new) = (dir.operator()?, zeromq::draw_keys()?);
        let entry = KeyEntry::lasting(new.public, old.holder.clone());
        let meant = KeysOf::Key(old.own.public);
        // The new one is admitted first, and the old one revoked last: whenever this is cut off, the
        // file has one of the two.
        self.admit(entry)?;
        dir.replace_operator(&new)?;
        match self {
            Keys::Asleep(list) => list.revoke(&meant).map(drop),
            Keys::Awake(nameserver) => {
                let mut to = crate::model::Dial::plain(nameserver.link().address());
                to.keys = Some(dir.operator()?.credentials());
                let old = NameServerRequest::Revoke(meant);
                Ok(NameServer::dial(&to)?
                    .ask::<Vec<KeyEntry>>(&old)
                    .wait()
                    .map(drop)?)
            }
        }
    }
}

/// Draws a pair of keys.
pub(crate) fn draw() -> Result<KeyPair, KeysError> {
    Ok(zeromq::draw_keys()?)
}
