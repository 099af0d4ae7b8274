//! `osb replay`: what was recorded is sent again, with the same spacing.

mod cast;
mod gate;
mod stand_in;
mod wired;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cast::Cast;
use gate::Gate;
use stand_in::Told;

use super::ls_recording::{no_recording, open};
use super::signals::on_signal;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::{Millis, read_ip};
use crate::record::{
    Choice, Found, Heard, InOrder, Lateness, Pace, Speed, Tally, Unsaid, Window, line, parts,
};
use crate::render::Replayed;

/// Send again what was recorded, with the same spacing, in the place of agents or to one socket
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// The recording, such as run.mcap
    pub file: PathBuf,
    /// Stand in for these agents, and send what they have sent; * stands for anything [default: all]
    #[arg(long = "as", value_name = "AGENT", conflicts_with = "to")]
    pub agents: Vec<String>,
    /// Send to this socket, by default what had come to it
    #[arg(long, value_name = "AGENT.ALIAS", add = complete::sockets())]
    pub to: Option<String>,
    /// Only these channels, or those of these sockets or agents
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// How many times as fast as it was, or max
    #[arg(long, default_value = "1", value_name = "SPEED")]
    pub(crate) speed: Speed,
    /// Leave out what came before that time of the recording
    #[arg(long, default_value = "0s", value_name = "TIME")]
    pub from: Millis,
    /// Leave out what came after
    #[arg(long, value_name = "TIME")]
    pub until: Option<Millis>,
    /// Again and again, until Ctrl-C
    #[arg(long = "loop")]
    pub again: bool,
    /// What peers dial to reach this machine
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_parser = read_ip)]
    pub advertise: IpAddr,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: ReplayArgs, context: &mut Context) -> Result<(), CommandError> {
    let tally = Tally::of(open(&args.file)?).map_err(|error| no_recording(&args.file, error))?;
    let choice = match &args.to {
        None if args.agents.is_empty() => Choice::SentBy(vec!["*".to_owned()]),
        None => Choice::SentBy(args.agents.clone()),
        Some(to) if args.only.is_empty() => Choice::ReceivedBy(to.clone()),
        Some(_) => Choice::Named,
    };
    let Some(window) = window(&tally, &choice, &args.only) else {
        return Err(nothing(&args, &tally));
    };
    let session = context.session()?;
    session.warn(context);
    let gate = Arc::new(Gate::default());
    let stop = Arc::clone(&gate);
    on_signal(move || stop.stop())?;
    let cast = match &args.to {
        None => {
            let parts = parts(&tally, &choice, &args.only);
            Cast::of_parts(&args, (&session, context), parts, &gate)?
        }
        Some(to) => Cast::to(&args, (&session, context), to, &gate)?,
    };
    let replay = Replay {
        args: &args,
        choice,
        window,
        gate,
        cast,
        played: 0,
        unsaid: BTreeMap::new(),
        start: Instant::now(),
    };
    replay.run(&session, context)
}

/// From the first to the last message that is played.
fn window(tally: &Tally, choice: &Choice, only: &[String]) -> Option<Window> {
    let channels = tally.channels.values();
    let chosen = channels.filter(|it| choice.takes(&it.track, only));
    let windows = chosen.filter_map(|it| it.window);
    windows.reduce(|one, other| Window {
        first: one.first.min(other.first),
        last: one.last.max(other.last),
    })
}

fn nothing(args: &ReplayArgs, tally: &Tally) -> CommandError {
    let names: Vec<&str> = tally.channels.keys().map(String::as_str).take(20).collect();
    let sentence = format!("there is nothing of that in {}", args.file.display());
    let hint = match &args.to {
        Some(to) if args.only.is_empty() => format!(
            "nothing was recorded as it came to {to}: --only says what is sent to it; there are {}",
            names.join(", ")
        ),
        _ => format!("there are {}", names.join(", ")),
    };
    CommandError::say(ErrorKind::Failed, sentence)
        .with_code("nothing_recorded")
        .with_hint(hint)
}

struct Replay<'a> {
    args: &'a ReplayArgs,
    choice: Choice,
    window: Window,
    gate: Arc<Gate>,
    cast: Cast,
    played: u64,
    unsaid: BTreeMap<Unsaid, u64>,
    start: Instant,
}

impl Replay<'_> {
    fn run(mut self, session: &Session, context: &Context) -> Result<(), CommandError> {
        // Without it, timers are late by 50 µs. Where it cannot be had, they are.
        let _ = nix::sys::prctl::set_timerslack(1);
        self.start = Instant::now();
        let played = self.play();
        let took = self.start.elapsed();
        let told = self.cast.end(session);
        played?;
        for (why, count) in &self.unsaid {
            context.note(&format!(
                "{count} messages are not played: {}",
                why.as_str()
            ));
        }
        let Told {
            late,
            failed,
            why,
            unsent,
        } = told;
        context.print(&Replayed {
            file: self.args.file.clone(),
            messages: self.played - failed.min(self.played),
            took,
            late: (late != Lateness::default()).then_some(late),
            failed,
            unsent,
        })?;
        match (failed, unsent) {
            (0, 0) => Ok(()),
            (0, unsent) => Err(not_sent(format!(
                "{unsent} messages have not left: nobody has taken them"
            ))),
            (failed, _) => {
                let why = why.unwrap_or_default();
                Err(not_sent(format!(
                    "{failed} messages could not be sent: {why}"
                )))
            }
        }
    }

    fn play(&mut self) -> Result<(), CommandError> {
        let begin = self.window.first + ns(self.args.from);
        let mut pace = Pace::new(self.args.speed, begin);
        let end = self.args.until.map(|it| self.window.first + ns(it));
        let end = end.map_or(self.window.last, |it| it.min(self.window.last));
        while self.round((begin, end), &pace)? && self.args.again {
            pace.again(end);
        }
        Ok(())
    }

    /// Once from the beginning to the end. False if all is to stop.
    fn round(&mut self, (begin, end): (u64, u64), pace: &Pace) -> Result<bool, CommandError> {
        let mut reader = open(&self.args.file)?;
        let mut order = InOrder::default();
        loop {
            let found = reader.next();
            match found.map_err(|error| no_recording(&self.args.file, error))? {
                Some(Found::Message(heard)) => {
                    let is_in = (begin..=end).contains(&heard.time);
                    if is_in && self.choice.takes(&heard.track, &self.args.only) {
                        order.push(heard);
                    }
                }
                Some(Found::Channel(_) | Found::Metadata { .. }) => continue,
                None => order.end(),
            }
            while let Some(heard) = order.pop() {
                if !self.say(&heard, pace.due(heard.time)) {
                    return Ok(false);
                }
            }
            if reader.end().is_some() {
                return Ok(!self.gate.is_stopped());
            }
        }
    }

    /// False if all is to stop.
    fn say(&mut self, heard: &Heard, due: Duration) -> bool {
        let Some(lane) = &heard.track.lane else {
            return true;
        };
        let line = match line(heard, lane) {
            Ok(line) => line,
            Err(why) => {
                *self.unsaid.entry(why).or_default() += 1;
                return true;
            }
        };
        let due = self.start + due;
        let timed = self.args.speed != Speed::Max;
        if !self.gate.wait_until(due) {
            return false;
        }
        let said = self.cast.say(lane, line, timed.then_some(due));
        self.played += u64::from(said);
        said
    }
}

fn ns(time: Millis) -> u64 {
    time.get().saturating_mul(1_000_000)
}

fn not_sent(sentence: String) -> CommandError {
    CommandError::say(ErrorKind::Failed, sentence).with_code("not_sent")
}
