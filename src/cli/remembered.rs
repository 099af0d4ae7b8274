//! The systems of this machine, as they are remembered.

use std::path::Path;

use super::CommandError;
use crate::model::SystemName;
use crate::state::{StateDir, StateError, SystemRecord};

/// What is known of a system.
pub(crate) enum Remembered {
    System(SystemRecord),
    /// Its record cannot be read.
    Damaged(SystemName, StateError),
}

impl Remembered {
    pub(crate) fn name(&self) -> &SystemName {
        match self {
            Remembered::System(record) => &record.name,
            Remembered::Damaged(name, _) => name,
        }
    }
}

/// All systems, in order of their names. A folder without a record is no system: another command is just making or
/// removing it.
pub(crate) fn remembered() -> Result<Vec<Remembered>, StateError> {
    let dir = StateDir::from_env()?;
    let look = |name: SystemName| match dir.system(&name).record() {
        Ok(record) => record.map(Remembered::System),
        Err(why) => Some(Remembered::Damaged(name, why)),
    };
    Ok(dir.systems()?.into_iter().filter_map(look).collect())
}

/// The records of all systems that can be read: a command that names another one says what is wrong with it.
pub(crate) fn records() -> Result<Vec<SystemRecord>, StateError> {
    let read = |it| match it {
        Remembered::System(record) => Some(record),
        Remembered::Damaged(..) => None,
    };
    Ok(remembered()?.into_iter().filter_map(read).collect())
}

/// The record of the system that was brought up from that file, alone or before others.
pub(crate) fn brought_up_from(file: &Path) -> Result<Option<SystemRecord>, CommandError> {
    let path = std::path::absolute(file)?.display().to_string();
    let mut records = records()?.into_iter();
    Ok(records.find(|record| record.file.split(", ").next() == Some(path.as_str())))
}
