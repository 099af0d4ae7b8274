//! `osb record`: what passes at sockets, into a file.

mod about;
mod behind;
mod file_option;
mod parts;
mod recorder;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parts::Parts;
use recorder::{FLUSH, Recorder, cannot_write};

pub(super) use file_option::of_file;

use super::secrets::SecretsArgs;
use super::signals::{on_each_usr1, on_signal};
use super::tap::picked;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::model::{AgentId, Millis, Size};
use crate::proxy::{TapOf, Taps};
use crate::record::{Recording, Ring};

/// Record messages as they pass at sockets, in a file of the format MCAP
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Sockets, such as Alice.main, or agents; * stands for anything
    #[arg(default_value = "*", value_name = "AGENT[.ALIAS]", add = complete::sockets())]
    pub sockets: Vec<String>,
    /// The file, such as run.mcap; -o run.mcap says the same
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Overwrite files that are there
    #[arg(long)]
    pub force: bool,
    /// End after that time
    #[arg(long = "for", value_name = "TIME")]
    pub span: Option<Millis>,
    /// End after so many messages
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "last")]
    pub messages: Option<u64>,
    /// Keep the last messages in memory, and write them at the end, Ctrl-C, and each time that SIGUSR1 comes
    #[arg(long, value_name = "TIME", conflicts_with = "split")]
    pub last: Option<Millis>,
    /// With --last: how much memory that may take
    #[arg(long, default_value = "256MiB", value_name = "SIZE", requires = "last")]
    pub memory: Size,
    /// Begin another file, run-2.mcap, when one has that size
    #[arg(long, value_name = "SIZE")]
    pub split: Option<Size>,
    /// How the file is compressed
    #[arg(long, value_enum, default_value_t)]
    pub compress: Compress,
    /// Of publications, only those whose topics begin so
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    #[command(flatten)]
    pub secrets: SecretsArgs,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

/// How a recording is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Compress {
    #[default]
    None,
    Lz4,
}

impl Compress {
    fn is_lz4(self) -> bool {
        self == Compress::Lz4
    }
}

pub(crate) fn run(args: RecordArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    session.warn(context);
    let mut taps = Taps::new()?;
    let mut agents = Vec::new();
    for (agent, aliases) in picked(&args.sockets, session.listed(context)?)? {
        let proxy = session.proxy_of(&agent, args.timeout.limit())?;
        agents.push(((agent, proxy), aliases));
    }
    let (agents, aliases): (Vec<_>, Vec<_>) = agents.into_iter().unzip();
    let mut parts = Parts::new(&args.file, args.force);
    // It is found out now whether it can be made.
    let file = parts.next()?;
    let head = about::head(&args, (&session, context), &agents)?;
    let ids: Vec<AgentId> = agents.iter().map(|(agent, _)| agent.id.clone()).collect();
    let recording = Recording::begin(file, head, &ids).map_err(cannot_write)?;
    for ((_, proxy), aliases) in agents.into_iter().zip(aliases) {
        let topics = args.topics.clone();
        taps.add(
            proxy,
            TapOf {
                aliases,
                topics,
                ..TapOf::default()
            },
        )?;
    }
    let stop = taps.stopper();
    let ended = stop.clone();
    on_signal(move || ended.stop())?;
    let wanted = Arc::new(AtomicBool::new(false));
    if args.last.is_some() {
        let wanted = Arc::clone(&wanted);
        on_each_usr1(move || wanted.store(true, Ordering::Relaxed))?;
    }
    let ring = args.last.map(|last| {
        let room = usize::try_from(args.memory.bytes()).unwrap_or(usize::MAX);
        Ring::new(last.duration(), room)
    });
    let recorder = Recorder {
        session: &session,
        context,
        args: &args,
        lost: vec![0; ids.len()],
        began: vec![false; ids.len()],
        agents: ids,
        recording,
        parts,
        ring,
        wanted,
        stop,
        start: Instant::now(),
        flush: Instant::now() + FLUSH,
        shown: context.is_watched() && std::io::stderr().is_terminal(),
    };
    recorder.run(&mut taps)
}
