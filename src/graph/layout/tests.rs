//! Whatever the graph is, boxes are apart, and lines lead from port to port beside boxes.

use proptest::prelude::*;

use super::*;

/// Boxes in frames, and lines between any of their ports, also back and to themselves.
fn scenes() -> impl Strategy<Value = Scene> {
    let one = (0..4_usize, 60..240_u32, 0..4_usize, 0..4_usize);
    let boxes = prop::collection::vec(one, 1..28);
    (boxes, prop::collection::vec(any::<[u16; 5]>(), 0..60)).prop_map(|(boxes, links)| {
        let boxes: Vec<SceneBox> = boxes
            .into_iter()
            .map(|(frame, width, inputs, outputs)| SceneBox {
                frame,
                width: f64::from(width),
                inputs,
                outputs,
            })
            .collect();
        let links = links
            .into_iter()
            .filter_map(|[from, port, to, other, class]| {
                let (from, to) = (
                    usize::from(from) % boxes.len(),
                    usize::from(to) % boxes.len(),
                );
                let port = usize::from(port).checked_rem(boxes[from].outputs)?;
                let other = usize::from(other).checked_rem(boxes[to].inputs)?;
                Some(SceneLink {
                    from: (from, port),
                    to: (to, other),
                    class: usize::from(class) % 2,
                })
            });
        Scene {
            frames: 4,
            links: links.collect(),
            boxes,
        }
    })
}

fn at(curve: &Curve, t: f64) -> Spot {
    let u = 1.0 - t;
    let of = |spot: fn(&Spot) -> f64| {
        let [one, other] = [&curve.by[0], &curve.by[1]].map(spot);
        u * u * u * spot(&curve.from)
            + 3.0 * u * u * t * one
            + 3.0 * u * t * t * other
            + t * t * t * spot(&curve.to)
    };
    Spot {
        x: of(|it| it.x),
        y: of(|it| it.y),
    }
}

fn is_within(spot: &Spot, rect: &Rect) -> bool {
    let near = 0.5;
    spot.x > rect.x + near
        && spot.x < rect.x + rect.width - near
        && spot.y > rect.y + near
        && spot.y < rect.y + rect.height - near
}

fn ends(scene: &Scene, layout: &Layout, link: &SceneLink) -> (Spot, Spot) {
    let (from, to) = (&layout.boxes[link.from.0], &layout.boxes[link.to.0]);
    assert!(scene.boxes[link.from.0].outputs > link.from.1);
    let left = Spot {
        x: from.rect.x + from.rect.width,
        y: from.rect.y + port_y(from.outputs[link.from.1]),
    };
    let right = Spot {
        x: to.rect.x,
        y: to.rect.y + port_y(to.inputs[link.to.1]),
    };
    (left, right)
}

/// What of a net hangs together with a spot, by the ends of its curves.
fn reached(net: &Net, from: Spot) -> Vec<Spot> {
    let same =
        |one: &Spot, other: &Spot| (one.x - other.x).abs() < 0.1 && (one.y - other.y).abs() < 0.1;
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(spot) = reached.get(next).copied() {
        for curve in &net.curves {
            for (one, other) in [(curve.from, curve.to), (curve.to, curve.from)] {
                if same(&one, &spot) && !reached.iter().any(|it| same(it, &other)) {
                    reached.push(other);
                }
            }
        }
        next += 1;
    }
    reached
}

fn apart(rects: &[&Rect]) -> Result<(), TestCaseError> {
    for (nth, one) in rects.iter().enumerate() {
        for other in &rects[nth + 1..] {
            prop_assert!(!one.overlaps(other), "{one:?} {other:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn boxes_are_apart_and_lines_lead_from_port_to_port_beside_them(scene in scenes()) {
        let layout = Layout::of(&scene);
        let boxes: Vec<&Rect> = layout.boxes.iter().map(|it| &it.rect).collect();
        apart(&boxes)?;
        let frames: Vec<&Rect> = layout.frames.iter().flatten().collect();
        apart(&frames)?;
        for (it, placed) in scene.boxes.iter().zip(&layout.boxes) {
            let frame = layout.frames[it.frame].unwrap();
            let rect = placed.rect;
            prop_assert!(rect.width >= it.width && rect.x >= frame.x && rect.y >= frame.y);
            prop_assert!(rect.x + rect.width <= frame.x + frame.width);
            prop_assert!(rect.y + rect.height <= frame.y + frame.height);
            prop_assert!(frame.x + frame.width <= layout.width && frame.y + frame.height <= layout.height);
        }
        let mut drawn = 0;
        for net in &layout.nets {
            for curve in &net.curves {
                for step in 0..=16 {
                    let spot = at(curve, f64::from(step) / 16.0);
                    prop_assert!(!boxes.iter().any(|it| is_within(&spot, it)), "{curve:?}");
                    prop_assert!(spot.x >= 0.0 && spot.x <= layout.width && spot.y >= 0.0 && spot.y <= layout.height);
                }
            }
            for link in &net.links {
                let (from, to) = ends(&scene, &layout, &scene.links[*link]);
                let leads_there = reached(net, from).iter().any(|it| (it.x - to.x).abs() < 0.1 && (it.y - to.y).abs() < 0.1);
                prop_assert!(leads_there, "{:?}", scene.links[*link]);
                prop_assert!(net.tips.contains(&to));
                drawn += 1;
            }
        }
        prop_assert_eq!(drawn, scene.links.len());
        prop_assert_eq!(&layout, &Layout::of(&scene));
    }
}

#[test]
fn a_chain_without_branches_is_straight() {
    let one = |inputs, outputs| SceneBox {
        frame: 0,
        width: 100.0,
        inputs,
        outputs,
    };
    let link = |from, to| SceneLink {
        from: (from, 0),
        to: (to, 0),
        class: 0,
    };
    let scene = Scene {
        frames: 1,
        boxes: vec![one(0, 1), one(1, 1), one(1, 0)],
        links: vec![link(0, 1), link(1, 2)],
    };
    let layout = Layout::of(&scene);
    for net in &layout.nets {
        assert_eq!(net.curves.len(), 1);
        assert!(
            (net.curves[0].from.y - net.curves[0].to.y).abs() < 0.5,
            "{net:?}"
        );
    }
    assert!(layout.boxes[0].rect.x < layout.boxes[1].rect.x);
    assert!(layout.boxes[1].rect.x < layout.boxes[2].rect.x);
}

#[test]
fn nothing_is_a_drawing_too() {
    let layout = Layout::of(&Scene::default());
    assert!(layout.boxes.is_empty() && layout.width > 0.0);
}
