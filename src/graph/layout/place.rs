//! Where things stand, from the order in which they do: lines as straight as there is room for, frames as close as their columns let them.

use std::collections::BTreeMap;

use super::buses::{Buses, gap_of};
use super::order::Ordered;
use super::spread::{Want, spread};
use super::tracks::{End, Side, Tracks};
use super::{MARGIN, Scene, port_y};

/// Within a frame, at its sides and its lower edge.
pub(super) const PAD: f64 = 16.0;
/// Within a frame, above what is in it: its title is there.
pub(super) const TITLE: f64 = 34.0;
const BETWEEN_FRAMES: f64 = 22.0;
/// How often things move to where their lines want them.
const ROUNDS: usize = 24;

/// Where things are.
pub(super) struct Places {
    /// The left edge of each column, and its width.
    pub columns: Vec<(f64, f64)>,
    /// The upper edge of each thing.
    pub y: Vec<f64>,
    /// In which row each port of a box is: left, right.
    pub rows: Vec<[Vec<usize>; 2]>,
    pub width: f64,
    pub height: f64,
}

pub(super) fn places(scene: &Scene, tracks: &Tracks, ordered: &Ordered) -> Places {
    let mut placer = Placer::new(scene, tracks, ordered);
    placer.settle();
    placer.order_ports();
    placer.settle();
    let height = placer.bottom();
    let columns = columns(scene, tracks);
    let right = columns.last().map_or(0.0, |(x, width)| x + width);
    let turns = tracks.joins.iter().any(|it| {
        let side = it.from.side == Side::Right && it.to.side == Side::Right;
        side && tracks.items[it.from.item].column + 1 == columns.len()
    });
    Places {
        columns,
        y: placer.y,
        rows: placer.rows,
        width: right + PAD + MARGIN + if turns { PAD } else { 0.0 },
        height,
    }
}

struct Placer<'t> {
    tracks: &'t Tracks,
    ordered: &'t Ordered,
    y: Vec<f64>,
    rows: Vec<[Vec<usize>; 2]>,
    /// The room of each frame: from, to.
    rooms: BTreeMap<usize, (f64, f64)>,
    joined: Vec<Vec<(End, End)>>,
}

/// The room above a thing that stands below another.
fn gap(tracks: &Tracks, above: usize, below: usize) -> f64 {
    match [above, below].map(|it| tracks.items[it].track_of.is_some()) {
        [true, true] => 8.0,
        [true, false] | [false, true] => 12.0,
        [false, false] => 18.0,
    }
}

impl<'t> Placer<'t> {
    fn new(scene: &Scene, tracks: &'t Tracks, ordered: &'t Ordered) -> Self {
        let mut joined = vec![Vec::new(); tracks.items.len()];
        for join in &tracks.joins {
            joined[join.from.item].push((join.from, join.to));
            joined[join.to.item].push((join.to, join.from));
        }
        let rows = scene.boxes.iter();
        let rows = rows.map(|it| [(0..it.inputs).collect(), (0..it.outputs).collect()]);
        let mut placer = Self {
            tracks,
            ordered,
            y: vec![0.0; tracks.items.len()],
            rows: rows.collect(),
            rooms: BTreeMap::new(),
            joined,
        };
        placer.make_rooms();
        placer
    }

    /// Frames stand below one another where they have columns in common.
    fn make_rooms(&mut self) {
        let mut free = vec![MARGIN; self.tracks.columns()];
        for frame in &self.ordered.frames {
            let cells = self.ordered.cells.iter();
            let cells: Vec<_> = cells.filter(|((_, its), _)| its == frame).collect();
            let columns = cells.iter().map(|((column, _), _)| *column);
            let (Some(first), Some(last)) = (columns.clone().min(), columns.max()) else {
                continue;
            };
            let heights = cells.iter().map(|(_, cell)| self.height(cell));
            let height = heights.fold(0.0, f64::max);
            let top = free[first..=last].iter().copied().fold(0.0, f64::max) + TITLE;
            self.rooms.insert(*frame, (top, top + height));
            free[first..=last].fill(top + height + PAD + BETWEEN_FRAMES);
            for (_, cell) in cells {
                let mut y = top + (height - self.height(cell)) / 2.0;
                for (nth, item) in cell.iter().enumerate() {
                    y += if nth > 0 {
                        gap(self.tracks, cell[nth - 1], *item)
                    } else {
                        0.0
                    };
                    self.y[*item] = y;
                    y += self.tracks.items[*item].height;
                }
            }
        }
    }

    fn height(&self, cell: &[usize]) -> f64 {
        let items: f64 = cell.iter().map(|it| self.tracks.items[*it].height).sum();
        let gaps: f64 = cell
            .windows(2)
            .map(|it| gap(self.tracks, it[0], it[1]))
            .sum();
        items + gaps
    }

    fn bottom(&self) -> f64 {
        let rooms = self.rooms.values().map(|(_, to)| *to);
        rooms.fold(0.0, f64::max) + PAD + MARGIN
    }

    fn below(&self, end: &End) -> f64 {
        match self.tracks.items[end.item].track_of {
            Some(_) => 1.0,
            None => {
                let side = if end.side == Side::Left { 0 } else { 1 };
                port_y(self.rows[end.item][side][end.port])
            }
        }
    }

    fn settle(&mut self) {
        let mut cells: Vec<_> = self.ordered.cells.iter().collect();
        for _ in 0..ROUNDS {
            for ((_, frame), cell) in &cells {
                let (low, high) = self.rooms[frame];
                let wants: Vec<Want> = (0..cell.len()).map(|nth| self.want(cell, nth)).collect();
                for (item, y) in cell.iter().zip(spread(&wants, low, high)) {
                    self.y[*item] = y;
                }
            }
            cells.reverse();
        }
    }

    fn want(&self, cell: &[usize], nth: usize) -> Want {
        let item = cell[nth];
        let (mut sum, mut weight) = (0.0, 0.0);
        for (end, other) in &self.joined[item] {
            let both = [end, other].map(|it| self.tracks.items[it.item].track_of.is_some());
            let counts = match both {
                [true, true] => 8.0,
                [true, false] | [false, true] => 2.0,
                [false, false] => 1.0,
            };
            sum += counts * (self.y[other.item] + self.below(other) - self.below(end));
            weight += counts;
        }
        Want {
            at: if weight > 0.0 {
                sum / weight
            } else {
                self.y[item]
            },
            height: self.tracks.items[item].height,
            weight: if weight > 0.0 { weight } else { 0.1 },
            gap: if nth > 0 {
                gap(self.tracks, cell[nth - 1], item)
            } else {
                0.0
            },
        }
    }

    /// The ports of a side stand in the order of what they lead to; those that lead nowhere come last.
    fn order_ports(&mut self) {
        for item in 0..self.rows.len() {
            for (at, side) in [Side::Left, Side::Right].into_iter().enumerate() {
                let mut ports: Vec<(f64, usize)> = (0..self.rows[item][at].len())
                    .map(|port| (self.leads_to(item, side, port), port))
                    .collect();
                ports.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
                for (row, (_, port)) in ports.into_iter().enumerate() {
                    self.rows[item][at][port] = row;
                }
            }
        }
    }

    fn leads_to(&self, item: usize, side: Side, port: usize) -> f64 {
        let ends = self.joined[item].iter();
        let ends = ends.filter(|(end, _)| end.side == side && end.port == port);
        let ys: Vec<f64> = ends
            .map(|(_, other)| self.y[other.item] + self.below(other))
            .collect();
        match ys.len() {
            0 => f64::INFINITY,
            count => ys.iter().sum::<f64>() / count as f64,
        }
    }
}

/// Between columns there is more room where more lines pass, and where frames begin or end.
fn columns(scene: &Scene, tracks: &Tracks) -> Vec<(f64, f64)> {
    let mut columns = Vec::new();
    let mut x = MARGIN + PAD;
    for column in 0..tracks.columns() {
        x += match column {
            0 if has_turns(tracks) => PAD,
            0 => 0.0,
            _ => room_before(scene, tracks, column),
        };
        let boxes = scene.boxes.iter().zip(&tracks.items);
        let boxes = boxes.filter(|(_, item)| item.column == column);
        let width = boxes.map(|(it, _)| it.width).fold(20.0, f64::max);
        columns.push((x, width));
        x += width;
    }
    columns
}

/// Whether lines turn left of the first column.
fn has_turns(tracks: &Tracks) -> bool {
    let left = |it: &End| it.side == Side::Left && tracks.items[it.item].column == 0;
    tracks.joins.iter().any(|it| left(&it.from) && left(&it.to))
}

fn room_before(scene: &Scene, tracks: &Tracks, column: usize) -> f64 {
    let joins = tracks
        .joins
        .iter()
        .filter(|it| gap_of(tracks, &it.from) == column);
    let mut nets: Vec<usize> = joins.map(|it| it.net).collect();
    nets.dedup();
    let ends = (0..scene.frames).any(|frame| {
        let boxes = scene.boxes.iter().zip(&tracks.items);
        let columns = boxes
            .filter(|(it, _)| it.frame == frame)
            .map(|(_, it)| it.column);
        let (first, last) = (columns.clone().min(), columns.max());
        first == Some(column) || last.is_some_and(|it| it + 1 == column)
    });
    let frames = if ends { 2.0 * PAD } else { 0.0 };
    let lines = (3.0 * nets.len() as f64).min(60.0);
    56.0 + frames + lines.max(Buses::room(tracks, column))
}
