//! Lines in parts: from column to column. Where a line passes a column, it has a track there. All lines of one port share their tracks,
//! so that a hub with a hundred peers is one trunk with branches; of the two ports of a line, the one with more lines counts.
//!
//! A line that leads back, or to its own box, turns round beside its box, and takes tracks in the columns of both ends too.

use std::collections::BTreeMap;

use super::{Scene, SceneLink};

/// What stands in columns, and how that hangs together.
pub(super) struct Tracks {
    /// The boxes of the scene, in their order, and then tracks.
    pub items: Vec<Item>,
    pub joins: Vec<Join>,
    pub nets: Vec<Trunk>,
}

/// Something in a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub column: usize,
    pub frame: usize,
    pub height: f64,
    /// None: it is a box.
    pub track_of: Option<usize>,
}

/// A part of a line: between two columns, or beside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Join {
    pub net: usize,
    pub from: End,
    pub to: End,
}

/// An end of such a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub item: usize,
    pub side: Side,
    /// Of a box: which port of that side.
    pub port: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Left,
    Right,
}

/// Lines that run together.
pub(super) struct Trunk {
    pub links: Vec<usize>,
}

/// The port that lines share: side, box, port, class.
type Hub = (Side, usize, usize, usize);

struct Builder<'s> {
    scene: &'s Scene,
    tracks: Tracks,
    /// By net, column, and whether it leads back.
    known: BTreeMap<(usize, usize, bool), usize>,
}

impl Tracks {
    pub(super) fn of(scene: &Scene, columns: &[usize]) -> Self {
        let boxes = scene.boxes.iter().zip(columns);
        let items = boxes.map(|(it, column)| Item {
            column: *column,
            frame: it.frame,
            height: it.height(),
            track_of: None,
        });
        let mut builder = Builder {
            scene,
            tracks: Tracks {
                items: items.collect(),
                joins: Vec::new(),
                nets: Vec::new(),
            },
            known: BTreeMap::new(),
        };
        for (hub, links) in hubs(scene) {
            builder.net(hub, links);
        }
        let joins = &mut builder.tracks.joins;
        joins.sort();
        joins.dedup();
        builder.tracks
    }

    pub(super) fn columns(&self) -> usize {
        self.items
            .iter()
            .map(|it| it.column + 1)
            .max()
            .unwrap_or_default()
    }
}

/// Each link belongs to the one of its ports that has more of them.
fn hubs(scene: &Scene) -> BTreeMap<Hub, Vec<usize>> {
    let ends = |link: &SceneLink| {
        let from = (Side::Right, link.from.0, link.from.1, link.class);
        let to = (Side::Left, link.to.0, link.to.1, link.class);
        [from, to]
    };
    let mut counts: BTreeMap<Hub, usize> = BTreeMap::new();
    for hub in scene.links.iter().flat_map(ends) {
        *counts.entry(hub).or_default() += 1;
    }
    let mut hubs: BTreeMap<Hub, Vec<usize>> = BTreeMap::new();
    for (at, link) in scene.links.iter().enumerate() {
        let [from, to] = ends(link);
        let hub = if counts[&from] >= counts[&to] {
            from
        } else {
            to
        };
        hubs.entry(hub).or_default().push(at);
    }
    hubs
}

impl Builder<'_> {
    fn net(&mut self, hub: Hub, links: Vec<usize>) {
        let net = self.tracks.nets.len();
        let frame = self.scene.boxes[hub.1].frame;
        for at in &links {
            self.link((net, frame), self.scene.links[*at]);
        }
        self.tracks.nets.push(Trunk { links });
    }

    fn link(&mut self, net: (usize, usize), link: SceneLink) {
        let column = |it: usize| self.tracks.items[it].column;
        let (from, to) = (column(link.from.0), column(link.to.0));
        let mut at = End {
            item: link.from.0,
            side: Side::Right,
            port: link.from.1,
        };
        let back = from >= to;
        let passed: Vec<usize> = match back {
            true => (to..=from).rev().collect(),
            false => (from + 1..to).collect(),
        };
        let (enters, leaves) = match back {
            true => (Side::Right, Side::Left),
            false => (Side::Left, Side::Right),
        };
        for column in passed {
            let item = self.track(net, column, back);
            let end = |side| End {
                item,
                side,
                port: 0,
            };
            self.join(net.0, at, end(enters));
            at = end(leaves);
        }
        let to = End {
            item: link.to.0,
            side: Side::Left,
            port: link.to.1,
        };
        self.join(net.0, at, to);
    }

    fn join(&mut self, net: usize, from: End, to: End) {
        self.tracks.joins.push(Join { net, from, to });
    }

    fn track(&mut self, (net, frame): (usize, usize), column: usize, back: bool) -> usize {
        let items = &mut self.tracks.items;
        *self.known.entry((net, column, back)).or_insert_with(|| {
            items.push(Item {
                column,
                frame,
                height: 2.0,
                track_of: Some(net),
            });
            items.len() - 1
        })
    }
}
