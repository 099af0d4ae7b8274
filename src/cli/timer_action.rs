//! What a timer is to do, as words of the command line: what `osb every` and `osb after` share.

use clap::Subcommand;
use serde_json::Value;

use super::timeout::TimeoutArgs;
use super::value::{assignment, json};
use super::{CommandError, Context, complete};
use crate::model::{Alias, TimerAction, TimerSpec, Topic, When};
use crate::render::BareName;

/// What is to be done, and under what name.
#[derive(Debug, clap::Args)]
pub struct What {
    /// A name to stop the timer by [default: the agent chooses]
    #[arg(long, global = true, value_name = "NAME")]
    pub alias: Option<Alias>,
    #[command(subcommand)]
    pub action: Action,
}

/// One of three.
#[derive(Debug, Subcommand)]
pub enum Action {
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
        topic: Option<Topic>,
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

/// Adds the timer and prints its name.
pub(crate) fn add_timer(
    (agent, timeout): (&str, &TimeoutArgs),
    when: When,
    what: What,
    context: &mut Context,
) -> Result<(), CommandError> {
    let timer = TimerSpec {
        alias: what.alias,
        when,
        action: what.action.action()?,
    };
    let session = context.session()?;
    let alias = session.tell(session.proxy(agent, timeout.limit())?.timer(timer))?;
    context.print(&BareName(alias.to_string()))
}

impl Action {
    fn action(self) -> Result<TimerAction, CommandError> {
        Ok(match self {
            Action::Send { by, message, topic } => TimerAction::Send {
                alias: by,
                message: json(&message)?,
                topic,
            },
            Action::Call { method, params } => TimerAction::Call {
                method,
                params: params.as_deref().map_or(Ok(Value::Null), json)?,
            },
            Action::Set { attributes } => {
                let attributes = attributes.iter().map(|word| assignment(word));
                TimerAction::Set {
                    attributes: attributes.collect::<Result<_, _>>()?,
                }
            }
        })
    }
}
