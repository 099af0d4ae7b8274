//! Log lines as they are printed: the agent's name before each, in its colour.

use std::collections::HashMap;

use serde::Serialize;

use super::LogLine;
use super::line::Part;
use crate::model::AgentId;
use crate::render::{Paint, Style};

/// Turns log lines into text.
pub struct LogPrinter {
    form: Form,
    names: bool,
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
            width: 0,
            colours: HashMap::new(),
        }
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
            Form::Text(_) if !self.names => line.text.clone(),
            Form::Text(style) => {
                let colour = Paint::Nth(self.meet(&line.agent));
                let name = format!("{:width$} |", line.agent, width = self.width);
                format!("{} {}", style.paint(&name, colour), line.text)
            }
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
}

fn object(line: &LogLine) -> String {
    let (level, text) = line.level_and_text();
    let object = Object {
        agent: &line.agent,
        time: line.stamp(),
        level: level.filter(|_| line.part == Part::Log),
        stream: line.stream(),
        text,
    };
    // Text can always be written as JSON.
    serde_json::to_string(&object).unwrap_or_default()
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
        let plain = Style { color: false };
        insta::assert_snapshot!(print(LogPrinter::text(plain)), @r"
        Alice | 2026-11-23T05:15:00.123Z INFO  Hello
        Bob   | Traceback:
        ");
        insta::assert_snapshot!(print(LogPrinter::text(plain).without_names()), @r"
        2026-11-23T05:15:00.123Z INFO  Hello
        Traceback:
        ");
        let coloured = print(LogPrinter::text(Style { color: true }));
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
    }
}
