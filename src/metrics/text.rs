//! Prometheus' text format: each metric with its help and type, then its series; labels escaped.

use std::fmt::{self, Write};

/// What a metric's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// They only grow, until what counts begins anew.
    Counter,
    Gauge,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    name: &'static str,
    of: Type,
    help: &'static str,
}

impl Metric {
    pub(super) const fn new(name: &'static str, of: Type, help: &'static str) -> Self {
        Self { name, of, help }
    }

    /// Its row in specs/observing.md.
    #[cfg(test)]
    pub(super) fn row(&self) -> String {
        format!("| `{}` | {} | {} |", self.name, self.of, self.help)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
        })
    }
}

/// A page that is being written: the series of one metric stand together.
pub(super) struct Page {
    metrics: &'static [Metric],
    series: Vec<String>,
}

impl Page {
    pub(super) fn new(metrics: &'static [Metric]) -> Self {
        Self {
            metrics,
            series: vec![String::new(); metrics.len()],
        }
    }

    /// One series of a metric of the page. A label without a value is left out.
    pub(super) fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let at = self.metrics.iter().position(|it| it.name == name);
        // The tests see to it that there is none other.
        let Some(series) = at.and_then(|at| self.series.get_mut(at)) else {
            return;
        };
        series.push_str(name);
        let mut open = '{';
        for (label, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
            series.push(open);
            series.push_str(label);
            series.push_str("=\"");
            escape(value, series);
            series.push('"');
            open = ',';
        }
        if open == ',' {
            series.push('}');
        }
        // Into a text nothing fails.
        let _ = writeln!(series, " {value}");
    }

    pub(super) fn text(self) -> String {
        let mut text = String::new();
        for (metric, series) in self.metrics.iter().zip(self.series) {
            let Metric { name, of, help } = metric;
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {of}");
            text.push_str(&series);
        }
        text
    }
}

fn escape(value: &str, into: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &[Metric] = &[Metric::new("osb_x", Type::Gauge, "What it says")];

    /// The value of a label as a reader has it.
    fn read(line: &str) -> String {
        let start = line.find("=\"").unwrap() + 2;
        let mut letters = line[start..].chars();
        let mut value = String::new();
        loop {
            match letters.next().unwrap() {
                '"' => return value,
                '\\' => value.push(match letters.next().unwrap() {
                    'n' => '\n',
                    other => other,
                }),
                other => value.push(other),
            }
        }
    }

    proptest! {
        #[test]
        fn any_value_of_a_label_is_read_as_it_was(value in "(?s).{1,20}") {
            let mut page = Page::new(ONE);
            page.add("osb_x", &[("agent", &value)], 1.5);
            let text = page.text();
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            prop_assert_eq!(lines.len(), 3);
            prop_assert_eq!(read(lines[2]), value);
            prop_assert!(lines[2].ends_with(" 1.5\n"));
        }
    }

    #[test]
    fn labels_without_values_are_left_out() {
        let mut page = Page::new(ONE);
        page.add("osb_x", &[], 1.0);
        page.add("osb_x", &[("a", ""), ("b", "c")], 2.0);
        page.add("osb_x", &[("a", "")], 3.0);
        assert_eq!(
            page.text(),
            "# HELP osb_x What it says\n# TYPE osb_x gauge\nosb_x 1\nosb_x{b=\"c\"} 2\nosb_x 3\n"
        );
    }
}
