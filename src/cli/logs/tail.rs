//! One log file, read line by line as it grows.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::LogLine;
use super::line::Part;
use super::merge::Source;
use crate::model::AgentId;

/// How much is read at a time when the last lines are looked for.
const BLOCK: u64 = 64 << 10;

/// A log that is being read.
pub struct Tail {
    agent: AgentId,
    part: Part,
    file: BufReader<File>,
    /// The beginning of a line that has not been ended yet.
    partial: Vec<u8>,
}

impl Tail {
    pub fn open((agent, part): LogId, path: &Path) -> io::Result<Self> {
        Ok(Self {
            agent,
            part,
            file: BufReader::new(File::open(path)?),
            partial: Vec::new(),
        })
    }

    /// Goes to where the last `lines` whole lines begin.
    pub fn seek_to_last(&mut self, lines: usize) -> io::Result<()> {
        let file = self.file.get_mut();
        let mut position = file.seek(SeekFrom::End(0))?;
        // One more: the newline that ends the line before the first that is wanted.
        let mut newlines_left = lines.saturating_add(1);
        while position > 0 {
            let size = BLOCK.min(position);
            let mut block = Vec::new();
            file.seek(SeekFrom::Start(position - size))?;
            file.by_ref().take(size).read_to_end(&mut block)?;
            for (at, _) in block
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, byte)| **byte == b'\n')
            {
                newlines_left -= 1;
                if newlines_left == 0 {
                    let begin = position - size + at as u64 + 1;
                    self.file.seek(SeekFrom::Start(begin))?;
                    return Ok(());
                }
            }
            position -= size;
        }
        self.file.seek(SeekFrom::Start(0))?;
        Ok(())
    }

    /// What has been written of a line that is not ended.
    pub fn unfinished(&mut self) -> Option<LogLine> {
        match self.partial.is_empty() {
            true => None,
            false => Some(self.take_line()),
        }
    }

    fn take_line(&mut self) -> LogLine {
        let text = String::from_utf8_lossy(&self.partial);
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        self.partial.clear();
        LogLine {
            agent: self.agent.clone(),
            part: self.part,
            text,
        }
    }
}

impl Source for Tail {
    /// The next line that has been ended; None for now, if there is none.
    fn next_line(&mut self) -> io::Result<Option<LogLine>> {
        self.file.read_until(b'\n', &mut self.partial)?;
        match self.partial.last() {
            Some(b'\n') => Ok(Some(self.take_line())),
            _ => Ok(None),
        }
    }
}

/// An agent and which of its files.
pub type LogId = (AgentId, Part);

/// What a file is, by its name.
pub fn log_of(file_name: &str) -> Option<LogId> {
    let (name, part) = match file_name.rsplit_once('.')? {
        (name, "log") => (name, Part::Log),
        (name, "out") => (name, Part::Output),
        _ => return None,
    };
    Some((name.parse().ok()?, part))
}

/// The name of a file: the opposite of [`log_of`].
pub fn file_of((agent, part): &LogId) -> String {
    match part {
        Part::Log => format!("{agent}.log"),
        Part::Output => format!("{agent}.out"),
    }
}

/// The logs and outputs that there are, in order.
pub fn logs_in(dir: &Path) -> BTreeSet<LogId> {
    // A system that has no folder of logs yet, or no more, has no logs.
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| log_of(entry.file_name().to_str()?))
        .collect()
}

/// The agents that have a log here, in order.
pub fn agents_with_logs(dir: &Path) -> Vec<AgentId> {
    let logs = logs_in(dir).into_iter();
    logs.filter(|(_, part)| *part == Part::Log)
        .map(|(agent, _)| agent)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(tail: &mut Tail) -> Vec<String> {
        std::iter::from_fn(|| tail.next_line().unwrap())
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn a_log_is_read_as_it_grows() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("Alice.log");
        let mut file = File::create(&path).unwrap();
        write!(file, "one\ntw").unwrap();
        let mut tail = Tail::open(("Alice".parse().unwrap(), Part::Log), &path).unwrap();
        assert_eq!(lines(&mut tail), ["one"]);
        write!(file, "o\nthree").unwrap();
        assert_eq!(lines(&mut tail), ["two"]);
        assert_eq!(tail.unfinished().unwrap().text, "three");
        assert_eq!(agents_with_logs(temp.path())[0].to_string(), "Alice");
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        let all: Vec<String> = (0..20_000).map(|n| format!("line {n}")).collect();
        fs::write(&path, all.join("\n") + "\n").unwrap();
        for wanted in [0, 1, 7, 15_000, 20_000, 99_999] {
            let mut tail = Tail::open(("A".parse().unwrap(), Part::Log), &path).unwrap();
            tail.seek_to_last(wanted).unwrap();
            let from = all.len().saturating_sub(wanted);
            assert!(lines(&mut tail) == all[from..], "{wanted}");
        }
        fs::write(&path, "").unwrap();
        let mut tail = Tail::open(("A".parse().unwrap(), Part::Log), &path).unwrap();
        tail.seek_to_last(3).unwrap();
        assert!(lines(&mut tail).is_empty());
    }
}
