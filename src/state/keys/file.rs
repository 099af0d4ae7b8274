//! A key by which a member is admitted, as a file: an operator's, a host's, or one to join by.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::StateError;
use super::secret;
use crate::model::{Credentials, Holder, HostId, KeyPair, PublicKey};

/// What a key's file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    pub holder: Holder,
    pub own: KeyPair,
    /// By which the name server is known.
    pub server: PublicKey,
    /// Where it is, if that is known: `tcp://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nameserver: Option<String>,
    /// It is to join by, once, until then: in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// The file that it was read from.
    #[serde(skip)]
    pub path: Option<PathBuf>,
}

impl KeyFile {
    /// The key of a host daemon that `up` launches.
    pub fn of_host(host: &HostId, keys: &Credentials) -> Self {
        Self {
            holder: Holder::Host(host.clone()),
            own: keys.own.clone(),
            server: keys.server,
            nameserver: None,
            expires: None,
            path: None,
        }
    }

    /// A file that the user names.
    pub fn read_named(path: &Path) -> Result<Self, StateError> {
        Self::parse(path, &secret::read_named(path)?)
    }

    /// A file of osb's own, in a folder that no other user may read.
    pub fn read(path: &Path) -> Result<Self, StateError> {
        Self::parse(path, &secret::read(path)?)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, StateError> {
        // Not with what serde has to say about it: that might quote what is secret.
        let read = serde_json::from_slice(bytes);
        let file: Self = read.map_err(|error| StateError::Corrupt {
            path: path.to_owned(),
            reason: format!("it is no key of osb's (line {})", error.line()),
        })?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self {
            path: Some(path),
            ..file
        })
    }

    /// Writes it where there is no file yet.
    pub fn write_new(&self, path: &Path) -> Result<(), StateError> {
        secret::write_new(path, &self.to_bytes())
    }

    /// The one at `path`; this one, if there is none yet.
    pub fn or_first_at(self, path: &Path) -> Result<Self, StateError> {
        match secret::write_first(path, &self.to_bytes())? {
            true => Ok(self),
            false => Self::read(path),
        }
    }

    /// Writes it, in place of another.
    pub fn write(&self, path: &Path) -> Result<(), StateError> {
        secret::replace(path, &self.to_bytes())
    }

    /// The name server has another key: it is written down in the file at `path`, wherever the user has put that. The
    /// file has the one or the other, whole.
    pub fn note_server(path: &Path, server: PublicKey) -> Result<(), StateError> {
        let file = Self::read_named(path)?;
        if file.server == server {
            return Ok(());
        }
        secret::replace_named(path, &Self { server, ..file }.to_bytes())
    }

    /// As it is in the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub fn credentials(&self) -> Credentials {
        Credentials {
            own: self.own.clone(),
            server: self.server,
            file: self.path.clone(),
        }
    }
}
