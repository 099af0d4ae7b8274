//! An agent's program: a command, how it talks with osb, and when it is there.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AgentId, Check, Health, HostName, Millis, Reference, SyncSpec, Template};

/// What an agent's own code is, and how the agent talks with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// At least one word; no shell is involved.
    pub argv: Vec<Template>,
    /// Added to the environment that the host daemon has.
    pub env: BTreeMap<String, Template>,
    /// Absolute. With `sync`, in the folder here that stands for one there.
    pub cwd: PathBuf,
    /// The files that have to be on its machine first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<Box<SyncSpec>>,
    /// How it talks with its agent.
    pub speaks: Speaks,
    /// What makes it ready: those that wait for it may go on.
    pub ready: Ready,
    /// How long that may take; None: as long as any other stage.
    pub timeout: Option<Millis>,
    /// A job that was done is not done again when its machine has started again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// Agents whose programs have to be ready before, besides those that it refers to.
    pub after: Vec<AgentId>,
    /// Those of them that have to be healthy, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_healthy: Vec<AgentId>,
    /// Others wait until it is healthy: it counts as ready only when a health check has succeeded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ready_when_healthy: bool,
    /// How it is watched while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Box<Health>>,
}

/// How a program talks with osb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaks {
    /// JSON lines on standard input and output, with an agent of osb's own beside it.
    #[default]
    Lines,
    /// It is the agent itself, made with the library: `osb::kit`.
    Osb,
    /// It knows nothing of osb. An agent of osb's own stands beside it.
    Nothing,
}

/// When a program is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// As soon as its process is there.
    Started,
    /// When a TCP port takes connections.
    Port(SocketAddr),
    /// When it has printed a line that this regular expression matches.
    Line(String),
    /// When another command ends with status 0, which is tried again and again.
    Probe {
        /// The command and its arguments.
        argv: Vec<Template>,
        /// How long after its end it is run again.
        every: Millis,
    },
    /// When it has ended with status 0: a job.
    Done,
}

/// A command with nothing left to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables over those of the environment.
    pub env: BTreeMap<String, String>,
    /// The folder it runs in.
    pub cwd: PathBuf,
}

/// What is known where a program runs.
pub struct Machine<'m> {
    /// The machine's name, if it is known.
    pub host: Option<&'m HostName>,
    /// What peers dial.
    pub address: IpAddr,
    /// Its environment.
    pub env: &'m dyn Fn(&str) -> Option<String>,
}

/// A reference cannot be filled in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// A variable is not set.
    #[error("the variable {name} is not set on {host}, and ${{env:{name}}} has no default")]
    Unset {
        /// Of the variable.
        name: String,
        /// Where it is not set.
        host: String,
    },
    /// Nothing is known by which to fill it in.
    #[error("what ${{{0}}} stands for is not known here")]
    Unknown(Reference),
}

impl Program {
    /// A command that speaks JSON lines and is started with its agent.
    pub fn of_words(argv: impl IntoIterator<Item = String>, cwd: PathBuf) -> Self {
        Self {
            argv: argv.into_iter().map(Template::from).collect(),
            env: BTreeMap::new(),
            cwd,
            sync: None,
            speaks: Speaks::Lines,
            ready: Ready::Started,
            timeout: None,
            once: false,
            after: Vec::new(),
            after_healthy: Vec::new(),
            ready_when_healthy: false,
            health: None,
        }
    }

    /// All its references.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let probe = match &self.ready {
            Ready::Probe { argv, .. } => argv.as_slice(),
            Ready::Started | Ready::Done | Ready::Port(_) | Ready::Line(_) => &[],
        };
        let all = self.argv.iter().chain(self.env.values()).chain(probe);
        let all = all.chain(self.health_words().unwrap_or_default());
        all.flat_map(Template::references)
    }

    /// The command by which its health is checked, if it is checked by one.
    pub fn health_words(&self) -> Option<&[Template]> {
        match self.health.as_ref()?.check.as_ref()? {
            Check::Command(argv) => Some(argv),
            Check::Call(_) | Check::Port(_) | Check::Http(_) => None,
        }
    }

    /// Whether it is started only when the system is wired: it refers to what is known no sooner,
    /// others wait for it, or it waits for others, or it would not wait for `start`.
    pub fn is_launched(&self) -> bool {
        match self.speaks {
            Speaks::Osb => false,
            Speaks::Nothing => true,
            Speaks::Lines => {
                self.ready != Ready::Started
                    || self.ready_when_healthy
                    || !self.after.is_empty()
                    || self.references().any(|it| it.agent().is_some())
            }
        }
    }

    /// The program with those references filled in that are `known`.
    pub fn filled<E>(
        &self,
        mut known: impl FnMut(&Reference) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let mut program = self.clone();
        for template in program.templates() {
            *template = template.filled(&mut known)?;
        }
        Ok(program)
    }

    /// The same program, with other names for the agents that it refers to.
    pub fn renamed(&self, name: impl Fn(&AgentId) -> AgentId) -> Self {
        let mut program = self.clone();
        program.templates().for_each(|it| it.rename(&name));
        for names in [&mut program.after, &mut program.after_healthy] {
            *names = names.iter().map(&name).collect();
        }
        program
    }

    fn templates(&mut self) -> impl Iterator<Item = &mut Template> {
        let probe = match &mut self.ready {
            Ready::Probe { argv, .. } => argv.as_mut_slice(),
            Ready::Started | Ready::Done | Ready::Port(_) | Ready::Line(_) => &mut [],
        };
        let checking = match self.health.as_mut().and_then(|it| it.check.as_mut()) {
            Some(Check::Command(argv)) => argv.as_mut_slice(),
            Some(Check::Call(_) | Check::Port(_) | Check::Http(_)) | None => &mut [],
        };
        let all = self.argv.iter_mut().chain(self.env.values_mut());
        all.chain(probe).chain(checking)
    }

    /// The command that is run on this machine.
    pub fn command(&self, machine: &Machine<'_>) -> Result<Command, Unfilled> {
        self.command_of(&self.argv, machine)
    }

    /// What is to be run there, as often as need be, to see whether it is ready.
    pub fn probe(&self, machine: &Machine<'_>) -> Result<Option<Command>, Unfilled> {
        match &self.ready {
            Ready::Probe { argv, .. } => self.command_of(argv, machine).map(Some),
            Ready::Started | Ready::Done | Ready::Port(_) | Ready::Line(_) => Ok(None),
        }
    }

    /// What is to be run there to see whether it is healthy, if that is seen by a command.
    pub fn health_command(&self, machine: &Machine<'_>) -> Result<Option<Command>, Unfilled> {
        let argv = self.health_words();
        argv.map(|argv| self.command_of(argv, machine)).transpose()
    }

    fn command_of(&self, argv: &[Template], machine: &Machine<'_>) -> Result<Command, Unfilled> {
        let text = |template: &Template| template.text(|it| machine.value(it));
        let env = self.env.iter();
        Ok(Command {
            argv: argv.iter().map(text).collect::<Result<_, _>>()?,
            env: env
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<_, Unfilled>>()?,
            cwd: self.cwd.clone(),
        })
    }
}

impl Machine<'_> {
    /// What a reference stands for on this machine.
    pub fn value(&self, reference: &Reference) -> Result<String, Unfilled> {
        match (reference, self.host) {
            (Reference::Env { name, default }, host) => {
                let unset = || Unfilled::Unset {
                    name: name.clone(),
                    host: host.map_or("this machine".to_owned(), ToString::to_string),
                };
                let is_good = |value: &String| default.is_none() || !value.is_empty();
                let value = (self.env)(name).filter(is_good);
                value.or_else(|| default.clone()).ok_or_else(unset)
            }
            (Reference::Host { address: true }, _) => Ok(self.address.to_string()),
            (Reference::Host { address: false }, Some(host)) => Ok(host.to_string()),
            (Reference::Host { address: false }, None)
            | (Reference::Addr { .. } | Reference::Attr { .. }, _) => {
                Err(Unfilled::Unknown(reference.clone()))
            }
        }
    }
}

impl Speaks {
    /// The words a file may use.
    pub const WORDS: [&str; 3] = ["lines", "osb", "nothing"];

    /// Whether messages and calls can be handed to such a program.
    pub fn hears(self) -> bool {
        self != Speaks::Nothing
    }
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Speaks::Lines => "lines",
            Speaks::Osb => "osb",
            Speaks::Nothing => "nothing",
        })
    }
}

impl FromStr for Speaks {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "lines" => Ok(Speaks::Lines),
            "osb" => Ok(Speaks::Osb),
            "nothing" => Ok(Speaks::Nothing),
            _ => Err(()),
        }
    }
}

/// What is waited for, as in "waiting for port 127.0.0.1:80".
impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ready::Started => f.write_str("its start"),
            Ready::Port(at) => write!(f, "port {at}"),
            Ready::Line(pattern) => write!(f, "the line {pattern:?}"),
            Ready::Probe { argv, .. } => write!(f, "the probe `{}`", words(argv)),
            Ready::Done => f.write_str("its end"),
        }
    }
}

/// A command as people read it.
pub fn words(argv: &[Template]) -> String {
    let words: Vec<String> = argv.iter().map(Template::to_string).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Piece;

    fn program(reference: Reference) -> Program {
        let mut program = Program::of_words(["run".to_owned()], "/".into());
        let value = Template::new([Piece::Reference(reference)]);
        program.env.insert("X".into(), value);
        program
    }

    fn on_lab1(program: &Program) -> Result<String, String> {
        let host = "lab1".parse().unwrap();
        let set = [("SET", "x"), ("EMPTY", "")];
        let machine = Machine {
            host: Some(&host),
            address: "10.0.0.7".parse().unwrap(),
            env: &|name| {
                let found = set.iter().find(|(set, _)| *set == name);
                found.map(|(_, value)| (*value).to_owned())
            },
        };
        let command = program.command(&machine).map_err(|it| it.to_string())?;
        Ok(command.env["X"].clone())
    }

    fn env(name: &str, default: Option<&str>) -> Program {
        program(Reference::Env {
            name: name.into(),
            default: default.map(str::to_owned),
        })
    }

    #[test]
    fn a_machine_fills_in_what_is_its_own() {
        for (program, value) in [
            (env("SET", None), "x"),
            (env("SET", Some("d")), "x"),
            (env("EMPTY", None), ""),
            (env("EMPTY", Some("d")), "d"),
            (env("UNSET", Some("")), ""),
            (program(Reference::Host { address: false }), "lab1"),
            (program(Reference::Host { address: true }), "10.0.0.7"),
        ] {
            assert_eq!(on_lab1(&program), Ok(value.to_owned()), "{program:?}");
            assert!(!program.is_launched(), "known when the agent begins");
        }
        let said = on_lab1(&env("UNSET", None)).unwrap_err();
        assert_eq!(
            said,
            "the variable UNSET is not set on lab1, and ${env:UNSET} has no default"
        );
    }

    #[test]
    fn what_is_known_later_is_launched_later() {
        let attr = program(Reference::Attr {
            agent: "Alice".parse().unwrap(),
            name: "x".into(),
        });
        assert!(attr.is_launched());
        assert!(on_lab1(&attr).unwrap_err().contains("${attr:Alice.x}"));
        let known = attr.filled(|_| Ok::<_, ()>(Some("1".into()))).unwrap();
        assert_eq!(on_lab1(&known), Ok("1".into()));
    }
}
