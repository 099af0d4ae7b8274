//! `osb graph`: agents, sockets and wires as a picture, of a file or of what runs.

use std::path::{Path, PathBuf};

use super::graph_look::{How, look};
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context, ErrorKind, complete, which};
use crate::graph::{Graph, NoSuchAgent};
use crate::model::Millis;
use crate::render::{Picture, did_you_mean};

/// Draw agents, sockets and wires, of a file or of what runs, as text or with -o svg, dot or mermaid
#[derive(Debug, clap::Args)]
pub struct GraphArgs {
    /// A topology's file, instead of what runs; and agents, or, as in W*, all whose names begin so: only they are shown, with
    /// what they are wired to
    #[arg(value_name = "FILE|AGENT", add = complete::files_and_agents())]
    pub what: Vec<String>,
    /// A topology's file; of several, later ones add to earlier ones
    #[arg(short, long = "file", value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Set one value over all files, such as agents.Bob.attributes.x=1
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Show each agent by itself, also replicas that are wired alike
    #[arg(long)]
    pub expand: bool,
    /// Look twice, so long apart (1s), and show how many messages travel in each second
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1s")]
    pub rate: Option<Millis>,
    /// How long agents may take to tell of their sockets
    #[arg(short, long, value_name = "DURATION", default_value = "2s")]
    pub timeout: Millis,
}

pub(crate) fn run(args: GraphArgs, context: &mut Context) -> Result<(), CommandError> {
    let (files, names): (Vec<String>, Vec<String>) =
        args.what.iter().cloned().partition(|it| is_file(it));
    let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
    let files = [files, args.file.clone()].concat();
    let whole = match files.is_empty() {
        true if args.set.is_empty() => Graph::seen(&look(&how(&args), context)?),
        true => return Err(usage("--set is for a file, and none is named")),
        false if args.rate.is_some() => {
            return Err(usage("--rate is for what runs, and not for a file"));
        }
        false => {
            let topology = TopologyArgs::with_values(files, args.set.clone());
            Graph::declared(&TopologyFile::read(&topology)?.load_or_complain(context)?)
        }
    };
    let graph = whole
        .narrowed(&names)
        .map_err(|why| unknown(&why, &whole))?;
    context.print(&Picture {
        graph,
        expand: args.expand,
        ascii: is_ascii(),
    })
}

fn how(args: &GraphArgs) -> How {
    How {
        again_after: args.rate.map(Millis::duration),
        limit: args.timeout.duration(),
    }
}

/// As everywhere, but that a folder of an agent's name does not hide it.
fn is_file(argument: &str) -> bool {
    argument == "-" || which::is_file(argument) && !Path::new(argument).is_dir()
}

fn usage(sentence: &str) -> CommandError {
    CommandError::say(ErrorKind::Usage, sentence)
}

fn unknown(why: &NoSuchAgent, graph: &Graph) -> CommandError {
    let (NoSuchAgent::Called(wanted) | NoSuchAgent::Begins(wanted)) = why;
    let names: Vec<String> = graph.agents.iter().map(|it| it.id.to_string()).collect();
    let hint = did_you_mean(wanted, names.iter().map(String::as_str));
    CommandError::say(ErrorKind::Failed, why.to_string())
        .with_code("unknown_agent")
        .with_hints(hint)
}

/// Whether the terminal's characters are said to be others than those of UTF-8.
fn is_ascii() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(std::env::var_os);
    let mut set = set.filter(|it| !it.is_empty());
    set.next().is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_lowercase();
        !locale.contains("utf-8") && !locale.contains("utf8")
    })
}
