//! An agent as a program asks for it: what its spec says, and the sockets of others that it is to connect to, whose kinds are looked up
//! on the way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{
    Action, Address, Admits, AgentName, AgentSpec, Alias, BindSpec, Handlers, Kind, Millis,
    NameError, Program, Replies, RestartPolicy, Serializer, SocketId, Speaks, Template, WireSpec,
};

/// An agent to be spawned.
///
/// ```
/// use osb::model::{Kind, NewAgent};
/// let worker = NewAgent::named("W1")?
///     .command(["python3", "worker.py"])
///     .env("LEVEL", "info")
///     .connect("tasks", "Boss.tasks")?;
/// # Ok::<(), osb::model::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NewAgent {
    spec: AgentSpec,
    /// The words of its command; none: it has no program.
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: Option<PathBuf>,
    speaks: Speaks,
    /// Wires whose other ends are not looked up yet, the next one last.
    connect: Vec<(Alias, SocketId)>,
}

impl NewAgent {
    /// An agent without a program, without sockets.
    pub fn named(name: &str) -> Result<Self, NameError> {
        Ok(AgentSpec::named(name.parse::<AgentName>()?).into())
    }

    /// Its command: a program and its arguments, which speaks JSON lines. No shell is involved.
    pub fn command(mut self, argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.argv = argv.into_iter().map(Into::into).collect();
        self
    }

    /// How its command talks with it.
    pub fn speaks(mut self, speaks: Speaks) -> Self {
        self.speaks = speaks;
        self
    }

    /// A variable for its command.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// The folder that its command runs in, on its own machine; else where the program runs that asks.
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// An attribute.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.spec.attributes.insert(name.into(), value.into());
        self
    }

    /// A socket that it binds, at any free port. Its messages go to its program, or else to its log. In a closed system all agents may connect
    /// to it.
    pub fn bind(self, alias: &str, kind: Kind) -> Result<Self, NameError> {
        Ok(self.bound(alias.parse()?, kind))
    }

    pub(crate) fn bound(mut self, alias: Alias, kind: Kind) -> Self {
        self.spec.bind.push(BindSpec {
            alias,
            kind,
            endpoint: None,
            serializer: Serializer::Json,
            handlers: None,
            admits: Admits::anyone(),
        });
        self
    }

    /// A socket of another agent that it connects to, `AGENT.ALIAS`, by one of its own.
    pub fn connect(self, alias: &str, to: &str) -> Result<Self, NameError> {
        Ok(self.connected(alias.parse()?, to.parse()?))
    }

    pub(crate) fn connected(mut self, alias: Alias, to: SocketId) -> Self {
        self.connect.insert(0, (alias, to));
        self
    }

    /// Whether it is started again when it has ended.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.spec.restart.policy = policy;
        self
    }

    /// How long each stage of its start may take.
    pub fn start_timeout(mut self, timeout: Millis) -> Self {
        self.spec.start_timeout = timeout;
        self
    }

    /// Its name.
    pub fn name(&self) -> &AgentName {
        &self.spec.name.name
    }

    /// The socket at the other end of the next wire, which is to be looked up. None: all is known.
    pub(crate) fn unknown(&self) -> Option<&SocketId> {
        self.connect.last().map(|(_, to)| to)
    }

    /// That socket is there.
    pub(crate) fn found(&mut self, server: &Address) {
        let Some((alias, to)) = self.connect.pop() else {
            return;
        };
        let kind = server.kind.twin();
        let handlers = match kind.receives() {
            true => Handlers::one(self.usual()),
            false => Handlers::none(),
        };
        self.spec.wires.push(WireSpec {
            alias,
            to,
            kind,
            serializer: Some(server.serializer),
            handlers,
            replies: Replies::default(),
            resting: false,
        });
    }

    /// What it does with messages.
    fn usual(&self) -> Action {
        let hears = !self.argv.is_empty() && self.speaks.hears();
        match hears {
            true => Action::Command,
            false => Action::Log,
        }
    }

    /// How long its host gives it until it does its work.
    pub(crate) fn limit(&self) -> Duration {
        let program = self.spec.program.as_ref().and_then(|it| it.timeout);
        let stages = self.spec.start_timeout.duration() * 2 + self.spec.settle.duration();
        stages + program.map_or(Duration::ZERO, Millis::duration)
    }

    /// The whole of it. Its command runs in `here`, if nothing else was said.
    pub(crate) fn into_spec(self, here: PathBuf) -> AgentSpec {
        let Self {
            mut spec,
            argv,
            env,
            cwd,
            speaks,
            connect: _,
        } = self;
        if !argv.is_empty() {
            let cwd = cwd.map_or(here.clone(), |cwd| here.join(cwd));
            let env = env.into_iter();
            spec.program = Some(Program {
                env: env
                    .map(|(name, value)| (name, Template::from(value)))
                    .collect(),
                speaks,
                ..Program::of_words(argv, cwd)
            });
        }
        spec
    }
}

impl From<AgentSpec> for NewAgent {
    fn from(spec: AgentSpec) -> Self {
        Self {
            spec,
            argv: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            speaks: Speaks::Lines,
            connect: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, Transport};

    fn address(kind: Kind) -> Address {
        Address {
            kind,
            role: Role::Server,
            transport: Transport::Tcp,
            key: None,
            address: "tcp://127.0.0.1:5000".to_owned(),
            requests: None,
            serializer: Serializer::Msgpack,
        }
    }

    #[test]
    fn wires_are_of_the_kinds_of_their_other_ends_in_the_order_in_which_they_were_asked_for() {
        let mut new = NewAgent::named("W1")
            .unwrap()
            .command(["worker"])
            .env("A", "b")
            .connect("tasks", "Boss.tasks")
            .and_then(|it| it.connect("results", "Boss.results"))
            .unwrap();
        for (to, kind) in [("Boss.tasks", Kind::Push), ("Boss.results", Kind::Pull)] {
            assert_eq!(new.unknown().unwrap().to_string(), to);
            new.found(&address(kind));
        }
        assert_eq!(new.unknown(), None);
        let spec = new.into_spec("/here".into());
        let program = spec.program.unwrap();
        assert_eq!(program.cwd, PathBuf::from("/here"));
        let wires: Vec<_> = spec
            .wires
            .iter()
            .map(|it| (it.kind, &it.handlers))
            .collect();
        let command = Handlers::one(Action::Command);
        assert_eq!(
            wires,
            [(Kind::Pull, &command), (Kind::Push, &Handlers::none())]
        );
        assert_eq!(spec.wires[0].serializer, Some(Serializer::Msgpack));
    }

    #[test]
    fn without_a_program_messages_go_to_the_log() {
        let mut new = NewAgent::named("W1").unwrap().connect("in", "A.b").unwrap();
        new.found(&address(Kind::Pub));
        let spec = new.into_spec("/".into());
        assert_eq!(spec.wires[0].handlers, Handlers::one(Action::Log));
        assert_eq!(spec.program, None);
    }
}
