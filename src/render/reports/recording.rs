//! `osb record`, `osb ls FILE.mcap` and `osb replay`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::record::{ChannelTally, End, Lateness, Tally, Window, Written};
use crate::render::json::pretty;
use crate::render::table::Table;
use crate::render::table::Width::{Needed, Spare};
use crate::render::{Paint, Report, Style, amount, elapsed};

/// What was written.
pub(crate) struct Recorded {
    pub files: Vec<PathBuf>,
    pub written: Written,
    pub took: Duration,
}

impl Report for Recorded {
    fn table(&self, style: Style) -> String {
        let Written {
            messages,
            bytes,
            lost,
        } = self.written;
        let files: Vec<String> = self
            .files
            .iter()
            .map(|it| it.display().to_string())
            .collect();
        let lost = match lost {
            0 => "0 lost".to_owned(),
            lost => style.paint(&format!("{lost} lost"), Paint::Bad),
        };
        let (bytes, took) = (amount(bytes), elapsed(self.took));
        format!(
            "{}: {messages} messages, {bytes}, {lost}, in {took}",
            files.join(", ")
        )
    }

    fn json(&self) -> String {
        pretty(&serde_json::json!({
            "files": self.files,
            "messages": self.written.messages,
            "bytes": self.written.bytes,
            "lost": self.written.lost,
            "seconds": self.took.as_secs_f64(),
        }))
    }

    fn names(&self) -> Vec<String> {
        self.files
            .iter()
            .map(|it| it.display().to_string())
            .collect()
    }
}

/// What was sent again.
pub(crate) struct Replayed {
    pub file: PathBuf,
    pub messages: u64,
    pub took: Duration,
    /// How late. None: they were sent as fast as it went.
    pub late: Option<Lateness>,
    pub failed: u64,
    pub unsent: u64,
}

impl Report for Replayed {
    fn table(&self, _style: Style) -> String {
        let (file, took) = (self.file.display(), elapsed(self.took));
        let late = self.late.as_ref().and_then(|late| {
            let (half, most) = (micros(late.at(50)?), micros(late.at(99)?));
            let all = micros(u64::try_from(late.most().as_micros()).unwrap_or(u64::MAX));
            Some(format!(
                "; late by {half}, 99 of 100 by {most} at most, all by {all}"
            ))
        });
        let late = late.unwrap_or_default();
        format!("{file}: {} messages in {took}{late}", self.messages)
    }

    fn json(&self) -> String {
        let late = self.late.as_ref().map(|late| {
            serde_json::json!({
                "p50": late.at(50),
                "p99": late.at(99),
                "max": u64::try_from(late.most().as_micros()).unwrap_or(u64::MAX),
            })
        });
        pretty(&serde_json::json!({
            "file": self.file,
            "messages": self.messages,
            "seconds": self.took.as_secs_f64(),
            "late_us": late,
            "failed": self.failed,
            "unsent": self.unsent,
        }))
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn micros(us: u64) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        _ => crate::render::milliseconds(us),
    }
}

/// What is in a recording.
pub(crate) struct Contents {
    pub file: PathBuf,
    pub tally: Tally,
}

impl Contents {
    /// The channels of messages: those of losses and events have a line of their own.
    fn channels(&self) -> impl Iterator<Item = &ChannelTally> {
        let all = self.tally.channels.values();
        all.filter(|it| it.track.lane.is_some() || self.tally.about.is_empty())
    }

    fn summary(&self, style: Style) -> String {
        let tally = &self.tally;
        let messages: u64 = self.channels().map(|it| it.messages).sum();
        let bytes: u64 = self.channels().map(|it| it.bytes).sum();
        let mut line = format!(
            "{}: {messages} messages, {}",
            self.file.display(),
            amount(bytes)
        );
        if let Some(Window { first, last }) = tally.window {
            let took = elapsed(Duration::from_nanos(last.saturating_sub(first)));
            line += &format!(", {took} from {}", time(first));
        }
        let system = tally.about.get("system");
        line += &system.map_or(String::new(), |it| format!(", of {it}"));
        let mut lines = vec![line];
        for (agent, lost) in &tally.lost {
            let line = format!(
                "{lost} messages of {agent} are missing: they came faster than they were written"
            );
            lines.push(style.paint(&line, Paint::Bad));
        }
        if tally.end == End::Cut {
            let line = "it is cut off: what came last is missing, half a second or so";
            lines.push(style.paint(line, Paint::Bad));
        }
        lines.join("\n")
    }
}

impl Report for Contents {
    fn table(&self, style: Style) -> String {
        let kind = |it: &&ChannelTally| {
            let lane = it.track.lane.as_ref();
            lane.map_or(String::new(), |it| it.socket.kind.to_string())
        };
        let way = |it: &&ChannelTally| match it.track.lane.as_ref().map(|it| it.way) {
            Some(crate::wire::Way::In) => "in",
            Some(crate::wire::Way::Out) => "out",
            None => "",
        };
        let per_second =
            |it: &&ChannelTally| rate(it).map_or(String::new(), |it| format!("{it:.1}"));
        let channels: Vec<&ChannelTally> = self.channels().collect();
        let table = Table::new(style)
            .column("CHANNEL", Needed, |it: &&ChannelTally| {
                it.track.name.clone()
            })
            .column("KIND", Spare(3), kind)
            .column("WAY", Spare(4), way)
            .column("ENCODING", Spare(2), |it| it.track.encoding.clone())
            .column("MESSAGES", Needed, |it| it.messages)
            .column("BYTES", Needed, |it| amount(it.bytes))
            .column("A SECOND", Spare(1), per_second)
            .render(&channels);
        format!("{}\n{table}", self.summary(style))
    }

    fn json(&self) -> String {
        let tally = &self.tally;
        pretty(&Object {
            file: &self.file,
            whole: tally.end == End::Whole,
            about: &tally.about,
            from: tally.window.map(|it| time(it.first)),
            to: tally.window.map(|it| time(it.last)),
            messages: self.channels().map(|it| it.messages).sum(),
            bytes: self.channels().map(|it| it.bytes).sum(),
            lost: &tally.lost,
            channels: tally.channels.values().map(Channel::of).collect(),
            metadata: &tally.metadata,
        })
    }

    fn names(&self) -> Vec<String> {
        self.channels().map(|it| it.track.name.clone()).collect()
    }
}

#[derive(Serialize)]
struct Object<'a> {
    file: &'a PathBuf,
    whole: bool,
    about: &'a BTreeMap<String, String>,
    from: Option<String>,
    to: Option<String>,
    messages: u64,
    bytes: u64,
    lost: &'a BTreeMap<String, u64>,
    channels: Vec<Channel<'a>>,
    metadata: &'a [String],
}

#[derive(Serialize)]
struct Channel<'a> {
    channel: &'a str,
    encoding: &'a str,
    /// What it is of, in the words of its metadata.
    #[serde(flatten)]
    lane: BTreeMap<String, String>,
    messages: u64,
    bytes: u64,
    from: Option<String>,
    to: Option<String>,
}

impl<'a> Channel<'a> {
    fn of(tally: &'a ChannelTally) -> Self {
        let lane = tally.track.lane.as_ref();
        Self {
            channel: &tally.track.name,
            encoding: &tally.track.encoding,
            lane: lane.map(crate::record::Lane::metadata).unwrap_or_default(),
            messages: tally.messages,
            bytes: tally.bytes,
            from: tally.window.map(|it| time(it.first)),
            to: tally.window.map(|it| time(it.last)),
        }
    }
}

/// Messages a second, between the first and the last.
fn rate(tally: &ChannelTally) -> Option<f64> {
    let Window { first, last } = tally.window?;
    let took = Duration::from_nanos(last.saturating_sub(first)).as_secs_f64();
    (took > 0.0).then(|| tally.messages.saturating_sub(1) as f64 / took)
}

/// `2026-11-28T01:30:00.123456Z`.
fn time(ns: u64) -> String {
    let time = Timestamp::from_nanosecond(ns.into()).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Serializer};
    use crate::record::{Lane, Track};
    use crate::wire::{Sort, TappedSocket, Way};

    fn contents() -> Contents {
        let lane = Lane {
            agent: "Alice".parse().unwrap(),
            socket: TappedSocket {
                alias: "news".parse().unwrap(),
                kind: Kind::Pub,
                serializer: Serializer::Json,
            },
            way: Way::Out,
            sort: Sort::Publication,
            topic: Some("sport".to_owned()),
        };
        let window = Some(Window {
            first: 1_795_816_501_123_456_789,
            last: 1_795_816_503_123_456_789,
        });
        let channel = ChannelTally {
            track: Track {
                name: lane.name(),
                encoding: lane.encoding().to_owned(),
                lane: Some(lane),
            },
            messages: 21,
            bytes: 4200,
            window,
        };
        Contents {
            file: "run.mcap".into(),
            tally: Tally {
                about: [("system".to_owned(), "lab".to_owned())].into(),
                channels: [(channel.track.name.clone(), channel)].into(),
                window,
                lost: [("Alice".to_owned(), 3)].into(),
                end: End::Cut,
                metadata: vec!["osb.agents".to_owned()],
                agents: BTreeMap::new(),
            },
        }
    }

    #[test]
    fn a_recording_is_told_as_a_table_and_as_json() {
        let plain = Style {
            color: false,
            width: None,
        };
        let contents = contents();
        insta::assert_snapshot!(format!("{}\n{}", contents.table(plain), contents.json()));
        assert_eq!(contents.names(), ["Alice.news/sport"]);
    }

    #[test]
    fn what_was_recorded_is_one_line() {
        let recorded = Recorded {
            files: vec!["run.mcap".into(), "run-2.mcap".into()],
            written: Written {
                messages: 12,
                bytes: 3 << 20,
                lost: 0,
            },
            took: Duration::from_millis(2340),
        };
        let plain = Style {
            color: false,
            width: None,
        };
        insta::assert_snapshot!(recorded.table(plain));
    }
}
