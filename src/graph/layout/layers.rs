//! Which column each box is in: right of all that it gets something from, but for circles, which are broken.

use std::collections::{BTreeMap, BTreeSet};

use super::Scene;

/// The room between two boxes of a column, as it counts here.
const GAP: f64 = 18.0;

/// Boxes in the order in which they are dealt to columns.
pub(super) struct Layers<'s> {
    scene: &'s Scene,
    forward: Forward,
    /// Each behind those before it, by how many are before it at most.
    order: Vec<usize>,
}

impl<'s> Layers<'s> {
    pub(super) fn of(scene: &'s Scene) -> Self {
        let forward = Forward::of(scene);
        let mut order = forward.order();
        let longest = forward.longest(&order);
        // Stable: those of one column stay in the order of their names.
        order.sort_by_key(|node| longest[*node]);
        Self {
            scene,
            forward,
            order,
        }
    }

    /// The column of each box, if those of one frame in a column are to be no higher than this together.
    pub(super) fn columns(&self, height: f64) -> Vec<usize> {
        let Self {
            scene,
            forward,
            order,
        } = self;
        let mut room = Room {
            scene,
            height,
            used: BTreeMap::new(),
        };
        let mut columns = vec![0; scene.boxes.len()];
        let (wired, alone): (Vec<usize>, Vec<usize>) =
            order.iter().copied().partition(|it| forward.has_wires(*it));
        for node in wired {
            let before = forward.before[node].iter();
            let earliest = before.map(|it| columns[*it] + 1).max();
            columns[node] = room.take(node, earliest.unwrap_or_default());
        }
        room.tighten(forward, order, &mut columns);
        let last = columns.iter().max().copied().unwrap_or_default();
        for node in alone {
            columns[node] = room.fill(node, last);
        }
        columns
    }
}

/// Which boxes come before which, without circles.
struct Forward {
    before: Vec<BTreeSet<usize>>,
    after: Vec<BTreeSet<usize>>,
}

impl Forward {
    fn of(scene: &Scene) -> Self {
        let count = scene.boxes.len();
        let mut after = vec![BTreeSet::new(); count];
        let mut into = vec![BTreeSet::new(); count];
        for link in scene.links.iter().filter(|it| it.from.0 != it.to.0) {
            after[link.from.0].insert(link.to.0);
            into[link.to.0].insert(link.from.0);
        }
        let rank = ranks(&after, &into);
        let mut forward = Self {
            before: vec![BTreeSet::new(); count],
            after: vec![BTreeSet::new(); count],
        };
        for (from, all) in after.iter().enumerate() {
            for to in all {
                let (first, second) = match rank[from] < rank[*to] {
                    true => (from, *to),
                    false => (*to, from),
                };
                forward.after[first].insert(second);
                forward.before[second].insert(first);
            }
        }
        forward
    }

    fn has_wires(&self, node: usize) -> bool {
        !self.before[node].is_empty() || !self.after[node].is_empty()
    }

    /// All boxes, each behind those before it.
    fn order(&self) -> Vec<usize> {
        let mut open: Vec<usize> = self.before.iter().map(BTreeSet::len).collect();
        let ready = open.iter().enumerate().filter(|(_, open)| **open == 0);
        let mut ready: BTreeSet<usize> = ready.map(|(node, _)| node).collect();
        let mut order = Vec::new();
        while let Some(node) = ready.pop_first() {
            order.push(node);
            for next in &self.after[node] {
                open[*next] -= 1;
                if open[*next] == 0 {
                    ready.insert(*next);
                }
            }
        }
        order
    }

    fn longest(&self, order: &[usize]) -> Vec<usize> {
        let mut longest = vec![0; order.len()];
        for node in order {
            let before = self.before[*node].iter();
            longest[*node] = before.map(|it| longest[*it] + 1).max().unwrap_or_default();
        }
        longest
    }
}

/// An order in which few links lead back: sources are taken from the front, sinks from the back, and of what goes in circles, what
/// sends to more than it gets from (Eades, Lin and Smyth).
fn ranks(after: &[BTreeSet<usize>], before: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut left: BTreeSet<usize> = (0..after.len()).collect();
    let (mut front, mut back) = (Vec::new(), Vec::new());
    let open = |all: &BTreeSet<usize>, left: &BTreeSet<usize>| all.intersection(left).count();
    while !left.is_empty() {
        let sinks: Vec<usize> = left
            .iter()
            .copied()
            .filter(|it| open(&after[*it], &left) == 0)
            .collect();
        let sources: Vec<usize> = left
            .iter()
            .copied()
            .filter(|it| open(&before[*it], &left) == 0)
            .collect();
        match (sources.first(), sinks.last()) {
            (Some(_), _) => {
                sources.iter().for_each(|it| _ = left.remove(it));
                front.extend(sources);
            }
            (None, Some(_)) => {
                sinks.iter().for_each(|it| _ = left.remove(it));
                back.extend(sinks.into_iter().rev());
            }
            (None, None) => {
                let gain = |it: &usize| {
                    let (out, into) = (open(&after[*it], &left), open(&before[*it], &left));
                    (out as i64 - into as i64, std::cmp::Reverse(*it))
                };
                let Some(next) = left.iter().copied().max_by_key(gain) else {
                    break;
                };
                left.remove(&next);
                front.push(next);
            }
        }
    }
    front.extend(back.into_iter().rev());
    let mut ranks = vec![0; after.len()];
    for (rank, node) in front.into_iter().enumerate() {
        ranks[node] = rank;
    }
    ranks
}

/// How full the columns of each frame are.
struct Room<'s> {
    scene: &'s Scene,
    height: f64,
    used: BTreeMap<(usize, usize), f64>,
}

impl Room<'_> {
    fn needs(&self, node: usize) -> f64 {
        self.scene.boxes[node].height() + GAP
    }

    fn used(&mut self, node: usize, column: usize) -> &mut f64 {
        let frame = self.scene.boxes[node].frame;
        self.used.entry((frame, column)).or_default()
    }

    fn has_room(&mut self, node: usize, column: usize) -> bool {
        let (needs, height) = (self.needs(node), self.height);
        let used = *self.used(node, column);
        used < 1.0 || used + needs <= height
    }

    /// The first column with room.
    fn take(&mut self, node: usize, mut column: usize) -> usize {
        while !self.has_room(node, column) {
            column += 1;
        }
        *self.used(node, column) += self.needs(node);
        column
    }

    /// Boxes that send more than they get move to the right, so that lines are short.
    fn tighten(&mut self, forward: &Forward, order: &[usize], columns: &mut [usize]) {
        for node in order.iter().rev().copied() {
            let next = forward.after[node].iter().map(|it| columns[*it]).min();
            let Some(next) =
                next.filter(|_| forward.after[node].len() > forward.before[node].len())
            else {
                continue;
            };
            let own = columns[node];
            let better = (own + 1..next).rev().find(|it| self.has_room(node, *it));
            if let Some(better) = better {
                let needs = self.needs(node);
                *self.used(node, own) -= needs;
                *self.used(node, better) += needs;
                columns[node] = better;
            }
        }
    }

    /// The emptiest of its frame's columns, for a box without lines; a further one, if there is room in none.
    fn fill(&mut self, node: usize, last: usize) -> usize {
        let frame = self.scene.boxes[node].frame;
        let own = self
            .used
            .iter()
            .filter(|((its, _), used)| *its == frame && **used >= 1.0);
        let own = own.map(|((_, column), _)| *column);
        let (first, last) = match (own.clone().min(), own.max()) {
            (Some(first), Some(last)) => (first, last),
            _ => (0, last),
        };
        let mut columns: Vec<(f64, usize)> = (first..=last)
            .map(|it| (*self.used(node, it), it))
            .collect();
        columns.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut columns = columns.into_iter().map(|it| it.1);
        let free = columns.find(|it| self.has_room(node, *it));
        self.take(node, free.unwrap_or(last + 1))
    }
}
