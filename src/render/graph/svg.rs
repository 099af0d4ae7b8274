//! A graph as a drawing that stands by itself: for slides and pages, light and dark as the reader has it, with texts for those who do
//! not see it.

use std::fmt::Write;

use super::scene::{self, DOT, INSET, NAME, SMALL};
use super::shapes::{escaped, escaped_lines, number, path, position, tip};
use super::words::{self, Family, FrameOf};
use crate::graph::layout::{HEAD, Layout, MARGIN, Net, Placed, Rect, Spot, port_y};
use crate::graph::{Bundled, Graph, Node, Port};
use crate::render::Paint;

/// Above the drawing: its title.
const TOP: f64 = 44.0;
/// Below it: what the colours mean.
const BOTTOM: f64 = 26.0;
/// How many wires the text of a line names.
const NAMED: usize = 20;
const NARROWEST: f64 = 360.0;
/// Between an alias and its kind.
const GAP: f64 = 4.0;

const STYLE: &str = include_str!("svg.css");

pub(super) fn svg(graph: &Graph, expand: bool) -> String {
    let bundled = graph.bundled(expand);
    let layout = Layout::of(&scene::scene(graph, &bundled));
    let mut drawing = Drawing {
        graph,
        bundled: &bundled,
        layout: &layout,
        text: String::new(),
    };
    drawing.all();
    drawing.text
}

struct Drawing<'d> {
    graph: &'d Graph,
    bundled: &'d Bundled<'d>,
    layout: &'d Layout,
    text: String,
}

/// Adds a line. Writing to text cannot fail.
macro_rules! line {
    ($drawing:expr, $($what:tt)*) => {
        let _ = writeln!($drawing.text, $($what)*);
    };
}

impl Drawing<'_> {
    fn all(&mut self) {
        let title = escaped(words::name(self.graph));
        let summary = words::summary(self.graph);
        let heading =
            scene::width(&title, 18.0) * 1.12 + scene::width(&summary, 13.0) + 3.0 * MARGIN;
        let width = self.layout.width.max(NARROWEST).max(heading).ceil();
        let height = (self.layout.height + TOP + BOTTOM).ceil();
        line!(
            self,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"title desc\">"
        );
        line!(self, "<title id=\"title\">{title}</title>");
        line!(self, "<desc id=\"desc\">{}</desc>", self.told());
        line!(self, "<style>{STYLE}</style>");
        line!(
            self,
            "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>"
        );
        line!(
            self,
            "<text x=\"{MARGIN}\" y=\"32\"><tspan class=\"title\">{title}</tspan><tspan class=\"faint\" font-size=\"13\" dx=\"12\">{summary}</tspan></text>"
        );
        line!(self, "<g transform=\"translate(0 {TOP})\">");
        self.frames();
        // What is well is above what is not, where both come to one port.
        for is_well in [false, true] {
            for net in &self.layout.nets {
                if self.wrong(net).is_none() == is_well {
                    self.net(net);
                }
            }
        }
        let boxes = self.bundled.nodes.iter().zip(&self.layout.boxes);
        for (at, (node, placed)) in boxes.enumerate() {
            self.node(at, node, placed);
        }
        self.marks();
        line!(self, "</g>");
        self.legend(height - 18.0);
        self.text += "</svg>";
    }

    /// The whole of it in words: each host with its agents, and each line.
    fn told(&self) -> String {
        let mut told = vec![words::summary(self.graph)];
        for frame in words::frames(self.graph, self.bundled) {
            let nodes = self.bundled.nodes.iter();
            let nodes = nodes.filter(|it| FrameOf::node(it) == frame);
            let named = nodes.map(|node| match words::trouble(node) {
                Some((trouble, _)) => format!("{} {trouble}", words::title(node)),
                None => words::title(node),
            });
            told.push(format!(
                "{}: {}",
                frame.title(),
                named.collect::<Vec<_>>().join(", ")
            ));
        }
        told.extend((0..self.bundled.edges.len()).map(|at| self.wire(at)));
        escaped(&told.join(". "))
    }

    /// A line in words.
    fn wire(&self, at: usize) -> String {
        let edge = &self.bundled.edges[at];
        let (from, to) = (
            &self.bundled.nodes[edge.from.0],
            &self.bundled.nodes[edge.to.0],
        );
        let (output, input) = (&from.outputs[edge.from.1], &to.inputs[edge.to.1]);
        let end = |node: &Node<'_>, port: &Port<'_>| match port.alias {
            Some(alias) => format!("{}.{alias} {}", words::title(node), port.kind),
            None => format!("{} {}", words::title(node), port.kind),
        };
        let told = [
            Some(format!("{} → {}", end(from, output), end(to, input))),
            words::wires(edge, self.bundled).map(|it| format!("({it})")),
            words::wrong_with(edge).map(|(it, _)| it.to_owned()),
            words::flow(edge),
        ];
        told.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn frames(&mut self) {
        let frames = words::frames(self.graph, self.bundled);
        for (frame, rect) in frames.iter().zip(&self.layout.frames) {
            let Some(rect) = rect else { continue };
            if *frame == FrameOf::Outside {
                continue;
            }
            line!(self, "<rect class=\"frame\" {} rx=\"10\"/>", position(rect));
            let trouble = words::host_trouble(self.graph, frame).map(|(state, paint)| {
                format!(
                    "<tspan class=\"small {}\" dx=\"8\">{state}</tspan>",
                    class_of(paint)
                )
            });
            line!(
                self,
                "<text class=\"host\" x=\"{}\" y=\"{}\"><tspan class=\"faint\">{}</tspan>{}</text>",
                number(rect.x + INSET),
                number(rect.y + 21.0),
                escaped(frame.title()),
                trouble.unwrap_or_default()
            );
        }
    }

    fn net(&mut self, net: &Net) {
        let Some(edge) = net.links.first().map(|at| &self.bundled.edges[*at]) else {
            return;
        };
        let family = Family::of(self.bundled.nodes[edge.from.0].outputs[edge.from.1].kind);
        let class = match self.wrong(net) {
            Some((_, paint)) => class_of(paint),
            None => family.class(),
        };
        let mut told: Vec<String> = net
            .links
            .iter()
            .take(NAMED)
            .map(|at| self.wire(*at))
            .collect();
        if let Some(more) = net.links.len().checked_sub(NAMED).filter(|it| *it > 0) {
            told.push(format!("and {more} more"));
        }
        line!(
            self,
            "<g class=\"wire {class}\"><title>{}</title><path stroke-width=\"{}\" d=\"{}\"/><path class=\"tip\" d=\"{}\"/></g>",
            escaped_lines(&told),
            self.thickness(net),
            net.curves.iter().map(path).collect::<String>(),
            net.tips.iter().map(tip).collect::<String>()
        );
    }

    /// Lines by which more travels are thicker.
    fn thickness(&self, net: &Net) -> String {
        let wires = net
            .links
            .iter()
            .flat_map(|at| &self.bundled.edges[*at].wires);
        let rate: f64 = wires.filter_map(|it| it.flow?.per_second).sum();
        number(1.5 + (1.0 + rate).log10().min(4.0) * 0.5)
    }

    fn node(&mut self, at: usize, node: &Node<'_>, placed: &Placed) {
        let rect = &placed.rect;
        let trouble = words::trouble(node);
        let class = match (&trouble, node.agents()) {
            (_, []) => "over",
            (Some((_, paint)), _) => class_of(*paint),
            (None, _) => "",
        };
        line!(self, "<g><title>{}</title>", self.tooltip(node));
        if node.agents().len() > 1 {
            for behind in [6.0, 3.0] {
                let behind = Rect {
                    x: rect.x + behind,
                    y: rect.y + behind,
                    width: rect.width - 2.0 * behind,
                    height: rect.height,
                };
                line!(
                    self,
                    "<rect class=\"box {class}\" {} rx=\"6\"/>",
                    position(&behind)
                );
            }
        }
        line!(
            self,
            "<rect class=\"box {class}\" {} rx=\"6\"/>",
            position(rect)
        );
        self.head(node, rect);
        for (ports, rows, is_output) in [
            (&node.inputs, &placed.inputs, false),
            (&node.outputs, &placed.outputs, true),
        ] {
            for (nth, (port, row)) in ports.iter().zip(rows).enumerate() {
                self.port(port, rect, *row, is_output);
                self.dot(port, rect, *row, (at, nth, is_output));
            }
        }
        line!(self, "</g>");
    }

    fn tooltip(&self, node: &Node<'_>) -> String {
        let told = [
            Some(words::range(node).unwrap_or_else(|| words::title(node))),
            words::standing(node).map(|(it, _)| it),
        ];
        let told: Vec<String> = told.into_iter().flatten().collect();
        escaped_lines(&told)
    }

    fn head(&mut self, node: &Node<'_>, rect: &Rect) {
        let mut x = rect.x + INSET;
        let middle = rect.y + HEAD / 2.0;
        if let Some((_, paint)) = words::standing(node) {
            let class = class_of(paint);
            line!(
                self,
                "<circle class=\"dot {class}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>",
                number(x + 4.0),
                number(middle)
            );
            x += DOT;
        }
        let title = escaped(&words::title(node));
        let y = number(middle + NAME * 0.36);
        line!(
            self,
            "<text class=\"name\" x=\"{}\" y=\"{y}\">{title}</text>",
            number(x)
        );
        if let Some((trouble, paint)) = words::trouble(node).filter(|_| !node.agents().is_empty()) {
            line!(
                self,
                "<text class=\"small {}\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
                class_of(paint),
                number(rect.x + rect.width - INSET),
                escaped(&scene::short(&trouble))
            );
        }
    }

    /// Alias and kind are two texts: not every program that shows drawings can measure one in parts.
    fn port(&mut self, port: &Port<'_>, rect: &Rect, row: usize, is_output: bool) {
        let (alias, faint) = scene::port_texts(port);
        let apart = |text: &str| scene::width(text, SMALL) + GAP;
        let (left, right) = (rect.x + INSET, rect.x + rect.width - INSET);
        let (x, behind, anchor) = match is_output {
            true => (right - apart(&faint), right, "end"),
            false => (left, left + apart(&alias), "start"),
        };
        // What is outside has no alias.
        let behind = if alias.is_empty() && !is_output {
            left
        } else {
            behind
        };
        let y = number(rect.y + port_y(row) + SMALL * 0.36);
        for (class, x, text) in [("small", x, alias), ("small faint", behind, faint)] {
            if !text.is_empty() {
                line!(
                    self,
                    "<text class=\"{class}\" x=\"{}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>",
                    number(x),
                    escaped(&text)
                );
            }
        }
    }

    /// Where lines leave; where they come, their arrows are. A port without lines has a ring.
    fn dot(
        &mut self,
        port: &Port<'_>,
        rect: &Rect,
        row: usize,
        (node, nth, is_output): (usize, usize, bool),
    ) {
        let mut ends = self.bundled.edges.iter();
        let class = match is_output {
            _ if !ends.any(|it| if is_output { it.from } else { it.to } == (node, nth)) => "ring",
            true => Family::of(port.kind).class(),
            false => return,
        };
        let x = if is_output {
            rect.x + rect.width
        } else {
            rect.x
        };
        line!(
            self,
            "<circle class=\"port {class}\" cx=\"{}\" cy=\"{}\" r=\"3\"/>",
            number(x),
            number(rect.y + port_y(row))
        );
    }

    /// What is wrong with a line.
    fn wrong(&self, net: &Net) -> Option<(&'static str, Paint)> {
        let edge = net.links.first().map(|at| &self.bundled.edges[*at]);
        edge.and_then(words::wrong_with)
    }

    /// What is wrong with lines, in the middle of their first parts.
    fn marks(&mut self) {
        for net in &self.layout.nets {
            let Some(((wrong, paint), curve)) = self.wrong(net).zip(net.curves.first()) else {
                continue;
            };
            let [one, other] = curve.by;
            let middle = |of: fn(&Spot) -> f64| {
                (of(&curve.from) + 3.0 * (of(&one) + of(&other)) + of(&curve.to)) / 8.0
            };
            let (x, y) = (middle(|it| it.x), middle(|it| it.y) + SMALL * 0.36);
            for class in ["halo", class_of(paint)] {
                line!(
                    self,
                    "<text class=\"small {class}\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{wrong}</text>",
                    number(x),
                    number(y)
                );
            }
        }
    }

    fn legend(&mut self, y: f64) {
        let ports = self.bundled.edges.iter();
        let kinds = ports.map(|it| self.bundled.nodes[it.from.0].outputs[it.from.1].kind);
        let mut families: Vec<Family> = kinds.map(Family::of).collect();
        families.sort();
        families.dedup();
        let mut x = MARGIN;
        for family in families {
            line!(
                self,
                "<g class=\"wire {}\"><path stroke-width=\"2\" d=\"M{} {}h20\"/></g><text class=\"small faint\" x=\"{}\" y=\"{}\">{}</text>",
                family.class(),
                number(x),
                number(y),
                number(x + 26.0),
                number(y + 4.0),
                family.told()
            );
            x += 46.0 + scene::width(family.told(), SMALL);
        }
    }
}

fn class_of(paint: Paint) -> &'static str {
    match paint {
        Paint::Good => "good",
        Paint::Doubtful => "doubtful",
        Paint::Bad => "bad",
        Paint::Faint | Paint::Strong | Paint::Nth(_) => "over",
    }
}
