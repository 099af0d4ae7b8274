//! `osb get`.

use super::many::{self, Ended, Whom};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::proxy::Proxy;
use crate::render::{Answer, Attributes};
use crate::wire::AgentRequest;

/// Print an attribute of an agent, or all its attributes
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// The agent, or, as in W*, all whose names begin so
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The attribute; all, if it is not given
    pub attribute: Option<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: GetArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?.until_the_end();
    let limit = args.timeout.limit();
    let attribute = args.attribute.as_deref();
    match many::whom((session, context), &args.agent, limit, Ended::Too)? {
        Whom::One(proxy) => match attribute {
            Some(attribute) => context.print(&Answer(session.tell(proxy.get_attr(attribute))?)),
            None => context.print(&Attributes(session.tell(proxy.attributes())?)),
        },
        Whom::Many(agents) => {
            let request = |_: &Proxy| match attribute {
                Some(name) => AgentRequest::GetAttr { name: name.into() },
                None => AgentRequest::Attributes {},
            };
            let answered = many::ask_or(agents, request, |it, error| it.left(error, attribute));
            many::show(context, answered, false, |it| session.tell(it))
        }
    }
}
