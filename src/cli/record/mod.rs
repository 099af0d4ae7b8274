//! `osb record`: what passes at sockets, into a file.

mod about;
mod behind;
mod file_option;
mod parts;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use behind::Behind;
use parts::Parts;

pub(super) use file_option::of_file;

use super::secrets::SecretsArgs;
use super::signals::on_signal;
use super::tap::{no_tap, picked};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::{AgentId, Millis, Size};
use crate::proxy::{ProxyError, Seen, SeenMessage, StopTaps, TapOf, Taps};
use crate::record::{Event, Message, RecordError, Recording, Ring, Written};
use crate::render::{Recorded, amount};

/// So much may be missing when this process is killed.
const FLUSH: Duration = Duration::from_millis(500);

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
    #[arg(short = 'n', long, value_name = "N")]
    pub messages: Option<u64>,
    /// Keep the last messages in memory, and write them at the end: Ctrl-C
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
        stop,
        start: Instant::now(),
        flush: Instant::now() + FLUSH,
        shown: context.is_watched() && std::io::stderr().is_terminal(),
    };
    recorder.run(&mut taps)
}

struct Recorder<'a> {
    session: &'a Session,
    context: &'a Context,
    args: &'a RecordArgs,
    agents: Vec<AgentId>,
    /// How many messages of each are lost,
    lost: Vec<u64>,
    /// and whether it has shown something, or could have.
    began: Vec<bool>,
    recording: Recording<Behind>,
    parts: Parts,
    ring: Option<Ring>,
    stop: StopTaps,
    start: Instant,
    /// When what has come is written next.
    flush: Instant,
    /// Whether somebody looks at how far it has come.
    shown: bool,
}

impl Recorder<'_> {
    fn run(mut self, taps: &mut Taps) -> Result<(), CommandError> {
        let recorded = self.record(taps);
        if self.shown {
            self.context.note_over("");
        }
        let (files, ends) = (self.parts.made.clone(), self.parts.current().to_owned());
        let took = self.start.elapsed();
        let written = self.recording.written();
        let outcome = recorded.and_then(|()| end(self.recording).map_err(cannot_write));
        match outcome {
            Ok(written) => self.context.print(&Recorded {
                files,
                written,
                took,
            }),
            Err(error) => {
                let sentence = format!(
                    "{} can be read as far as it was written: {} messages at most",
                    ends.display(),
                    written.messages
                );
                Err(error.with_hint(sentence))
            }
        }
    }

    fn record(&mut self, taps: &mut Taps) -> Result<(), CommandError> {
        let until = self.args.span.map(|it| self.start + it.duration());
        while !self.is_over(until) {
            let due = until.map_or(self.flush, |until| until.min(self.flush));
            taps.next(Some(due), |seen| self.see(seen))?;
            if self.flush <= Instant::now() {
                self.beat()?;
            }
        }
        let Some(ring) = self.ring.take() else {
            return Ok(());
        };
        if ring.is_short() {
            self.context
                .note("there was no room for all of that time: --memory gives more");
        }
        let recording = &mut self.recording;
        ring.each(|message| recording.write(message))
            .map_err(cannot_write)
    }

    fn is_over(&self, until: Option<Instant>) -> bool {
        let is_enough = |most| self.recording.written().messages >= most;
        self.stop.is_stopped()
            || until.is_some_and(|until| until <= Instant::now())
            || self.args.messages.is_some_and(is_enough)
    }

    /// What has come is on its way to the disk after this.
    fn beat(&mut self) -> Result<(), CommandError> {
        self.flush = Instant::now() + FLUSH;
        self.recording.flush().map_err(cannot_write)?;
        let Written {
            messages,
            bytes,
            lost,
        } = self.recording.written();
        let held = self.ring.as_mut().map(|ring| {
            ring.age(now_ns() / 1000);
            ring.holds()
        });
        if self.shown {
            let (messages, bytes) = match held {
                Some((messages, bytes)) => (messages as u64, bytes as u64),
                None => (messages, bytes),
            };
            let lost = match lost {
                0 => String::new(),
                lost => format!(", {lost} lost"),
            };
            self.context
                .note_over(&format!("{messages} messages, {}{lost}", amount(bytes)));
        }
        Ok(())
    }

    fn see(&mut self, seen: Seen<'_>) -> Result<(), CommandError> {
        match seen {
            Seen::Message(message) => self.write(&message),
            Seen::Began(of) => {
                if std::mem::replace(&mut self.began[of], true) {
                    let agent = &self.agents[of];
                    self.context.note(&format!("{agent} is recorded again"));
                } else if self.began.iter().all(|it| *it) {
                    let file = self.parts.current().display();
                    self.context
                        .note(&format!("recording into {file}, until Ctrl-C"));
                }
                self.tell(of, &Event::Began)
            }
            Seen::Lost { of, lost } => {
                let more = lost.saturating_sub(self.lost[of]);
                self.lost[of] = lost;
                let told = self.recording.lose(of, (more, lost), now_ns());
                told.map_err(cannot_write)
            }
            Seen::Away { of, why } => self.on_away(of, why),
        }
    }

    fn write(&mut self, seen: &SeenMessage<'_>) -> Result<(), CommandError> {
        let message = Message {
            agent: seen.of,
            socket: seen.socket,
            count: seen.count,
            time: seen.time,
            passed: seen.passed,
        };
        if let Some(ring) = &mut self.ring {
            ring.push(&message);
            return Ok(());
        }
        let most = self.args.messages.unwrap_or(u64::MAX);
        if self.recording.written().messages >= most {
            return Ok(());
        }
        self.recording.write(&message).map_err(cannot_write)?;
        let is_full = |most: Size| self.parts.size() >= most.bytes();
        match self.args.split.is_some_and(is_full) {
            true => self.split(),
            false => Ok(()),
        }
    }

    fn split(&mut self) -> Result<(), CommandError> {
        let file = self.parts.next()?;
        let former = self.recording.next(file).map_err(cannot_write)?;
        former
            .end()
            .map_err(|error| cannot_write(RecordError::Io(error)))
    }

    fn tell(&mut self, of: usize, event: &Event) -> Result<(), CommandError> {
        self.recording
            .tell(of, event, now_ns())
            .map_err(cannot_write)
    }

    fn on_away(&mut self, of: usize, why: ProxyError) -> Result<(), CommandError> {
        let agent = &self.agents[of];
        let why = no_tap(self.session, agent, why, self.began[of])?;
        self.context.note(&format!(
            "{agent} is not recorded: {why}; it is recorded again when it is back"
        ));
        self.began[of] = true;
        self.tell(
            of,
            &Event::Away {
                why: why.to_string(),
            },
        )
    }
}

/// All is with the system when this comes back.
fn end(recording: Recording<Behind>) -> Result<Written, RecordError> {
    let (written, file) = recording.end()?;
    file.end().map_err(RecordError::Io)?;
    Ok(written)
}

fn cannot_write(error: RecordError) -> CommandError {
    CommandError::new(ErrorKind::Failed, error).with_code("not_written")
}

/// Nanoseconds since 1970.
fn now_ns() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
