//! `osb call`.

use serde_json::Value;

use super::many::{self, Ended, Whom};
use super::timeout::TimeoutArgs;
use super::value::json;
use super::{CommandError, Context, complete};
use crate::proxy::Proxy;
use crate::render::Answer;
use crate::wire::AgentRequest;

/// Call a method of an agent's program and print what it answers
#[derive(Debug, clap::Args)]
pub struct CallArgs {
    /// The agent, or, as in W*, all whose names begin so
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The method
    pub method: String,
    /// JSON [default: null]
    #[arg(allow_negative_numbers = true)]
    pub params: Option<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: CallArgs, context: &mut Context) -> Result<(), CommandError> {
    let params = args.params.as_deref().map_or(Ok(Value::Null), json)?;
    let session = context.session()?;
    let limit = args.timeout.limit();
    match many::whom((&session, context), &args.agent, limit, Ended::IfBadly)? {
        Whom::One(proxy) => {
            let answer = session.tell_of_program(proxy.call(&args.method, params))?;
            context.print(&Answer(answer))
        }
        Whom::Many(agents) => {
            let request = |_: &Proxy| AgentRequest::Call {
                name: args.method.clone(),
                params: params.clone(),
            };
            let answered = many::ask(agents, request);
            many::show(context, answered, false, |it| session.tell_of_program(it))
        }
    }
}
