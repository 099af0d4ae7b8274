//! The table that a bench prints: limit, osb, their ratio, and what it should be.

use super::pairs::Pair;

/// What a ratio or a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
    /// For the reader only.
    None,
}

impl Aim {
    fn words(self, value: f64) -> String {
        let (sign, aim, met) = match self {
            Aim::AtLeast(aim) => ("≥", aim, value >= aim),
            Aim::AtMost(aim) => ("≤", aim, value <= aim),
            Aim::None => return String::new(),
        };
        format!("{sign} {aim}{}", if met { "" } else { "  missed" })
    }
}

/// A table, printed row by row.
pub(crate) struct Table;

impl Table {
    /// Begins a table.
    pub(crate) fn new(title: &str, unit: &str) -> Self {
        Self::of(title, unit, ["limit", "osb"])
    }

    /// Begins a table that holds other things against one another.
    pub(crate) fn of(title: &str, unit: &str, [limit, osb]: [&str; 2]) -> Self {
        println!("\n{title} ({unit})");
        println!("{:<44} {limit:>11} {osb:>11} {:>7}  aim", "", "ratio");
        Self
    }

    /// A row with a limit.
    pub(crate) fn row(&self, what: &str, pair: Pair, aim: Aim) {
        let Pair { limit, osb, ratio } = pair;
        let words = aim.words(ratio);
        println!(
            "{what:<44} {:>11} {:>11} {ratio:>7.2}  {words}",
            short(limit),
            short(osb)
        );
    }

    /// A row whose aim is a figure and not a ratio.
    pub(crate) fn figure(&self, what: &str, limit: Option<f64>, osb: f64, aim: Aim) {
        let limit = limit.map(short).unwrap_or_default();
        let words = aim.words(osb);
        println!(
            "{what:<44} {limit:>11} {:>11} {:>7}  {words}",
            short(osb),
            ""
        );
    }
}

fn short(value: f64) -> String {
    match value {
        v if v >= 10e6 => format!("{:.1}M", v / 1e6),
        v if v >= 10e3 => format!("{:.1}k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    }
}

/// A size in words.
pub(crate) fn bytes(size: usize) -> String {
    match size {
        size if size < 1 << 10 => format!("{size} B"),
        size => format!("{} KiB", size >> 10),
    }
}
