//! A part of the file as a JSON value: attributes and messages.

use serde_json::{Map, Value};

use super::{Data, Node};
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
        Data::Null => Value::Null,
        Data::Bool(truth) => Value::Bool(*truth),
        Data::Number(number) => Value::Number(number.clone()),
        Data::NoNumber => {
            let message = "messages and attributes are JSON, which has no NaN and no infinity";
            return Err(Flaw::new(&node.span, message).hint("put it in quotes to have it as text"));
        }
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
