//! How far a command has come: bars on a terminal, lines elsewhere, nothing when quiet. Always on
//! stderr, so that results can be piped.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Style, elapsed};
use crate::model::{Amount, harmless_line};

/// The widest name of a stage.
const STAGE_WIDTH: usize = 12;
/// How often a bar is drawn in which nothing moves.
const TICK: Duration = Duration::from_millis(100);

/// Is told how far a command has come, stage by stage.
pub trait Reporter: Send {
    /// A stage begins, of `total` steps. The one before it, if any, has ended.
    fn begin(&mut self, stage: &str, total: usize);
    /// One more step is done.
    fn advance(&mut self, what: &str);
    /// Files are on their way to a machine: how many and how much has gone, of what has to; or all is in its place.
    fn copy(&mut self, host: &str, sent: Amount, of: Amount, done: bool);
    /// What the stage waits for, that others are to do.
    fn wait_for(&mut self, what: &str);
    /// The stage has ended as it should. One that had nothing to do is not shown.
    fn end(&mut self);
    /// The command ends before the stage did.
    fn abandon(&mut self);
}

/// One bar for each stage, for a terminal.
pub struct Bars {
    all: MultiProgress,
    current: Option<ProgressBar>,
    color: bool,
}

impl Bars {
    pub fn new(style: Style) -> Self {
        Self {
            all: MultiProgress::new(),
            current: None,
            color: style.color,
        }
    }

    fn template(&self, done: bool) -> ProgressStyle {
        let text = match (self.color, done) {
            (true, false) => "{prefix:12.bold} {bar:24.cyan/dim} {pos}/{len} {wide_msg:.dim}",
            (false, false) => "{prefix:12} {bar:24} {pos}/{len} {wide_msg}",
            (true, true) => "{prefix:12.bold} {pos:>4}/{len:<4} {msg:.dim}",
            (false, true) => "{prefix:12} {pos:>4}/{len:<4} {msg}",
        };
        let style = ProgressStyle::with_template(text);
        style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─")
    }

    fn settle(&mut self, message: impl FnOnce(&ProgressBar) -> String) {
        if let Some(bar) = self.current.take() {
            bar.set_style(self.template(true));
            bar.abandon_with_message(message(&bar));
        }
    }
}

impl Reporter for Bars {
    fn begin(&mut self, stage: &str, total: usize) {
        self.end();
        let bar = self.all.add(ProgressBar::new(total as u64));
        bar.set_style(self.template(false));
        bar.set_prefix(stage.to_owned());
        // A stage in which nothing moves is drawn too: what is drawn once may fall to indicatif's
        // limit of draws in a second.
        bar.enable_steady_tick(TICK);
        self.current = Some(bar);
    }

    fn advance(&mut self, what: &str) {
        if let Some(bar) = &self.current {
            bar.set_message(harmless_line(what).into_owned());
            bar.inc(1);
        }
    }

    fn copy(&mut self, host: &str, sent: Amount, of: Amount, done: bool) {
        if let Some(bar) = &self.current {
            let text = match done {
                true => format!("files for {host}: {of} sent"),
                false => format!("files for {host}: {sent} of {of}"),
            };
            bar.set_message(text);
        }
    }

    fn wait_for(&mut self, what: &str) {
        if let Some(bar) = &self.current {
            bar.set_message(format!("waiting for {}", harmless_line(what)));
        }
    }

    fn end(&mut self) {
        match self.current.take_if(|bar| bar.length() == Some(0)) {
            Some(nothing) => nothing.finish_and_clear(),
            None => self.settle(|bar| elapsed(bar.elapsed())),
        }
    }

    fn abandon(&mut self) {
        self.settle(|bar| format!("not finished after {}", elapsed(bar.elapsed())));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// One line for each stage, when it has ended.
pub struct Lines<W = io::Stderr> {
    out: W,
    current: Option<Stage>,
}

struct Stage {
    name: String,
    done: usize,
    total: usize,
    began: Instant,
    /// What it waits for has been said.
    said: bool,
}

impl Lines {
    pub fn new() -> Self {
        Self::to(io::stderr())
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: Write> Lines<W> {
    /// Writes to `out` instead of stderr.
    pub fn to(out: W) -> Self {
        Self { out, current: None }
    }

    fn settle(&mut self, before: &str) {
        if let Some(stage) = self.current.take() {
            let Stage {
                name,
                done,
                total,
                began,
                ..
            } = stage;
            let time = elapsed(began.elapsed());
            let count = format!("{done}/{total}");
            // A closed standard error is no reason to stop.
            let _ = writeln!(self.out, "{name:STAGE_WIDTH$} {count:>9}  {before}{time}");
        }
    }
}

impl<W: Write + Send> Reporter for Lines<W> {
    fn begin(&mut self, stage: &str, total: usize) {
        self.end();
        self.current = Some(Stage {
            name: stage.to_owned(),
            done: 0,
            total,
            began: Instant::now(),
            said: false,
        });
    }

    fn advance(&mut self, _what: &str) {
        if let Some(stage) = &mut self.current {
            stage.done += 1;
        }
    }

    /// Said once for each machine, when all is there.
    fn copy(&mut self, host: &str, sent: Amount, of: Amount, done: bool) {
        if done {
            let count = format!("{}/{}", sent.files, of.files);
            let name = "files";
            let _ = writeln!(
                self.out,
                "{name:STAGE_WIDTH$} {count:>9}  {of} sent to {host}"
            );
        }
    }

    /// Said once for each stage.
    fn wait_for(&mut self, what: &str) {
        if let Some(stage) = self.current.as_mut().filter(|stage| !stage.said) {
            stage.said = true;
            let (name, count) = (&stage.name, format!("{}/{}", stage.done, stage.total));
            let _ = writeln!(
                self.out,
                "{name:STAGE_WIDTH$} {count:>9}  waiting for {}",
                harmless_line(what)
            );
        }
    }

    fn end(&mut self) {
        if self.current.take_if(|stage| stage.total == 0).is_none() {
            self.settle("");
        }
    }

    fn abandon(&mut self) {
        self.settle("not finished after ");
    }
}

/// Says nothing.
pub struct Quiet;

impl Reporter for Quiet {
    fn begin(&mut self, _stage: &str, _total: usize) {}
    fn advance(&mut self, _what: &str) {}
    fn copy(&mut self, _host: &str, _sent: Amount, _of: Amount, _done: bool) {}
    fn wait_for(&mut self, _what: &str) {}
    fn end(&mut self) {}
    fn abandon(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_stage() {
        let mut text = Vec::new();
        let mut lines = Lines::to(&mut text);
        lines.begin("start", 2);
        lines.wait_for("Alice, Bob");
        lines.advance("Alice");
        lines.wait_for("Bob");
        lines.advance("Bob");
        let all = Amount {
            files: 2,
            bytes: 2048,
        };
        lines.copy("lab1", Amount::of(1), all, false);
        lines.copy("lab1", all, all, true);
        lines.begin("configure", 0);
        lines.begin("wire", 3);
        lines.advance("Bob");
        lines.abandon();
        lines.end();
        let text = String::from_utf8(text).unwrap();
        insta::with_settings!({ filters => [(r"\d\.\d\d s", "[time]")] }, {
            insta::assert_snapshot!(text, @r"
            start              0/2  waiting for Alice, Bob
            files              2/2  2 files, 2.0 KiB sent to lab1
            start              2/2  [time]
            wire               1/3  not finished after [time]
            ");
        });
    }

    #[test]
    fn bars_take_any_order_of_calls() {
        let mut bars = Bars::new(Style::default());
        bars.end();
        bars.advance("x");
        bars.begin("start", 1);
        bars.advance("Alice");
        bars.copy("lab1", Amount::of(1), Amount::of(2), false);
        bars.begin("wire", 0);
        bars.end();
    }
}
