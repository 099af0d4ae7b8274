//! A graph in the words of Graphviz: boxes with ports, in a cluster for each host.

use std::fmt::Write;

use super::words::{self, Family, FrameOf};
use crate::graph::{Bundled, Edge, Graph, Node, Port};
use crate::render::Paint;

const BEGIN: &str = "  rankdir=LR
  fontname=\"sans-serif\"
  node [shape=plain, fontname=\"sans-serif\", fontsize=12]
  edge [fontname=\"sans-serif\", fontsize=10, arrowsize=0.7]
";

pub(super) fn dot(graph: &Graph, expand: bool) -> String {
    let bundled = graph.bundled(expand);
    let mut text = format!("digraph {} {{\n{BEGIN}", quoted(words::name(graph)));
    for (nth, frame) in words::frames(graph, &bundled).iter().enumerate() {
        // Writing to text cannot fail.
        let _ = writeln!(text, "  subgraph cluster_{nth} {{");
        let _ = writeln!(
            text,
            "    label={}\n    style=\"rounded\"\n    color=\"#8c959f\"",
            quoted(frame.title())
        );
        for (at, node) in bundled.nodes.iter().enumerate() {
            if FrameOf::node(node) == *frame {
                let _ = writeln!(text, "    n{at} [label=<{}>]", table(node));
            }
        }
        text += "  }\n";
    }
    for edge in &bundled.edges {
        text += &line(edge, &bundled);
    }
    text + "}"
}

fn table(node: &Node<'_>) -> String {
    let trouble = words::trouble(node);
    let color = match trouble.as_ref().map(|(_, paint)| paint) {
        Some(Paint::Bad) => "#cf222e",
        Some(Paint::Doubtful) => "#9a6700",
        Some(_) | None => "#57606a",
    };
    let told =
        trouble.map(|(it, _)| format!("<BR/><FONT COLOR=\"{color}\">{}</FONT>", escaped(&it)));
    let title = escaped(&words::title(node));
    let rows = (0..node.inputs.len().max(node.outputs.len())).map(|row| {
        let cell = |side: &str, align: &str, port: Option<&Port<'_>>| match port {
            Some(port) => format!(
                "<TD PORT=\"{side}{row}\" ALIGN=\"{align}\">{}</TD>",
                escaped(&told_of(port))
            ),
            None => "<TD></TD>".to_owned(),
        };
        let left = cell("i", "LEFT", node.inputs.get(row));
        let right = cell("o", "RIGHT", node.outputs.get(row));
        format!("<TR>{left}{right}</TR>")
    });
    format!(
        "<TABLE BORDER=\"1\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"4\" COLOR=\"{color}\"><TR><TD COLSPAN=\"2\"><B>{title}</B>{}</TD></TR>{}</TABLE>",
        told.unwrap_or_default(),
        rows.collect::<String>()
    )
}

fn told_of(port: &Port<'_>) -> String {
    let told = [
        words::alias(port),
        port.kind.to_string(),
        words::topics(port).unwrap_or_default(),
        words::port_rate(port).unwrap_or_default(),
    ];
    let told: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|it| !it.is_empty())
        .collect();
    told.join(" ")
}

fn line(edge: &Edge<'_>, bundled: &Bundled<'_>) -> String {
    let ((from, output), (to, input)) = (edge.from, edge.to);
    let family = Family::of(bundled.nodes[from].outputs[output].kind);
    let wrong = words::wrong_with(edge);
    let color = match (&wrong, family) {
        (Some((_, Paint::Bad)), _) => "#cf222e",
        (Some(_), _) => "#9a6700",
        (None, Family::Push) => "#0969da",
        (None, Family::Pub) => "#8250df",
        (None, Family::Req) => "#bc4c00",
        (None, Family::Channel) => "#0a7b83",
    };
    let style = if wrong.is_some() {
        ", style=dashed"
    } else {
        ""
    };
    let told = [
        words::wires(edge, bundled),
        wrong.map(|(it, _)| it.to_owned()),
    ];
    let label: Vec<String> = told.into_iter().flatten().collect();
    let label = match label.is_empty() {
        true => String::new(),
        false => format!(", label={}", quoted(&label.join(", "))),
    };
    format!("  n{from}:o{output}:e -> n{to}:i{input}:w [color=\"{color}\"{style}{label}]\n")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As in HTML.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
