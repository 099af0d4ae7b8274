//! Systems brought up from a program: by the command `osb`, as one would by hand.
//!
//! ```no_run
//! use osb::System;
//! use std::time::Duration;
//!
//! let system = System::file("trading.yaml").up()?;
//! let broker = system.proxy("Broker")?;
//! broker.wait_for_running(Duration::from_secs(10))?;
//! println!("{}", broker.call("price", "AB")?);
//! system.down()?;
//! # Ok::<(), osb::SystemError>(())
//! ```
//!
//! The library does not contain osb's daemons: it starts the command, and never another program in its place, least
//! of all the one that it is a part of. Which one it starts:
//!
//! 1. the one that [`SystemFile::osb`] says;
//! 2. else the one that the environment variable `OSB_BIN` says;
//! 3. else the first `osb` on `PATH`.
//!
//! What is found is asked for its version first. If there is none, [`SystemError::NoOsb`] says what to do.
//!
//! A system stays up when its [`System`] is dropped, as it does when the command has ended; [`SystemFile::while_held`] takes it
//! down then, as tests like it.

mod change;
mod command;
mod error;
mod find;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::change::Done;
use self::command::Osb;
use crate::model::SystemName;
use crate::proxy::{NameServer, Proxy};

pub use change::{Change, Planned};
pub use error::SystemError;

/// A system that is to be brought up.
#[derive(Debug, Clone)]
#[must_use = "nothing is brought up before `up`"]
pub struct SystemFile {
    file: PathBuf,
    osb: Option<PathBuf>,
    arguments: Vec<OsString>,
    while_held: bool,
}

/// A system that is up.
pub struct System {
    osb: Osb,
    name: SystemName,
    nameservers: BTreeMap<String, String>,
    nameserver: NameServer,
    changed: Change,
    while_held: bool,
}

/// Of what `osb up` prints, what is needed here.
#[derive(Deserialize)]
struct Up {
    system: SystemName,
    nameserver: String,
    nameservers: BTreeMap<String, String>,
    #[serde(default)]
    changed: Done,
}

impl System {
    /// The system of a topology's file.
    pub fn file(path: impl AsRef<Path>) -> SystemFile {
        SystemFile {
            file: path.as_ref().to_owned(),
            osb: None,
            arguments: Vec::new(),
            while_held: false,
        }
    }

    /// Its name, which the file says.
    pub fn name(&self) -> &SystemName {
        &self.name
    }

    /// Its name server; the first, if it has several.
    pub fn nameserver(&self) -> &NameServer {
        &self.nameserver
    }

    /// One of its name servers, over a connection of its own.
    ///
    /// # Errors
    ///
    /// If it has none of that name, or that cannot be reached.
    pub fn nameserver_named(&self, name: &str) -> Result<NameServer, SystemError> {
        let Some(address) = self.nameservers.get(name) else {
            return Err(SystemError::NoNameServer {
                name: name.to_owned(),
                known: self.nameservers.keys().cloned().collect(),
            });
        };
        Ok(NameServer::connect(address)?)
    }

    /// One of its agents.
    ///
    /// # Errors
    ///
    /// If that is no name.
    pub fn proxy(&self, agent: &str) -> Result<Proxy, SystemError> {
        Ok(self.nameserver.proxy(agent)?)
    }

    /// Takes it down, and waits until nothing is left of it.
    ///
    /// # Errors
    ///
    /// What `osb down` says: if others hang on its name server, say, systems or agents that are not of this one, a
    /// [subscription](NameServer::subscribe) that is still held among them.
    pub fn down(mut self) -> Result<(), SystemError> {
        self.while_held = false;
        self.osb.down(&self.name, false)
    }

    /// The same, even if others lose their name server by that.
    ///
    /// # Errors
    ///
    /// What `osb down --force` says.
    pub fn down_by_force(mut self) -> Result<(), SystemError> {
        self.while_held = false;
        self.osb.down(&self.name, true)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if self.while_held {
            // There is nobody to tell; `osb ls systems` shows what is left.
            let _ = self.osb.down(&self.name, true);
        }
    }
}

impl SystemFile {
    /// Where the command `osb` is.
    pub fn osb(mut self, path: impl AsRef<Path>) -> Self {
        self.osb = Some(path.as_ref().to_owned());
        self
    }

    /// An argument more for `osb up`, such as `--set` and then `agents.Worker.attributes.speed=3`.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The system is taken down when its [`System`] is dropped, whoever hangs on its name server.
    pub fn while_held(mut self) -> Self {
        self.while_held = true;
        self
    }

    /// Brings it up, as `osb up` does: when this returns, all agents work and all wires are proven. One that is up already
    /// becomes what the file says, by the least change that there is; [`System::changed`] tells which.
    ///
    /// # Errors
    ///
    /// If there is no osb, or what `osb up` says: then nothing is left of it, or it is what it was. Or if its name server, which
    /// is up, does not admit this program.
    pub fn up(self) -> Result<System, SystemError> {
        let osb = find::osb(self.osb.as_deref())?;
        let up: Up = osb.with_file("up", &self.file, &self.arguments)?;
        let nameserver = NameServer::connect(&up.nameserver).inspect_err(|_| {
            if self.while_held {
                // Nobody holds it. The error is the one that matters.
                let _ = osb.down(&up.system, true);
            }
        })?;
        Ok(System {
            osb,
            name: up.system,
            nameservers: up.nameservers,
            nameserver,
            changed: up.changed.into(),
            while_held: self.while_held,
        })
    }
}
