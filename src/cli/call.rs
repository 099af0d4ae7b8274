//! `osb call`.

use serde_json::Value;

use super::patience::PatienceArgs;
use super::value::json;
use super::{CommandError, Context, complete};
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
    #[command(flatten)]
    pub patience: PatienceArgs,
}

pub fn run(args: CallArgs, context: &mut Context) -> Result<(), CommandError> {
    let params = args.params.as_deref().map_or(Ok(Value::Null), json)?;
    let session = context.session()?;
    let proxy = session.proxy(&args.agent, args.patience.limit())?;
    let answer = session.tell_of_program(proxy.call(&args.method, params))?;
    context.print(&Answer(answer))
}
