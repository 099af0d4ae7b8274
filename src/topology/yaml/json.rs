//! A part of the file as a JSON value: attributes and messages.

use serde_json::{Map, Value};

use super::{Data, Meaning, Node};
use crate::model::JsonError;
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
            Meaning::NoNumber => return Err(no_json(&JsonError::NoNumber, &node.span)),
            Meaning::TooLarge => return Err(no_json(&JsonError::TooLarge, &node.span)),
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

fn no_json(why: &JsonError, span: &Span) -> Flaw {
    Flaw::new(span, why.to_string()).hint("put it in quotes to have it as text")
}
