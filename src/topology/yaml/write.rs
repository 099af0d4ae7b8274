//! The way back: values as YAML that [`super::parse`] reads.

use serde::Serialize;

/// A value as a file.
pub(in crate::topology) fn write(value: &impl Serialize) -> String {
    // Only what is neither text nor number nor list nor map with plain keys cannot be written.
    serde_yaml::to_string(value).expect("lists, maps with text as keys and plain values are YAML")
}
