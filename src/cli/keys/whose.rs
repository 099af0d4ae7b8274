//! Whose keys a command is about.

use super::{
    CommandError, Context, Dial, ErrorKind, KeyDir, Keys, NameServer, NameServerName, ProxyError,
    StateDir, SystemName, find_key, records,
};
use crate::model::PublicKey;

/// A closed name server.
pub(crate) enum Place {
    /// Its keys are on this machine.
    Here {
        dir: KeyDir,
        system: SystemName,
        group: Option<NameServerName>,
    },
    /// It is known by its address, and another operator's.
    There(Dial),
}

/// That of `--ns`; else that of `--system`, or the only system with keys.
pub(crate) fn place(
    group: Option<&NameServerName>,
    context: &Context,
) -> Result<Place, CommandError> {
    let global = &context.global;
    if let Some(address) = global.ns.as_deref().filter(|it| !it.is_empty()) {
        let key = find_key(address, global.key.as_deref())?;
        return Ok(Place::There(Dial {
            address: address.to_owned(),
            keys: key.map(|key| key.credentials()),
        }));
    }
    let all = StateDir::from_env()?;
    let system = match &global.system {
        Some(system) => system.clone(),
        None => only(&all.systems_with_keys()?)?,
    };
    let dir = all.keys(&system, group);
    match dir.exists() {
        true => Ok(Place::Here {
            dir,
            system,
            group: group.cloned(),
        }),
        false => Err(none_of(&system)),
    }
}

fn only(systems: &[SystemName]) -> Result<SystemName, CommandError> {
    match systems {
        [only] => Ok(only.clone()),
        [] => {
            let error = CommandError::say(ErrorKind::Failed, "no system has keys on this machine");
            Err(error.with_code("keys").with_hint(
                "they are made by the first `osb up` of a closed system, or by `osb keys init SYSTEM`",
            ))
        }
        several => {
            let names: Vec<&str> = several.iter().map(SystemName::as_str).collect();
            let sentence = format!("several systems have keys: {}", names.join(", "));
            let error = CommandError::say(ErrorKind::Usage, sentence).with_code("several_systems");
            Err(error.with_hint("say which one with --system NAME"))
        }
    }
}

fn none_of(system: &SystemName) -> CommandError {
    let sentence = format!("system {system} has no keys on this machine");
    let error = CommandError::say(ErrorKind::Failed, sentence).with_code("keys");
    error.with_hint(format!("make them with `osb keys init {system}`"))
}

impl Place {
    pub(crate) fn open(&self) -> Result<Keys, CommandError> {
        match self {
            Place::Here { dir, .. } => Ok(Keys::open(dir, || {
                let dial = self.running()?.ok_or(ProxyError::Closed)?;
                NameServer::dial(&dial)
            })?),
            Place::There(dial) => Ok(Keys::Awake(NameServer::dial(dial)?)),
        }
    }

    /// The folder of the keys, which only their owner has.
    pub(crate) fn dir(&self) -> Result<&KeyDir, CommandError> {
        match self {
            Place::Here { dir, .. } => Ok(dir),
            Place::There(_) => Err(CommandError::say(
                ErrorKind::Usage,
                "that is done where the keys of the system were made",
            )),
        }
    }

    /// How the name server is dialled, if it runs. One that was started by hand is not remembered.
    fn running(&self) -> Result<Option<Dial>, ProxyError> {
        let Place::Here { system, group, .. } = self else {
            return Ok(None);
        };
        let records = records()?.into_iter();
        let record = records.into_iter().find(|it| it.name == *system);
        let dial = record.and_then(|record| {
            let mut groups = record.present();
            let own = groups.find(|it| record.suffix(it) == group.as_ref())?;
            Some(own.dial())
        });
        Ok(dial.transpose()?)
    }

    /// Where the name server is, if that is known.
    pub(crate) fn address(&self) -> Option<String> {
        match self {
            Place::Here { .. } => self.running().ok().flatten().map(|dial| dial.address),
            Place::There(dial) => Some(dial.address.clone()),
        }
    }

    /// The key by which the name server is known.
    pub(crate) fn server(&self) -> Result<PublicKey, CommandError> {
        match self {
            // Of a name server on another machine its owner is told, and what was made here is older.
            Place::Here { dir, .. } => Ok(dir.operator()?.server),
            Place::There(dial) => {
                let server = dial.keys.as_ref().map(|keys| keys.server);
                let open = || CommandError::say(ErrorKind::Usage, "that name server has no keys");
                server.ok_or_else(open)
            }
        }
    }
}
