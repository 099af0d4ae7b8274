//! The systems of this machine, as they are remembered.

use super::GlobalArgs;
use super::which::{self, Meant};
use crate::model::SystemName;
use crate::state::{StateDir, StateError, SystemRecord};

/// What is known of a system.
pub enum Remembered {
    System(SystemRecord),
    /// Its record cannot be read.
    Damaged(SystemName, StateError),
}

impl Remembered {
    pub fn name(&self) -> &SystemName {
        match self {
            Remembered::System(record) => &record.name,
            Remembered::Damaged(name, _) => name,
        }
    }
}

/// All systems, in order of their names. A folder without a record is no system: another command is just making or
/// removing it.
pub fn remembered() -> Result<Vec<Remembered>, StateError> {
    let dir = StateDir::from_env()?;
    let look = |name: SystemName| match dir.system(&name).record() {
        Ok(record) => record.map(Remembered::System),
        Err(why) => Some(Remembered::Damaged(name, why)),
    };
    Ok(dir.systems()?.into_iter().filter_map(look).collect())
}

/// The damaged system that is meant: the one that is named, or the only one that there is. None if another one is.
pub fn damaged(global: &GlobalArgs) -> Result<Option<(SystemName, StateError)>, StateError> {
    let name = match which::meant(global) {
        Meant::Address(_) => return Ok(None),
        Meant::Named(name) => Some(name),
        Meant::Only => None,
    };
    let mut there = remembered()?;
    if let Some(name) = name {
        there.retain(|it| *it.name() == name);
    }
    Ok(match there.pop() {
        Some(Remembered::Damaged(name, why)) if there.is_empty() => Some((name, why)),
        _ => None,
    })
}

/// The records of all systems that can be read: whoever names another one is told what is the matter with it.
pub fn records() -> Result<Vec<SystemRecord>, StateError> {
    let read = |it| match it {
        Remembered::System(record) => Some(record),
        Remembered::Damaged(..) => None,
    };
    Ok(remembered()?.into_iter().filter_map(read).collect())
}
