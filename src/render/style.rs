//! Colours: when they are used, and what they mean.

use clap::ValueEnum;

use crate::model::State;

/// When to use colours. `Auto`: on a terminal, unless NO_COLOR is set.
// The variants have no words of their own, so that every `--help` stays short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Whether to use colours on a stream that is a terminal or not.
    pub fn on(self, terminal: bool) -> bool {
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let forbidden = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                terminal && !forbidden && !dumb
            }
        }
    }
}

/// How a stream is written to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// How many characters have room in a line. None: as many as there are.
    pub width: Option<usize>,
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Good,
    Doubtful,
    Bad,
    Strong,
    Faint,
    /// One of several that are only to be told apart.
    Nth(usize),
}

impl Paint {
    pub fn of(state: State) -> Self {
        match state {
            State::Running => Paint::Good,
            State::Starting | State::Restarting | State::Unhealthy | State::Suspect => {
                Paint::Doubtful
            }
            State::Failed | State::Unreachable => Paint::Bad,
            State::Stopped => Paint::Faint,
            State::Ended => Paint::Bad,
        }
    }

    fn escape(self) -> &'static str {
        const SEVERAL: [&str; 6] = ["36", "33", "35", "34", "32", "96"];
        match self {
            Paint::Good => "32",
            Paint::Doubtful => "33",
            Paint::Bad => "1;31",
            Paint::Strong => "1",
            Paint::Faint => "2",
            Paint::Nth(n) => SEVERAL[n % SEVERAL.len()],
        }
    }
}

impl Style {
    pub fn paint(self, text: &str, paint: Paint) -> String {
        match self.color {
            true => format!("\x1b[{}m{text}\x1b[0m", paint.escape()),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_escape_without_colour() {
        let plain = Style {
            color: false,
            width: None,
        };
        assert_eq!(plain.paint("x", Paint::Good), "x");
        assert_eq!(
            Style {
                color: true,
                width: None,
            }
            .paint("x", Paint::Good),
            "\x1b[32mx\x1b[0m"
        );
        assert!(ColorChoice::Always.on(false));
        assert!(!ColorChoice::Never.on(true));
        assert!(!ColorChoice::Auto.on(false));
    }
}
