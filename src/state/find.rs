//! By which key a name server is dialled of which only the address is known.

use std::path::{Path, PathBuf};

use super::{KeyFile, StateDir, StateError};
use crate::model::Dial;

/// Names a file with a key.
const VARIABLE: &str = "OSB_KEY";

/// How to dial `address`: by the key in the file that `OSB_KEY` names; else, if its system was
/// brought up on this machine, by the one that was used then; else in the clear.
pub fn find_keys(address: &str) -> Result<Dial, StateError> {
    let file = find_key(address, None)?;
    Ok(Dial {
        address: address.to_owned(),
        keys: file.map(|file| file.credentials()),
    })
}

/// The same key itself; the file `named`, if there is one, comes before all.
pub fn find_key(address: &str, named: Option<&Path>) -> Result<Option<KeyFile>, StateError> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let variable = variable.map(PathBuf::from);
    match named.or(variable.as_deref()) {
        Some(path) => KeyFile::read_named(path).map(Some),
        None => key_of(address),
    }
}

fn key_of(address: &str) -> Result<Option<KeyFile>, StateError> {
    let address = bare(address);
    let Ok(all) = StateDir::from_env() else {
        return Ok(None);
    };
    for name in all.systems().unwrap_or_default() {
        let Ok(Some(record)) = all.system(&name).record() else {
            continue;
        };
        for group in record.present() {
            if let Some(key) = &group.key
                && bare(&group.nameserver) == address
            {
                return KeyFile::read_named(key).map(Some);
            }
        }
    }
    Ok(None)
}

fn bare(address: &str) -> &str {
    address.strip_prefix("tcp://").unwrap_or(address)
}
