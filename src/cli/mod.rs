//! The command line: one file for each command, named by its verb, and one place where it begins
//! and ends.
//!
//! Commands return a result; only this module prints an error and chooses the exit status. How
//! things look is `render`'s business.

mod addr;
mod after;
mod agent;
mod agent_file;
mod args;
mod ask;
mod attach;
mod bind;
mod boot;
mod bring_up;
mod call;
mod check;
mod close;
mod complete;
mod completions;
mod connect;
mod context;
mod dependents;
mod doctor;
mod down;
mod error;
mod events;
mod every;
mod explain;
mod export;
mod follow;
mod gather;
mod get;
mod graph;
mod graph_look;
mod guests;
mod handlers;
mod history;
mod host;
mod install;
mod joining;
mod kept;
mod keys;
mod launched;
mod log;
mod logs;
mod ls;
mod ls_agents;
mod ls_hosts;
mod ls_recording;
mod ls_runs;
mod man;
mod many;
mod mended;
mod metrics;
mod move_agent;
mod ns;
mod otherwise;
mod overridden;
mod plan;
mod purpose;
mod quick;
mod rate;
mod record;
mod remembered;
mod remove;
mod replay;
mod replies;
mod request;
mod restart;
mod runtime;
mod saved_plan;
mod scale;
mod schema;
mod secrets;
mod select;
mod send;
mod session;
mod set;
mod signals;
mod spawn;
mod start;
mod stop;
mod stop_timer;
mod subscribe;
mod surroundings;
mod tap;
mod target;
mod timeout;
mod timer_action;
mod timers;
mod top;
mod topology_file;
mod unsubscribe;
mod up;
mod value;
mod version;
mod wait;
mod watch;
mod which;
mod why;
mod why_look;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::process::{keep_descriptors, note_is_osb};
use crate::render::Output;

pub use args::{Cli, Command, GlobalArgs};
pub use context::Context;
pub use error::{CommandError, ErrorKind};
pub use logs::{Follower, LogLine, LogPrinter};
pub use session::Session;

/// Parses, runs, prints the error if there is one, and says with what status to exit.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    keep_descriptors();
    note_is_osb();
    let arguments = record::of_file(arguments.into_iter().collect());
    if complete::asked(&arguments) {
        return ExitCode::SUCCESS;
    }
    let parsed = quick::parse(&arguments).map_or_else(|| Cli::try_parse_from(&arguments), Ok);
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return args::report(&error, &arguments),
    };
    let mut context = Context::new(cli.global);
    let begun = asserted().and_then(|()| printable(&cli.command, &context));
    match begun.and_then(|()| run(cli.command, &mut context)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            context.complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// A build that could not encrypt is found out before anything is done with it.
fn asserted() -> Result<(), CommandError> {
    crate::zeromq::assert_build().map_err(|error| CommandError::new(ErrorKind::Failed, error))
}

/// A graph alone can be drawn, and messages alone are printed as they are.
fn printable(command: &Command, context: &Context) -> Result<(), CommandError> {
    match (context.output(), command) {
        (Output::Drawing(_), Command::Graph(_)) | (Output::Raw, Command::Tap(_)) => Ok(()),
        (output @ Output::Drawing(_), _) => Err(is_for(output, "graph")),
        (output @ Output::Raw, _) => Err(is_for(output, "tap")),
        (Output::Table | Output::Wide | Output::Json | Output::Names, _) => Ok(()),
    }
}

fn is_for(output: Output, command: &str) -> CommandError {
    let sentence = format!("-o {} is for `osb {command}` only", output.as_str());
    CommandError::say(ErrorKind::Usage, sentence)
}

fn run(command: Command, context: &mut Context) -> Result<(), CommandError> {
    match command {
        Command::Up(args) => up::run(args, context),
        Command::Down(args) => down::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Schema(args) => schema::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::History(args) => history::run(args, context),
        Command::Scale(args) => scale::run(args, context),
        Command::Move(args) => move_agent::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Graph(args) => graph::run(args, context),
        Command::Install(args) => install::run(args, context),
        Command::Uninstall(args) => install::take_back(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Ls(args) => ls::run(args, context),
        Command::Addr(args) => addr::run(args, context),
        Command::Get(args) => get::run(args, context),
        Command::Set(args) => set::run(args, context),
        Command::Call(args) => call::run(args, context),
        Command::Send(args) => send::run(args, context),
        Command::Bind(args) => bind::run(args, context),
        Command::Connect(args) => connect::run(args, context),
        Command::Close(args) => close::run(args, context),
        Command::Subscribe(args) => subscribe::run(args, context),
        Command::Unsubscribe(args) => unsubscribe::run(args, context),
        Command::Every(args) => every::run(args, context),
        Command::After(args) => after::run(args, context),
        Command::Timers(args) => timers::run(args, context),
        Command::StopTimer(args) => stop_timer::run(args, context),
        Command::Spawn(args) => spawn::run(args, context),
        Command::Remove(args) => remove::run(args, context),
        Command::Stop(args) => stop::run(args, context),
        Command::Start(args) => start::run(args, context),
        Command::Restart(args) => restart::run(args, context),
        Command::Log(args) => log::run(args, context),
        Command::Logs(args) => logs::run(args, context),
        Command::Tap(args) => tap::run(args, context),
        Command::Record(args) => record::run(args, context),
        Command::Replay(args) => replay::run(args, context),
        Command::Rate(args) => rate::run(args, context),
        Command::Top(args) => top::run(args, context),
        Command::Why(args) => why::run(args, context),
        Command::Events(args) => events::run(args, context),
        Command::Metrics(args) => metrics::run(args, context),
        Command::Wait(args) => wait::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Keys(args) => keys::run(args, context),
        Command::Man(args) => man::run(args, context),
        Command::Ns(args) => ns::run(args, context),
        Command::Host(args) => host::run(args, context),
        Command::Agent(args) => agent::run(args, context),
        Command::Version(args) => version::run(args, context),
    }
}
