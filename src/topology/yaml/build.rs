//! From a text, by the parser's events, to the tree. What is wrong but readable is reported and
//! left out; at an error of syntax reading ends.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::variables::{self, Lookup, Part, Trouble};
use super::{Data, Key, Node, entries, scalar, syntax, tolerance};
use crate::topology::LARGEST;
use crate::topology::review::{Flaw, Review, Span};
use crate::topology::text::Offsets;

/// How deep lists and maps may stand in one another.
const DEEPEST: usize = 64;
/// How many values a file may have, each use of an alias counted with all that it stands for.
const MOST_NODES: usize = 200_000;

/// The tree of `text`, with its variables filled in. None if that cannot be done, or if it is
/// empty, and the review knows why.
pub(in crate::topology) fn parse(
    text: &str,
    lookup: &Lookup<'_>,
    review: &mut Review,
) -> Option<Node> {
    let root = parse_value(text, lookup, review)?;
    if root.is_null() {
        review.add(Flaw::new(&(0..0), "the file is empty").hint("begin it with osb: 1"));
        return None;
    }
    Some(root)
}

/// As [`parse`], but what is empty is null.
pub(in crate::topology) fn parse_value(
    text: &str,
    lookup: &Lookup<'_>,
    review: &mut Review,
) -> Option<Node> {
    let mut builder = Builder::new(text, lookup, review);
    let readable = tolerance::readable(text);
    for event in Parser::new_from_str(&readable) {
        let step = match event {
            Ok((event, span)) => {
                let span = builder.span(span.start, span.end);
                builder.step(event, span)
            }
            Err(error) => {
                let at = builder.span(*error.marker(), *error.marker()).start;
                Err(syntax::flaw(text, at, error.info()))
            }
        };
        if let Err(fatal) = step {
            review.add(fatal);
            return None;
        }
    }
    let empty = Node {
        span: 0..0,
        data: Data::nothing(),
    };
    match builder.unfilled {
        true => None,
        false => Some(builder.root.unwrap_or(empty)),
    }
}

/// A list or a map that is being read.
struct Open {
    span: Span,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        key: Pending,
    },
}

/// What is known of a map's next entry.
enum Pending {
    Nothing,
    Key(Key),
    /// The key was none: its value is read and dropped.
    NoKey,
}

struct Builder<'a> {
    offsets: Offsets<'a>,
    lookup: &'a Lookup<'a>,
    review: &'a mut Review,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    documents: usize,
    nodes: usize,
    /// How long all values with variables are together.
    filled: usize,
    /// Some variable could not be filled in: what is read is not what is meant.
    unfilled: bool,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, lookup: &'a Lookup<'a>, review: &'a mut Review) -> Self {
        Self {
            offsets: Offsets::new(text),
            lookup,
            review,
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: 0,
            nodes: 0,
            filled: 0,
            unfilled: false,
            root: None,
        }
    }

    fn span(&mut self, start: Marker, end: Marker) -> Span {
        let start = self.offsets.of(start.line(), start.col());
        let end = self.offsets.of(end.line(), end.col());
        start..end.max(start)
    }

    /// Takes one event. An error ends the reading.
    fn step(&mut self, event: Event<'_>, span: Span) -> Result<(), Flaw> {
        match event {
            Event::DocumentStart(_) => return self.begin_document(&span),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                let node = self.scalar(&text, style, span)?;
                self.complete(node, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.begin(span, anchor, Inside::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                let inside = Inside::Map {
                    entries: Vec::new(),
                    key: Pending::Nothing,
                };
                self.begin(span, anchor, inside)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin_document(&mut self, span: &Span) -> Result<(), Flaw> {
        self.documents += 1;
        match self.documents {
            1 => Ok(()),
            _ => Err(Flaw::new(span, "a second document begins here")
                .hint("a topology is one document: give each its own file")),
        }
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Span) {
        if tagged {
            let flaw = Flaw::new(span, "YAML tags mean nothing here");
            self.review.add(flaw.hint("take the word with '!' away"));
        }
    }

    /// A value that consists of one variable is what it would be if its text stood there, but never
    /// nothing; one of more parts is text.
    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Result<Node, Flaw> {
        let is_key = matches!(
            self.open.last().map(|open| &open.inside),
            Some(Inside::Map {
                key: Pending::Nothing,
                ..
            })
        );
        if is_key || !text.contains('$') {
            return Ok(resolved(text, style, span));
        }
        match variables::expand(text, self.lookup) {
            Ok(done) => {
                self.filled += done.len();
                if self.filled > LARGEST {
                    return Err(too_long(&span));
                }
                let style = match done.is_variable {
                    true => style,
                    false => ScalarStyle::SingleQuoted,
                };
                Ok(match done.parts.as_slice() {
                    [Part::Text(text)] => something(text, resolved(text, style, span)),
                    _ => Node {
                        span,
                        data: Data::Late(done.parts),
                    },
                })
            }
            Err(Trouble::TooLong) => Err(too_long(&span)),
            Err(trouble) => {
                self.unfilled = true;
                self.review.add(unfilled(trouble, &span));
                Ok(resolved("", ScalarStyle::Plain, span))
            }
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, inside: Inside) -> Result<(), Flaw> {
        if self.open.len() == DEEPEST {
            let message = format!("lists and maps stand more than {DEEPEST} deep in one another");
            return Err(Flaw::new(&span, message));
        }
        self.open.push(Open {
            span,
            anchor,
            inside,
        });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Flaw> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let data = match open.inside {
            Inside::List(items) => Data::List(items),
            Inside::Map { entries, .. } => {
                let entries = entries::without_duplicates(entries, &self.offsets, self.review);
                Data::Map(entries::merged(entries, self.review))
            }
        };
        let span = open.span.start..end.end.max(open.span.end);
        self.complete(Node { span, data }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Flaw> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Flaw::new(
                &span,
                "the alias stands inside what it stands for",
            ));
        };
        let size = node.size();
        self.count(size, &span)?;
        let node = self.anchors[&anchor].clone();
        self.place(node);
        Ok(())
    }

    /// A value is read: keep it if it has an anchor, and put it where it belongs.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        self.count(1, &node.span)?;
        if anchor != 0 {
            // The copy counts: a chain of anchors around anchors is a copy each.
            self.count(node.size(), &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node);
        Ok(())
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), Flaw> {
        self.nodes += nodes;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        let message = format!("the file has more than {MOST_NODES} values");
        Err(Flaw::new(span, message).hint("each use of an alias counts as all that it stands for"))
    }

    fn place(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.inside {
            Inside::List(items) => items.push(node),
            Inside::Map { entries, key } => match std::mem::replace(key, Pending::Nothing) {
                Pending::Nothing => match entries::as_key(node) {
                    Ok(read) => *key = Pending::Key(read),
                    Err(flaw) => {
                        *key = Pending::NoKey;
                        self.review.add(flaw);
                    }
                },
                Pending::Key(key) => {
                    let node = entries::found_at_key(node, &key);
                    entries.push((key, node));
                }
                Pending::NoKey => {}
            },
        }
    }
}

fn resolved(text: &str, style: ScalarStyle, span: Span) -> Node {
    Node {
        span,
        data: scalar::resolve(text, style),
    }
}

/// A variable that is empty, or looks like nothing, is text: what is said is not to be unsaid by it.
fn something(text: &str, node: Node) -> Node {
    match node.is_null() {
        true => resolved(text, ScalarStyle::SingleQuoted, node.span),
        false => node,
    }
}

fn too_long(span: &Span) -> Flaw {
    let message = format!("values with variables have more than {LARGEST} bytes together");
    Flaw::new(span, message)
}

fn unfilled(trouble: Trouble, span: &Span) -> Flaw {
    let hint = match &trouble {
        Trouble::Unset(name) => {
            format!("set it where osb is called, or give a default: ${{{name}:-value}}")
        }
        Trouble::Required(..) => "set it where osb is called".to_owned(),
        Trouble::Nested => "write its value itself".to_owned(),
        Trouble::Malformed | Trouble::TooLong => {
            "write ${NAME} or ${NAME:-default}; a dollar sign before a brace is written $$"
                .to_owned()
        }
    };
    Flaw::new(span, trouble.to_string()).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::files::Files;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Result<serde_json::Value, String> {
        let mut review = Review::new();
        let node = parse(text, &|_| None, &mut review);
        match node.filter(|_| review.is_clean()) {
            Some(node) => super::super::to_json(&node).map_err(|flaw| format!("{flaw:?}")),
            None => Err(review.finish(&Files::one(text)).to_string()),
        }
    }

    #[test]
    fn the_tree_is_what_stands_there() {
        let text = "a: 1\nb: [x, {y: ~}]\nc:\n  - \"1\"\n  - true\n";
        let tree = json!({"a": 1, "b": ["x", {"y": null}], "c": ["1", true]});
        assert_eq!(read(text), Ok(tree));
    }

    #[test]
    fn aliases_and_merge_keys_work() {
        let text = "base: &b {x: 1, y: 2}\nmore: &m {z: 5}\none: {<<: *b, y: 3}\ntwo: {<<: [*b, *m]}\nsame: *b";
        let tree = json!({
            "base": {"x": 1, "y": 2}, "more": {"z": 5}, "one": {"x": 1, "y": 3},
            "two": {"x": 1, "y": 2, "z": 5}, "same": {"x": 1, "y": 2},
        });
        assert_eq!(read(text), Ok(tree));
    }

    #[test]
    fn a_place_is_that_of_the_value() {
        let text = "é: [über, 12]\r\nb:\n  c: \"q\"";
        let mut review = Review::new();
        let root = parse(text, &|_| None, &mut review).unwrap();
        let Data::Map(entries) = root.data else {
            panic!("a map");
        };
        assert_eq!(&text[entries[0].0.span.clone()], "é");
        assert_eq!(&text[entries[0].1.span.clone()], "[über, 12]");
        let Data::Map(inner) = &entries[1].1.data else {
            panic!("a map");
        };
        assert_eq!(&text[inner[0].1.span.clone()], "\"q\"");
    }

    #[test]
    fn a_bomb_of_aliases_is_defused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..30 {
            let before = format!("*a{}, ", n - 1).repeat(10);
            text += &format!("a{n}: &a{n} [{}]\n", before.trim_end_matches(", "));
        }
        assert!(read(&text).unwrap_err().contains("more than 200000 values"));
    }

    #[test]
    fn depth_is_limited() {
        let text = "[".repeat(100) + &"]".repeat(100);
        assert!(read(&text).unwrap_err().contains("deep in one another"));
        let text = "- ".repeat(100_000);
        assert!(read(&text).unwrap_err().contains("deep in one another"));
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|truth| json!(truth)),
            any::<i64>().prop_map(|n| json!(n)),
            (-1e9..1e9f64).prop_map(|x| json!(x)),
            "[-a-z0-9: #'\"~{}\\[\\]&*!|>%@\n\té]{0,12}".prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
                prop::collection::btree_map("[a-z:# ]{0,5}", inner, 0..4)
                    .prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_another_writer_wrote_is_read(value in values()) {
            let value = json!({ "root": value });
            let text = serde_yaml::to_string(&value).unwrap();
            prop_assert_eq!(read(&text), Ok(value), "{}", text);
        }

        #[test]
        fn no_text_panics(text in "[-a:\\[\\]{}&*<!|>\"'#?,%\n\r\t 01~.]{0,80}") {
            let _ = read(&text);
        }
    }
}
