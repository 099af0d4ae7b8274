//! Log lines as they are printed: the agent's name before each, in its colour.

use std::collections::HashMap;

use serde::Serialize;

use super::LogLine;
use super::line::Part;
use crate::model::{AgentId, harmless_in_colour};
use crate::render::{Paint, Style, json_line};

/// Turns log lines into text.
pub struct LogPrinter {
    form: Form,
    names: bool,
    on_terminal: bool,
    width: usize,
    colours: HashMap<AgentId, usize>,
}

enum Form {
    Text(Style),
    Json,
}

impl LogPrinter {
    /// For people.
    pub fn text(style: Style) -> Self {
        Self::new(Form::Text(style))
    }

    /// One JSON object on each line.
    pub fn json() -> Self {
        Self::new(Form::Json)
    }

    fn new(form: Form) -> Self {
        Self {
            form,
            names: true,
            on_terminal: false,
            width: 0,
            colours: HashMap::new(),
        }
    }

    /// Lets nothing pass that does things to a terminal, but for colours.
    pub fn for_terminal(mut self, is_terminal: bool) -> Self {
        self.on_terminal = is_terminal;
        self
    }

    /// Leaves the names out: there is only one agent.
    pub fn without_names(mut self) -> Self {
        self.names = false;
        self
    }

    /// Makes room for the names of `agents`, and gives them their colours.
    pub fn expect<'a>(&mut self, agents: impl Iterator<Item = &'a AgentId>) {
        for agent in agents {
            self.meet(agent);
        }
    }

    /// Without a newline at the end.
    pub fn line(&mut self, line: &LogLine) -> String {
        match self.form {
            Form::Json => object(line),
            Form::Text(_) if !self.names => self.shown(line),
            Form::Text(style) => {
                let colour = Paint::Nth(self.meet(&line.agent));
                let name = format!("{:width$} |", line.agent, width = self.width);
                format!("{} {}", style.paint(&name, colour), self.shown(line))
            }
        }
    }

    fn shown(&self, line: &LogLine) -> String {
        match self.on_terminal {
            true => harmless_in_colour(&line.text).into_owned(),
            false => line.text.clone(),
        }
    }

    fn meet(&mut self, agent: &AgentId) -> usize {
        self.width = self.width.max(agent.to_string().len());
        let next = self.colours.len();
        *self.colours.entry(agent.clone()).or_insert(next)
    }
}

#[derive(Serialize)]
struct Object<'a> {
    agent: &'a AgentId,
    time: Option<&'a str>,
    level: Option<&'a str>,
    stream: &'a str,
    text: &'a str,
    /// The next line of its stream goes on with it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    goes_on: bool,
}

fn object(line: &LogLine) -> String {
    let (level, text) = line.level_and_text();
    let object = Object {
        agent: &line.agent,
        time: line.stamp(),
        level: level.filter(|_| line.part == Part::Log),
        stream: line.stream(),
        text,
        goes_on: line.goes_on(),
    };
    json_line(&object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(mut printer: LogPrinter) -> String {
        let line = |agent: &str, text: &str| LogLine {
            agent: agent.parse().unwrap(),
            part: crate::cli::logs::line::Part::Log,
            text: text.to_owned(),
        };
        let lines = [
            line("Alice", "2026-11-23T05:15:00.123Z INFO  Hello"),
            line("Bob", "Traceback:"),
        ];
        printer.expect(lines.iter().map(|line| &line.agent));
        lines.map(|line| printer.line(&line)).join("\n")
    }

    #[test]
    fn each_line_says_whose_it_is() {
        let plain = Style {
            color: false,
            width: None,
        };
        insta::assert_snapshot!(print(LogPrinter::text(plain)), @r"
        Alice | 2026-11-23T05:15:00.123Z INFO  Hello
        Bob   | Traceback:
        ");
        insta::assert_snapshot!(print(LogPrinter::text(plain).without_names()), @r"
        2026-11-23T05:15:00.123Z INFO  Hello
        Traceback:
        ");
        let coloured = print(LogPrinter::text(Style {
            color: true,
            width: None,
        }));
        assert!(
            coloured.starts_with("\u{1b}[36mAlice |\u{1b}[0m 2026"),
            "{coloured}"
        );
    }

    #[test]
    fn for_programs_each_line_is_an_object() {
        insta::assert_snapshot!(print(LogPrinter::json()), @r#"
        {"agent":"Alice","time":"2026-11-23T05:15:00.123Z","level":"INFO","stream":"log","text":"Hello"}
        {"agent":"Bob","time":null,"level":null,"stream":"log","text":"Traceback:"}
        "#);
        let part = LogLine {
            agent: "Bob".parse().unwrap(),
            part: Part::Output,
            text: "2026-11-23T05:15:00.123Z ERR+  Password: ".to_owned(),
        };
        insta::assert_snapshot!(LogPrinter::json().line(&part), @r#"{"agent":"Bob","time":"2026-11-23T05:15:00.123Z","level":null,"stream":"err","text":"Password: ","goes_on":true}"#);
    }

    #[test]
    fn programs_do_nothing_to_a_terminal_but_colour_it() {
        let line = LogLine {
            agent: "Bob".parse().unwrap(),
            part: Part::Output,
            text: "2026-11-23T05:15:00.123Z OUT   \u{1b}[31mred\u{1b}[0m\u{1b}[2J\u{7}\r50%"
                .to_owned(),
        };
        let plain = LogPrinter::text(Style {
            color: false,
            width: None,
        })
        .without_names();
        assert_eq!(plain.for_terminal(false).line(&line), line.text);
        let plain = LogPrinter::text(Style {
            color: false,
            width: None,
        })
        .without_names();
        let shown = plain.for_terminal(true).line(&line);
        assert_eq!(
            shown,
            "2026-11-23T05:15:00.123Z OUT   \u{1b}[31mred\u{1b}[0m\\u001b[2J\\u0007\\r50%"
        );
    }
}
