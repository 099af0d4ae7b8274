//! The drawing itself: rectangles and curves, from where things stand.

use super::buses::Buses;
use super::place::{PAD, Places, TITLE};
use super::tracks::{End, Side, Tracks};
use super::{Curve, Layout, Net, Placed, Rect, Scene, Spot, port_y};

/// How far a line that turns goes beside its column.
const TURN: f64 = 17.0;

pub(super) fn drawn(scene: &Scene, tracks: &Tracks, places: &Places) -> Layout {
    let boxes: Vec<Placed> = (0..scene.boxes.len())
        .map(|at| {
            let [inputs, outputs] = places.rows[at].clone();
            Placed {
                rect: rect(tracks, places, at),
                inputs,
                outputs,
            }
        })
        .collect();
    Layout {
        width: places.width,
        height: places.height,
        frames: (0..scene.frames)
            .map(|frame| around(scene, tracks, places, frame))
            .collect(),
        boxes,
        nets: nets(scene, tracks, places),
    }
}

fn rect(tracks: &Tracks, places: &Places, item: usize) -> Rect {
    let (x, width) = places.columns[tracks.items[item].column];
    Rect {
        x,
        y: places.y[item],
        width,
        height: tracks.items[item].height,
    }
}

/// The frame around its boxes, and around what of its tracks is in the same columns.
fn around(scene: &Scene, tracks: &Tracks, places: &Places, frame: usize) -> Option<Rect> {
    let of_frame = |at: &usize| tracks.items[*at].frame == frame;
    let boxes = (0..scene.boxes.len()).filter(of_frame);
    let columns = boxes.map(|at| tracks.items[at].column);
    let (first, last) = (columns.clone().min()?, columns.max()?);
    let within = |at: &usize| (first..=last).contains(&tracks.items[*at].column);
    let items = (0..tracks.items.len()).filter(|at| of_frame(at) && within(at));
    let (mut top, mut bottom) = (f64::INFINITY, 0.0_f64);
    for at in items {
        top = top.min(places.y[at]);
        bottom = bottom.max(places.y[at] + tracks.items[at].height);
    }
    let (x, end) = (places.columns[first].0, places.columns[last]);
    Some(Rect {
        x: x - PAD,
        y: top - TITLE,
        width: end.0 + end.1 - x + 2.0 * PAD,
        height: bottom - top + TITLE + PAD,
    })
}

fn nets(scene: &Scene, tracks: &Tracks, places: &Places) -> Vec<Net> {
    let mut nets: Vec<Net> = tracks
        .nets
        .iter()
        .map(|trunk| Net {
            links: trunk.links.clone(),
            curves: Vec::new(),
            tips: tips(scene, tracks, places, &trunk.links),
        })
        .collect();
    let buses = Buses::of(tracks, |end| spot(tracks, places, end).y);
    for join in &tracks.joins {
        let [from, to] = [join.from, join.to].map(|it| spot(tracks, places, &it));
        let curves = buses.curves(tracks, join, from, to);
        let curves =
            curves.unwrap_or_else(|| vec![curve((from, join.from.side), (to, join.to.side))]);
        let known = &mut nets[join.net].curves;
        known.extend(curves);
    }
    for (at, item) in tracks.items.iter().enumerate() {
        if let Some(net) = item.track_of {
            let end = |side| {
                let end = End {
                    item: at,
                    side,
                    port: 0,
                };
                spot(tracks, places, &end)
            };
            let (left, right) = (end(Side::Left), end(Side::Right));
            nets[net].curves.push(Curve {
                from: left,
                by: [left, right],
                to: right,
            });
        }
    }
    nets
}

fn tips(scene: &Scene, tracks: &Tracks, places: &Places, links: &[usize]) -> Vec<Spot> {
    let tip = |link: &usize| {
        let (item, port) = scene.links[*link].to;
        let end = End {
            item,
            side: Side::Left,
            port,
        };
        spot(tracks, places, &end)
    };
    let mut tips: Vec<Spot> = links.iter().map(tip).collect();
    tips.sort_by(|one, other| one.x.total_cmp(&other.x).then(one.y.total_cmp(&other.y)));
    tips.dedup();
    tips
}

/// Where an end is.
fn spot(tracks: &Tracks, places: &Places, end: &End) -> Spot {
    let item = &tracks.items[end.item];
    let (x, width) = places.columns[item.column];
    let below = match item.track_of {
        Some(_) => item.height / 2.0,
        None => {
            let side = if end.side == Side::Left { 0 } else { 1 };
            port_y(places.rows[end.item][side][end.port])
        }
    };
    Spot {
        x: if end.side == Side::Left { x } else { x + width },
        y: places.y[end.item] + below,
    }
}

/// It leaves and comes at right angles to the sides of columns.
fn curve((from, leaves): (Spot, Side), (to, comes): (Spot, Side)) -> Curve {
    let reach = match leaves == comes {
        true => TURN,
        false => (to.x - from.x).abs() / 2.0,
    };
    let by = |spot: Spot, side: Side| Spot {
        x: if side == Side::Right {
            spot.x + reach
        } else {
            spot.x - reach
        },
        y: spot.y,
    };
    Curve {
        from,
        by: [by(from, leaves), by(to, comes)],
        to,
    }
}
