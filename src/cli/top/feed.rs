//! What a pane of the screen shows as it comes: the end of a log and what is written then, or messages.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::attached::Attached;
use super::{Hear, Heard};
use crate::cli::logs::{LogLine, News, Tailed, tail_of};
use crate::cli::tap::Tapped;
use crate::cli::{CommandError, Context, GlobalArgs};
use crate::model::{AgentId, Alias, harmless_line};
use crate::proxy::{ProxyError, Seen, StopTaps, TapOf, Taps};
use crate::render::Style;
use crate::top::{Feed, FeedId, Input};

/// Who goes through a list does not want the log of each.
const SETTLED: Duration = Duration::from_millis(200);
/// How many lines of a log there are at first.
const LAST: usize = 200;
/// How many bytes of a message are shown.
const OF_MESSAGE: u32 = 512;
/// So many messages are shown of those that come within one picture.
const AT_ONCE: usize = 100;
const PICTURE: Duration = Duration::from_millis(100);

/// It ends when this is dropped.
pub(super) enum Feeding {
    Task(JoinHandle<()>),
    Tap(StopTaps),
    /// There is nothing to come.
    Over,
}

impl Drop for Feeding {
    fn drop(&mut self) {
        match self {
            Feeding::Task(task) => task.abort(),
            Feeding::Tap(stop) => stop.stop(),
            Feeding::Over => {}
        }
    }
}

/// Where lines go.
#[derive(Clone)]
struct Pour {
    id: FeedId,
    hear: Hear,
}

impl Pour {
    /// Whether anybody listens.
    fn lines(&self, lines: Vec<String>, lost: u64) -> bool {
        let feed = self.id;
        let input = Input::Lines { feed, lines, lost };
        self.hear.send(Heard::Input(input)).is_ok()
    }

    fn note(&self, text: &str) -> bool {
        self.lines(vec![format!("-- {}", harmless_line(text))], 0)
    }
}

impl Feeding {
    /// In a local set.
    pub(super) fn begin(
        id: FeedId,
        feed: Feed,
        (attached, global): (&Attached, &GlobalArgs),
        hear: Hear,
    ) -> Self {
        let pour = Pour { id, hear };
        match feed {
            Feed::Logs(agent) => {
                let global = GlobalArgs {
                    // What is noted would be on the screen.
                    quiet: true,
                    ..global.clone()
                };
                Feeding::Task(tokio::task::spawn_local(async move {
                    tokio::time::sleep(SETTLED).await;
                    if let Err(error) = follow(&agent, global, &pour).await {
                        pour.note(&error.message());
                    }
                }))
            }
            Feed::Tap(agent, alias) => match tap(&agent, alias, attached, &pour) {
                Ok(stop) => Feeding::Tap(stop),
                Err(error) => {
                    pour.note(&error.to_string());
                    Feeding::Over
                }
            },
        }
    }
}

async fn follow(agent: &AgentId, global: GlobalArgs, pour: &Pour) -> Result<(), CommandError> {
    let context = Context::new(global);
    let Tailed {
        lines,
        mut follower,
    } = tail_of(agent, LAST, &context).await?;
    pour.lines(lines.iter().map(plain).collect(), 0);
    while let Some(news) = follower.next().await? {
        let is_heard = match news {
            News::Lines(lines) => pour.lines(lines.iter().map(plain).collect(), 0),
            News::Note(note) => pour.note(&note),
            News::Over(why) => return Err(why.into()),
        };
        if !is_heard {
            return Ok(());
        }
    }
    pour.note("the system is down");
    Ok(())
}

/// Colours of programs are not those of the screen.
fn plain(line: &LogLine) -> String {
    let mut text = String::with_capacity(line.text.len());
    let mut rest = line.text.as_str();
    while let Some(at) = rest.find("\x1b[") {
        text += &rest[..at];
        let after = &rest[at + 2..];
        let end = after.find(|it: char| !it.is_ascii_digit() && it != ';');
        match end.filter(|end| after[*end..].starts_with('m')) {
            Some(end) => rest = &after[end + 1..],
            None => {
                text.push_str("\x1b[");
                rest = after;
            }
        }
    }
    text += rest;
    harmless_line(&text.replace('\t', "    ")).into_owned()
}

/// Shows what passes, on a thread of its own.
fn tap(
    agent: &AgentId,
    alias: Option<Alias>,
    attached: &Attached,
    pour: &Pour,
) -> Result<StopTaps, ProxyError> {
    let Some(proxy) = attached.proxy(agent, Duration::from_secs(10)) else {
        return Err(ProxyError::Closed);
    };
    let mut taps = Taps::new()?;
    let of = TapOf {
        aliases: alias.into_iter().collect(),
        most: Some(OF_MESSAGE),
        ..TapOf::default()
    };
    taps.add(proxy, of)?;
    let stop = taps.stopper();
    let mut shown = Messages {
        agent: agent.clone(),
        waiting: VecDeque::new(),
        left_out: 0,
        pour: pour.clone(),
    };
    let look = move || shown.show(&mut taps);
    let looking = std::thread::Builder::new().name("osb-tap".to_owned());
    looking.spawn(look).map_err(|error| ProxyError::BadAnswer {
        reason: format!("no thread for it: {error}"),
    })?;
    Ok(stop)
}

/// Messages that are about to be shown.
struct Messages {
    agent: AgentId,
    waiting: VecDeque<Tapped>,
    /// More came than can be read.
    left_out: u64,
    pour: Pour,
}

impl Messages {
    fn show(&mut self, taps: &mut Taps) {
        let stop = taps.stopper();
        let mut next = Instant::now();
        while !stop.is_stopped() {
            let until = (!self.waiting.is_empty()).then_some(next);
            // It never fails.
            let _ = taps.next(until, |seen| {
                self.see(seen);
                Ok::<(), ()>(())
            });
            if Instant::now() >= next && !self.waiting.is_empty() {
                next = Instant::now() + PICTURE;
                let lines = self.waiting.drain(..).map(|it| line(&it));
                let lines: Vec<String> = lines.collect();
                if !self.pour.lines(lines, self.left_out + taps.lost()) {
                    return;
                }
            }
        }
    }

    fn see(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Message(message) => {
                self.waiting
                    .push_back(Tapped::of(self.agent.clone(), &message));
                if self.waiting.len() > AT_ONCE {
                    self.waiting.pop_front();
                    self.left_out += 1;
                }
            }
            Seen::Away { why, .. } => drop(self.pour.note(&why.to_string())),
            Seen::Began(_) | Seen::Lost { .. } => {}
        }
    }
}

fn line(message: &Tapped) -> String {
    let head = message.head(0, Style::default());
    format!("{head} {}", message.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_off_and_the_rest_is_written_out() {
        let line = |text: &str| LogLine {
            agent: "A".parse().unwrap(),
            part: crate::cli::logs::Part::Log,
            text: text.to_owned(),
        };
        assert_eq!(plain(&line("a \x1b[1;31mred\x1b[0m b")), "a red b");
        assert_eq!(plain(&line("\x1b[2Jx\ty")), "\\u001b[2Jx    y");
    }
}
