//! Where things stand in a drawing: boxes in columns from left to right, as messages travel; those of one host within a frame; and
//! lines between the ports of boxes, which never run through a box.
//!
//! After Sugiyama: circles are broken and boxes dealt to columns (`layers`); lines that pass columns get a place in each, shared by all
//! lines of one port (`tracks`); what stands in a column is put in an order with few crossings (`order`); then places are found
//! (`place`), and lines drawn (`lines`, `buses`). Several widths are tried, and the one taken that is largest when it fills a slide.
//!
//! Deterministic: the same graph is the same drawing, byte for byte.

mod buses;
mod layers;
mod lines;
mod order;
mod place;
mod spread;
#[cfg(test)]
mod tests;
mod tracks;

use layers::Layers;
use order::Ordered;
use tracks::Tracks;

/// What is to be laid out.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// How many frames there are.
    pub frames: usize,
    pub boxes: Vec<SceneBox>,
    pub links: Vec<SceneLink>,
}

/// A box, with ports on its left and its right side.
#[derive(Debug, Clone)]
pub struct SceneBox {
    /// The frame that it is in.
    pub frame: usize,
    pub width: f64,
    /// How many ports it has on the left.
    pub inputs: usize,
    /// And on the right.
    pub outputs: usize,
}

/// A line from a port on the right of a box to one on the left of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SceneLink {
    pub from: (usize, usize),
    pub to: (usize, usize),
    /// Lines of one port run together only if they are of one class.
    pub class: usize,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub width: f64,
    pub height: f64,
    /// Where the frame is around the boxes of each host; None: it has none.
    pub frames: Vec<Option<Rect>>,
    pub boxes: Vec<Placed>,
    /// Lines that run together, in some order.
    pub nets: Vec<Net>,
}

/// Where a box is.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub rect: Rect,
    /// In which row each port on the left is.
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

/// Lines that run together.
#[derive(Debug, Clone, PartialEq)]
pub struct Net {
    /// Which of the links of the scene they are.
    pub links: Vec<usize>,
    /// All parts of them, each once.
    pub curves: Vec<Curve>,
    /// Where they end, at the left sides of boxes.
    pub tips: Vec<Spot>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spot {
    pub x: f64,
    pub y: f64,
}

/// A cubic Bézier curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    pub from: Spot,
    pub by: [Spot; 2],
    pub to: Spot,
}

/// The part of a box above its ports.
pub const HEAD: f64 = 30.0;
/// Each row of ports.
pub const ROW: f64 = 19.0;
/// Below the last row.
const FOOT: f64 = 7.0;
/// Around everything.
pub const MARGIN: f64 = 24.0;
/// A slide, by which the sizes of drawings are compared.
const SLIDE: (f64, f64) = (1600.0, 900.0);
/// How high a column may be within a frame. The first is the one that divides nothing.
const HEIGHTS: [f64; 9] = [
    f64::INFINITY,
    1600.0,
    1200.0,
    900.0,
    700.0,
    520.0,
    400.0,
    300.0,
    200.0,
];
/// A drawing has to be so much larger on a slide to be better than one whose columns are higher.
const WORTHWHILE: f64 = 1.2;

impl SceneBox {
    /// How high it is.
    pub fn height(&self) -> f64 {
        match self.inputs.max(self.outputs) {
            0 => HEAD,
            rows => HEAD + rows as f64 * ROW + FOOT,
        }
    }
}

/// How far below the upper edge of its box the port is that stands in this row.
pub fn port_y(row: usize) -> f64 {
    HEAD + (row as f64 + 0.5) * ROW
}

impl Rect {
    /// Whether two have a part in common.
    pub fn overlaps(&self, other: &Rect) -> bool {
        let apart = self.x + self.width <= other.x
            || other.x + other.width <= self.x
            || self.y + self.height <= other.y
            || other.y + other.height <= self.y;
        !apart
    }
}

impl Layout {
    /// The drawing of this scene that is the largest on a slide.
    pub fn of(scene: &Scene) -> Layout {
        let layers = Layers::of(scene);
        let mut best: Option<(f64, Layout)> = None;
        for height in HEIGHTS {
            let layout = Self::within(scene, &layers.columns(height));
            let size = (SLIDE.0 / layout.width)
                .min(SLIDE.1 / layout.height)
                .min(1.0);
            if best
                .as_ref()
                .is_none_or(|(former, _)| size > former * WORTHWHILE)
            {
                best = Some((size, layout));
            }
        }
        best.map(|(_, layout)| layout).unwrap_or(Layout {
            width: 0.0,
            height: 0.0,
            frames: Vec::new(),
            boxes: Vec::new(),
            nets: Vec::new(),
        })
    }

    fn within(scene: &Scene, columns: &[usize]) -> Layout {
        let tracks = Tracks::of(scene, columns);
        let ordered = Ordered::of(&tracks);
        let places = place::places(scene, &tracks, &ordered);
        lines::drawn(scene, &tracks, &places)
    }
}
