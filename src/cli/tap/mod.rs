//! `osb tap`: what passes at sockets, as it passes.

mod away;
mod format;
mod message;
mod pairs;
mod pick;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::str::FromStr;
use std::time::{Duration, Instant};

use regex_lite::Regex;

pub(crate) use self::away::no_tap;
use self::format::Format;
pub(crate) use self::message::Tapped;
use self::message::exchange;
use self::pairs::{Pairs, Shown};
use self::pick::pick_all;
use super::signals::on_signal;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::{AgentId, Alias, harmless};
use crate::proxy::{ProxyError, Seen, TapOf, Taps};
use crate::render::{Listed, Output, did_you_mean};

/// How many bytes of a message are shown to people.
const FOR_PEOPLE: u32 = 4096;

/// Show messages as they pass at sockets, in both directions
#[derive(Debug, clap::Args)]
pub struct TapArgs {
    /// Sockets, such as Alice.main, or agents; * stands for anything
    #[arg(required = true, value_name = "AGENT[.ALIAS]", add = complete::sockets())]
    pub sockets: Vec<String>,
    /// End after so many messages
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
    /// Only messages with this in them: a regular expression
    #[arg(short, long, value_name = "PATTERN")]
    pub grep: Option<Regex>,
    /// Of publications, only those whose topics begin so
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Only one message in so many, such as 1/100
    #[arg(long, default_value = "1/1", value_name = "1/N")]
    pub sample: Sample,
    /// How many bytes of each message [default: 4096 for people, else all]
    #[arg(long, value_name = "BYTES")]
    pub cut: Option<u32>,
    #[arg(long, value_name = "FORMAT", help = format!("How each message is written: {}", format::FIELDS))]
    pub format: Option<Format>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

/// One in so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample(u32);

impl FromStr for Sample {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let many = text.strip_prefix("1/").and_then(|it| it.parse().ok());
        let many = many.filter(|it| *it > 0);
        many.map(Self).ok_or("it is 1/N, such as 1/100")
    }
}

pub(crate) fn run(args: TapArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    session.warn(context);
    let picks = picked(&args.sockets, session.listed(context)?)?;
    let mut taps = Taps::new()?;
    let mut agents = Vec::new();
    let format = form(&args, context);
    for (agent, aliases) in picks {
        let proxy = session.proxy_of(&agent, args.timeout.limit())?;
        let of = TapOf {
            aliases,
            topics: args.topics.clone(),
            most: args
                .cut
                .or(matches!(format, Form::Text).then_some(FOR_PEOPLE)),
            sample: args.sample.0,
        };
        taps.add(proxy, of)?;
        agents.push(agent.id);
    }
    let stop = taps.stopper();
    // What waits is shown, and the agents are told.
    on_signal(move || stop.stop())?;
    let mut tap = Tap {
        session: &session,
        context,
        width: agents
            .iter()
            .map(|it| it.to_string().len() + 5)
            .max()
            .unwrap_or(0),
        began: vec![false; agents.len()],
        agents,
        args: &args,
        form: format,
        pairs: Pairs::default(),
        out: BufWriter::new(io::stdout()),
        left: args.lines,
        start: Instant::now(),
    };
    tap.run(&mut taps)
}

/// What the texts mean, with the sockets of each (none: all), or which of them means nothing, and what may have been meant.
pub(crate) fn picked(
    texts: &[String],
    there: Vec<Listed>,
) -> Result<Vec<(Listed, Vec<Alias>)>, CommandError> {
    let living = there.iter().filter(|it| !it.info.state.ended());
    let sockets: Vec<_> = living
        .map(|agent| (&agent.id, agent.info.addresses.keys().collect()))
        .collect();
    let picks = pick_all(texts, &sockets).map_err(|text| unknown(text, &there))?;
    let picks = picks.into_iter().map(|it| (it.agent, it.aliases));
    let mut picks: BTreeMap<AgentId, Vec<Alias>> = picks.collect();
    let there = there.into_iter();
    Ok(there
        .filter_map(|agent| {
            let aliases = picks.remove(&agent.id)?;
            Some((agent, aliases))
        })
        .collect())
}

fn unknown(text: &str, there: &[Listed]) -> CommandError {
    let (ended, living): (Vec<_>, Vec<_>) = there.iter().partition(|it| it.info.state.ended());
    if let Some(agent) = ended.iter().find(|it| text.starts_with(&it.id.to_string())) {
        let sentence = format!("{} is {}", agent.id, agent.info.state);
        return CommandError::say(ErrorKind::Failed, sentence).with_code("not_running");
    }
    let names: Vec<String> = living.into_iter().flat_map(Listed::names).collect();
    let hint = did_you_mean(text, names.iter().map(String::as_str));
    let hint = hint.unwrap_or_else(|| "`osb ls sockets` shows those there are".to_owned());
    let sentence = format!("no agent and no socket is called {text}");
    CommandError::say(ErrorKind::Failed, sentence)
        .with_code("unknown_socket")
        .with_hint(hint)
}

/// How messages are written.
enum Form {
    Text,
    Json,
    Fields(Format),
}

fn form(args: &TapArgs, context: &Context) -> Form {
    match (&args.format, context.output()) {
        (Some(format), _) => Form::Fields(format.clone()),
        (None, Output::Raw) => Form::Fields(Format::raw()),
        (None, Output::Json) => Form::Json,
        (None, Output::Table | Output::Wide | Output::Names | Output::Drawing(_)) => Form::Text,
    }
}

struct Tap<'a> {
    session: &'a Session,
    context: &'a Context,
    agents: Vec<AgentId>,
    /// Which of them have shown something, or could have.
    began: Vec<bool>,
    args: &'a TapArgs,
    form: Form,
    pairs: Pairs,
    out: BufWriter<Stdout>,
    /// How many messages are still to be shown. None: all.
    left: Option<usize>,
    /// How wide the name of a socket is.
    width: usize,
    start: Instant,
}

impl Tap<'_> {
    fn run(&mut self, taps: &mut Taps) -> Result<(), CommandError> {
        let stop = taps.stopper();
        while !stop.is_stopped() && self.left != Some(0) {
            let due = self.pairs.due().map(|due| self.start + due);
            taps.next(due, |seen| self.see(seen))?;
            self.show_overdue(Some(self.start.elapsed()))?;
            self.out.flush()?;
        }
        self.show_overdue(None)?;
        self.out.flush()?;
        match taps.lost() {
            0 => Ok(()),
            lost => {
                self.context.note(&format!("{lost} messages have passed that are not shown: they came faster than they were read"));
                Ok(())
            }
        }
    }

    /// Requests that wait for their answers no longer.
    fn show_overdue(&mut self, now: Option<Duration>) -> Result<(), CommandError> {
        while let Some(request) = self.pairs.overdue(now) {
            // Where requests do not wait, it has been shown.
            if matches!(self.form, Form::Text) && self.left != Some(0) {
                self.show(&Shown::One(request, None))?;
            }
        }
        Ok(())
    }

    fn see(&mut self, seen: Seen<'_>) -> Result<(), CommandError> {
        match seen {
            Seen::Message(message) => {
                let tapped = Tapped::of(self.agents[message.of].clone(), &message);
                self.pass(tapped)
            }
            Seen::Began(of) => {
                if std::mem::replace(&mut self.began[of], true) {
                    self.context
                        .note(&format!("{} is tapped again", self.agents[of]));
                }
                Ok(())
            }
            Seen::Lost { of, lost } => {
                let agent = &self.agents[of];
                self.context.note(&format!("{lost} messages of {agent} are not shown so far: they come faster than they are read"));
                Ok(())
            }
            Seen::Away { of, why } => self.on_away(of, why),
        }
    }

    /// One that has only gone may come back.
    fn on_away(&mut self, of: usize, why: ProxyError) -> Result<(), CommandError> {
        let agent = &self.agents[of];
        let why = no_tap(self.session, agent, why, self.began[of])?;
        self.context.note(&format!(
            "{agent} shows nothing: {why}; it is tapped again when it is back"
        ));
        self.began[of] = true;
        Ok(())
    }

    fn pass(&mut self, message: Tapped) -> Result<(), CommandError> {
        if self.left == Some(0) {
            return Ok(());
        }
        if self
            .args
            .grep
            .as_ref()
            .is_some_and(|it| !it.is_match(&message.text()))
        {
            return Ok(());
        }
        self.width = self.width.max(message.name().len());
        match &self.form {
            Form::Fields(_) => self.show(&Shown::One(message, None)),
            // Each is told at once: the request that it waits for is told by its number.
            Form::Json => {
                let request = message.sort == crate::wire::Sort::Request;
                let now = self.start.elapsed();
                let line = request.then(|| Shown::One(message.clone(), None));
                let shown = self.pairs.see(message, now);
                line.into_iter()
                    .chain(shown)
                    .try_for_each(|it| self.show(&it))
            }
            Form::Text => match self.pairs.see(message, self.start.elapsed()) {
                Some(shown) => self.show(&shown),
                None => Ok(()),
            },
        }
    }

    fn show(&mut self, shown: &Shown) -> Result<(), CommandError> {
        match &self.form {
            Form::Fields(format) => {
                if let Shown::One(message, _) = shown {
                    write_fields(format, message, &mut self.out)?;
                }
            }
            Form::Json => match shown {
                Shown::One(message, took_us) => writeln!(self.out, "{}", message.json(*took_us))?,
                Shown::Both(request, answer) => {
                    let took = answer.time.saturating_sub(request.time);
                    writeln!(self.out, "{}", answer.json(Some(took)))?;
                }
            },
            Form::Text => {
                let line = self.line(shown);
                writeln!(self.out, "{line}")?;
            }
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        Ok(())
    }

    fn line(&self, shown: &Shown) -> String {
        let (width, style) = (self.width, self.context.style());
        match shown {
            Shown::One(message, None) => {
                format!("{} {}", message.head(width, style), message.text())
            }
            Shown::One(answer, Some(us)) => {
                let took = Duration::from_micros(*us).as_secs_f64();
                let (head, text) = (answer.head(width, style), answer.text());
                format!("{head} {text}  (after {took:.1} s)")
            }
            Shown::Both(request, answer) => exchange(request, answer, width, style),
        }
    }
}

/// What does something to a terminal is written out there.
fn write_fields(format: &Format, message: &Tapped, out: &mut BufWriter<Stdout>) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return format.write(message, out);
    }
    let mut line = Vec::new();
    format.write(message, &mut line)?;
    out.write_all(harmless(&String::from_utf8_lossy(&line)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_one_in_so_many() {
        assert_eq!("1/100".parse(), Ok(Sample(100)));
        for bad in ["100", "1/0", "2/3", "1/", "1/-1"] {
            assert!(bad.parse::<Sample>().is_err(), "{bad}");
        }
    }
}
