//! What a drawing lays out: boxes as wide as their texts, and lines between their ports.

use super::words::{self, FrameOf};
use crate::graph::layout::{Scene, SceneBox, SceneLink};
use crate::graph::{Bundled, Edge, Graph, Node, Port};

/// The size of names.
pub(super) const NAME: f64 = 14.0;
/// The size of what else is written.
pub(super) const SMALL: f64 = 11.0;
/// Between the edge of a box and its texts.
pub(super) const INSET: f64 = 12.0;
/// Bold letters are so much wider.
const BOLD: f64 = 1.12;
/// Between what is on the left and what is on the right.
const APART: f64 = 20.0;
const NARROWEST: f64 = 96.0;
/// Before the name, for what shows the state.
pub(super) const DOT: f64 = 14.0;

/// How wide the printable characters of ASCII are, in thousandths of their size: those of DejaVu Sans, which is wider than other fonts.
const WIDTHS: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/// How wide a text is at most, in whatever font there is.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let of = |c: char| {
        if c == '·' {
            return 0.32;
        }
        let at = u32::from(c).checked_sub(32);
        let known = at.and_then(|at| WIDTHS.get(usize::try_from(at).ok()?));
        known.map_or(1.0, |it| f64::from(*it) / 1000.0)
    };
    text.chars().map(of).sum::<f64>() * size
}

pub(super) fn scene(graph: &Graph, bundled: &Bundled<'_>) -> Scene {
    let frames = words::frames(graph, bundled);
    let frame = |node: &Node<'_>| {
        let own = FrameOf::node(node);
        frames.iter().position(|it| *it == own).unwrap_or_default()
    };
    let boxes = bundled.nodes.iter().map(|node| SceneBox {
        frame: frame(node),
        width: box_width(node),
        inputs: node.inputs.len(),
        outputs: node.outputs.len(),
    });
    let links = bundled.edges.iter().map(|edge| SceneLink {
        from: edge.from,
        to: edge.to,
        class: class(edge),
    });
    Scene {
        frames: frames.len(),
        boxes: boxes.collect(),
        links: links.collect(),
    }
}

/// Lines that stand otherwise do not run together.
fn class(edge: &Edge<'_>) -> usize {
    const WRONG: [&str; 6] = [
        "resolving",
        "connecting",
        "suspect",
        "refused",
        "lost",
        "unreachable",
    ];
    let wrong = words::wrong_with(edge).map(|(it, _)| it);
    let at = WRONG.iter().position(|it| Some(*it) == wrong);
    at.map_or(0, |at| at + 1)
}

fn box_width(node: &Node<'_>) -> f64 {
    let dot = if words::standing(node).is_some() {
        DOT
    } else {
        0.0
    };
    let trouble = words::trouble(node).map_or(0.0, |(it, _)| APART + width(&short(&it), SMALL));
    let title = width(&words::title(node), NAME) * BOLD + dot + trouble;
    let widest = |ports: &[Port<'_>]| {
        let widths = ports.iter().map(port_width);
        widths.fold(0.0, f64::max)
    };
    let (left, right) = (widest(&node.inputs), widest(&node.outputs));
    let apart = if left > 0.0 && right > 0.0 {
        APART
    } else {
        0.0
    };
    (title.max(left + apart + right) + 2.0 * INSET)
        .max(NARROWEST)
        .ceil()
}

/// The parts of a port's text: its alias, and what is written more faintly.
pub(super) fn port_texts(port: &Port<'_>) -> (String, String) {
    let parts = [
        Some(port.kind.to_string()),
        words::topics(port),
        words::port_rate(port).map(|it| format!("· {it}")),
    ];
    let faint: Vec<String> = parts.into_iter().flatten().collect();
    (words::alias(port), faint.join(" "))
}

fn port_width(port: &Port<'_>) -> f64 {
    let (alias, faint) = port_texts(port);
    width(&alias, SMALL) + width(&faint, SMALL) + 5.0
}

/// Of what is wrong with an agent, as much as there is room for.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 28;
    match text.chars().count() > LONGEST {
        true => text.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
