//! A graph in the words of Mermaid, as Markdown on many sites shows it.

use std::fmt::Write;

use super::words;
use crate::graph::{Bundled, Edge, Graph, Node};
use crate::render::Paint;

pub(super) fn mermaid(graph: &Graph, expand: bool) -> String {
    let bundled = graph.bundled(expand);
    let mut text = String::from("flowchart LR\n");
    for (nth, frame) in words::frames(graph, &bundled).iter().enumerate() {
        let nodes = bundled.nodes.iter().enumerate();
        let nodes = nodes.filter(|(_, it)| words::FrameOf::node(it) == *frame);
        // Writing to text cannot fail.
        let _ = writeln!(text, "  subgraph h{nth}[\"{}\"]", quoted(frame.title()));
        for (at, node) in nodes {
            let _ = writeln!(text, "    n{at}{}", shape(node));
        }
        text += "  end\n";
    }
    for edge in &bundled.edges {
        let arrow = if words::wrong_with(edge).is_some() {
            "-.->"
        } else {
            "-->"
        };
        let (from, to) = (edge.from.0, edge.to.0);
        let label = quoted(&label(edge, &bundled));
        let _ = writeln!(text, "  n{from} {arrow}|\"{label}\"| n{to}");
    }
    text += &classes(&bundled);
    text.trim_end().to_owned()
}

/// Its name, and how it stands if that is not well.
fn shape(node: &Node<'_>) -> String {
    let trouble = words::trouble(node).map(|(it, _)| format!("<br/>{}", quoted(&it)));
    let label = format!(
        "{}{}",
        quoted(&words::title(node)),
        trouble.unwrap_or_default()
    );
    match node.agents() {
        [] => format!("([\"{label}\"])"),
        [_] => format!("[\"{label}\"]"),
        [_, _, ..] => format!("[[\"{label}\"]]"),
    }
}

/// Its sockets, and what is to be said of it.
fn label(edge: &Edge<'_>, bundled: &Bundled<'_>) -> String {
    let from = &bundled.nodes[edge.from.0].outputs[edge.from.1];
    let to = &bundled.nodes[edge.to.0].inputs[edge.to.1];
    let end = |alias: String, kind: &str| format!("{alias} {kind}").trim().to_owned();
    let ends = [
        end(words::alias(from), from.kind.as_str()),
        end(words::alias(to), to.kind.as_str()),
    ];
    let told = [
        Some(ends.join(" → ")),
        words::topics(to),
        words::wires(edge, bundled).map(|it| format!("({it})")),
        words::wrong_with(edge).map(|(it, _)| it.to_owned()),
        words::flow(edge),
    ];
    told.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn classes(bundled: &Bundled<'_>) -> String {
    let of = |wanted: Paint| {
        let nodes = bundled.nodes.iter().enumerate();
        let nodes = nodes
            .filter(move |(_, it)| words::trouble(it).is_some_and(|(_, paint)| paint == wanted));
        nodes.map(|(at, _)| format!("n{at}")).collect::<Vec<_>>()
    };
    let mut text = String::new();
    for (name, paint, style) in [
        ("bad", Paint::Bad, "stroke:#cf222e,stroke-width:2px"),
        (
            "doubtful",
            Paint::Doubtful,
            "stroke:#9a6700,stroke-width:2px",
        ),
        ("over", Paint::Faint, "stroke-dasharray:4"),
    ] {
        let nodes = of(paint);
        if !nodes.is_empty() {
            let _ = writeln!(
                text,
                "  classDef {name} {style}\n  class {} {name}",
                nodes.join(",")
            );
        }
    }
    text
}

/// What might mean something to Mermaid, or to HTML, by its number.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " ._-/:,()[]*@×→…".contains(c);
    let mut quoted = String::new();
    for c in text.chars() {
        match is_plain(c) {
            true => quoted.push(c),
            false => quoted.push_str(&format!("#{};", u32::from(c))),
        }
    }
    quoted
}
