//! JSON as it is printed: one value, indented.

use serde_json::{Value, json};

/// Indented, without a newline at the end.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// Anything of ours as a JSON value.
pub fn value<T: serde::Serialize>(content: &T) -> Value {
    // Only maps whose keys are not text cannot be written, and there are none.
    serde_json::to_value(content).unwrap_or_else(|error| json!({ "unwritable": error.to_string() }))
}

/// Seconds to the millisecond: more would only be noise.
pub fn seconds(seconds: f64) -> Value {
    json!((seconds * 1000.0).round() / 1000.0)
}
