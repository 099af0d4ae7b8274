//! Rounds in pairs: the limit and osb in turn, within the same moments, for the machine's speed
//! varies more from minute to minute than from one to the other.

/// Medians of several rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub limit: f64,
    pub osb: f64,
    /// The median of the rounds' ratios, osb to limit.
    pub ratio: f64,
}

/// Measures both in turn, the second one first the next time.
pub(crate) fn paired(
    rounds: usize,
    mut limit: impl FnMut() -> f64,
    mut osb: impl FnMut() -> f64,
) -> Pair {
    let mut limits = Vec::new();
    let mut ours = Vec::new();
    for round in 0..rounds {
        if round % 2 == 0 {
            limits.push(limit());
            ours.push(osb());
        } else {
            ours.push(osb());
            limits.push(limit());
        }
    }
    let ratios = ours.iter().zip(&limits).map(|(osb, limit)| osb / limit);
    Pair {
        ratio: median(ratios.collect()),
        limit: median(limits),
        osb: median(ours),
    }
}

/// The middle one; of an even count the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
