//! Which lines are wanted. Pure: what "5 minutes ago" means is decided before.

use std::collections::HashMap;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use regex_lite::Regex;

use super::LogLine;
use super::line::Part;
use crate::model::{AgentId, Millis};

/// How much an entry must matter at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum LogLevel {
    Debug,
    Info,
    #[value(alias = "warn")]
    Warning,
    Error,
}

impl LogLevel {
    fn of(word: &str) -> Option<Self> {
        match word {
            "DEBUG" => Some(LogLevel::Debug),
            "INFO" => Some(LogLevel::Info),
            "WARN" => Some(LogLevel::Warning),
            "ERROR" => Some(LogLevel::Error),
            _ => None,
        }
    }
}

/// A moment, as people give it: so long ago, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(Timestamp);

impl Moment {
    /// As the times of logs are written, which are in order as texts.
    pub fn stamp(self) -> String {
        format!("{:.3}", self.0)
    }

    fn read(text: &str, now: Timestamp) -> Result<Self, String> {
        if let Ok(ago) = text.parse::<Millis>() {
            let ago = SignedDuration::from_millis(i64::try_from(ago.get()).unwrap_or(i64::MAX));
            let before = now.checked_sub(ago).map_err(|error| error.to_string())?;
            return Ok(Self(before));
        }
        let time: Result<Timestamp, _> = text.parse();
        time.map(Self).map_err(|_| {
            "expected how long ago, such as 5m, or a time, such as 2026-11-23T05:15:00Z".to_owned()
        })
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text, Timestamp::now())
    }
}

/// What a line must be. Everything that is left open is wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    pub level: Option<LogLevel>,
    pub since: Option<Moment>,
    pub until: Option<Moment>,
    pub grep: Option<Regex>,
    pub part: Option<Part>,
}

/// Sees which lines are wanted, in the order of each log.
#[derive(Debug, Default)]
pub struct Filter {
    wanted: Wanted,
    since: Option<String>,
    until: Option<String>,
    /// Whether the last line with a stamp was wanted: the lines without one that follow are part of it.
    last: HashMap<(AgentId, Part), bool>,
}

impl Filter {
    pub fn new(wanted: Wanted) -> Self {
        Self {
            since: wanted.since.map(Moment::stamp),
            until: wanted.until.map(Moment::stamp),
            wanted,
            last: HashMap::new(),
        }
    }

    /// Whether anything is left out at all.
    pub fn is_open(&self) -> bool {
        let Wanted {
            level,
            since,
            until,
            grep,
            part,
        } = &self.wanted;
        level.is_none() && since.is_none() && until.is_none() && grep.is_none() && part.is_none()
    }

    pub fn keeps(&mut self, line: &LogLine) -> bool {
        let whose = (line.agent.clone(), line.part);
        let entry = match line.stamp() {
            Some(stamp) => {
                let kept = self.in_time(stamp) && self.matters(line);
                self.last.insert(whose, kept);
                kept
            }
            None => *self.last.get(&whose).unwrap_or(&self.undated(line)),
        };
        entry && self.says(line)
    }

    fn in_time(&self, stamp: &str) -> bool {
        let since = self.since.as_deref().is_none_or(|since| stamp >= since);
        since && self.until.as_deref().is_none_or(|until| stamp <= until)
    }

    fn matters(&self, line: &LogLine) -> bool {
        let here = self.wanted.part.is_none_or(|part| part == line.part);
        let Some(least) = self.wanted.level else {
            return here;
        };
        let level = line.level_and_text().0.and_then(LogLevel::of);
        here && level.is_some_and(|level| level >= least)
    }

    /// What stands before the first stamp.
    fn undated(&self, line: &LogLine) -> bool {
        self.since.is_none() && self.matters(line)
    }

    fn says(&self, line: &LogLine) -> bool {
        let text = line.level_and_text().1;
        let grep = self.wanted.grep.as_ref();
        grep.is_none_or(|pattern| pattern.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(wanted: Wanted) -> String {
        let line = |part, text: &str| LogLine {
            agent: "A".parse().unwrap(),
            part,
            text: text.replace('@', "2026-11-23T05:15:0"),
        };
        let (log, out) = (Part::Log, Part::Output);
        let lines = [
            line(out, "torn"),
            line(log, "@0.000Z INFO  one"),
            line(log, "@1.000Z WARN  two"),
            line(out, "@1.500Z ERR   Traceback"),
            line(out, "  more"),
            line(log, "  of two"),
            line(log, "@2.000Z DEBUG three"),
        ];
        let mut filter = Filter::new(wanted);
        let kept = lines.iter().filter(|line| filter.keeps(line));
        let texts: Vec<&str> = kept.map(|line| line.level_and_text().1.trim()).collect();
        texts.join(", ")
    }

    fn at(second: u32) -> Option<Moment> {
        Some(format!("2026-11-23T05:15:0{second}Z").parse().unwrap())
    }

    #[test]
    fn lines_are_kept_by_level_time_part_and_words() {
        let all = Wanted::default;
        assert_eq!(
            kept(all()),
            "torn, one, two, Traceback, more, of two, three"
        );
        let level = Some(LogLevel::Warning);
        assert_eq!(kept(Wanted { level, ..all() }), "two, of two");
        let level = Some(LogLevel::Debug);
        assert_eq!(kept(Wanted { level, ..all() }), "one, two, of two, three");
        let since = at(1);
        assert_eq!(
            kept(Wanted { since, ..all() }),
            "two, Traceback, more, of two, three"
        );
        let until = at(1);
        assert_eq!(kept(Wanted { until, ..all() }), "torn, one, two, of two");
        let grep = Some(Regex::new("t[hw]").unwrap());
        assert_eq!(kept(Wanted { grep, ..all() }), "two, of two, three");
        let part = Some(Part::Output);
        assert_eq!(kept(Wanted { part, ..all() }), "torn, Traceback, more");
    }

    #[test]
    fn moments_are_ages_or_times() {
        let now: Timestamp = "2026-11-23T05:15:00Z".parse().unwrap();
        let stamp = |text| Moment::read(text, now).map(Moment::stamp);
        assert_eq!(stamp("5m").unwrap(), "2026-11-23T05:10:00.000Z");
        assert_eq!(
            stamp("2026-01-01T00:00:00+01:00").unwrap(),
            "2025-12-31T23:00:00.000Z"
        );
        assert!(stamp("yesterday").is_err());
    }
}
