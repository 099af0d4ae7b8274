//! `osb get`.

use super::patience::PatienceArgs;
use super::{CommandError, Context, complete};
use crate::render::{Answer, Attributes};

/// Print an attribute of an agent, or all its attributes
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The attribute; all, if it is not given
    pub attribute: Option<String>,
    #[command(flatten)]
    pub patience: PatienceArgs,
}

pub fn run(args: GetArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?.until_the_end();
    let proxy = session.proxy(&args.agent, args.patience.limit())?;
    match args.attribute {
        Some(attribute) => context.print(&Answer(session.tell(proxy.get_attr(&attribute))?)),
        None => context.print(&Attributes(session.tell(proxy.attributes())?)),
    }
}
