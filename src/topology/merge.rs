//! Lays one tree over another: what the later file says is added to what the earlier one says, or
//! takes its place.

use std::collections::HashMap;

use super::yaml::{Data, Key, Node};

/// The one list to which later files add.
const GROWING: &str = "connections";

/// `upper` over `lower`, two whole topologies.
pub(super) fn over(lower: Node, upper: Node) -> Node {
    match (lower.data, upper.data) {
        (Data::Map(below), Data::Map(above)) => Node {
            span: lower.span,
            data: Data::Map(entries(below, above, section)),
        },
        (below, above) => value(node(lower.span, below), node(upper.span, above)),
    }
}

fn node(span: super::review::Span, data: Data) -> Node {
    Node { span, data }
}

/// One section over another.
fn section(key: &Key, lower: Node, upper: Node) -> Node {
    match (key.text.as_str(), lower.data, upper.data) {
        (GROWING, Data::List(mut items), Data::List(more)) => {
            items.extend(more);
            node(lower.span, Data::List(items))
        }
        // To say nothing of the connections takes none away.
        (GROWING, below @ Data::List(_), above) if above.is_null() => node(lower.span, below),
        (_, below, above) => value(node(lower.span, below), node(upper.span, above)),
    }
}

/// Maps are merged, and an empty value leaves a map as it is. Everything else is replaced.
fn value(lower: Node, upper: Node) -> Node {
    match (lower.data, upper.data) {
        (Data::Map(below), Data::Map(above)) => {
            let merged = entries(below, above, |_, lower, upper| value(lower, upper));
            node(lower.span, Data::Map(merged))
        }
        (below @ Data::Map(_), above) if above.is_null() => node(lower.span, below),
        (_, above) => node(upper.span, above),
    }
}

/// Entries below keep their places; new ones follow.
fn entries(
    lower: Vec<(Key, Node)>,
    upper: Vec<(Key, Node)>,
    over: fn(&Key, Node, Node) -> Node,
) -> Vec<(Key, Node)> {
    let mut above: HashMap<String, (Key, Node)> = HashMap::with_capacity(upper.len());
    let order: Vec<String> = upper.iter().map(|(key, _)| key.text.clone()).collect();
    above.extend(
        upper
            .into_iter()
            .map(|(key, node)| (key.text.clone(), (key, node))),
    );
    let mut merged: Vec<(Key, Node)> = lower
        .into_iter()
        .map(|(key, node)| match above.remove(&key.text) {
            Some((later, upper)) => (later, over(&key, node, upper)),
            None => (key, node),
        })
        .collect();
    merged.extend(order.into_iter().filter_map(|text| above.remove(&text)));
    merged
}
