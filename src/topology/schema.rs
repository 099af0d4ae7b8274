//! The format of topologies as a JSON Schema, for editors: what [`keys`](super::keys) says, with the words of
//! the model.
//!
//! It says less than `check` does: references, twins and circles are beyond a schema.

use serde_json::{Map, Value, json};

use super::keys::{self, Choice, Form, Key, Section, Word};
use crate::model::{
    Action, Kind, Serializer, Speaks, Then, Transport, UpdateFailure, UpdateOrder, UpdateWait,
};

/// The schema of a topology file.
pub fn schema() -> Value {
    let mut definitions = Definitions::default();
    let mut schema = definitions.section(&keys::FILE);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "osb topology, format 1".into();
    schema["$defs"] = definitions.0.into();
    schema
}

/// What has a name in the schema, and is referred to.
#[derive(Default)]
struct Definitions(Map<String, Value>);

impl Definitions {
    fn refer(&mut self, name: &str, schema: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.0.contains_key(name) {
            // It may refer to itself.
            self.0.insert(name.to_owned(), Value::Null);
            let schema = schema(self);
            self.0.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// Wherever keys are known, those that begin with `x-` are passed over.
    fn section(&mut self, section: &Section) -> Value {
        let keys = section.keys.iter();
        let properties = keys.map(|key| (key.name.to_owned(), self.key(key)));
        let properties: Map<String, Value> = properties.collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "patternProperties": { "^x-": true }
        });
        let needed = section.keys.iter().filter(|key| key.needed);
        let needed: Vec<&str> = needed.map(|key| key.name).collect();
        if !needed.is_empty() {
            schema["required"] = needed.into();
        }
        described(schema, section.about)
    }

    fn key(&mut self, key: &Key) -> Value {
        let form = self.form(&key.form);
        let form = match key.needed {
            true => form,
            false => or_null(form),
        };
        described(form, key.about)
    }

    fn form(&mut self, form: &Form) -> Value {
        match form {
            Form::String => json!({ "type": "string" }),
            Form::Bool => json!({ "type": "boolean" }),
            Form::Number => json!({ "type": "number" }),
            Form::PortNumber => {
                json!({ "type": "integer", "format": "uint16", "minimum": 0, "maximum": 65535 })
            }
            Form::Any => true.into(),
            Form::Word(word) => {
                let (name, schema) = described_word(*word);
                self.refer(name, |_| schema)
            }
            Form::OneOf(choice) => self.refer(choice.name, |all| all.choice(choice)),
            Form::Section(section) => self.refer(section.name, |all| all.section(section)),
            Form::List(of) => json!({ "type": "array", "items": self.form(of) }),
            Form::Map(of) => json!({ "type": "object", "additionalProperties": self.form(of) }),
            Form::Maybe(of) => or_null(self.form(of)),
        }
    }

    fn choice(&mut self, choice: &Choice) -> Value {
        let forms = choice.forms.iter();
        let forms = forms.map(|(form, about)| described(self.form(form), about));
        let schema = json!({ "anyOf": forms.collect::<Vec<_>>() });
        described(schema, choice.about)
    }
}

fn described(mut schema: Value, about: &str) -> Value {
    if about.is_empty() {
        return schema;
    }
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    schema["description"] = about.into();
    schema
}

/// A key without a value is as if it were not there.
fn or_null(mut schema: Value) -> Value {
    if schema == Value::Bool(true) {
        return schema;
    }
    match schema.get("type") {
        Some(Value::String(of)) => {
            schema["type"] = json!([of, "null"]);
            schema
        }
        Some(_) | None => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// What a word is called in the schema, and what it may be.
fn described_word(word: Word) -> (&'static str, Value) {
    match word {
        Word::Format => ("Format", json!({ "const": 1 })),
        Word::Text => (
            "Text",
            json!({
                "type": ["string", "number", "boolean"],
                "description": "Text, as it stands here letter by letter: 24.10 too needs no quotes."
            }),
        ),
        Word::Name => (
            "Name",
            json!({ "type": ["string", "number"], "pattern": r"^([A-Za-z0-9$][A-Za-z0-9._${}:-]*)$" }),
        ),
        Word::Duration => (
            "Duration",
            json!({
                "type": ["string", "integer"],
                "description": "A duration: 500ms, 1s, 5m, 1h.",
                "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h)|.*\$\{.*)$"
            }),
        ),
        Word::Replicas => {
            let number = json!({ "type": "integer", "minimum": 1, "maximum": 10_000 });
            ("Replicas", json!({ "anyOf": [number, variable()] }))
        }
        Word::Restart => ("Restart", any_of(["never", "on-failure", "always"])),
        Word::After => ("AfterWord", any_of(["ready", "healthy"])),
        Word::Order => ("Order", any_of(UpdateOrder::ALL.map(UpdateOrder::as_str))),
        Word::UpdateWait => (
            "UpdateWait",
            any_of(UpdateWait::ALL.map(UpdateWait::as_str)),
        ),
        Word::UpdateFailure => (
            "UpdateFailure",
            any_of(UpdateFailure::ALL.map(UpdateFailure::as_str)),
        ),
        Word::Then => ("ThenWord", any_of(Then::ALL.map(Then::as_str))),
        Word::Security => (
            "Security",
            json!({
                "description": "How a system is protected against strangers.",
                "type": "string",
                "enum": ["none", "curve"]
            }),
        ),
        Word::Kind => ("KindWord", any_of(Kind::ALL.map(Kind::as_str))),
        Word::Transport => {
            let words = Transport::ALL.iter().map(|it| it.as_str());
            ("TransportWord", any_of(words))
        }
        Word::Serializer => {
            let words = Serializer::ALL.iter().map(|it| it.as_str());
            ("SerializerWord", any_of(words))
        }
        Word::Speaks => ("SpeaksWord", any_of(Speaks::WORDS)),
        Word::Action => ("ActionWord", action()),
    }
}

fn action() -> Value {
    let bare = Action::WORDS.iter().filter(|word| !word.contains(':'));
    json!({
        "anyOf": [
            { "enum": bare.collect::<Vec<_>>() },
            { "type": "string", "pattern": r"^(forward|call):.+|\$\{" }
        ],
        "description": format!("What is done with a message: {}.", Action::WORDS.join(", "))
    })
}

/// One of these words, or a variable that may stand for one.
fn any_of(words: impl IntoIterator<Item = &'static str>) -> Value {
    let words: Vec<&str> = words.into_iter().collect();
    json!({ "anyOf": [{ "enum": words }, variable()] })
}

fn variable() -> Value {
    json!({ "type": "string", "pattern": r"\$\{" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(yaml: &str) -> Vec<String> {
        let value: Value = serde_yaml::from_str(yaml).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
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
