//! What may be written on the command line.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind as ClapError;
use clap::{Args, Parser, Subcommand};
use rustix::net::netdevice::name_to_index;

use super::{
    addr, after, agent, bind, call, check, close, complete, completions, connect, doctor, down,
    events, every, export, get, graph, history, host, install, keys, log, logs, ls, man, metrics,
    move_agent, ns, plan, rate, record, remove, replay, restart, scale, schema, send, set, spawn,
    start, stop, stop_timer, subscribe, tap, timers, top, unsubscribe, up, version, wait, why,
};
use crate::model::{SystemName, harmless, without_scheme, zone};
use crate::render::{ColorChoice, Output, error_json};

/// Brings up systems of ZeroMQ agents from one YAML topology: starts them, configures them, proves
/// their wiring, and only then lets them talk.
#[derive(Debug, Parser)]
#[command(
    name = "osb",
    version,
    propagate_version = false,
    subcommand_required = true
)]
#[command(
    arg_required_else_help = true,
    max_term_width = 100,
    infer_subcommands = false
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// How results are printed
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub output: Output,
    /// The name server to talk to, such as 127.0.0.1:7400
    #[arg(long, global = true, value_name = "ADDRESS", env = "OSB_NAMESERVER")]
    #[arg(hide_env_values = true, value_parser = host_and_port)]
    pub ns: Option<String>,
    /// The file with the key for a closed name server
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "OSB_KEY",
        hide_env_values = true
    )]
    pub key: Option<PathBuf>,
    /// The system to talk to, if several are running
    #[arg(long, global = true, value_name = "NAME", add = complete::systems())]
    pub system: Option<SystemName>,
    /// When to use colours; NO_COLOR is heeded too
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print the causes of errors too
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// HOST:PORT, with or without `tcp://`; empty means that none is given. The zone of an address, an interface
/// of this machine, becomes its number, which all know who dial.
fn host_and_port(text: &str) -> Result<String, String> {
    let (host, port) = without_scheme(text).rsplit_once(':').unwrap_or_default();
    let is_address =
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) || text.is_empty();
    match zone(text) {
        _ if !is_address => Err("expected HOST:PORT, such as 127.0.0.1:7400".to_owned()),
        Some((_, zone)) => match interface(zone) {
            Some(number) => Ok(text.replace(&format!("%{zone}]"), &format!("%{number}]"))),
            None => Err(format!("this machine has no interface {zone:?}")),
        },
        None => Ok(text.to_owned()),
    }
}

/// The number of an interface, which may be given by it.
fn interface(zone: &str) -> Option<u32> {
    let number = zone.parse().ok().filter(|number| *number > 0);
    number.or_else(|| name_to_index(UnixDatagram::unbound().ok()?, zone).ok())
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Up(up::UpArgs),
    Down(down::DownArgs),
    Check(check::CheckArgs),
    Plan(plan::PlanArgs),
    History(history::HistoryArgs),
    Scale(scale::ScaleArgs),
    Move(move_agent::MoveArgs),
    Export(export::ExportArgs),
    Graph(graph::GraphArgs),
    Doctor(doctor::DoctorArgs),
    Install(install::InstallArgs),
    Uninstall(install::UninstallArgs),
    Schema(schema::SchemaArgs),
    Ls(ls::LsArgs),
    Addr(addr::AddrArgs),
    Get(get::GetArgs),
    Set(set::SetArgs),
    Call(call::CallArgs),
    Send(send::SendArgs),
    Bind(bind::BindArgs),
    Connect(connect::ConnectArgs),
    Close(close::CloseArgs),
    Subscribe(subscribe::SubscribeArgs),
    Unsubscribe(unsubscribe::UnsubscribeArgs),
    Every(every::EveryArgs),
    After(after::AfterArgs),
    Timers(timers::TimersArgs),
    StopTimer(stop_timer::StopTimerArgs),
    Spawn(spawn::SpawnArgs),
    Remove(remove::RemoveArgs),
    #[command(visible_alias = "shutdown")]
    Stop(stop::StopArgs),
    Start(start::StartArgs),
    Restart(restart::RestartArgs),
    Log(log::LogArgs),
    Logs(logs::LogsArgs),
    Tap(tap::TapArgs),
    Rate(rate::RateArgs),
    Record(record::RecordArgs),
    Replay(replay::ReplayArgs),
    Top(top::TopArgs),
    Why(why::WhyArgs),
    Events(events::EventsArgs),
    Metrics(metrics::MetricsArgs),
    Wait(wait::WaitArgs),
    Ns(ns::NsArgs),
    Keys(keys::KeysArgs),
    Agent(agent::AgentArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Host(host::HostArgs),
    Version(version::VersionArgs),
}

/// Prints what the parser has to say: help and version on stdout, mistakes on stderr.
#[allow(clippy::print_stderr, reason = "there is no context yet")]
pub(crate) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ClapError::DisplayHelp | ClapError::DisplayVersion
    );
    if !asked_for && wants_json(arguments) {
        let message = error.render().to_string();
        let message = message.trim_start_matches("error: ");
        let (first, rest) = message.split_once("\n").unwrap_or((message, ""));
        let hint = (!rest.trim().is_empty()).then(|| rest.trim());
        eprintln!("{}", error_json("usage", first.trim(), hint));
    } else if asked_for {
        // If nobody reads it, there is nobody to tell.
        let _ = error.print();
    } else {
        // Arguments may be what other commands have printed.
        let text = error.render();
        let plain = |it: &OsString| matches!(harmless(&it.to_string_lossy()), Cow::Borrowed(_));
        match std::io::stderr().is_terminal() && arguments.iter().all(plain) {
            true => eprint!("{}", text.ansi()),
            false => eprint!("{}", harmless(&text.to_string())),
        }
    }
    ExitCode::from(if asked_for { 0 } else { 2 })
}

/// The options could not be parsed, so that they are looked for by eye.
fn wants_json(arguments: &[OsString]) -> bool {
    let is = |text: &OsString, of: &[&str]| of.iter().any(|option| text == option);
    arguments
        .iter()
        .any(|it| is(it, &["-ojson", "-o=json", "--output=json"]))
        || arguments
            .windows(2)
            .any(|pair| is(&pair[0], &["-o", "--output"]) && pair[1] == "json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    /// Of two with one name, clap would give each the value of the other, and panic.
    #[test]
    fn no_argument_has_the_name_of_a_global_option() {
        fn walk(command: &clap::Command, globals: &[String]) {
            for argument in command.get_arguments() {
                let id = argument.get_id().to_string();
                let name = command.get_name();
                assert!(!globals.contains(&id), "{id} of {name}");
            }
            command.get_subcommands().for_each(|it| walk(it, globals));
        }
        let all = Cli::command();
        let globals = all.get_arguments().filter(|it| it.is_global_set());
        let globals: Vec<String> = globals.map(|it| it.get_id().to_string()).collect();
        assert!(globals.contains(&"key".to_owned()));
        all.get_subcommands().for_each(|it| walk(it, &globals));
    }

    #[test]
    fn every_help_reads_well() {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut text = command.render_help().to_string();
        for subcommand in command.get_subcommands_mut() {
            if subcommand.get_name() != "help" {
                let help = subcommand.render_help();
                text += &format!("\n=== {} ===\n{help}", subcommand.get_name());
            }
        }
        insta::assert_snapshot!(text);
    }

    /// Of each command, specs/output.md says what it prints.
    #[test]
    fn the_page_of_output_has_every_command() {
        let page = include_str!("../../specs/output.md");
        let shapes = page.split("\n## Shapes\n").nth(1).unwrap();
        let titles = shapes.split("**").skip(1).step_by(2);
        let titles = titles.flat_map(|title| title.split('`').skip(1).step_by(2));
        let told: std::collections::BTreeSet<&str> = titles
            .filter_map(|title| title.split_whitespace().next())
            .collect();
        let command = Cli::command();
        let names = command.get_subcommands().map(clap::Command::get_name);
        let names: std::collections::BTreeSet<&str> = names.collect();
        assert_eq!(told, names);
    }

    #[test]
    fn global_options_are_read_behind_the_command_too() {
        let cli = Cli::try_parse_from(["osb", "ls", "-o", "json", "--system", "x", "-q"]).unwrap();
        assert_eq!(cli.global.output, Output::Json);
        assert_eq!(cli.global.system.unwrap().as_str(), "x");
        assert!(cli.global.quiet);
        let error = Cli::try_parse_from(["osb", "wait"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(Cli::try_parse_from(["osb", "addr", "Alice", "a/b"]).is_err());
    }

    #[test]
    fn a_name_server_is_a_host_and_a_port() {
        for good in ["", "127.0.0.1:7400", "tcp://lab1:7400", "[::1]:7400"] {
            assert_eq!(host_and_port(good).as_deref(), Ok(good));
        }
        let zoned = host_and_port("tcp://[fe80::1%lo]:7400").unwrap();
        let number = zoned
            .strip_prefix("tcp://[fe80::1%")
            .and_then(|it| it.strip_suffix("]:7400"));
        assert!(number.unwrap().parse::<u32>().is_ok(), "{zoned}");
        let seventh = "[fe80::1%7]:7400";
        assert_eq!(host_and_port(seventh).as_deref(), Ok(seventh));
        assert!(host_and_port("[fe80::1%nosuch]:7400").is_err());
        for bad in [
            "foo",
            "foo:",
            ":7400",
            "foo:0",
            "foo:bar",
            "127.0.0.1:99999",
        ] {
            assert!(host_and_port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_taken_as_they_are_printed() {
        let parses = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        for address in ["127.0.0.1", "::1", "[::1]", "tcp://10.0.0.7", "tcp://[::1]"] {
            assert!(
                parses(&format!("osb host --address {address}")),
                "{address}"
            );
            assert!(
                parses(&format!("osb agent A --advertise {address}")),
                "{address}"
            );
        }
        for address in [
            "127.0.0.1:0",
            "[::1]:7400",
            "tcp://127.0.0.1:7400",
            "tcp://[::1]:0",
        ] {
            assert!(parses(&format!("osb ns --bind {address}")), "{address}");
        }
        for zoned in [
            "osb ns --bind [fe80::1%lo]:0",
            "osb host --address fe80::1%lo",
            "osb agent A --advertise [fe80::1%1]",
        ] {
            let error = Cli::try_parse_from(zoned.split(' '))
                .unwrap_err()
                .to_string();
            assert!(error.contains("interface of one machine only"), "{error}");
        }
    }

    #[test]
    fn json_is_seen_in_a_command_line_that_cannot_be_parsed() {
        let wants =
            |line: &str| wants_json(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(wants("osb -o json frobnicate"));
        assert!(wants("osb frobnicate --output=json"));
        assert!(!wants("osb -o table frobnicate"));
    }
}
