//! `osb graph`: a system as text, as a drawing, or in the words of other programs that draw.

mod dot;
mod json;
mod mermaid;
mod scene;
mod shapes;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod words;

use super::{Drawing, Output, Report, Style};
use crate::graph::Graph;

/// A graph, and how it is to be shown.
pub struct Picture {
    pub graph: Graph,
    /// Each agent by itself, also of those that are alike.
    pub expand: bool,
    /// Without characters that are not ASCII, in text for people.
    pub ascii: bool,
}

impl Report for Picture {
    fn table(&self, style: Style) -> String {
        text::text(&self.graph, self.expand, self.ascii, style)
    }

    fn json(&self) -> String {
        json::json(&self.graph)
    }

    fn names(&self) -> Vec<String> {
        let agents = self.graph.agents.iter();
        agents.map(|it| it.id.to_string()).collect()
    }

    fn render(&self, output: Output, style: Style) -> String {
        match output {
            Output::Table | Output::Wide => self.table(style),
            Output::Json => self.json(),
            Output::Names => self.names().join("\n"),
            // Messages have it; the commands refuse it.
            Output::Raw => String::new(),
            Output::Drawing(Drawing::Mermaid) => mermaid::mermaid(&self.graph, self.expand),
            Output::Drawing(Drawing::Dot) => dot::dot(&self.graph, self.expand),
            Output::Drawing(Drawing::Svg) => svg::svg(&self.graph, self.expand),
        }
    }
}
