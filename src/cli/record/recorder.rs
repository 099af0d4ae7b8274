//! What is done with all that the taps show: written, counted, told of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::RecordArgs;
use super::behind::Behind;
use super::parts::Parts;
use crate::cli::tap::no_tap;
use crate::cli::{CommandError, Context, ErrorKind, Session};
use crate::model::{AgentId, Size};
use crate::proxy::{ProxyError, Seen, SeenMessage, StopTaps, Taps};
use crate::record::{Event, Message, RecordError, Recording, Ring, Written};
use crate::render::{Recorded, amount};

/// So much may be missing when this process is killed.
pub(super) const FLUSH: Duration = Duration::from_millis(500);

/// One who records.
pub(super) struct Recorder<'a> {
    pub session: &'a Session,
    pub context: &'a Context,
    pub args: &'a RecordArgs,
    pub agents: Vec<AgentId>,
    /// How many messages of each are lost,
    pub lost: Vec<u64>,
    /// and whether it has shown something, or could have.
    pub began: Vec<bool>,
    pub recording: Recording<Behind>,
    pub parts: Parts,
    pub ring: Option<Ring>,
    /// What it holds is to be written now.
    pub wanted: Arc<AtomicBool>,
    pub stop: StopTaps,
    pub start: Instant,
    /// When what has come is written next.
    pub flush: Instant,
    /// Whether somebody looks at how far it has come.
    pub shown: bool,
}

impl Recorder<'_> {
    pub(super) fn run(mut self, taps: &mut Taps) -> Result<(), CommandError> {
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
        self.write_ring()
    }

    /// All that a flight recorder holds.
    fn write_ring(&mut self) -> Result<(), CommandError> {
        let Some(ring) = &mut self.ring else {
            return Ok(());
        };
        ring.age(self.start.elapsed());
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
        if self.wanted.swap(false, Ordering::Relaxed) {
            self.write_ring()?;
            let file = self.parts.current().display().to_string();
            self.split()?;
            let next = self.parts.current().display();
            self.context
                .note(&format!("{file} is written; the next is {next}"));
        }
        self.recording.flush().map_err(cannot_write)?;
        let Written {
            messages,
            bytes,
            lost,
        } = self.recording.written();
        let held = self.ring.as_mut().map(|ring| {
            ring.age(self.start.elapsed());
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
            ring.push(&message, self.start.elapsed());
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

pub(super) fn cannot_write(error: RecordError) -> CommandError {
    CommandError::new(ErrorKind::Failed, error).with_code("not_written")
}

/// Nanoseconds since 1970.
fn now_ns() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
