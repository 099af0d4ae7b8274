//! Several logs as one, in order of time. Pure, but for where the lines come from.

use std::io;

use super::LogLine;

/// Lines in the order of one log.
pub(crate) trait Source {
    fn next_line(&mut self) -> io::Result<Option<LogLine>>;
}

/// One log, with the line that comes next.
struct Ahead<'a, S: ?Sized> {
    source: &'a mut S,
    next: Option<LogLine>,
    /// The stamp of that line, or of the one it belongs to.
    stamp: String,
}

impl<S: Source + ?Sized> Ahead<'_, S> {
    fn look(&mut self) -> io::Result<()> {
        self.next = self.source.next_line()?;
        if let Some(stamp) = self.next.as_ref().and_then(LogLine::stamp) {
            self.stamp = stamp.to_owned();
        }
        Ok(())
    }

    /// Gives out the next line and those without a stamp that belong to it.
    fn give(&mut self, emit: &mut impl FnMut(LogLine) -> io::Result<()>) -> io::Result<()> {
        while let Some(line) = self.next.take() {
            emit(line)?;
            self.look()?;
            if self
                .next
                .as_ref()
                .is_some_and(|line| line.stamp().is_some())
            {
                break;
            }
        }
        Ok(())
    }
}

/// Gives out all lines of all logs. Of lines of one time, those of the earlier source come first.
pub(crate) fn merge<'a, S: Source + ?Sized + 'a>(
    sources: impl Iterator<Item = &'a mut S>,
    mut emit: impl FnMut(LogLine) -> io::Result<()>,
) -> io::Result<()> {
    let mut ahead = Vec::new();
    for source in sources {
        let mut one = Ahead {
            source,
            next: None,
            stamp: String::new(),
        };
        one.look()?;
        ahead.push(one);
    }
    loop {
        let waiting = ahead.iter_mut().filter(|one| one.next.is_some());
        let Some(first) = waiting.min_by(|one, other| one.stamp.cmp(&other.stamp)) else {
            return Ok(());
        };
        first.give(&mut emit)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    impl Source for VecDeque<LogLine> {
        fn next_line(&mut self) -> io::Result<Option<LogLine>> {
            Ok(self.pop_front())
        }
    }

    fn log(agent: &str, lines: &[&str]) -> VecDeque<LogLine> {
        let line = |text: &&str| LogLine {
            agent: agent.parse().unwrap(),
            part: crate::cli::logs::line::Part::Log,
            text: text
                .replace("@", "2026-11-23T05:15:00.00")
                .replace('|', "Z"),
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn lines_come_by_time_and_stay_with_their_stamp() {
        let mut logs = [
            log("A", &["@1| one", "  more of one", "@4| four"]),
            log(
                "B",
                &["torn", "@1| also one", "@3| three", "  more of three"],
            ),
        ];
        let mut seen = Vec::new();
        merge(logs.iter_mut(), |line| {
            seen.push(format!("{} {}", line.agent, line.level_and_text().1));
            Ok(())
        })
        .unwrap();
        insta::assert_snapshot!(seen.join("\n"), @r"
        B torn
        A one
        A   more of one
        B also one
        B three
        B   more of three
        A four
        ");
    }
}
