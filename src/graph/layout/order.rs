//! In what order things stand in their column: frames in one order throughout, and what is in a frame so that few lines cross.

use std::collections::BTreeMap;

use super::port_y;
use super::tracks::{End, Side, Tracks};

/// How often columns are gone through, there and back.
const SWEEPS: usize = 24;

/// An order.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    /// The frames, from above.
    pub frames: Vec<usize>,
    /// What stands in each column and frame, from above.
    pub cells: BTreeMap<(usize, usize), Vec<usize>>,
}

impl Ordered {
    pub(super) fn of(tracks: &Tracks) -> Self {
        let mut cells: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (at, item) in tracks.items.iter().enumerate() {
            cells.entry((item.column, item.frame)).or_default().push(at);
        }
        let frames = frames(tracks);
        let mut sweeper = Sweeper::new(tracks, Ordered { frames, cells });
        let mut best = (sweeper.crossings(), sweeper.ordered.clone());
        for sweep in 0..SWEEPS {
            sweeper.sweep(sweep % 2 == 0);
            let crossings = sweeper.crossings();
            if crossings < best.0 {
                best = (crossings, sweeper.ordered.clone());
            }
        }
        best.1
    }
}

/// Frames between which there are many lines stand near one another: any two change places as long as that makes the way shorter.
fn frames(tracks: &Tracks) -> Vec<usize> {
    let count = tracks
        .items
        .iter()
        .map(|it| it.frame + 1)
        .max()
        .unwrap_or_default();
    let mut between: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for join in &tracks.joins {
        let [one, other] = [join.from, join.to].map(|it| tracks.items[it.item].frame);
        if one != other {
            *between.entry((one, other)).or_default() += 1;
        }
    }
    // Among equals, they stay in the order of their names.
    let way = |frames: &[usize]| {
        let mut places = vec![0; count];
        for (place, frame) in frames.iter().enumerate() {
            places[*frame] = place;
        }
        let ways = between
            .iter()
            .map(|((one, other), n)| n * places[*one].abs_diff(places[*other]));
        let turned = swapped_pairs(count).filter(|(one, other)| places[*one] > places[*other]);
        (ways.sum::<usize>(), turned.count())
    };
    let mut frames: Vec<usize> = (0..count).collect();
    let mut shortest = way(&frames);
    loop {
        let mut ways = swapped(&frames).map(|it| (way(&it), it));
        let Some((shorter, better)) = ways.find(|it| it.0 < shortest) else {
            break;
        };
        drop(ways);
        (shortest, frames) = (shorter, better);
    }
    frames
}

fn swapped(frames: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    swapped_pairs(frames.len()).map(|(one, other)| {
        let mut frames = frames.to_vec();
        frames.swap(one, other);
        frames
    })
}

fn swapped_pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |one| (one + 1..count).map(move |other| (one, other)))
}

struct Sweeper<'t> {
    tracks: &'t Tracks,
    ordered: Ordered,
    /// Where each thing would stand if nothing else counted but the order.
    y: Vec<f64>,
    /// Where each frame would begin, and how high it is.
    rooms: BTreeMap<usize, (f64, f64)>,
    /// What each thing is joined with: its own end, and the other one.
    joined: Vec<Vec<(End, End)>>,
}

impl<'t> Sweeper<'t> {
    fn new(tracks: &'t Tracks, ordered: Ordered) -> Self {
        let mut joined = vec![Vec::new(); tracks.items.len()];
        for join in &tracks.joins {
            joined[join.from.item].push((join.from, join.to));
            joined[join.to.item].push((join.to, join.from));
        }
        let mut sweeper = Self {
            tracks,
            y: vec![0.0; tracks.items.len()],
            rooms: BTreeMap::new(),
            ordered,
            joined,
        };
        let mut top = 0.0;
        for frame in sweeper.ordered.frames.clone() {
            let cells = sweeper.ordered.cells.iter();
            let cells = cells.filter(|((_, its), _)| *its == frame);
            let heights = cells.map(|(_, cell)| sweeper.height(cell));
            let height = heights.fold(0.0, f64::max);
            sweeper.rooms.insert(frame, (top, height));
            top += height + 60.0;
        }
        for key in sweeper.ordered.cells.keys().copied().collect::<Vec<_>>() {
            sweeper.stack(key);
        }
        sweeper
    }

    fn height(&self, cell: &[usize]) -> f64 {
        let items = cell.iter().map(|it| self.tracks.items[*it].height + 10.0);
        items.sum()
    }

    /// Things stand close together, in the middle of their frame.
    fn stack(&mut self, key: (usize, usize)) {
        let cell = &self.ordered.cells[&key];
        let (top, room) = self.rooms[&key.1];
        let mut y = top + (room - self.height(cell)) / 2.0;
        for item in cell {
            self.y[*item] = y;
            y += self.tracks.items[*item].height + 10.0;
        }
    }

    fn end(&self, end: &End) -> f64 {
        let below = match self.tracks.items[end.item].track_of {
            Some(_) => 1.0,
            None => port_y(end.port),
        };
        self.y[end.item] + below
    }

    fn sweep(&mut self, to_the_right: bool) {
        let mut keys: Vec<(usize, usize)> = self.ordered.cells.keys().copied().collect();
        let towards = match to_the_right {
            true => Side::Left,
            false => {
                keys.reverse();
                Side::Right
            }
        };
        for key in keys {
            let mut cell = self.ordered.cells[&key].clone();
            let middle = |item: &usize| self.middle(*item, towards);
            let middles: BTreeMap<usize, f64> = cell.iter().map(|it| (*it, middle(it))).collect();
            cell.sort_by(|one, other| middles[one].total_cmp(&middles[other]));
            self.ordered.cells.insert(key, cell);
            self.stack(key);
        }
    }

    /// Where the other ends are, of the lines on that side, and of those that turn.
    fn middle(&self, item: usize, towards: Side) -> f64 {
        let own = self.tracks.items[item].column;
        let turns = |other: &End| self.tracks.items[other.item].column == own;
        let ends = self.joined[item].iter();
        let ends = ends.filter(|(end, other)| end.side == towards || turns(other));
        let ys: Vec<f64> = ends
            .map(|(end, other)| self.end(other) - (self.end(end) - self.y[item]))
            .collect();
        match ys.len() {
            // What no line leads to stands below the rest.
            0 if self.joined[item].is_empty() => f64::INFINITY,
            0 => self.y[item],
            count => ys.iter().sum::<f64>() / count as f64,
        }
    }

    /// How many parts of lines cross. What turns is not counted.
    fn crossings(&self) -> usize {
        let mut gaps: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
        for join in &self.tracks.joins {
            let (left, right) = match (join.from.side, join.to.side) {
                (Side::Right, Side::Left) => (join.from, join.to),
                (Side::Left, Side::Right) => (join.to, join.from),
                (Side::Left, Side::Left) | (Side::Right, Side::Right) => continue,
            };
            let column = self.tracks.items[left.item].column;
            let ends = (self.end(&left), self.end(&right));
            gaps.entry(column).or_default().push(ends);
        }
        gaps.into_values().map(inversions).sum()
    }
}

/// How many pairs are in one order on the left and in the other on the right.
fn inversions(mut lines: Vec<(f64, f64)>) -> usize {
    lines.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let mut sorted: Vec<f64> = Vec::with_capacity(lines.len());
    let mut count = 0;
    for (_, right) in lines {
        let at = sorted.partition_point(|it| *it <= right);
        count += sorted.len() - at;
        sorted.insert(at, right);
    }
    count
}
