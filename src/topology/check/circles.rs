//! Finds messages that would go in a circle within an agent: a reply that is sent on as a request,
//! whose reply is sent on, and so for ever.

use std::collections::{BTreeMap, BTreeSet};

use super::super::review::{Flaw, Review, Span};
use crate::model::Alias;

/// Who sends on to whom within one agent, and where the file says so.
#[derive(Default)]
pub(in crate::topology) struct Forwards<'a> {
    edges: BTreeMap<&'a Alias, Vec<(&'a Alias, &'a Span)>>,
}

impl<'a> Forwards<'a> {
    pub fn add(&mut self, from: &'a Alias, to: &'a Alias, span: &'a Span) {
        self.edges.entry(from).or_default().push((to, span));
    }

    /// Reports each forward that closes a circle.
    pub fn check(&self, review: &mut Review) {
        let mut done = BTreeSet::new();
        for start in self.edges.keys() {
            self.walk(start, &mut done, review);
        }
    }

    /// Goes from `start` wherever forwards lead, depth first, with the way back on a list of its
    /// own: an agent may have very many sockets.
    fn walk(&self, start: &'a Alias, done: &mut BTreeSet<&'a Alias>, review: &mut Review) {
        let mut path: Vec<(&Alias, usize)> = vec![(start, 0)];
        let mut on_path = BTreeSet::from([start]);
        while let Some((at, next)) = path.last_mut() {
            let edges = self.edges.get(*at).map_or(&[][..], Vec::as_slice);
            let Some((to, span)) = edges.get(*next).filter(|_| !done.contains(*at)) else {
                done.insert(*at);
                on_path.remove(*at);
                path.pop();
                continue;
            };
            *next += 1;
            if on_path.contains(*to) {
                review.add(circle(&path, to, span));
            } else {
                on_path.insert(*to);
                path.push((*to, 0));
            }
        }
    }
}

fn circle(path: &[(&Alias, usize)], to: &Alias, span: &Span) -> Flaw {
    let way = path.iter().map(|(alias, _)| alias.as_str());
    let round: Vec<&str> = way.skip_while(|alias| *alias != to.as_str()).collect();
    let shown = match round.as_slice() {
        [first, .., last] if round.len() > 6 => format!("{first} → … → {last}"),
        _ => round.join(" → "),
    };
    let message = format!("messages would go in a circle: {shown} → {to}");
    Flaw::new(span, message).hint("let the reply end somewhere, such as at log or collect")
}
