//! What every command is given: the global options, and the only way to say something.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use super::{CommandError, GlobalArgs, Session};
use crate::model::{harmless, harmless_in_colour};
use crate::render::{
    Bars, ErrorText, Lines, Output, Quiet, Report, Reporter, Style, error_json, sentence,
};

/// The terminal or pipe a command talks to, and what the user wants of all commands.
pub struct Context {
    pub global: GlobalArgs,
    stdout: Style,
    stderr: Style,
}

/// How many lines a terminal has.
fn height_of(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_row)).filter(|height| *height > 0)
}

/// How wide a terminal is. One of which that is not known has room for everything.
fn width_of(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

impl Context {
    pub fn new(global: GlobalArgs) -> Self {
        let wide = global.output == Output::Wide;
        let style = |terminal, width: Option<usize>| Style {
            color: global.color.on(terminal),
            width: width.filter(|_| terminal && !wide),
        };
        Self {
            stdout: style(io::stdout().is_terminal(), width_of(&io::stdout())),
            stderr: style(io::stderr().is_terminal(), width_of(&io::stderr())),
            global,
        }
    }

    pub fn output(&self) -> Output {
        self.global.output
    }

    /// How stdout is written to.
    pub fn style(&self) -> Style {
        self.stdout
    }

    /// How many lines the terminal has that stdout is.
    pub fn height(&self) -> Option<usize> {
        height_of(&io::stdout())
    }

    /// How stderr is written to.
    pub fn stderr_style(&self) -> Style {
        self.stderr
    }

    /// Connects to the system that is meant.
    pub fn session(&self) -> Result<Session, CommandError> {
        Session::open(&self.global)
    }

    /// Prints a result, in the form that was asked for.
    pub fn print(&self, report: &dyn Report) -> Result<(), CommandError> {
        let text = report.render(self.output(), self.stdout);
        match self.output() {
            Output::Table | Output::Wide => write_out(&for_people(&text, self.stdout)),
            Output::Json | Output::Names | Output::Raw | Output::Drawing(_) => {
                self.print_text(&text)
            }
        }
    }

    /// Prints text for people over so many lines that were printed before, on a terminal. Tells how many lines it has.
    pub fn print_over(&self, former: usize, text: &str) -> Result<usize, CommandError> {
        let text = for_people(text, self.stdout);
        let mut out = io::stdout().lock();
        if former > 0 {
            write!(out, "\x1b[{former}A\x1b[J")?;
        }
        writeln!(out, "{text}")?;
        out.flush()?;
        Ok(text.lines().count())
    }

    /// Prints a result that comes after the one that was asked for, on stderr.
    pub fn print_aside(&self, report: &dyn Report) -> Result<(), CommandError> {
        if !self.global.quiet {
            self.complain_in_full(&report.table(self.stderr));
        }
        Ok(())
    }

    /// Prints text on stdout, ended by one newline if there is any. What is to read it gets it as it is, and a terminal
    /// harmless.
    pub fn print_text(&self, text: &str) -> Result<(), CommandError> {
        match io::stdout().is_terminal() {
            true => write_out(&harmless(text)),
            false => write_out(text),
        }
    }

    /// Says something by the way, on stderr, unless quiet.
    pub fn note(&self, text: &str) {
        if !self.global.quiet {
            let _ = writeln!(io::stderr(), "{}", sentence(text));
        }
    }

    /// Whether there is somebody to whom something may be said by the way.
    pub fn is_watched(&self) -> bool {
        !self.global.quiet
    }

    /// Says on stderr, a terminal, how far something has come, over what was said of that before.
    pub fn note_over(&self, text: &str) {
        let _ = write!(io::stderr(), "\r\x1b[K{}", harmless(text));
    }

    /// What shows how far a command has come.
    pub fn reporter(&self) -> Box<dyn Reporter> {
        if self.global.quiet {
            Box::new(Quiet)
        } else if io::stderr().is_terminal() {
            Box::new(Bars::new(self.stderr))
        } else {
            Box::new(Lines::new())
        }
    }

    /// Shows on stderr what is wrong, in words of its own.
    pub fn complain_in_full(&self, text: &str) {
        let text = for_people(text.trim_end_matches('\n'), self.stderr);
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Shows an error on stderr.
    pub(super) fn complain(&self, error: &CommandError) {
        if error.is_silent() {
            return;
        }
        let text = match self.output() {
            Output::Json => {
                let hints = error.hints().join("\n");
                let hint = (!hints.is_empty()).then_some(hints.as_str());
                error_json(error.code(), &error.message(), hint)
            }
            Output::Table | Output::Wide | Output::Names | Output::Raw | Output::Drawing(_) => {
                self.error_text(error).to_string()
            }
        };
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn error_text(&self, error: &CommandError) -> ErrorText {
        ErrorText {
            message: error.message(),
            causes: match self.global.verbose {
                true => error.causes().collect(),
                false => Vec::new(),
            },
            details: error.details().to_vec(),
            hints: error.hints().to_vec(),
            style: self.stderr,
        }
    }
}

/// What has no other colours than those that osb gives it.
fn for_people(text: &str, style: Style) -> Cow<'_, str> {
    match style.color {
        true => harmless_in_colour(text),
        false => harmless(text),
    }
}

fn write_out(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    let text = text.trim_end_matches('\n');
    if !text.is_empty() {
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
