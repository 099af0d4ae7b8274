//! Reads a command line without building what it does not ask for: a parser for one command costs a
//! fraction of one for all of them, and an agent's process is one command line each.
//!
//! What it cannot read is for the whole parser, whose errors and help know everything.

use std::ffi::OsString;

use clap::{Args, FromArgMatches};

use super::args::{Cli, Command, GlobalArgs};
use super::{
    addr, after, agent, bind, call, check, close, completions, connect, doctor, down, events,
    every, export, get, graph, history, host, install, keys, log, logs, ls, man, metrics,
    move_agent, ns, plan, rate, record, remove, replay, restart, scale, schema, send, set, spawn,
    start, stop, stop_timer, subscribe, tap, timers, top, unsubscribe, up, version, wait, why,
};

/// The arguments of each command.
type Augment = fn(clap::Command) -> clap::Command;

const COMMANDS: &[(&str, Augment)] = &[
    ("up", up::UpArgs::augment_args),
    ("down", down::DownArgs::augment_args),
    ("check", check::CheckArgs::augment_args),
    ("plan", plan::PlanArgs::augment_args),
    ("history", history::HistoryArgs::augment_args),
    ("scale", scale::ScaleArgs::augment_args),
    ("move", move_agent::MoveArgs::augment_args),
    ("export", export::ExportArgs::augment_args),
    ("graph", graph::GraphArgs::augment_args),
    ("doctor", doctor::DoctorArgs::augment_args),
    ("install", install::InstallArgs::augment_args),
    ("uninstall", install::UninstallArgs::augment_args),
    ("schema", schema::SchemaArgs::augment_args),
    ("ls", ls::LsArgs::augment_args),
    ("addr", addr::AddrArgs::augment_args),
    ("get", get::GetArgs::augment_args),
    ("set", set::SetArgs::augment_args),
    ("call", call::CallArgs::augment_args),
    ("send", send::SendArgs::augment_args),
    ("bind", bind::BindArgs::augment_args),
    ("connect", connect::ConnectArgs::augment_args),
    ("close", close::CloseArgs::augment_args),
    ("subscribe", subscribe::SubscribeArgs::augment_args),
    ("unsubscribe", unsubscribe::UnsubscribeArgs::augment_args),
    ("every", every::EveryArgs::augment_args),
    ("after", after::AfterArgs::augment_args),
    ("timers", timers::TimersArgs::augment_args),
    ("stop-timer", stop_timer::StopTimerArgs::augment_args),
    ("spawn", spawn::SpawnArgs::augment_args),
    ("remove", remove::RemoveArgs::augment_args),
    ("stop", stop::StopArgs::augment_args),
    ("start", start::StartArgs::augment_args),
    ("restart", restart::RestartArgs::augment_args),
    ("log", log::LogArgs::augment_args),
    ("logs", logs::LogsArgs::augment_args),
    ("tap", tap::TapArgs::augment_args),
    ("rate", rate::RateArgs::augment_args),
    ("record", record::RecordArgs::augment_args),
    ("replay", replay::ReplayArgs::augment_args),
    ("top", top::TopArgs::augment_args),
    ("why", why::WhyArgs::augment_args),
    ("events", events::EventsArgs::augment_args),
    ("metrics", metrics::MetricsArgs::augment_args),
    ("wait", wait::WaitArgs::augment_args),
    ("ns", ns::NsArgs::augment_args),
    ("keys", keys::KeysArgs::augment_args),
    ("agent", agent::AgentArgs::augment_args),
    ("completions", completions::CompletionsArgs::augment_args),
    ("man", man::ManArgs::augment_args),
    ("host", host::HostArgs::augment_args),
    ("version", version::VersionArgs::augment_args),
];

/// The options that have a value behind them.
const WITH_VALUE: [&str; 6] = ["-o", "--output", "--ns", "--key", "--system", "--color"];

/// The command line, if it is plainly one of a command. None if that cannot be told, or if anything is
/// wrong with it.
pub(crate) fn parse(arguments: &[OsString]) -> Option<Cli> {
    let wanted = command_of(arguments)?;
    let (name, augment) = COMMANDS.iter().find(|(name, _)| *name == wanted)?;
    let parser = GlobalArgs::augment_args(clap::Command::new("osb"));
    let parser = parser.subcommand(augment(clap::Command::new(*name)));
    let matches = parser.try_get_matches_from(arguments).ok()?;
    Some(Cli {
        global: GlobalArgs::from_arg_matches(&matches).ok()?,
        command: Command::from_arg_matches(&matches).ok()?,
    })
}

/// The first word that is neither an option nor the value of one.
fn command_of(arguments: &[OsString]) -> Option<&str> {
    let mut words = arguments.iter().skip(1);
    loop {
        let word = words.next()?.to_str()?;
        match word {
            word if WITH_VALUE.contains(&word) => words.next().map(|_| ())?,
            word if word.starts_with('-') => {}
            word => return Some(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[test]
    fn it_knows_every_command() {
        let all = Cli::command();
        let mut names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
        let mut known: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn it_reads_what_the_whole_parser_reads() {
        for line in [
            "osb ls",
            "osb -o json ls connections",
            "osb --ns 127.0.0.1:7400 addr Alice main -o names",
            "osb up a.yaml b.yaml --set x=1 -q",
            "osb --system x send Alice main 1 --wait",
            "osb agent Alice -- python3 -u a.py",
            "osb logs -f -n 3 --level error Alice",
            "osb stop-timer Alice t",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let quick = format!("{:?}", parse(&words).unwrap_or_else(|| panic!("{line}")));
            assert_eq!(
                quick,
                format!("{:?}", Cli::try_parse_from(&words).unwrap()),
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_wrong_or_asks_for_help_is_left_to_the_whole_parser() {
        for line in [
            "osb",
            "osb --help",
            "osb lss",
            "osb addr",
            "osb ls --help",
            "osb -o",
            "osb help ls",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(parse(&words).is_none(), "{line}");
        }
    }
}
