//! What a timer is to do, as words of the command line.

use clap::Subcommand;
use serde_json::Value;

use super::value::{assignment, json};
use super::{CommandError, complete};
use crate::model::{Alias, TimerAction};

/// One of three.
#[derive(Debug, Subcommand)]
pub enum DoWhat {
    /// Send a message by one of its sockets
    Send {
        /// The socket by which it sends
        // Not `alias`: that is the timer's.
        #[arg(value_name = "ALIAS", add = complete::aliases())]
        by: Alias,
        /// JSON, such as '"tick"'
        #[arg(allow_negative_numbers = true)]
        message: String,
        /// The topic to publish under
        #[arg(long)]
        topic: Option<String>,
    },
    /// Call a method of its program
    Call {
        /// The method
        method: String,
        /// JSON [default: null]
        #[arg(allow_negative_numbers = true)]
        params: Option<String>,
    },
    /// Set attributes
    Set {
        /// What to set; values are JSON
        #[arg(required = true, value_name = "ATTRIBUTE=VALUE")]
        attributes: Vec<String>,
    },
}

impl DoWhat {
    pub fn action(self) -> Result<TimerAction, CommandError> {
        Ok(match self {
            DoWhat::Send { by, message, topic } => TimerAction::Send {
                alias: by,
                message: json(&message)?,
                topic,
            },
            DoWhat::Call { method, params } => TimerAction::Call {
                method,
                params: params.as_deref().map_or(Ok(Value::Null), json)?,
            },
            DoWhat::Set { attributes } => {
                let attributes = attributes.iter().map(|word| assignment(word));
                TimerAction::Set {
                    attributes: attributes.collect::<Result<_, _>>()?,
                }
            }
        })
    }
}
