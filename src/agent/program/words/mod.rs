//! The words between an agent and its program: JSON objects, one a line. specs/commands.md says the
//! same for authors of programs.

mod about;
mod from;
mod heard;
mod others;
mod read;
mod to;

use serde::{Deserialize, Serialize};

pub(crate) use about::announced;
pub(crate) use from::{Bind, Connect, FromProgram, OwnWord, ProgramRequest, Timer};
pub(crate) use heard::{Heard, Payload, Whence};
pub(crate) use others::{Spawn, ToOthers};
pub(crate) use read::{NoWord, Waits, read, read_framed, too_long};
pub(crate) use to::{Outcome, ToProgram, without_frame};

/// A number or text that a program chose for a question of its own; the reply repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ProgramId {
    Number(u64),
    Text(String),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::read::beginning;
    use super::*;
    use crate::agent::program::ask;
    use crate::model::Kind;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn words_are_read_strictly() {
        let ok = |text: &str| read(text.as_bytes()).unwrap();
        let sent = ok(r#" {"type":"send","alias":"main","message":null} "#);
        let expected = OwnWord::Send {
            alias: "main".parse().unwrap(),
            message: Value::Null.into(),
            topic: None,
            id: None,
        };
        assert_eq!(sent, expected.into());
        let reply = OwnWord::Reply {
            id: 1,
            message: Value::Null.into(),
            error: None,
        };
        assert_eq!(ok(r#"{"type":"reply","id":1}"#), reply.into());
        let request = ok(r#"{"type":"request","alias":"a","message":1,"id":"x","timeout":"5s"}"#);
        let FromProgram::Says(OwnWord::Request { timeout, .. }) = request else {
            panic!("{request:?}");
        };
        assert_eq!(timeout.map(|it| it.get()), Some(5000));
        assert_eq!(ok(r#"{"type":"stop"}"#), OwnWord::Stop.into());
        for wrong in [
            r#"{"type":"dance"}"#,
            r#"{"type":"send","alias":"main"}"#,
            r#"{"type":"send","alias":"ma in","message":1}"#,
            r#"{"type":"stop","now":true}"#,
            r#"{"type":"request","alias":"a","message":1,"id":1,"timeout":"soon"}"#,
            r#"{"type":"stop"} {}"#,
            "{",
        ] {
            assert!(
                matches!(read(wrong.as_bytes()), Err(NoWord::Wrong { .. })),
                "{wrong}"
            );
        }
        assert_eq!(read(b"hi"), Err(NoWord::Plain("hi".into())));
        assert_eq!(read(b" \r"), Err(NoWord::Blank));
    }

    #[test]
    fn a_line_that_passes_on_has_no_frame() {
        let plain = |line: &str, frame: &[u8]| {
            let line = without_frame(line.as_bytes(), frame);
            serde_json::from_slice::<Value>(&line).unwrap()
        };
        let line = r#"{"type":"message","alias":"a","bytes":2}"#;
        let expected = json!({"type": "message", "alias": "a", "message": {"$base64": "Cv8="}});
        assert_eq!(plain(line, b"\n\xff"), expected);
        let line = r#"{"type":"message","message":[{"$bytes":[1,2]},1],"bytes":2}"#;
        let expected = json!({"type": "message", "message": [{"$base64": "/w=="}, 1]});
        assert_eq!(plain(line, b"\n\xff"), expected);
    }

    #[test]
    fn lines_that_are_too_deep_are_no_words() {
        let said = |deep: usize| {
            let message = "[".repeat(deep) + &"]".repeat(deep);
            read(format!(r#"{{"type":"send","alias":"a","message":{message}}}"#).as_bytes())
        };
        assert!(said(100).is_ok());
        for deep in [128, 1_000_000] {
            let wrong = said(deep).unwrap_err().to_string();
            assert!(wrong.contains("recursion limit"), "{wrong}");
        }
    }

    /// The lines of JSON in the table of a section of the page.
    fn examples(section: &str) -> impl Iterator<Item = &'static str> {
        let page = include_str!("../../../../specs/commands.md");
        let table = page.split(section).nth(1).unwrap();
        let table = table.split("\n## ").next().unwrap();
        let rows = table.lines().filter(|line| line.starts_with('|'));
        rows.flat_map(|row| row.split('`'))
            .filter(|text| text.starts_with("{\"type\""))
    }

    fn word_of(example: &str) -> String {
        let word: Value = serde_json::from_str(example).unwrap();
        word["type"].as_str().unwrap().to_owned()
    }

    /// Each word to the program has an example on the page, and there are no others.
    #[test]
    fn the_page_has_every_word_to_the_program() {
        let (id, alias) = (ProgramId::Number(3), "inbox".parse().unwrap());
        let (agent, attributes) = ("Bob".parse().unwrap(), Default::default());
        let outcome = || Outcome::Message {
            message: &Value::Null,
        };
        let mut words = vec![ToProgram::Stop {}];
        // A new word has to be added here.
        while let Some(next) = match words[words.len() - 1] {
            ToProgram::Stop {} => Some(ToProgram::Ping {}),
            ToProgram::Ping {} => Some(ToProgram::Release {}),
            ToProgram::Release {} => Some(ToProgram::Attributes {
                attributes: &attributes,
            }),
            ToProgram::Attributes { .. } => Some(ToProgram::Reply {
                id: &id,
                outcome: outcome(),
            }),
            ToProgram::Reply { .. } => Some(ToProgram::Call {
                id: 1,
                name: "x",
                params: &Value::Null,
            }),
            ToProgram::Call { .. } => Some(ToProgram::Message {
                alias: &alias,
                handler: None,
                kind: Kind::Pull,
                topic: None,
                id: None,
                reply: false,
                outcome: outcome(),
            }),
            ToProgram::Message { .. } => Some(ToProgram::Start {
                agent: &agent,
                attributes: &attributes,
                sockets: Default::default(),
                serializers: Default::default(),
                frames: true,
            }),
            ToProgram::Start { .. } => None,
        } {
            words.push(next);
        }
        let words = words
            .iter()
            .map(|word| serde_json::to_string(word).unwrap());
        let words: BTreeSet<String> = words.map(|word| word_of(&word)).collect();
        let told: BTreeSet<String> = examples("## To the program").map(word_of).collect();
        assert_eq!(told, words);
    }

    /// Each example of the page is a word, and each word has an example.
    #[test]
    fn the_page_of_words_is_true() {
        let mut words = BTreeSet::new();
        for example in examples("## From the program") {
            words.insert(word_of(example));
            let read = read(example.as_bytes()).unwrap();
            if let FromProgram::Asks(request) = read {
                assert!(ask::request_of(request, false).is_ok(), "{example}");
            }
        }
        let unknown = read(br#"{"type":"dance"}"#).unwrap_err().to_string();
        let known = unknown.split("expected one of").nth(1).unwrap();
        let known = known.split('`').skip(1).step_by(2).map(str::to_owned);
        assert_eq!(
            words,
            known.take_while(|word| !word.contains('{')).collect()
        );
    }

    #[test]
    fn words_are_written_as_specified() {
        let write = |word: &ToProgram| serde_json::to_value(word).unwrap();
        let id = ProgramId::Number(3);
        let outcome = Outcome::Error { error: "no" };
        let reply = write(&ToProgram::Reply { id: &id, outcome });
        assert_eq!(reply, json!({"type": "reply", "id": 3, "error": "no"}));
        let message = ToProgram::Message {
            alias: &"inbox".parse().unwrap(),
            handler: None,
            kind: Kind::Pull,
            topic: None,
            id: None,
            reply: false,
            outcome: Outcome::Message {
                message: &json!([1]),
            },
        };
        let expected = json!({"type": "message", "alias": "inbox", "kind": "PULL", "message": [1]});
        assert_eq!(write(&message), expected);
        assert_eq!(write(&ToProgram::Stop {}), json!({"type": "stop"}));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = read(&bytes);
            let _ = read(&[b"{\"type\":\"", text.as_bytes()].concat());
            prop_assert!(beginning(&bytes).chars().count() <= 201);
        }
    }
}
