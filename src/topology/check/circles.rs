//! Finds circles: messages that would go round within an agent, a reply that is sent on as a request,
//! whose reply is sent on, and so for ever; or programs that wait for one another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::super::review::{Flaw, Review, Span};

/// Which leads to which, and where the file says so.
pub(in crate::topology) struct Graph<'a, N> {
    edges: BTreeMap<&'a N, Vec<(&'a N, &'a Span)>>,
}

impl<N> Default for Graph<'_, N> {
    fn default() -> Self {
        Self {
            edges: BTreeMap::new(),
        }
    }
}

impl<'a, N: Ord + Display> Graph<'a, N> {
    pub(crate) fn add(&mut self, from: &'a N, to: &'a N, span: &'a Span) {
        self.edges.entry(from).or_default().push((to, span));
    }

    /// Reports each edge that closes a circle, with the way round.
    pub(crate) fn check(&self, flaw: fn(&str, &Span) -> Flaw, review: &mut Review) {
        let mut done = BTreeSet::new();
        for start in self.edges.keys() {
            self.walk(start, &mut done, flaw, review);
        }
    }

    /// Goes from `start` wherever forwards lead, depth first, with the way back on a list of its
    /// own: there may be very many.
    fn walk(
        &self,
        start: &'a N,
        done: &mut BTreeSet<&'a N>,
        flaw: fn(&str, &Span) -> Flaw,
        review: &mut Review,
    ) {
        let mut path: Vec<(&N, usize)> = vec![(start, 0)];
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
                review.add(flaw(&round(&path, to), span));
            } else {
                on_path.insert(*to);
                path.push((*to, 0));
            }
        }
    }
}

/// The way from `to` round to it again.
fn round<N: Ord + Display>(path: &[(&N, usize)], to: &N) -> String {
    let way = path.iter().map(|(node, _)| *node);
    let round: Vec<String> = way
        .skip_while(|node| *node != to)
        .map(N::to_string)
        .collect();
    let shown = match round.as_slice() {
        [first, .., last] if round.len() > 6 => format!("{first} → … → {last}"),
        _ => round.join(" → "),
    };
    format!("{shown} → {to}")
}
