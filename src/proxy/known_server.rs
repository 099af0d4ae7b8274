//! The key by which a member knows its name server, which may become another while the member is there: the name server
//! says so by the connection that it has, which is encrypted and whose ends have proven who they are. The connection goes
//! on; the next one is dialled by the new key.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::model::{Credentials, PublicKey};
use crate::state::{KeyFile, StateError};
use crate::zeromq::expect_key;

pub(crate) struct KnownServer {
    key: Mutex<PublicKey>,
    /// Where it is written down, if anywhere.
    file: Option<PathBuf>,
}

impl KnownServer {
    pub(crate) fn of(keys: &Credentials) -> Self {
        Self {
            key: Mutex::new(keys.server),
            file: keys.file.clone(),
        }
    }

    pub(crate) fn key(&self) -> PublicKey {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has this key now: `socket` dials by it next time. Tells whether that is news; it is so too if it cannot be
    /// written down.
    pub(crate) fn replace(
        &self,
        socket: &mut zmq::Socket,
        key: PublicKey,
    ) -> Result<bool, StateError> {
        {
            let mut known = self.key.lock().unwrap_or_else(PoisonError::into_inner);
            if *known == key {
                return Ok(false);
            }
            // It takes 32 bytes, whatever they are.
            let _ = expect_key(socket, &key);
            *known = key;
        }
        if let Some(file) = &self.file {
            KeyFile::note_server(file, key)?;
        }
        Ok(true)
    }
}
