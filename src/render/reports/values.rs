//! `osb get`, `set`, `call` and `send`: values.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::model::natural;
use crate::render::json::pretty;
use crate::render::table::Table;
use crate::render::table::Width::Needed;
use crate::render::{Report, Style};

/// Nothing to tell but that it is done.
pub struct Done;

impl Report for Done {
    fn table(&self, _style: Style) -> String {
        String::new()
    }

    fn json(&self) -> String {
        pretty(&Value::Null)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A name: bare, so that it can be put into another command.
pub struct BareName(pub String);

impl Report for BareName {
    fn table(&self, _style: Style) -> String {
        self.0.clone()
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.clone()]
    }
}

/// A value: JSON in every form, but that `names` has text without its quotes.
pub struct Answer(pub Value);

impl Report for Answer {
    fn table(&self, _style: Style) -> String {
        pretty(&self.0)
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        match &self.0 {
            Value::Null => Vec::new(),
            Value::String(text) => vec![text.clone()],
            Value::Array(values) => values.iter().map(bare).collect(),
            Value::Object(fields) => fields.keys().cloned().collect(),
            other => vec![other.to_string()],
        }
    }
}

fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// All attributes of an agent.
pub struct Attributes(pub BTreeMap<String, Value>);

impl Attributes {
    fn in_order(&self) -> Vec<(&String, &Value)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by(|(one, _), (other, _)| natural(one, other));
        all
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.in_order())
    }
}

impl Report for Attributes {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("ATTRIBUTE", Needed, |it: &(&String, &Value)| it.0.clone())
            .column("VALUE", Needed, |it| it.1.to_string())
            .render(self.in_order())
    }

    fn json(&self) -> String {
        pretty(self)
    }

    fn names(&self) -> Vec<String> {
        let all = self.in_order().into_iter();
        all.map(|(name, _)| name.clone()).collect()
    }
}
