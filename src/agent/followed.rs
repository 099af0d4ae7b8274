//! Attributes that somebody follows: each that gets a value is an event, as long as that is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::state::Agent;
use crate::wire::Occurred;

/// No longer than that, without being asked again.
const LONGEST: Duration = Duration::from_secs(600);
/// A value that is told is no longer than that, in bytes, and a bit.
const LONGEST_VALUE: usize = 300;

impl Agent {
    /// Attributes are told of for so long.
    pub(crate) fn follow_attributes(&mut self, time: Duration) {
        let until = self.now + time.min(LONGEST);
        self.attributes_followed = self.attributes_followed.max(until);
    }

    /// These attributes have these values from now on.
    pub(crate) fn keep_attributes(&mut self, attributes: BTreeMap<String, Value>) {
        if self.now < self.attributes_followed {
            for (name, value) in &attributes {
                if self.attributes.get(name) != Some(value) {
                    self.tell_attribute(name, value);
                }
            }
            self.membership.tell_happened();
        }
        self.attributes.extend(attributes);
    }

    fn tell_attribute(&mut self, name: &str, value: &Value) {
        let what = Occurred::Attribute {
            of: self.boot.name().clone(),
            name: name.to_owned(),
            value: Some(value.to_string()),
        };
        self.membership.note(what.cut(LONGEST_VALUE));
    }
}
