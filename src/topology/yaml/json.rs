//! A part of the file as a JSON value: attributes and messages.

use serde_json::{Map, Value};

use super::{Data, Meaning, Node};
use crate::topology::review::{Flaw, Span};

/// What is said of references where none can be filled in.
pub(in crate::topology) fn misplaced(span: &Span) -> Flaw {
    let message = "what is known only when the system comes up cannot stand here";
    Flaw::new(span, message)
        .hint("references such as ${addr:Alice.main} are for command, env and ready; for a dollar sign before a brace write $$")
}

/// The value as JSON.
pub(in crate::topology) fn to_json(node: &Node) -> Result<Value, Flaw> {
    Ok(match &node.data {
        Data::Plain(plain) => match &plain.means {
            Meaning::Null => Value::Null,
            Meaning::Bool(truth) => Value::Bool(*truth),
            Meaning::Number(number) => Value::Number(number.clone()),
            Meaning::NoNumber => {
                let message = "messages and attributes are JSON, which has no NaN and no infinity";
                return Err(no_json(message, &node.span));
            }
            Meaning::TooLarge => {
                return Err(no_json(
                    "the number is too large to be kept exactly",
                    &node.span,
                ));
            }
        },
        Data::Text(text) => Value::String(text.clone()),
        Data::Late(_) => return Err(misplaced(&node.span)),
        Data::List(items) => items.iter().map(to_json).collect::<Result<_, _>>()?,
        Data::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key.text.clone(), to_json(value)?);
            }
            Value::Object(map)
        }
    })
}

fn no_json(message: &str, span: &Span) -> Flaw {
    Flaw::new(span, message).hint("put it in quotes to have it as text")
}
