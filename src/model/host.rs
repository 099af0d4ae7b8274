//! Machines, as a topology asks for them: where each is, and how its host daemon comes about.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::HostName;

/// A machine. `local` always exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    /// Its name in the topology.
    pub name: HostName,
    /// What peers dial. None: what its daemon says, which looks from where it reaches the name
    /// server.
    pub address: Option<IpAddr>,
    /// How its daemon is started.
    #[serde(default, skip_serializing_if = "Reach::is_local")]
    pub reach: Reach,
    /// What agents may ask for instead of a name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
}

/// How a host's daemon comes about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// On this machine, as a child of `up`.
    #[default]
    Local,
    /// Others start it: osb waits until it registers.
    Attach,
    /// On another machine, started by ssh.
    Ssh(SshSpec),
}

impl Reach {
    /// Whether it is this machine.
    pub fn is_local(&self) -> bool {
        *self == Reach::Local
    }
}

/// How to get to a machine by the system's ssh client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SshSpec {
    /// Which machine, and as which user.
    pub destination: SshDestination,
    /// If it is not the one of the configuration.
    pub port: Option<u16>,
    /// A private key's file.
    pub identity: Option<PathBuf>,
    /// To be used instead of the user's own `ssh_config`.
    pub config: Option<PathBuf>,
}

/// `host` or `user@host`, where the host may be an alias of `ssh_config`. It is handed to ssh as
/// an argument and cannot be taken for an option, nor does it mean anything to a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SshDestination(String);

/// Why a text is no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshDestinationError {
    /// The user or the host is missing.
    #[error("expected HOST or USER@HOST")]
    Empty,
    /// It would be an option of ssh.
    #[error("neither user nor host may begin with '-': ssh would take it for an option")]
    Option,
    /// It has a character that is not allowed.
    #[error("{0:?} is not allowed in the name of a user or a host")]
    Character(char),
}

impl SshDestination {
    /// As ssh takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SshDestination {
    type Err = SshDestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: &char| c.is_ascii_alphanumeric() || "._-:@[]%".contains(*c);
        if let Some(bad) = text.chars().find(|c| !allowed(c)) {
            return Err(SshDestinationError::Character(bad));
        }
        for part in text.split('@') {
            match part.chars().next() {
                None => return Err(SshDestinationError::Empty),
                Some('-') => return Err(SshDestinationError::Option),
                Some(_) => {}
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for SshDestination {
    type Error = SshDestinationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SshDestination> for String {
    fn from(destination: SshDestination) -> String {
        destination.0
    }
}

impl fmt::Display for SshDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_never_an_option_nor_a_piece_of_shell() {
        for good in ["lab1", "me@lab1", "me@10.0.0.1", "me@fe80::1%eth0"] {
            assert_eq!(good.parse::<SshDestination>().unwrap().as_str(), good);
        }
        for bad in ["", "-oProxyCommand=x", "me@", "@lab1", "-me@lab1"] {
            assert!(bad.parse::<SshDestination>().is_err(), "{bad}");
        }
        for bad in [
            "me@-lab1",
            "me@lab1 ls",
            "$(id)@lab1",
            "lab1;id",
            "ssh://lab1",
        ] {
            assert!(bad.parse::<SshDestination>().is_err(), "{bad}");
        }
    }
}
