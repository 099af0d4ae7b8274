//! `osb log`.

use super::logs::LogLevel;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::model::Level;
use crate::render::Done;

/// Write an entry to an agent's log
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// What to write
    pub text: String,
    /// How much it matters
    #[arg(short, long, default_value = "info")]
    pub level: LogLevel,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: LogArgs, context: &mut Context) -> Result<(), CommandError> {
    let level = match args.level {
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warning => Level::Warning,
        LogLevel::Error => Level::Error,
    };
    let session = context.session()?;
    let proxy = session.proxy(&args.agent, args.timeout.limit())?;
    session.tell(proxy.log(level, &args.text))?;
    context.print(&Done)
}
