//! One log, read line by line as it grows, through all its files.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::LogLine;
use super::line::Part;
use super::merge::Source;
use crate::logfile::{LogFile, copy_of, files_of};
use crate::model::AgentId;

/// How much is read at a time when the last lines are looked for.
const BLOCK: u64 = 64 << 10;

/// A log that is being read.
pub(crate) struct Tail {
    agent: AgentId,
    part: Part,
    path: PathBuf,
    reading: Reading,
    /// The file that is read when this one has come to its end.
    next: Option<Reading>,
    /// The beginning of a line that has not been ended yet.
    partial: Vec<u8>,
    /// What comes before anything that is still to be read.
    found: VecDeque<LogLine>,
}

/// One of its files.
struct Reading {
    file: BufReader<File>,
    /// The place of its first byte in the log.
    begin: u64,
    /// How much of it has been read.
    read: u64,
    inode: u64,
}

impl Reading {
    fn open(file: &LogFile) -> io::Result<Self> {
        Ok(Self {
            file: BufReader::new(File::open(&file.path)?),
            begin: file.begin,
            read: 0,
            inode: file.inode,
        })
    }

    fn seek(&mut self, to: u64) -> io::Result<()> {
        self.read = to;
        self.file.seek(SeekFrom::Start(to)).map(drop)
    }
}

impl Tail {
    /// From the beginning of all that is kept.
    pub(crate) fn open((agent, part): LogId, path: &Path) -> io::Result<Self> {
        let files = files_of(path)?;
        let first = files.first().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self {
            agent,
            part,
            path: path.to_owned(),
            reading: Reading::open(first)?,
            next: None,
            partial: Vec::new(),
            found: VecDeque::new(),
        })
    }

    /// Goes to where the last `lines` whole lines begin.
    pub(crate) fn seek_to_last(&mut self, lines: usize) -> io::Result<()> {
        // One more: the newline that ends the line before the first that is wanted.
        let mut newlines_left = lines.saturating_add(1);
        for file in files_of(&self.path)?.iter().rev() {
            let mut reading = Reading::open(file)?;
            let begin = begin_of_last(reading.file.get_mut(), &mut newlines_left)?;
            reading.seek(begin.unwrap_or(0))?;
            self.reading = reading;
            if begin.is_some() {
                break;
            }
        }
        self.next = None;
        self.partial.clear();
        self.found.clear();
        Ok(())
    }

    /// What has been written of a line that is not ended.
    pub(crate) fn unfinished(&mut self) -> Option<LogLine> {
        match self.partial.is_empty() {
            true => None,
            false => Some(self.take_line()),
        }
    }

    fn take_line(&mut self) -> LogLine {
        let text = String::from_utf8_lossy(&self.partial);
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        self.partial.clear();
        self.line(text)
    }

    fn line(&self, text: String) -> LogLine {
        LogLine {
            agent: self.agent.clone(),
            part: self.part,
            text,
        }
    }

    /// Reads on to the end of a line, or as far as there is something at once. Tells how much that was.
    fn read(&mut self) -> io::Result<usize> {
        let reading = &mut self.reading;
        if reading.file.buffer().is_empty() {
            reading.file.fill_buf()?;
            // What has been read may stand where something else stood: that is in the copy.
            if let Some(copy) = copy_of(&self.path, reading.begin, reading.inode) {
                let read = reading.read.min(copy.size);
                *reading = Reading::open(&copy)?;
                reading.seek(read)?;
            }
        }
        let there = reading.file.fill_buf()?;
        let newline = there.iter().position(|byte| *byte == b'\n');
        let read = newline.map_or(there.len(), |at| at + 1);
        self.partial.extend_from_slice(&there[..read]);
        reading.file.consume(read);
        reading.read += read as u64;
        Ok(read)
    }

    /// At the end of a file, for now: finds out whether there is more.
    fn look_on(&mut self) -> io::Result<Found> {
        let own = self.reading.file.get_ref().metadata()?;
        if own.len() < self.reading.read {
            // It has been cut, and goes on from its beginning. A copy of what was there is no longer kept,
            // if there was one.
            self.partial.clear();
            let files = files_of(&self.path).unwrap_or_default();
            match files.last().filter(|file| file.inode == own.ino()) {
                Some(file) => self.next = Some(Reading::open(file)?),
                None => self.reading.seek(0)?,
            }
            return Ok(Found::More);
        }
        // Looked for in all its files only when the one at its path is another.
        let there = fs::metadata(&self.path);
        if there.is_ok_and(|there| there.ino() == own.ino()) {
            return Ok(Found::Nothing);
        }
        let Ok(files) = files_of(&self.path) else {
            // It was moved away, and there is no other yet.
            return Ok(Found::Nothing);
        };
        let behind = |file: &&LogFile| file.begin > self.reading.begin;
        let current = files.last().filter(|file| file.inode != own.ino());
        match files.iter().find(behind).or(current) {
            Some(next) => {
                self.next = Some(Reading::open(next)?);
                Ok(Found::More)
            }
            None => Ok(Found::Nothing),
        }
    }

    /// Goes on with the next file. A line may go on there: its writer knows nothing of the files.
    fn turn_over(&mut self, next: Reading) {
        let end = self.reading.begin + self.reading.read;
        let goes_on = next.begin == end;
        let missed = next.begin.saturating_sub(end);
        self.reading = next;
        if !goes_on && !self.partial.is_empty() {
            let line = self.take_line();
            self.found.push_back(line);
        }
        if missed > 0 {
            let text = format!("(osb: {missed} bytes were gone before they were read)");
            self.found.push_back(self.line(text));
        }
    }
}

/// What there is at the end of a file.
enum Found {
    Nothing,
    More,
}

/// Where in a file the last lines begin; None if there are not so many in it. Counts down.
fn begin_of_last(file: &mut File, newlines_left: &mut usize) -> io::Result<Option<u64>> {
    let mut position = file.seek(SeekFrom::End(0))?;
    while position > 0 {
        let size = BLOCK.min(position);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(position - size))?;
        file.by_ref().take(size).read_to_end(&mut block)?;
        let newlines = block.iter().enumerate().rev();
        for (at, _) in newlines.filter(|(_, byte)| **byte == b'\n') {
            *newlines_left -= 1;
            if *newlines_left == 0 {
                return Ok(Some(position - size + at as u64 + 1));
            }
        }
        position -= size;
    }
    Ok(None)
}

impl Source for Tail {
    /// The next line that has been ended; None for now, if there is none.
    fn next_line(&mut self) -> io::Result<Option<LogLine>> {
        loop {
            if let Some(line) = self.found.pop_front() {
                return Ok(Some(line));
            }
            let read = self.read()?;
            if self.partial.last() == Some(&b'\n') {
                return Ok(Some(self.take_line()));
            }
            if read > 0 {
                continue;
            }
            // What was written to this file before the next one was begun has been read only now.
            if let Some(next) = self.next.take() {
                self.turn_over(next);
                continue;
            }
            match self.look_on()? {
                Found::More => {}
                Found::Nothing => return Ok(None),
            }
        }
    }
}

/// An agent and which of its files.
pub(crate) type LogId = (AgentId, Part);

/// What a file is, by its name.
pub(crate) fn log_of(file_name: &str) -> Option<LogId> {
    let (name, part) = match file_name.rsplit_once('.')? {
        (name, "log") => (name, Part::Log),
        (name, "out") => (name, Part::Output),
        _ => return None,
    };
    Some((name.parse().ok()?, part))
}

/// The name of a file: the opposite of [`log_of`].
pub(crate) fn file_of((agent, part): &LogId) -> String {
    match part {
        Part::Log => format!("{agent}.log"),
        Part::Output => format!("{agent}.out"),
    }
}

/// The logs and outputs that there are, in order.
pub(crate) fn logs_in(dir: &Path) -> BTreeSet<LogId> {
    // A system that has no folder of logs yet, or no more, has no logs.
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| log_of(entry.file_name().to_str()?))
        .collect()
}

/// The agents that have a log here, in order.
pub(crate) fn agents_with_logs(dir: &Path) -> Vec<AgentId> {
    let logs = logs_in(dir).into_iter();
    logs.filter(|(_, part)| *part == Part::Log)
        .map(|(agent, _)| agent)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logfile::{LogCaps, LogWriter};
    use crate::model::LogLimits;
    use std::io::Write;
    use std::time::{Duration, Instant};

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

    #[test]
    fn a_log_that_is_copied_away_and_cut_is_followed_to_the_line() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.out");
        let mut options = fs::OpenOptions::new();
        let mut writer = options.create(true).append(true).open(&path).unwrap();
        let limits = LogLimits {
            max_size: "1k".parse().unwrap(),
            max_files: 1000,
        };
        let caps = LogCaps::begin().unwrap();
        caps.keep(&path, limits).unwrap();
        let (mut fast, mut slow) = (open_a(&path), open_a(&path));
        let (mut seen, mut seen_late) = (Vec::new(), Vec::new());
        let all: Vec<String> = (0..48).map(|n| format!("{n:099}")).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        for burst in all.chunks(12) {
            writer
                .write_all((burst.join("\n") + "\n").as_bytes())
                .unwrap();
            seen.extend(lines(&mut fast));
            seen_late.push(slow.next_line().unwrap().unwrap().text);
            while fs::metadata(&path).unwrap().len() > 0 {
                assert!(Instant::now() < deadline);
                std::thread::yield_now();
            }
            seen.extend(lines(&mut fast));
        }
        assert_eq!(seen, all);
        seen_late.extend(lines(&mut slow));
        assert_eq!(seen_late, all);
        assert_eq!(lines(&mut open_a(&path)), all);
    }

    /// What prints in pieces may be cut between two of them.
    #[test]
    fn a_line_goes_on_where_the_file_was_copied_away_and_cut() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.out");
        let mut options = fs::OpenOptions::new();
        let mut writer = options.create(true).append(true).open(&path).unwrap();
        let limits = LogLimits {
            max_size: "1k".parse().unwrap(),
            max_files: 3,
        };
        let long = "x".repeat(2_000);
        write!(writer, "{long}\nn").unwrap();
        let mut tail = open_a(&path);
        assert_eq!(lines(&mut tail), [long]);
        let caps = LogCaps::begin().unwrap();
        caps.keep(&path, limits).unwrap();
        write!(writer, " 1\nn 2\n").unwrap();
        assert_eq!(lines(&mut tail), ["n 1", "n 2"]);
        let mut again = open_a(&path);
        again.seek_to_last(2).unwrap();
        assert_eq!(lines(&mut again), ["n 1", "n 2"]);
    }

    fn open_a(path: &Path) -> Tail {
        Tail::open(("A".parse().unwrap(), Part::Log), path).unwrap()
    }

    fn small(path: &Path) -> LogWriter {
        let limits = LogLimits {
            max_size: "1k".parse().unwrap(),
            max_files: 3,
        };
        LogWriter::open(path, limits).unwrap()
    }

    #[test]
    fn a_log_is_read_through_all_its_files_and_followed_into_new_ones() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.log");
        let mut log = small(&path);
        let mut written = 0..;
        let mut write = |count: usize| {
            for n in written.by_ref().take(count) {
                log.write(format!("{n:0100}\n").as_bytes());
            }
        };
        let numbers = |tail: &mut Tail| -> Vec<usize> {
            lines(tail).iter().map(|it| it.parse().unwrap()).collect()
        };
        write(25);
        let mut tail = open_a(&path);
        assert_eq!(numbers(&mut tail), (0..25).collect::<Vec<_>>());
        write(7);
        assert_eq!(numbers(&mut tail), (25..32).collect::<Vec<_>>());
        let mut last = open_a(&path);
        last.seek_to_last(15).unwrap();
        assert_eq!(numbers(&mut last), (17..32).collect::<Vec<_>>());
        last.seek_to_last(1000).unwrap();
        assert_eq!(numbers(&mut last), (10..32).collect::<Vec<_>>());
        // Too fast for the reader: that is said.
        write(40);
        let rest = lines(&mut tail);
        let said: Vec<&String> = rest.iter().filter(|it| it.starts_with("(osb: ")).collect();
        assert_eq!(said.len(), 1, "{rest:?}");
        assert_eq!(rest.last().unwrap().parse(), Ok(71));
    }

    #[test]
    fn it_goes_on_when_another_program_has_cut_or_moved_the_file() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.log");
        fs::write(&path, "one\ntwo\n").unwrap();
        let mut tail = open_a(&path);
        assert_eq!(lines(&mut tail), ["one", "two"]);
        fs::write(&path, "").unwrap();
        assert!(lines(&mut tail).is_empty());
        fs::write(&path, "three\n").unwrap();
        assert_eq!(lines(&mut tail), ["three"]);
        let mut moved = fs::OpenOptions::new().append(true).open(&path).unwrap();
        fs::rename(&path, temp.path().join("A.log.1")).unwrap();
        assert!(lines(&mut tail).is_empty());
        moved.write_all(b"four\n").unwrap();
        assert_eq!(lines(&mut tail), ["four"]);
        moved.write_all(b"five\n").unwrap();
        fs::write(&path, "six\n").unwrap();
        assert_eq!(lines(&mut tail), ["five", "six"]);
    }
}
