//! The lasting keys of host daemons: admitted at their name servers, and revoked.

use super::{InstallError, Wanted};
use crate::keys::{Keys, draw};
use crate::model::{
    Credentials, Dial, Holder, HostId, HostName, KeyEntry, KeysOf, NameServerName, NameServerSpec,
    PublicKey, Security, SystemName,
};
use crate::proxy::{NameServer, ProxyError};
use crate::state::{KeyDir, StateDir, StateError, find_key};

/// With the name of the name server, if it is not the system's first.
type Admitted = (Option<NameServerName>, PublicKey);

impl Wanted<'_> {
    /// Has a host admitted until it is revoked. None in an open system.
    pub(super) fn let_in(
        &self,
        host: &HostName,
        group: Option<&NameServerName>,
    ) -> Result<Option<Credentials>, InstallError> {
        let system = &self.plan.system;
        if self.plan.security == Security::None {
            return Ok(None);
        }
        let no_keys = || InstallError::NoKeys(system.clone());
        let dir = self.state.keys(system, group);
        let dial = dial(self.state, system, group)?;
        let (mut keys, server) = match self.launched_here(group) && dir.exists() {
            true => (open(&dir, dial)?, dir.operator()?.server),
            false => {
                let attached = || self.attached(group).transpose();
                let dial = dial.map(Ok).or_else(attached).ok_or_else(no_keys)??;
                let server = dial.keys.as_ref().map(|it| it.server);
                let keys = Keys::Awake(NameServer::dial(&dial)?);
                (keys, server.ok_or_else(no_keys)?)
            }
        };
        let own = draw()?;
        let holder = Holder::Host(HostId::of(system, host));
        keys.admit(KeyEntry::lasting(own.public, holder))?;
        Ok(Some(Credentials::new(own, server)))
    }

    fn at(&self, group: Option<&NameServerName>) -> Option<(NameServerSpec, bool)> {
        let mut entries = self.plan.nameservers.iter();
        let entry = entries.find(|it| group.is_none_or(|group| it.name == *group))?;
        Some((entry.at, entry.host.is_none()))
    }

    /// Its list of keys is on this machine, whether it runs or not.
    fn launched_here(&self, group: Option<&NameServerName>) -> bool {
        matches!(self.at(group), Some((NameServerSpec::Launch(_), true)))
    }

    /// How one is dialled that others run.
    fn attached(&self, group: Option<&NameServerName>) -> Result<Option<Dial>, StateError> {
        let Some((NameServerSpec::Attach(at), _)) = self.at(group) else {
            return Ok(None);
        };
        let address = format!("tcp://{at}");
        let keys = find_key(&address, self.key)?.map(|key| key.credentials());
        Ok(Some(Dial { address, keys }))
    }
}

/// How a name server of a system is dialled that is up.
fn dial(
    state: &StateDir,
    system: &SystemName,
    group: Option<&NameServerName>,
) -> Result<Option<Dial>, StateError> {
    let Some(record) = state.system(system).record()? else {
        return Ok(None);
    };
    let mut groups = record.present();
    let found = groups.find(|it| record.suffix(it) == group);
    found.map(|it| it.dial()).transpose()
}

fn open(dir: &KeyDir, dial: Option<Dial>) -> Result<Keys, InstallError> {
    let keys = Keys::open(dir, || NameServer::dial(&dial.ok_or(ProxyError::Closed)?));
    Ok(keys?)
}

/// Revokes keys of units that are no more. Gives those of `all` that are still admitted.
pub(super) fn revoke(
    state: &StateDir,
    system: &SystemName,
    gone: Vec<Admitted>,
    mut all: Vec<Admitted>,
) -> Vec<Admitted> {
    for (group, key) in gone {
        if revoke_one(state, system, group.as_ref(), key).is_ok() {
            all.retain(|it| *it != (group.clone(), key));
        }
    }
    all
}

fn revoke_one(
    state: &StateDir,
    system: &SystemName,
    group: Option<&NameServerName>,
    key: PublicKey,
) -> Result<(), InstallError> {
    let dir = state.keys(system, group);
    let mut keys = match dial(state, system, group)? {
        Some(dial) => Keys::Awake(NameServer::dial(&dial)?),
        None if dir.exists() => open(&dir, None)?,
        None => return Err(InstallError::NoKeys(system.clone())),
    };
    keys.revoke(KeysOf::Key(key))?;
    Ok(())
}
