//! `osb call`.

use std::time::Duration;

use serde_json::Value;

use super::value::json;
use super::{CommandError, Context, complete};
use crate::model::Millis;
use crate::render::Answer;

/// Call a method of an agent's program and print what it answers
#[derive(Debug, clap::Args)]
pub struct CallArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The method
    pub method: String,
    /// JSON [default: null]
    #[arg(allow_negative_numbers = true)]
    pub params: Option<String>,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub timeout: Millis,
}

pub fn run(args: CallArgs, context: &mut Context) -> Result<(), CommandError> {
    let params = args.params.as_deref().map_or(Ok(Value::Null), json)?;
    let session = context.session()?;
    let timeout: Duration = args.timeout.duration();
    let proxy = session.proxy(&args.agent)?.with_timeout(timeout);
    let answer = session.tell(proxy.call(&args.method, params))?;
    context.print(&Answer(answer))
}
