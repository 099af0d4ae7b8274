//! Units of systemd on another machine: written there, and taken back.

use super::error::{SshError, Stage};
use super::script::Copied;
use super::session::Session;
use crate::model::timing::SSH_READ_TIMEOUT;
use crate::model::{SshSpec, SystemName};
use crate::wire::{Installation, MachineRequest, MachineWord, UnitFile, UnitsGone};

/// Writes units at `spec`; `dry`: only tells what would be written, and leaves nothing there.
pub(crate) async fn install(
    spec: SshSpec,
    units: Vec<Installation>,
    of_user: bool,
    dry: bool,
) -> Result<Vec<UnitFile>, SshError> {
    let request = MachineRequest::Install {
        units,
        of_user,
        dry,
    };
    let copied = match dry {
        true => Copied::Borrowed,
        false => Copied::Kept,
    };
    let mut session = Session::open(spec, &request, copied).await?;
    match session.word(SSH_READ_TIMEOUT, Stage::Install).await? {
        MachineWord::Units { files } => Ok(files),
        other => Err(session.unexpected(Stage::Install, other)),
    }
}

/// Takes back the units of a system at `spec`.
pub(crate) async fn uninstall(
    spec: SshSpec,
    system: SystemName,
    of_user: bool,
) -> Result<UnitsGone, SshError> {
    let request = MachineRequest::Uninstall { system, of_user };
    let mut session = Session::open(spec, &request, Copied::Borrowed).await?;
    match session.word(SSH_READ_TIMEOUT, Stage::Install).await? {
        MachineWord::Uninstalled(gone) => Ok(gone),
        other => Err(session.unexpected(Stage::Install, other)),
    }
}
