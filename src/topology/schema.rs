//! The format of topologies as a JSON Schema, for editors. It is derived from the types below, whose
//! words are those of the model; a test holds their keys against those that the readers know.
//!
//! It says less than `check` does: references, twins and circles are beyond a schema.

use std::collections::BTreeMap;

use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

use crate::model::{Action, Kind, Serializer, Speaks, Transport};

/// The schema of a topology file.
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(pass_notes));
    let mut schema = settings.into_generator().into_root_schema_for::<File>();
    schema.insert("title".to_owned(), "osb topology, format 1".into());
    schema
}

/// Wherever keys are known, those that begin with `x-` are passed over.
fn pass_notes(schema: &mut Schema) {
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        let notes = serde_json::json!({ "^x-": true });
        schema.insert("patternProperties".to_owned(), notes);
    }
}

/// A topology: what there is to be, and how it is wired. With `include`, or several files laid over one
/// another, each file is a part.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "the shape is all that is wanted")]
struct File {
    /// The format.
    osb: Option<Format>,
    /// Further files that this one is laid over.
    include: Option<Vec<String>>,
    /// The system's name; else that of the file.
    name: Option<Name>,
    /// Where the name server is, or is to be: `IP:port`; port 0 is any free one.
    nameserver: Option<NameServer>,
    /// Several name servers, each with agents of its own.
    nameservers: Option<BTreeMap<String, Option<NameServer>>>,
    /// `none`: whoever can reach a socket can use it. `curve`: by keys, encrypted; so it is whenever
    /// other machines have to do with the system.
    security: Option<Security>,
    /// The agent that gathers what the others log.
    logger: Option<Logger>,
    /// What holds for agents that say nothing else.
    defaults: Option<Defaults>,
    /// The machines, or the file that has them; `local` always exists.
    hosts: Option<Hosts>,
    /// The agents, by their names.
    agents: Option<BTreeMap<String, Option<Agent>>>,
    /// Who connects to whom.
    connections: Option<Vec<Connection>>,
}

/// How a system is protected against strangers.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape matters")]
enum Security {
    None,
    Curve,
}

/// What holds for agents that say nothing else.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Defaults {
    transport: Option<TransportWord>,
    serializer: Option<SerializerWord>,
    /// How long each stage of an agent's start may take.
    start_timeout: Option<Duration>,
    /// How long a command that says nothing has to live before it counts as running.
    settle: Option<Duration>,
    restart: Option<Restart>,
    /// Files that go with agents to other machines.
    sync: Option<SyncFiles>,
    /// Files with variables for commands, a NAME=value on each line.
    env_file: Option<Names>,
    /// How much is kept of what agents and their programs write.
    logs: Option<Logs>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Logs {
    /// How large a file becomes before the next is begun: 20MiB, 20m, or a number of bytes.
    max_size: Option<Text>,
    /// How many files are kept of each log, the one that is written to among them.
    max_files: Option<Replicas>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum SyncFiles {
    /// Folders and files, from the topology's folder.
    Paths(Vec<Text>),
    Long(SyncForm),
}

/// Files that go with agents to other machines.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct SyncForm {
    /// The folder that the paths begin at; else the topology's.
    from: Option<Text>,
    paths: Vec<Text>,
    /// Names to leave out; a star stands for whatever may be there.
    except: Option<Vec<Text>>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Hosts {
    /// A file with the section `hosts`.
    Inventory(String),
    Here(BTreeMap<String, Option<Host>>),
}

/// A machine.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Host {
    /// The IP address that peers dial.
    address: Option<String>,
    /// `HOST` or `USER@HOST`: its daemon is started by ssh.
    ssh: Option<String>,
    /// For ssh, if it is not 22.
    port: Option<u16>,
    /// The file of a private key, for ssh.
    identity: Option<Text>,
    /// For ssh, instead of the user's own.
    ssh_config: Option<Text>,
    /// Others start its daemon: osb waits for it to register.
    attach: Option<bool>,
    /// What agents may ask for instead of its name.
    labels: Option<Vec<Text>>,
}

/// Any machine that matches.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct On {
    label: Text,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum NameServer {
    /// `IP:port`: start one here.
    Here(String),
    Long(NameServerForm),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct NameServerForm {
    /// `IP:port`: start one there.
    launch: Option<String>,
    /// `IP:port`: use the one that is there.
    attach: Option<String>,
    /// The machine to start it on.
    host: Option<Name>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Logger {
    Agent(Text),
    Long(LoggerForm),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct LoggerForm {
    agent: Text,
    handler: Option<Handler>,
}

/// An agent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Agent {
    /// The machine it runs on.
    host: Option<Name>,
    /// Any machine that matches, instead; replicas are spread over all that do.
    on: Option<On>,
    /// The name server at which it is registered.
    nameserver: Option<Name>,
    /// Others start it: osb waits for it to register.
    attach: Option<bool>,
    /// For how many agents the entry stands: NAME0, NAME1 and so on.
    replicas: Option<Replicas>,
    transport: Option<TransportWord>,
    serializer: Option<SerializerWord>,
    start_timeout: Option<Duration>,
    settle: Option<Duration>,
    restart: Option<Restart>,
    /// How much is kept of what it and its program write; else what `defaults` say.
    logs: Option<Logs>,
    /// What others see of it; any JSON.
    attributes: Option<BTreeMap<String, Value>>,
    /// The sockets that it binds, by their aliases.
    bind: Option<BTreeMap<String, Bind>>,
    /// What it does by the clock.
    timers: Option<Vec<Timer>>,
    /// Its program and arguments; no shell is involved.
    command: Option<Vec<Text>>,
    /// How the command talks with osb.
    speaks: Option<SpeaksWord>,
    /// By what it is seen that the command is ready; else it is when it has been started.
    ready: Option<Ready>,
    /// The command is expected to end; exit status 0 is success.
    job: Option<Job>,
    /// The agents whose commands are ready, or have ended well, before this one is started.
    after: Option<Names>,
    /// Variables for the command.
    env: Option<BTreeMap<String, Text>>,
    /// Files with more of them, a NAME=value on each line; `env` goes over them. Else those of `defaults`.
    env_file: Option<Names>,
    /// Where the command runs; else the topology's folder.
    cwd: Option<Text>,
    /// Files that are to be on its machine first; else those of `defaults`.
    sync: Option<SyncFiles>,
}

/// By what a command is seen to be ready: one of port, line and command.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Ready {
    /// A port of this machine, or `IP:port`, that takes connections.
    port: Option<Port>,
    /// A line of its output: a regular expression.
    line: Option<Text>,
    /// A probe: a program and its arguments, which ends with status 0.
    command: Option<Vec<Text>>,
    /// How often the probe is run.
    every: Option<Duration>,
    /// How long it may take.
    timeout: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Port {
    Number(u16),
    Text(String),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Job {
    IsOne(bool),
    Long(JobForm),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct JobForm {
    /// How long it may take.
    timeout: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Names {
    One(Text),
    Several(Vec<Text>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Bind {
    Kind(KindWord),
    Long(BindForm),
}

/// A socket.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct BindForm {
    kind: KindWord,
    transport: Option<TransportWord>,
    /// An IP address (any port), `IP:port`, or for ipc a path.
    addr: Option<String>,
    serializer: Option<SerializerWord>,
    handler: Option<Handler>,
}

/// A connection.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Connection {
    /// The agent that connects; `Worker*` stands for all whose names begin so.
    agent: Text,
    /// The socket it connects to: AGENT.ALIAS.
    to: String,
    /// The alias of its own socket; else that of the other.
    alias: Option<Name>,
    /// The kind of its own socket; else the twin of the other.
    kind: Option<KindWord>,
    handler: Option<Handler>,
    /// Sockets that ask: what is done with an answer.
    on_reply: Option<Actions>,
    /// Sockets that ask: how long an answer is waited for.
    wait: Option<Duration>,
    /// Sockets that ask: what is done if none comes in time, or if it is an error.
    on_error: Option<Actions>,
}

/// A timer: either every or after; and one of send, call and set.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Timer {
    /// Fires again and again.
    every: Option<Duration>,
    /// Fires once.
    after: Option<Duration>,
    alias: Option<Name>,
    /// The socket to send by.
    send: Option<Name>,
    /// What to send; any JSON.
    message: Option<Value>,
    topic: Option<Text>,
    /// The method to call.
    call: Option<Text>,
    params: Option<Value>,
    /// Attributes to set.
    set: Option<BTreeMap<String, Value>>,
}

/// What is done with messages: actions, or actions by topic.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Handler {
    All(Actions),
    ByTopic(BTreeMap<String, Actions>),
}

/// One action, or several in order.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Actions {
    One(ActionWord),
    Several(Vec<ActionWord>),
}

/// Types whose schemas are written here, of words that stand elsewhere.
macro_rules! words {
    ($($name:ident: $schema:expr;)*) => {$(
        struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

words! {
    Format: json_schema!({ "const": 1 });
    Text: json_schema!({
        "type": ["string", "number", "boolean"],
        "description": "Text, as it stands here letter by letter: 24.10 too needs no quotes."
    });
    Name: json_schema!({ "type": ["string", "number"], "pattern": r"^([A-Za-z0-9$][A-Za-z0-9._${}:-]*)$" });
    Duration: json_schema!({
        "type": ["string", "integer"],
        "description": "A duration: 500ms, 1s, 5m, 1h.",
        "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h)|.*\$\{.*)$"
    });
    Replicas: json_schema!({
        "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 10_000 }, { "type": "string", "pattern": r"\$\{" }]
    });
    Restart: any_of(["never"]);
    KindWord: any_of(Kind::ALL.map(Kind::as_str));
    TransportWord: any_of(Transport::ALL.iter().map(|it| it.as_str()));
    SerializerWord: any_of(Serializer::ALL.iter().map(|it| it.as_str()));
    SpeaksWord: any_of(Speaks::WORDS);
    ActionWord: json_schema!({
        "anyOf": [
            { "enum": Action::WORDS.iter().filter(|word| !word.contains(':')).collect::<Vec<_>>() },
            { "type": "string", "pattern": r"^(forward|call):.+|\$\{" }
        ],
        "description": format!("What is done with a message: {}.", Action::WORDS.join(", "))
    });
}

/// One of these words, or a variable that may stand for one.
fn any_of(words: impl IntoIterator<Item = impl Into<Value>>) -> Schema {
    let words: Vec<Value> = words.into_iter().map(Into::into).collect();
    json_schema!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": r"\$\{" }] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{
        agent, bind, connection, defaults, hosts, logger, logs, ready, sync, system, timer,
    };

    /// The keys of a type, as its schema has them.
    fn keys<T: JsonSchema>() -> Vec<String> {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut keys: Vec<String> = properties.unwrap().keys().cloned().collect();
        keys.sort();
        keys
    }

    fn sorted(keys: &[&str]) -> Vec<String> {
        let mut keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        keys.sort();
        keys
    }

    #[test]
    fn it_knows_the_keys_that_the_readers_know() {
        assert_eq!(keys::<File>(), sorted(system::KEYS));
        assert_eq!(keys::<Agent>(), sorted(agent::KEYS));
        assert_eq!(keys::<Host>(), sorted(hosts::KEYS));
        assert_eq!(keys::<BindForm>(), sorted(bind::KEYS));
        assert_eq!(keys::<Connection>(), sorted(connection::KEYS));
        assert_eq!(keys::<Timer>(), sorted(timer::KEYS));
        assert_eq!(keys::<Defaults>(), sorted(defaults::KEYS));
        assert_eq!(keys::<Logs>(), sorted(logs::KEYS));
        assert_eq!(keys::<SyncForm>(), sorted(sync::KEYS));
        assert_eq!(keys::<LoggerForm>(), sorted(logger::KEYS));
        assert_eq!(keys::<Ready>(), sorted(ready::READY_KEYS));
    }

    fn complaints(yaml: &str) -> Vec<String> {
        let value: Value = serde_yaml::from_str(yaml).unwrap();
        let validator = jsonschema::validator_for(schema().as_value()).unwrap();
        let errors = validator.iter_errors(&value);
        errors.map(|error| error.to_string()).collect()
    }

    #[test]
    fn what_it_refuses_has_something_wrong_with_it() {
        for wrong in [
            "osb: 2",
            "osb: 1\nagent: {}",
            "osb: 1\nagents: { A: { bind: { x: PSH } } }",
            "osb: 1\nagents: { A: { bind: { x: { transport: tcp } } } }",
            "osb: 1\nagents: { A: { timers: [{ evry: 1s }] } }",
            "osb: 1\nagents: { A: { start_timeout: soon } }",
            "osb: 1\nconnections: [{ agent: A }]",
            "osb: 1\nconnections: [{ agent: A, to: B.x, handler: ehco }]",
        ] {
            assert!(!complaints(wrong).is_empty(), "{wrong}");
            assert!(crate::topology::load(wrong, &source()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_valid_passes() {
        let empty = Vec::<String>::new();
        assert_eq!(complaints("osb: 1"), empty);
        let words = "osb: 1\nagents: { A: { replicas: \"${N}\", bind: { x: { kind: SUB, handler: { a: [log, \"forward:y\"] } } } }, B: }";
        assert_eq!(complaints(words), empty);
        let notes = "osb: 1\nx-a: 1\ndefaults: { x-b: , env_file: a.env }\nhosts: { local: { x-c: [] } }\nagents: { A: { x-d: {}, bind: { x: { kind: PULL, x-e: 1 } } } }";
        assert_eq!(complaints(notes), empty);
    }

    fn source() -> crate::topology::Source {
        crate::topology::Source {
            name: "x.yaml".into(),
            stem: "x".into(),
            folder: "/".into(),
        }
    }
}
