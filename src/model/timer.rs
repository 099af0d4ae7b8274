//! Timers: what an agent does by the clock, and what is known of it while it runs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Alias, Millis, Topic};

/// One timer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimerSpec {
    /// By which it is listed and stopped. None: the agent chooses one.
    pub alias: Option<Alias>,
    /// When it fires.
    pub when: When,
    /// What it does then.
    pub action: TimerAction,
}

/// When a timer fires, counted from the moment the system starts, or from when the timer is added
/// if that is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Again and again.
    Every(Millis),
    /// Once.
    After(Millis),
}

/// What a timer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TimerAction {
    /// Send a message by a socket of the same agent.
    Send {
        /// The socket to send by.
        alias: Alias,
        /// What to send.
        message: Value,
        /// PUB only.
        topic: Option<Topic>,
    },
    /// Call a method of the agent's own code. Its answer is dropped.
    Call {
        /// The name of the method.
        method: String,
        /// Its parameters.
        params: Value,
    },
    /// Set attributes of the agent.
    Set {
        /// The attributes with their values.
        attributes: BTreeMap<String, Value>,
    },
}

/// A timer that runs, as its agent lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimerInfo {
    /// Its name.
    pub alias: Alias,
    /// When it fires.
    pub when: When,
    /// What it does then.
    pub action: TimerAction,
    /// How long until it fires next. None: it stands still until the system is wired.
    pub due_ms: Option<Millis>,
    /// How often it has done what it is for.
    pub fired: u64,
    /// How often it could not: no room, no such socket, or its last call still under way.
    pub skipped: u64,
    /// How often its call was answered by an error.
    pub failed: u64,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Every(time) => write!(f, "every {time}"),
            When::After(time) => write!(f, "after {time}"),
        }
    }
}

impl fmt::Display for TimerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimerAction::Send {
                alias,
                message,
                topic: None,
            } => write!(f, "send {alias} {message}"),
            TimerAction::Send {
                alias,
                message,
                topic: Some(topic),
            } => write!(f, "send {alias} [{topic}] {message}"),
            TimerAction::Call { method, params } if params.is_null() => write!(f, "call {method}"),
            TimerAction::Call { method, params } => write!(f, "call {method} {params}"),
            TimerAction::Set { attributes } => {
                f.write_str("set")?;
                let mut each = attributes.iter();
                each.try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_json_shape_is_one_of_three() {
        let read = |action: Value| {
            let timer = json!({"alias": null, "when": {"every": 1000}, "action": action});
            serde_json::from_value::<TimerSpec>(timer)
        };
        let send = read(json!({"send": {"alias": "main", "message": [1], "topic": "x"}}));
        assert_eq!(send.unwrap().action.to_string(), "send main [x] [1]");
        let call = read(json!({"call": {"method": "reset", "params": null}})).unwrap();
        assert_eq!(
            format!("{} {}", call.when, call.action),
            "every 1s call reset"
        );
        let set = read(json!({"set": {"attributes": {"x": 1, "y": "z"}}})).unwrap();
        assert_eq!(set.action.to_string(), "set x=1 y=\"z\"");
        assert!(read(json!({"dance": {}})).is_err());
        assert!(read(json!({"set": {"attributes": {}, "now": true}})).is_err());
    }
}
