//! Numbers, texts and shapes as SVG has them.

use crate::graph::layout::{Curve, Rect, Spot};
use crate::model::harmless_line;

/// Where a rectangle is, as attributes.
pub(super) fn position(rect: &Rect) -> String {
    let Rect {
        x,
        y,
        width,
        height,
    } = *rect;
    let [x, y, width, height] = [x, y, width, height].map(number);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

/// A curve, as a path has it.
pub(super) fn path(curve: &Curve) -> String {
    let [from, by, and, to] = [curve.from, curve.by[0], curve.by[1], curve.to]
        .map(|it| format!("{} {}", number(it.x), number(it.y)));
    match (curve.from.y - curve.to.y).abs() < 0.05
        && curve.by[0].y == curve.from.y
        && curve.from.x != curve.to.x
    {
        true => format!("M{from}L{to}"),
        false => format!("M{from}C{by} {and} {to}"),
    }
}

/// The head of an arrow.
pub(super) fn tip(at: &Spot) -> String {
    format!("M{} {}l-8 -4v8z", number(at.x - 0.5), number(at.y))
}

/// To a tenth.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// As XML has it, on one line.
pub(super) fn escaped(text: &str) -> String {
    let text = harmless_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Several lines.
pub(super) fn escaped_lines(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|it| escaped(it)).collect();
    lines.join("\n")
}
