//! JSON as it is printed: one value, indented, its keys in the order in which specs/output.md names
//! them.

use serde::{Serialize, Serializer};

use crate::model::harmless;

/// Indented, without a newline at the end.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> String {
    // Only maps whose keys are not text cannot be written, and there are none.
    for_terminal(serde_json::to_string_pretty(value).unwrap_or_default())
}

/// On one line, without a newline at the end.
pub fn json_line<T: Serialize + ?Sized>(value: &T) -> String {
    for_terminal(serde_json::to_string(value).unwrap_or_default())
}

/// JSON has to write out control characters of seven bits only.
fn for_terminal(json: String) -> String {
    harmless(&json).into_owned()
}

/// Seconds to the millisecond: more would only be noise.
pub(crate) fn seconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1000.0).round() / 1000.0)
}
