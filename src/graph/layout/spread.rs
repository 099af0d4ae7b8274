//! Things one below the other, each as near as possible to where it wants to be.

/// A thing in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    /// Where its upper edge wants to be.
    pub at: f64,
    pub height: f64,
    /// How much that counts.
    pub weight: f64,
    /// The room above it, if it is not the first.
    pub gap: f64,
}

/// Where the upper edges are: in this order, apart by the gaps, between `low` and `high` if there is room, with the least sum of
/// squares (isotonic regression).
pub(super) fn spread(wants: &[Want], low: f64, high: f64) -> Vec<f64> {
    let mut offsets = Vec::with_capacity(wants.len());
    let mut end = 0.0;
    for (nth, want) in wants.iter().enumerate() {
        let start = if nth == 0 { 0.0 } else { end + want.gap };
        offsets.push(start);
        end = start + want.height;
    }
    // Those that push one another, as one: place, weight, how many.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (want, offset) in wants.iter().zip(&offsets) {
        let mut block = (want.at - offset, want.weight, 1);
        while let Some(above) = blocks.pop_if(|above| above.0 >= block.0) {
            let weight = above.1 + block.1;
            let at = (above.0 * above.1 + block.0 * block.1) / weight;
            block = (at, weight, above.2 + block.2);
        }
        blocks.push(block);
    }
    let highest = (high - end).max(low);
    let places = blocks.into_iter().flat_map(|(at, _, count)| {
        let at = at.clamp(low, highest);
        std::iter::repeat_n(at, count)
    });
    places
        .zip(offsets)
        .map(|(at, offset)| at + offset)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(wants: &[f64], low: f64, high: f64) -> Vec<f64> {
        let want = |at: &f64| Want {
            at: *at,
            height: 10.0,
            weight: 1.0,
            gap: 2.0,
        };
        let wants: Vec<Want> = wants.iter().map(want).collect();
        spread(&wants, low, high)
    }

    #[test]
    fn each_is_where_it_wants_if_there_is_room() {
        assert_eq!(places(&[0.0, 30.0], 0.0, 100.0), [0.0, 30.0]);
    }

    #[test]
    fn who_wants_the_same_place_shares_the_way() {
        assert_eq!(places(&[30.0, 30.0], 0.0, 100.0), [24.0, 36.0]);
        assert_eq!(places(&[30.0, 10.0], 0.0, 100.0), [14.0, 26.0]);
    }

    #[test]
    fn nobody_leaves_the_frame() {
        assert_eq!(places(&[-9.0, -9.0], 0.0, 100.0), [0.0, 12.0]);
        assert_eq!(places(&[99.0, 99.0], 0.0, 100.0), [78.0, 90.0]);
    }
}
