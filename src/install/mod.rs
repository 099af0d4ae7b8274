//! Units of systemd for every machine of a topology, written here and by ssh, so that the start of the machines brings back a
//! system that is up; and taking them back.
//!
//! Nothing is started or ended. What comes back, and how, is decided when a machine starts: see `state::Place`.

pub(crate) mod here;
mod keys;

use std::path::Path;

use tokio::task::JoinSet;

use crate::keys::KeysError;
use crate::model::{HostName, HostSpec, NameServerName, PublicKey, Reach, Service, SystemName};
use crate::plan::{MachineUnits, Plan};
use crate::proxy::ProxyError;
use crate::ssh::{self, SshError};
use crate::state::{InstallNote, StateDir, StateError};
use crate::up::seen_from_afar;
use crate::wire::{Installation, UnitFile, UnitsGone};
use here::HereError;

#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error(
        "name server {0} is launched at any free port (0): after the next start of its machine nobody would know at which"
    )]
    AnyPort(NameServerName),
    #[error("there are no keys of system {0} on this machine by which hosts could be admitted")]
    NoKeys(SystemName),
    #[error("system {0} was not installed from this machine")]
    NotInstalled(SystemName),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Here(#[from] HereError),
    /// The others are done.
    #[error("{}", each(.0))]
    Machines(Vec<(HostName, SshError)>),
}

fn each(failed: &[(HostName, SshError)]) -> String {
    let word = |(host, error): &(HostName, SshError)| format!("host {host}: {error}");
    failed.iter().map(word).collect::<Vec<_>>().join("; ")
}

/// What is to be written.
pub(crate) struct Wanted<'w> {
    pub plan: &'w Plan,
    pub state: &'w StateDir,
    /// The file with the key of the operator, if it is another one than that of this machine.
    pub key: Option<&'w Path>,
    /// Units of the user.
    pub of_user: bool,
}

/// The units of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineFiles {
    pub host: HostName,
    pub files: Vec<UnitFile>,
}

/// What was taken back on one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineGone {
    pub host: HostName,
    pub gone: UnitsGone,
}

impl Wanted<'_> {
    fn units(&self) -> Result<Vec<MachineUnits>, InstallError> {
        match self.plan.without_port().next() {
            Some(name) => Err(InstallError::AnyPort(name.clone())),
            None => Ok(self.plan.units(|at| seen_from_afar(self.plan, at))),
        }
    }

    /// What would be written where.
    pub(crate) async fn look(&self) -> Result<Vec<MachineFiles>, InstallError> {
        let bare = |it: MachineUnits| {
            let units = it.units.into_iter();
            let units = units.map(|unit| Installation { unit, keys: None });
            (it.host, units.collect())
        };
        let all = self.units()?.into_iter().map(bare).collect();
        self.carry_out(all, true).await
    }

    /// Has each host daemon admitted by a lasting key, as far as the system is closed. What it gives is for [`Self::write`].
    pub(crate) fn admit(&self) -> Result<Admitted, InstallError> {
        let mut note = self.note()?;
        let former = note.keys.clone();
        let mut all = Vec::new();
        for MachineUnits { host, units } in self.units()? {
            let mut installations = Vec::new();
            for unit in units {
                let keys = match &unit.service {
                    Service::NameServer { .. } => None,
                    Service::Daemon { .. } => self.let_in(&host.name, unit.group.as_ref())?,
                };
                let public = keys.iter().map(|it| (unit.group.clone(), it.own.public));
                note.keys.extend(public);
                // What was admitted is known, whatever comes after.
                self.write_note(&note)?;
                installations.push(Installation { unit, keys });
            }
            note.machines.retain(|it| it.name != host.name);
            note.machines.push(host.clone());
            all.push((host, installations));
        }
        note.of_user = self.of_user;
        self.write_note(&note)?;
        let former = Former { keys: former, note };
        Ok(Admitted { all, former })
    }

    /// Writes all units. Then the keys of former ones are to be revoked.
    pub(crate) async fn write(
        &self,
        admitted: Admitted,
    ) -> Result<(Vec<MachineFiles>, Former), InstallError> {
        let Admitted { all, former } = admitted;
        let files = self.carry_out(all, false).await?;
        Ok((files, former))
    }

    pub(crate) fn revoke(&self, Former { keys, note }: Former) -> Result<(), InstallError> {
        let keys = keys::revoke(self.state, &self.plan.system, keys, note.keys);
        Ok(self.write_note(&InstallNote { keys, ..note })?)
    }

    fn note(&self) -> Result<InstallNote, StateError> {
        let boot = self.state.boot(&self.plan.system);
        Ok(boot.note()?.unwrap_or_default())
    }

    fn write_note(&self, note: &InstallNote) -> Result<(), StateError> {
        self.state.boot(&self.plan.system).write_note(note)
    }

    /// All machines at once.
    async fn carry_out(
        &self,
        all: Vec<(HostSpec, Vec<Installation>)>,
        dry: bool,
    ) -> Result<Vec<MachineFiles>, InstallError> {
        let (mut going, mut done) = (JoinSet::new(), Vec::new());
        let order: Vec<HostName> = all.iter().map(|(host, _)| host.name.clone()).collect();
        let of_user = self.of_user;
        for (host, units) in all {
            let name = host.name;
            match host.reach {
                Reach::Local => {
                    let files = match dry {
                        true => here::units(&units, of_user)?,
                        false => here::install(&units, of_user)?,
                    };
                    done.push(MachineFiles { host: name, files });
                }
                Reach::Ssh(spec) => {
                    drop(going.spawn(async move {
                        (name, ssh::install(spec, units, of_user, dry).await)
                    }))
                }
                Reach::Attach => {}
            }
        }
        let (files, failed) = gathered(going).await;
        if !failed.is_empty() {
            return Err(InstallError::Machines(failed));
        }
        let files = files.into_iter();
        done.extend(files.map(|(host, files)| MachineFiles { host, files }));
        done.sort_by_key(|it| order.iter().position(|host| *host == it.host));
        Ok(done)
    }
}

/// The hosts are admitted, and their units not written yet.
pub(crate) struct Admitted {
    all: Vec<(HostSpec, Vec<Installation>)>,
    former: Former,
}

/// The keys of units that were there before.
pub(crate) struct Former {
    keys: Vec<(Option<NameServerName>, PublicKey)>,
    note: InstallNote,
}

/// What was written for a system from this machine.
pub(crate) struct Written<'w> {
    state: &'w StateDir,
    system: &'w SystemName,
    note: InstallNote,
}

/// What has become of it.
pub(crate) struct TakenBack {
    machines: Vec<MachineGone>,
    failed: Vec<(HostName, SshError)>,
}

impl<'w> Written<'w> {
    pub(crate) fn read(state: &'w StateDir, system: &'w SystemName) -> Result<Self, InstallError> {
        let note = state.boot(system).note()?;
        Ok(Self {
            state,
            system,
            note: note.ok_or_else(|| InstallError::NotInstalled(system.clone()))?,
        })
    }

    /// Takes back the units on all machines at once.
    pub(crate) async fn take_back(&self) -> Result<TakenBack, InstallError> {
        let (mut going, mut machines) = (JoinSet::new(), Vec::new());
        for host in &self.note.machines {
            let (name, system) = (host.name.clone(), self.system.clone());
            let of_user = self.note.of_user;
            match host.reach.clone() {
                Reach::Local => {
                    let gone = here::uninstall(&system, of_user)?;
                    machines.push(MachineGone { host: name, gone });
                }
                Reach::Ssh(spec) => drop(
                    going.spawn(async move { (name, ssh::uninstall(spec, system, of_user).await) }),
                ),
                Reach::Attach => {}
            }
        }
        let (gone, failed) = gathered(going).await;
        let gone = gone.into_iter();
        machines.extend(gone.map(|(host, gone)| MachineGone { host, gone }));
        let order = |it: &MachineGone| {
            let mut all = self.note.machines.iter();
            all.position(|host| host.name == it.host)
        };
        machines.sort_by_key(order);
        Ok(TakenBack { machines, failed })
    }

    /// Revokes the keys, and forgets all but what is left.
    pub(crate) fn forget(self, taken: TakenBack) -> Result<Vec<MachineGone>, InstallError> {
        let Self {
            state,
            system,
            note,
        } = self;
        let TakenBack { machines, failed } = taken;
        let keys = keys::revoke(state, system, note.keys.clone(), note.keys);
        let is_left = |host: &HostSpec| failed.iter().any(|(name, _)| *name == host.name);
        let mut left = note.machines;
        left.retain(is_left);
        let boot = state.boot(system);
        match left.is_empty() && keys.is_empty() {
            true => boot.remove()?,
            false => boot.write_note(&InstallNote {
                machines: left,
                keys,
                ..note
            })?,
        }
        match failed.is_empty() {
            true => Ok(machines),
            false => Err(InstallError::Machines(failed)),
        }
    }
}

/// Waits for all; what was done, and what failed, by the names of the machines.
async fn gathered<T: 'static>(
    mut going: JoinSet<(HostName, Result<T, SshError>)>,
) -> (Vec<(HostName, T)>, Vec<(HostName, SshError)>) {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    while let Some(Ok((host, outcome))) = going.join_next().await {
        match outcome {
            Ok(it) => done.push((host, it)),
            Err(error) => failed.push((host, error)),
        }
    }
    failed.sort_by(|one, other| one.0.cmp(&other.0));
    (done, failed)
}
