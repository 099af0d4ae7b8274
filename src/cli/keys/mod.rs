//! `osb keys`: which keys are admitted at the name server of a closed system.

mod files;
mod log;
mod whose;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;

use super::remembered::records;
use super::{CommandError, Context, ErrorKind};
use crate::keys::{Keys, KeysError, draw};
use crate::model::{
    Dial, Holder, HostId, HostName, KeyEntry, KeysOf, Millis, NameServerName, OperatorAccess,
    OperatorName, PublicKey, SystemName, Term,
};
use crate::proxy::{NameServer, ProxyError};
use crate::render::{KeyList, Revoked};
use crate::state::{KeyDir, StateDir, find_key};
use files::{write_join, write_operator};
use log::LogArgs;
use whose::{Place, place};

/// Look at, make and revoke the keys of a closed system
#[derive(Debug, clap::Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    pub action: KeysAction,
    /// The name server, of a system that has several
    #[arg(long, global = true, value_name = "NAME")]
    pub nameserver: Option<NameServerName>,
}

#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Make the keys of a system that is yet to be brought up
    Init {
        /// The system's name
        #[arg(value_name = "SYSTEM")]
        name: SystemName,
    },
    /// List the keys that are admitted, and their levels
    Show,
    /// Make a join file, by which a host or an agent that is started elsewhere joins, once
    Join {
        #[command(subcommand)]
        who: JoinWho,
        /// Until when it can be used
        #[arg(long, global = true, default_value = "1h", value_name = "TIME")]
        expires: Millis,
        /// For how long the key is good that it is exchanged for; else until it is revoked
        #[arg(long, global = true, value_name = "TIME")]
        key_expires: Option<Millis>,
        /// The file to make; else NAME.join
        #[arg(long, global = true, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Make a key for another operator
    New {
        /// What the operator is called
        name: OperatorName,
        /// What the operator may do: read is ls, addr and logs; control is all but keys
        #[arg(long, value_enum)]
        level: LevelArg,
        /// For how long it is good; else until it is revoked
        #[arg(long, value_name = "TIME")]
        expires: Option<Millis>,
        /// The file to make; else NAME.key
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Revoke keys: they are refused from now on, and their connections end
    Revoke {
        #[command(subcommand)]
        who: RevokeWho,
    },
    /// Put another key in place of your own, of a host that has joined, or of the name server
    Rotate {
        #[command(subcommand)]
        who: Option<RotateWho>,
    },
    /// Who has done what, when and from where: the name server's journal
    Log(LogArgs),
}

#[derive(Debug, Subcommand)]
pub enum JoinWho {
    /// A host daemon: `osb host --name NAME --join FILE`
    Host { name: HostName },
    /// An agent: `osb agent NAME --join FILE`
    Agent { name: crate::model::AgentName },
}

#[derive(Debug, Subcommand)]
pub enum RotateWho {
    /// A host that has joined: it moves over by itself
    Host {
        name: HostName,
        /// For how long the new key is good; else until it is revoked
        #[arg(long, value_name = "TIME")]
        expires: Option<Millis>,
    },
    /// The name server itself: members that are there dial by its new key from then on
    Nameserver {
        /// For how long members that are not there may still dial by the former key
        #[arg(long, default_value = "24h", value_name = "TIME")]
        grace: Millis,
        /// The former key is refused from now on: it was stolen
        #[arg(long, conflicts_with = "grace")]
        at_once: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum RevokeWho {
    /// A host, and the agents that it has started
    Host { name: HostName },
    /// An agent
    Agent { name: crate::model::AgentName },
    /// An operator
    Operator { name: OperatorName },
    /// The holder of this key
    Key {
        // `--key` is another one, and a key may begin with `-`.
        #[arg(id = "public_key", value_name = "KEY", allow_hyphen_values = true)]
        key: PublicKey,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum LevelArg {
    Read,
    Tap,
    Control,
    Admin,
}

impl From<LevelArg> for OperatorAccess {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Read => OperatorAccess::Read,
            LevelArg::Tap => OperatorAccess::Tap,
            LevelArg::Control => OperatorAccess::Control,
            LevelArg::Admin => OperatorAccess::Admin,
        }
    }
}

pub(crate) fn run(args: KeysArgs, context: &mut Context) -> Result<(), CommandError> {
    let group = args.nameserver.as_ref();
    if let KeysAction::Init { name } = &args.action {
        return init(name, group, context);
    }
    let place = place(group, context)?;
    let mut keys = place.open()?;
    match args.action {
        KeysAction::Init { .. } => Ok(()),
        KeysAction::Log(args) => log::run(&keys, &args, context),
        KeysAction::Show => context.print(&KeyList(keys.entries()?)),
        KeysAction::Join {
            who,
            expires,
            key_expires,
            to,
        } => {
            let holder = match who {
                JoinWho::Host { name } => Holder::Host(HostId::shared(&name)),
                JoinWho::Agent { name } => Holder::Agent(name),
            };
            let times = (expires, key_expires);
            write_join(&mut keys, &place, holder, times, to, context)
        }
        KeysAction::New {
            name,
            level,
            expires,
            to,
        } => {
            let access = level.into();
            let holder = Holder::Operator { name, access };
            write_operator(&mut keys, &place, holder, expires, to, context)
        }
        KeysAction::Revoke { who } => {
            let meant = match who {
                RevokeWho::Host { name } => KeysOf::Host(name),
                RevokeWho::Agent { name } => KeysOf::Agent(name),
                RevokeWho::Operator { name } => KeysOf::Operator(name),
                RevokeWho::Key { key } => KeysOf::Key(key),
            };
            revoke(&mut keys, meant, context)
        }
        KeysAction::Rotate {
            who: Some(RotateWho::Host { name, expires }),
        } => {
            keys.rotate_host(name.clone(), expires.map(in_seconds))?;
            context.note(&format!(
                "host {name} has another key now, and the former one is revoked"
            ));
            Ok(())
        }
        KeysAction::Rotate {
            who: Some(RotateWho::Nameserver { grace, at_once }),
        } => {
            let grace = if at_once { Millis::new(0) } else { grace };
            let rotated = keys.rotate_nameserver(grace)?;
            let former = match grace.get() {
                0 => "the former one is refused".to_owned(),
                _ => format!("the former one is good for another {grace}"),
            };
            context.note(&format!(
                "the name server has another key now, and {former}"
            ));
            context.print_text(&rotated.key.to_string())
        }
        KeysAction::Rotate { who: None } => {
            let dir = place.dir()?;
            keys.rotate_owner(dir)?;
            let file = dir.operator_path();
            context.note(&format!("your key is another now: {}", file.display()));
            Ok(())
        }
    }
}

/// So long from now, in seconds since 1970.
fn in_seconds(time: Millis) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (now.unwrap_or_default() + time.duration()).as_secs()
}

fn init(
    name: &SystemName,
    group: Option<&NameServerName>,
    context: &Context,
) -> Result<(), CommandError> {
    let dir = StateDir::from_env()?.keys(name, group);
    if !dir.init(&draw()?, &draw()?)? {
        let sentence = format!(
            "system {name} has its keys already: {}",
            dir.path().display()
        );
        let error = CommandError::say(ErrorKind::Failed, sentence).with_code("keys");
        return Err(error.with_hint(format!("`osb keys show --system {name}` shows them")));
    }
    context.note(&format!("the keys of {name} are made"));
    context.print_text(&dir.path().display().to_string())
}

fn revoke(keys: &mut Keys, meant: KeysOf, context: &Context) -> Result<(), CommandError> {
    let out = keys.revoke(meant)?;
    if out.is_empty() {
        let error = CommandError::say(ErrorKind::Failed, "no key of that name is admitted");
        return Err(error
            .with_code("keys")
            .with_hint("`osb keys show` shows who is"));
    }
    context.print(&Revoked(out))
}

impl From<KeysError> for CommandError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::State(error) => error.into(),
            KeysError::Proxy(error) => error.into(),
            KeysError::Sleeps => Self::new(ErrorKind::Unreachable, error)
                .with_hint("bring the system up: members move over while they are there"),
            KeysError::Write(_) | KeysError::Journal(_) | KeysError::Draw(_) => {
                Self::new(ErrorKind::Failed, error)
            }
        }
    }
}
