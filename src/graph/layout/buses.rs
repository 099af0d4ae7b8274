//! Lines of one port that fan out to many: in the gap beside a column they share one upright line, a bus, instead of as many curves
//! from one spot. Each bus of a gap has a place of its own.

use std::collections::BTreeMap;

use super::tracks::{End, Join, Side, Tracks};
use super::{Curve, Spot};

/// So many parts of one line in a gap make a bus.
const MANY: usize = 4;
/// The radius of corners.
const CORNER: f64 = 7.0;
/// Between the buses of a gap, and between them and columns.
const APART: f64 = 7.0;

/// The buses: for a net and the gap left of a column, how far it is between the sides of the gap, from 0 to 1.
pub(super) struct Buses(BTreeMap<(usize, usize), f64>);

/// The gap that an end is in, by the column on its right.
pub(super) fn gap_of(tracks: &Tracks, end: &End) -> usize {
    let own = tracks.items[end.item].column;
    if end.side == Side::Left { own } else { own + 1 }
}

fn turns(join: &Join) -> bool {
    join.from.side == join.to.side
}

/// The end that is on the left of the gap.
fn left_end(join: &Join) -> End {
    match join.from.side {
        Side::Right => join.from,
        Side::Left => join.to,
    }
}

impl Buses {
    /// Those that bring together what comes from the left stand left of those that fan out to the right: so no two run along the same
    /// level. Of one sort, in the order of where they lead.
    pub(super) fn of(tracks: &Tracks, y: impl Fn(&End) -> f64) -> Self {
        let mut joins: BTreeMap<(usize, usize), Vec<&Join>> = BTreeMap::new();
        for join in tracks.joins.iter().filter(|it| !turns(it)) {
            let key = (join.net, gap_of(tracks, &join.from));
            joins.entry(key).or_default().push(join);
        }
        joins.retain(|_, joins| joins.len() >= MANY);
        let mut gaps: BTreeMap<usize, Vec<(bool, f64, usize)>> = BTreeMap::new();
        for ((net, gap), joins) in &joins {
            let ends = joins.iter().map(|it| y(&it.from) + y(&it.to));
            let middle = ends.sum::<f64>() / joins.len() as f64;
            let fans_out = joins.iter().all(|it| left_end(it) == left_end(joins[0]));
            gaps.entry(*gap).or_default().push((fans_out, middle, *net));
        }
        let mut places = BTreeMap::new();
        for (gap, mut nets) in gaps {
            nets.sort_by(|one, other| {
                let by_height = one.1.total_cmp(&other.1);
                one.0
                    .cmp(&other.0)
                    .then(by_height)
                    .then(one.2.cmp(&other.2))
            });
            let count = nets.len() as f64;
            for (nth, (_, _, net)) in nets.into_iter().enumerate() {
                places.insert((net, gap), (nth as f64 + 1.0) / (count + 1.0));
            }
        }
        Self(places)
    }

    /// How much room the buses of a gap need.
    pub(super) fn room(tracks: &Tracks, gap: usize) -> f64 {
        let mut joins: BTreeMap<usize, usize> = BTreeMap::new();
        for join in &tracks.joins {
            if !turns(join) && gap_of(tracks, &join.from) == gap {
                *joins.entry(join.net).or_default() += 1;
            }
        }
        let buses = joins.values().filter(|it| **it >= MANY).count();
        buses as f64 * APART
    }

    /// The part of a line, if it is by a bus.
    pub(super) fn curves(
        &self,
        tracks: &Tracks,
        join: &Join,
        from: Spot,
        to: Spot,
    ) -> Option<Vec<Curve>> {
        if turns(join) {
            return None;
        }
        let place = self.0.get(&(join.net, gap_of(tracks, &join.from)))?;
        let (left, right) = match from.x < to.x {
            true => (from, to),
            false => (to, from),
        };
        // Near the columns there is room for ends of lines.
        let (low, high) = (left.x + 14.0, right.x - 18.0);
        let bus = low + (high - low) * place;
        Some(corners(left, right, bus))
    }
}

/// Level, upright, and level again, with round corners.
fn corners(left: Spot, right: Spot, bus: f64) -> Vec<Curve> {
    let height = right.y - left.y;
    if height.abs() < 0.05 {
        return vec![straight(left, right)];
    }
    let radius = CORNER.min(height.abs() / 2.0);
    let down = radius.copysign(height);
    let spot = |x, y| Spot { x, y };
    let (upper, lower) = (spot(bus, left.y + down), spot(bus, right.y - down));
    let (begin, end) = (spot(bus - radius, left.y), spot(bus + radius, right.y));
    let corner = |from, at, to| Curve {
        from,
        by: [at, at],
        to,
    };
    vec![
        straight(left, begin),
        corner(begin, spot(bus, left.y), upper),
        straight(upper, lower),
        corner(lower, spot(bus, right.y), end),
        straight(end, right),
    ]
}

fn straight(from: Spot, to: Spot) -> Curve {
    Curve {
        from,
        by: [from, to],
        to,
    }
}
