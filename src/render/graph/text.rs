//! A graph for the terminal: hosts, their agents, their sockets, and what each is wired to, an arrow in the direction of messages.

use super::words::{self, FrameOf};
use crate::graph::{Bundled, Edge, Graph, Node, Port};
use crate::render::{Paint, Style};

pub(super) fn text(graph: &Graph, expand: bool, ascii: bool, style: Style) -> String {
    let bundled = graph.bundled(expand);
    let printer = Printer {
        graph,
        bundled: &bundled,
        style,
        signs: if ascii { ASCII } else { UNICODE },
    };
    let text = printer.all();
    match ascii {
        true => text.replace('×', "x").replace('…', ".."),
        false => text,
    }
}

/// What lines are made of.
struct Signs {
    branch: [&'static str; 2],
    last: [&'static str; 2],
    right: &'static str,
    left: &'static str,
}

const UNICODE: Signs = Signs {
    branch: ["├─ ", "│  "],
    last: ["└─ ", "   "],
    right: "→",
    left: "←",
};
const ASCII: Signs = Signs {
    branch: ["|- ", "|  "],
    last: ["`- ", "   "],
    right: "->",
    left: "<-",
};

struct Printer<'p> {
    graph: &'p Graph,
    bundled: &'p Bundled<'p>,
    style: Style,
    signs: Signs,
}

/// A line in parts, each with what its colour means.
#[derive(Default)]
struct Line(Vec<(String, Option<Paint>)>);

impl Line {
    fn add(mut self, text: impl Into<String>, paint: Option<Paint>) -> Self {
        self.0.push((text.into(), paint));
        self
    }

    fn add_if(self, part: Option<(String, Option<Paint>)>) -> Self {
        match part {
            Some((text, paint)) => self.add(format!("  {text}"), paint),
            None => self,
        }
    }

    /// Cut to the width of the terminal.
    fn print(self, style: Style) -> String {
        let mut room = style.width.unwrap_or(usize::MAX);
        let long: usize = self.0.iter().map(|(text, _)| text.chars().count()).sum();
        let cut = long > room;
        let mut line = String::new();
        for (text, paint) in self.0 {
            let length = text.chars().count();
            let text: String = match cut && length >= room {
                true => text
                    .chars()
                    .take(room.saturating_sub(1))
                    .chain(['…'])
                    .collect(),
                false => text,
            };
            line += &paint.map_or_else(|| text.clone(), |paint| style.paint(&text, paint));
            match length >= room && cut {
                true => break,
                false => room -= length.min(room),
            }
        }
        line.trim_end().to_owned()
    }
}

impl Printer<'_> {
    fn all(&self) -> String {
        let title = format!(
            "{}: {}",
            words::name(self.graph),
            words::summary(self.graph)
        );
        let mut lines = vec![self.style.paint(&title, Paint::Strong)];
        for frame in words::frames(self.graph, self.bundled) {
            // What is outside is told by those that are wired to it.
            if frame != FrameOf::Outside {
                lines.push(String::new());
                lines.extend(self.frame(&frame));
            }
        }
        for host in &self.graph.hosts {
            if !self
                .graph
                .agents
                .iter()
                .any(|it| it.host.as_ref() == Some(&host.name))
            {
                lines.push(String::new());
                let idle = FrameOf::Host(host.name.to_string());
                let line = self.title(&idle);
                lines.push(
                    line.add("  no agents", Some(Paint::Faint))
                        .print(self.style),
                );
            }
        }
        lines.join("\n")
    }

    fn title(&self, frame: &FrameOf) -> Line {
        let trouble = words::host_trouble(self.graph, frame);
        let trouble = trouble.map(|(state, paint)| (state.to_string(), Some(paint)));
        let title = Line::default().add(frame.title(), Some(Paint::Strong));
        title.add_if(trouble)
    }

    fn frame(&self, frame: &FrameOf) -> Vec<String> {
        let mut lines = vec![self.title(frame).print(self.style)];
        let nodes = self.bundled.nodes.iter().enumerate();
        let nodes: Vec<(usize, &Node<'_>)> = nodes
            .filter(|(_, it)| FrameOf::node(it) == *frame)
            .collect();
        for (nth, (at, node)) in nodes.iter().enumerate() {
            let sign = match nth + 1 == nodes.len() {
                true => self.signs.last,
                false => self.signs.branch,
            };
            lines.extend(self.node(*at, node, sign));
        }
        lines
    }

    fn node(&self, at: usize, node: &Node<'_>, [first, rest]: [&'static str; 2]) -> Vec<String> {
        let faint = Some(Paint::Faint);
        let title = Line::default()
            .add(first, faint)
            .add(words::title(node), None);
        let title = title
            .add_if(words::range(node).map(|it| (format!("({it})"), faint)))
            .add_if(words::standing(node).map(|(it, paint)| (it, Some(paint))));
        let mut lines = vec![title.print(self.style)];
        let ports = || node.inputs.iter().chain(&node.outputs);
        let width = |of: &dyn Fn(&Port<'_>) -> usize| ports().map(of).max().unwrap_or_default();
        let widths = [
            width(&|it| words::alias(it).chars().count()),
            width(&|it| it.kind.as_str().len()),
        ];
        for (is_output, ports) in [(false, &node.inputs), (true, &node.outputs)] {
            for (nth, port) in ports.iter().enumerate() {
                lines.extend(self.port((at, nth, is_output), port, rest, widths));
            }
        }
        lines
    }

    fn port(
        &self,
        (node, nth, is_output): (usize, usize, bool),
        port: &Port<'_>,
        before: &str,
        [aliases, kinds]: [usize; 2],
    ) -> Vec<String> {
        let own = |it: &&Edge<'_>| if is_output { it.from } else { it.to } == (node, nth);
        let edges: Vec<&Edge<'_>> = self.bundled.edges.iter().filter(own).collect();
        let faint = Some(Paint::Faint);
        let begin = |is_first: bool| {
            let (alias, kind) = match is_first {
                true => (words::alias(port), port.kind.as_str()),
                false => (String::new(), ""),
            };
            let line = Line::default().add(format!("{before}  "), faint);
            let line = line.add(format!("{alias:aliases$} "), None);
            let topics = words::topics(port)
                .filter(|_| is_first)
                .map(|it| format!(" {it}"));
            line.add(
                format!("{kind:kinds$}{}", topics.unwrap_or_default()),
                faint,
            )
        };
        if edges.is_empty() {
            let rate = words::port_rate(port).map(|it| (it, None));
            let line = begin(true).add(" no wire", faint).add_if(rate);
            return vec![line.print(self.style)];
        }
        let lines = edges.iter().enumerate();
        let lines = lines.map(|(nth, edge)| self.edge(begin(nth == 0), edge, is_output));
        lines.collect()
    }

    fn edge(&self, line: Line, edge: &Edge<'_>, is_output: bool) -> String {
        let (arrow, (peer, port)) = match is_output {
            true => (self.signs.right, edge.to),
            false => (self.signs.left, edge.from),
        };
        let node = &self.bundled.nodes[peer];
        let ports = if is_output {
            &node.inputs
        } else {
            &node.outputs
        };
        let alias = ports[port].alias.map(|it| format!(".{it}"));
        let peer = format!(
            " {arrow} {}{}",
            words::title(node),
            alias.unwrap_or_default()
        );
        let faint = Some(Paint::Faint);
        line.add(peer, None)
            .add_if(words::wires(edge, self.bundled).map(|it| (format!("({it})"), faint)))
            .add_if(words::wrong_with(edge).map(|(it, paint)| (it.to_owned(), Some(paint))))
            .add_if(words::flow(edge).map(|it| (it, faint)))
            .print(self.style)
    }
}
