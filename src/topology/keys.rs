//! The keys of topologies, in one table. The readers know from it which keys there are ([`super::fields`]), the
//! JSON Schema is made of it ([`super::schema()`]), and `check --expand` writes no other keys ([`super::Flat`]).
//!
//! It says less than the readers do: what a value may be beyond its form is for them to look at.

/// A map whose keys are known.
pub(super) struct Section {
    /// What it is called in the schema.
    pub name: &'static str,
    pub about: &'static str,
    /// In the order in which people are told of them.
    pub keys: &'static [Key],
}

/// One key.
pub(super) struct Key {
    pub name: &'static str,
    /// It has to be there.
    pub needed: bool,
    pub form: Form,
    pub about: &'static str,
}

/// What may stand behind a key.
pub(super) enum Form {
    String,
    Bool,
    Number,
    PortNumber,
    /// Any JSON.
    Any,
    Word(Word),
    OneOf(&'static Choice),
    Section(&'static Section),
    List(&'static Form),
    /// By any keys.
    Map(&'static Form),
    /// Or nothing.
    Maybe(&'static Form),
}

/// Text that stands for something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    /// The format's number.
    Format,
    Text,
    Name,
    Duration,
    /// A number of things.
    Replicas,
    Restart,
    Then,
    After,
    Order,
    UpdateWait,
    UpdateFailure,
    Security,
    Kind,
    Transport,
    Serializer,
    Speaks,
    Action,
}

/// One of several forms, each with what it means.
pub(super) struct Choice {
    pub name: &'static str,
    pub about: &'static str,
    pub forms: &'static [(Form, &'static str)],
}

impl Section {
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().map(|key| key.name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The code that reads and writes uses keys of the table only: tests end here if it does not.
    pub(crate) fn must_have(&self, name: &str) {
        debug_assert!(
            self.has(name),
            "{} has no key {name} in the table",
            self.name
        );
    }
}

const fn key(name: &'static str, form: Form, about: &'static str) -> Key {
    Key {
        name,
        needed: false,
        form,
        about,
    }
}

const fn needed(name: &'static str, form: Form, about: &'static str) -> Key {
    Key {
        needed: true,
        ..key(name, form, about)
    }
}

const TEXT: Form = Form::Word(Word::Text);
const NAME: Form = Form::Word(Word::Name);
const DURATION: Form = Form::Word(Word::Duration);
const TEXTS: Form = Form::List(&TEXT);

pub(super) static FILE: Section = Section {
    name: "File",
    about: "A topology: what there is to be, and how it is wired. With `include`, or several files laid over one another, each file is a part.",
    keys: &[
        key("osb", Form::Word(Word::Format), "The format."),
        key(
            "include",
            Form::List(&Form::String),
            "Further files that this one is laid over.",
        ),
        key("name", NAME, "The system's name; else that of the file."),
        key(
            "nameserver",
            Form::OneOf(&NAME_SERVER),
            "Where the name server is, or is to be: `IP:port`; port 0 is any free one.",
        ),
        key(
            "nameservers",
            Form::Map(&Form::Maybe(&Form::OneOf(&NAME_SERVER))),
            "Several name servers, each with agents of its own.",
        ),
        key(
            "security",
            Form::Word(Word::Security),
            "`none`: anyone who can reach a socket can use it. `curve`: only members with keys can, encrypted; this is the default as soon as a socket can be reached from other machines.",
        ),
        key(
            "defaults",
            Form::Section(&DEFAULTS),
            "What holds for agents that say nothing else.",
        ),
        key(
            "hosts",
            Form::OneOf(&HOSTS),
            "The machines, or the file that has them; `local` always exists.",
        ),
        key(
            "agents",
            Form::Map(&Form::Maybe(&Form::Section(&AGENT))),
            "The agents, by their names.",
        ),
        key(
            "connections",
            Form::List(&Form::Section(&CONNECTION)),
            "Who connects to whom.",
        ),
        key(
            "logger",
            Form::OneOf(&LOGGERS),
            "The agent that gathers what the others log.",
        ),
    ],
};

pub(super) static DEFAULTS: Section = Section {
    name: "Defaults",
    about: "What holds for agents that say nothing else.",
    keys: &[
        key("transport", Form::Word(Word::Transport), ""),
        key("serializer", Form::Word(Word::Serializer), ""),
        key(
            "start_timeout",
            DURATION,
            "How long each stage of an agent's start may take.",
        ),
        key(
            "settle",
            DURATION,
            "How long a command that says nothing has to live before it counts as running.",
        ),
        key(
            "stop_timeout",
            DURATION,
            "How long agents and their commands get to end by themselves before they are killed.",
        ),
        key(
            "restart",
            Form::OneOf(&RESTARTS),
            "Whether agents are started again that have ended by themselves.",
        ),
        key(
            "on_failed",
            TEXTS,
            "A command that its host runs when an agent has failed for good.",
        ),
        key(
            "health",
            Form::Section(&HEALTH),
            "How commands are watched while they run.",
        ),
        key(
            "sync",
            Form::OneOf(&SYNCS),
            "Files that go with agents to other machines.",
        ),
        key(
            "env_file",
            Form::OneOf(&NAMES),
            "Files with variables for commands, a NAME=value on each line.",
        ),
        key(
            "logs",
            Form::Section(&LOGS),
            "How much is kept of what agents and their programs write.",
        ),
    ],
};

pub(super) static LOGS: Section = Section {
    name: "Logs",
    about: "",
    keys: &[
        key(
            "max_size",
            TEXT,
            "How large a file becomes before the next is begun: 20MiB, 20m, or a number of bytes.",
        ),
        key(
            "max_files",
            Form::Word(Word::Replicas),
            "How many files are kept of each log, the one that is written to among them.",
        ),
    ],
};

static RESTARTS: Choice = Choice {
    name: "RestartChoice",
    about: "",
    forms: &[
        (Form::Word(Word::Restart), ""),
        (Form::Section(&RESTART), ""),
    ],
};

pub(super) static RESTART: Section = Section {
    name: "RestartForm",
    about: "The first restart is at once; each further one within the window waits longer.",
    keys: &[
        key("policy", Form::Word(Word::Restart), ""),
        key("delay", DURATION, "How long the second restart waits."),
        key("max_delay", DURATION, "How long a restart waits at most."),
        key(
            "factor",
            Form::Number,
            "By how much each waits longer than the one before it.",
        ),
        key(
            "jitter",
            Form::Number,
            "Which part of the wait is left to chance, from 0 to 1.",
        ),
        key(
            "limit",
            Form::Number,
            "After so many within the window the agent has failed for good; 0: never.",
        ),
        key("within", DURATION, "The window."),
    ],
};

static SYNCS: Choice = Choice {
    name: "SyncFiles",
    about: "",
    forms: &[
        (TEXTS, "Folders and files, from the topology's folder."),
        (Form::Section(&SYNC), ""),
    ],
};

pub(super) static SYNC: Section = Section {
    name: "SyncForm",
    about: "Files that go with agents to other machines.",
    keys: &[
        key(
            "from",
            TEXT,
            "The folder that the paths begin at; else the topology's.",
        ),
        needed("paths", TEXTS, ""),
        key(
            "except",
            TEXTS,
            "Names to leave out; a star stands for whatever may be there.",
        ),
    ],
};

static HOSTS: Choice = Choice {
    name: "Hosts",
    about: "",
    forms: &[
        (Form::String, "A file with the section `hosts`."),
        (Form::Map(&Form::Maybe(&Form::Section(&HOST))), ""),
    ],
};

pub(super) static HOST: Section = Section {
    name: "Host",
    about: "A machine.",
    keys: &[
        key("address", Form::String, "The IP address that peers dial."),
        key(
            "attach",
            Form::Bool,
            "Others start its daemon: osb waits for it to register.",
        ),
        key(
            "ssh",
            Form::String,
            "`HOST` or `USER@HOST`: its daemon is started by ssh.",
        ),
        key("port", Form::PortNumber, "For ssh, if it is not 22."),
        key("identity", TEXT, "The file of a private key, for ssh."),
        key("ssh_config", TEXT, "For ssh, instead of the user's own."),
        key(
            "labels",
            TEXTS,
            "What agents may ask for instead of its name.",
        ),
    ],
};

pub(super) static ON: Section = Section {
    name: "On",
    about: "Any machine that matches.",
    keys: &[needed("label", TEXT, "")],
};

static NAME_SERVER: Choice = Choice {
    name: "NameServer",
    about: "",
    forms: &[
        (Form::String, "`IP:port`: start one here."),
        (Form::Section(&NAME_SERVER_FORM), ""),
    ],
};

pub(super) static NAME_SERVER_FORM: Section = Section {
    name: "NameServerForm",
    about: "",
    keys: &[
        key("launch", Form::String, "`IP:port`: start one there."),
        key(
            "attach",
            Form::String,
            "`IP:port`: use the one that is there.",
        ),
        key("host", NAME, "The machine to start it on."),
    ],
};

static LOGGERS: Choice = Choice {
    name: "Logger",
    about: "",
    forms: &[(TEXT, ""), (Form::Section(&LOGGER), "")],
};

pub(super) static LOGGER: Section = Section {
    name: "LoggerForm",
    about: "",
    keys: &[
        needed("agent", TEXT, ""),
        key("handler", Form::OneOf(&HANDLER), ""),
    ],
};

pub(super) static AGENT: Section = Section {
    name: "Agent",
    about: "An agent.",
    keys: &[
        key("host", NAME, "The machine it runs on."),
        key(
            "on",
            Form::Section(&ON),
            "Any machine that matches, instead; replicas are spread over all that do.",
        ),
        key("transport", Form::Word(Word::Transport), ""),
        key("serializer", Form::Word(Word::Serializer), ""),
        key(
            "attributes",
            Form::Map(&Form::Any),
            "What others see of it; any JSON.",
        ),
        key(
            "bind",
            Form::Map(&Form::OneOf(&BINDS)),
            "The sockets that it binds, by their aliases.",
        ),
        key(
            "timers",
            Form::List(&Form::Section(&TIMER)),
            "What it does by the clock.",
        ),
        key(
            "command",
            TEXTS,
            "Its program and arguments; no shell is involved.",
        ),
        key("env", Form::Map(&TEXT), "Variables for the command."),
        key(
            "env_file",
            Form::OneOf(&NAMES),
            "Files with more of them, a NAME=value on each line; `env` goes over them. Else those of `defaults`.",
        ),
        key(
            "cwd",
            TEXT,
            "Where the command runs; else the topology's folder.",
        ),
        key(
            "sync",
            Form::OneOf(&SYNCS),
            "Files that are to be on its machine first; else those of `defaults`.",
        ),
        key(
            "speaks",
            Form::Word(Word::Speaks),
            "How the command talks with osb.",
        ),
        key(
            "ready",
            Form::Section(&READY),
            "By what it is seen that the command is ready; else it is when it has been started.",
        ),
        key(
            "job",
            Form::OneOf(&JOBS),
            "The command is expected to end; exit status 0 is success.",
        ),
        key(
            "after",
            Form::OneOf(&AFTER),
            "The agents whose commands are ready, or have ended well, before this one is started.",
        ),
        key(
            "start_timeout",
            DURATION,
            "How long each stage of its start may take; else what `defaults` say.",
        ),
        key(
            "settle",
            DURATION,
            "How long its command has to live before it counts as running; else what `defaults` say.",
        ),
        key(
            "stop_timeout",
            DURATION,
            "How long it and its command get to end by themselves before they are killed; else what `defaults` say.",
        ),
        key(
            "logs",
            Form::Section(&LOGS),
            "How much is kept of what it and its program write; else what `defaults` say.",
        ),
        key(
            "restart",
            Form::OneOf(&RESTARTS),
            "Whether it is started again when it has ended by itself; else what `defaults` say.",
        ),
        key(
            "on_failed",
            TEXTS,
            "A command that its host runs when it has failed for good; else what `defaults` say.",
        ),
        key(
            "health",
            Form::Section(&HEALTH),
            "How its command is watched while it runs; what is not said here is as `defaults` say.",
        ),
        key(
            "keep",
            TEXTS,
            "Attributes that it takes over from its life before a restart.",
        ),
        key(
            "with",
            Form::OneOf(&NAMES),
            "The agents that it goes with: when one of them was restarted, it is too.",
        ),
        key(
            "attach",
            Form::Bool,
            "Others start it: osb waits for it to register.",
        ),
        key(
            "nameserver",
            NAME,
            "The name server at which it is registered.",
        ),
        key(
            "replicas",
            Form::Word(Word::Replicas),
            "For how many agents the entry stands: NAME0, NAME1 and so on.",
        ),
        key(
            "update",
            Form::Section(&UPDATE),
            "How its agents are replaced when all of them begin anew; else all at once.",
        ),
    ],
};

pub(super) static UPDATE: Section = Section {
    name: "Update",
    about: "How the agents of an entry are replaced when they begin anew: some at a time, while the others work on.",
    keys: &[
        key(
            "parallel",
            Form::Word(Word::Replicas),
            "How many at a time; else one.",
        ),
        key(
            "order",
            Form::Word(Word::Order),
            "What comes first: that each ends when it has finished its work, or that as many more work; else `stop-first`.",
        ),
        key(
            "wait",
            Form::Word(Word::UpdateWait),
            "When the next have their turn; else when these are healthy, if they are watched.",
        ),
        key(
            "on_failure",
            Form::Word(Word::UpdateFailure),
            "What becomes of the system if one does not come up; else `rollback`.",
        ),
        key(
            "group",
            NAME,
            "Agents of one group are replaced in turn; else those of the entry.",
        ),
    ],
};

pub(super) static READY: Section = Section {
    name: "Ready",
    about: "By what a command is seen to be ready: one of port, line and command.",
    keys: &[
        key(
            "port",
            Form::OneOf(&PORT),
            "A port of this machine, or `IP:port`, that takes connections.",
        ),
        key("line", TEXT, "A line of its output: a regular expression."),
        key(
            "command",
            TEXTS,
            "A probe: a program and its arguments, which ends with status 0.",
        ),
        key("every", DURATION, "How often the probe is run."),
        key("timeout", DURATION, "How long it may take."),
    ],
};

pub(super) static HEALTH: Section = Section {
    name: "Health",
    about: "How a command is watched while it runs: by one of call, command, port and http, or by its own words alone.",
    keys: &[
        key(
            "call",
            NAME,
            "A method of the program that has to answer, and not with an error.",
        ),
        key(
            "command",
            TEXTS,
            "A program and its arguments, which has to end with status 0.",
        ),
        key(
            "port",
            Form::OneOf(&PORT),
            "A port of this machine, or `IP:port`, that has to take connections.",
        ),
        key(
            "http",
            Form::String,
            "`http://IP:port/path`, which has to be answered with a status from 200 to 399.",
        ),
        key("every", DURATION, "How long after a check the next begins."),
        key("timeout", DURATION, "How long a check may take."),
        key(
            "failures",
            Form::Number,
            "After so many in a row it is unhealthy.",
        ),
        key(
            "grace",
            DURATION,
            "How long failures do not count after its start, until a check has succeeded.",
        ),
        key(
            "then",
            Form::Word(Word::Then),
            "What follows; else `restart` if its policy starts it again, and `tell` if not.",
        ),
        key(
            "max_busy",
            DURATION,
            "How long the program may say that it is busy with one thing; else for ever.",
        ),
    ],
};

static PORT: Choice = Choice {
    name: "Port",
    about: "",
    forms: &[(Form::PortNumber, ""), (Form::String, "")],
};

static JOBS: Choice = Choice {
    name: "Job",
    about: "",
    forms: &[(Form::Bool, ""), (Form::Section(&JOB), "")],
};

pub(super) static JOB: Section = Section {
    name: "JobForm",
    about: "",
    keys: &[
        key("timeout", DURATION, "How long it may take."),
        key(
            "once",
            Form::Bool,
            "Whether it stays done when its machine has started again; else it is done again then.",
        ),
    ],
};

static NAMES: Choice = Choice {
    name: "Names",
    about: "",
    forms: &[(TEXT, ""), (TEXTS, "")],
};

static AFTER: Choice = Choice {
    name: "After",
    about: "",
    forms: &[
        (TEXT, ""),
        (TEXTS, ""),
        (
            Form::Map(&Form::Word(Word::After)),
            "What each has to be: `ready`, or `healthy`.",
        ),
    ],
};

static BINDS: Choice = Choice {
    name: "Bind",
    about: "",
    forms: &[(Form::Word(Word::Kind), ""), (Form::Section(&BIND), "")],
};

pub(super) static BIND: Section = Section {
    name: "BindForm",
    about: "A socket.",
    keys: &[
        needed("kind", Form::Word(Word::Kind), ""),
        key("transport", Form::Word(Word::Transport), ""),
        key(
            "addr",
            Form::String,
            "An IP address (any port), `IP:port`, or for ipc a path.",
        ),
        key("serializer", Form::Word(Word::Serializer), ""),
        key("handler", Form::OneOf(&HANDLER), ""),
        key(
            "accept",
            Form::OneOf(&NAMES),
            "In a closed system: the agents that may connect by themselves, besides those with a wire to it; `Worker*`, `*`.",
        ),
        key(
            "guests",
            Form::Bool,
            "In a closed system: whether agents of other name servers may connect by themselves.",
        ),
    ],
};

pub(super) static CONNECTION: Section = Section {
    name: "Connection",
    about: "A connection.",
    keys: &[
        needed(
            "agent",
            TEXT,
            "The agent that connects; `Worker*` stands for all whose names begin so.",
        ),
        needed(
            "to",
            Form::String,
            "The socket it connects to: AGENT.ALIAS.",
        ),
        key(
            "alias",
            NAME,
            "The alias of its own socket; else that of the other.",
        ),
        key(
            "kind",
            Form::Word(Word::Kind),
            "The kind of its own socket; else the twin of the other.",
        ),
        key("handler", Form::OneOf(&HANDLER), ""),
        key(
            "on_reply",
            Form::OneOf(&ACTIONS),
            "Sockets that ask: what is done with an answer.",
        ),
        key(
            "wait",
            DURATION,
            "Sockets that ask: how long an answer is waited for.",
        ),
        key(
            "on_error",
            Form::OneOf(&ACTIONS),
            "Sockets that ask: what is done if none comes in time, or if it is an error.",
        ),
    ],
};

pub(super) static TIMER: Section = Section {
    name: "Timer",
    about: "A timer: either every or after; and one of send, call and set.",
    keys: &[
        key("every", DURATION, "Fires again and again."),
        key("after", DURATION, "Fires once."),
        key("alias", NAME, ""),
        key("send", NAME, "The socket to send by."),
        key("message", Form::Any, "What to send; any JSON."),
        key("topic", TEXT, ""),
        key("call", TEXT, "The method to call."),
        key("params", Form::Any, ""),
        key("set", Form::Map(&Form::Any), "Attributes to set."),
    ],
};

static HANDLER: Choice = Choice {
    name: "Handler",
    about: "What is done with messages: actions, or actions by topic.",
    forms: &[
        (Form::OneOf(&ACTIONS), ""),
        (Form::Map(&Form::OneOf(&ACTIONS)), ""),
    ],
};

static ACTIONS: Choice = Choice {
    name: "Actions",
    about: "One action, or several in order.",
    forms: &[
        (Form::Word(Word::Action), ""),
        (Form::List(&Form::Word(Word::Action)), ""),
    ],
};
