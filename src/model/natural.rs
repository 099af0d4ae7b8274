//! The order of names for people: numbers in them by their value, A1, A2, A10.

use std::cmp::Ordering;

/// Compares two names. Those that only differ in how a number is written are told apart all the same.
///
/// Maps by names are looked up in by it, so it looks at numbers only where names differ in one.
pub fn natural(one: &str, other: &str) -> Ordering {
    let (left, right) = (one.as_bytes(), other.as_bytes());
    let same = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    if same == left.len() && same == right.len() {
        return Ordering::Equal;
    }
    let start = same - digits(left[..same].iter().rev());
    let [number, against] =
        [left, right].map(|text| &text[start..start + digits(text[start..].iter())]);
    if number.is_empty() || against.is_empty() {
        return left[same..].cmp(&right[same..]);
    }
    by_value(number, against)
        .then_with(|| {
            natural(
                &one[start + number.len()..],
                &other[start + against.len()..],
            )
        })
        .then_with(|| one.cmp(other))
}

/// How many digits come first.
fn digits<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    bytes.take_while(|byte| byte.is_ascii_digit()).count()
}

fn by_value(one: &[u8], other: &[u8]) -> Ordering {
    let significant = |text: &mut &[u8]| {
        while let [b'0', rest @ ..] = text {
            *text = rest;
        }
    };
    let (mut one, mut other) = (one, other);
    significant(&mut one);
    significant(&mut other);
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_as_such() {
        let sorted = ["A", "A1", "A02", "A2", "A2.b", "A10", "B", "W1-9", "W1-10"];
        let mut names = sorted;
        names.reverse();
        names.sort_by(|one, other| natural(one, other));
        assert_eq!(names, sorted);
        let long = ["9".repeat(40), "1".repeat(41)];
        assert_eq!(natural(&long[0], &long[1]), Ordering::Less);
    }

    /// The same, part by part: numbers, and characters that are none.
    fn by_parts(text: &str) -> Vec<(bool, String)> {
        let mut parts: Vec<(bool, String)> = Vec::new();
        for c in text.chars() {
            match parts.last_mut() {
                Some((true, number)) if c.is_ascii_digit() => number.push(c),
                _ => parts.push((c.is_ascii_digit(), c.to_string())),
            }
        }
        parts
    }

    fn slowly(one: &str, other: &str) -> Ordering {
        let (left, right) = (by_parts(one), by_parts(other));
        for (l, r) in left.iter().zip(&right) {
            let value = |part: &str| part.trim_start_matches('0').to_owned();
            let order = match (l.0, r.0) {
                (true, true) => {
                    let (l, r) = (value(&l.1), value(&r.1));
                    l.len().cmp(&r.len()).then_with(|| l.cmp(&r))
                }
                _ => l.1.cmp(&r.1),
            };
            if order.is_ne() {
                return order;
            }
        }
        left.len().cmp(&right.len()).then_with(|| one.cmp(other))
    }

    proptest! {
        #[test]
        fn it_is_the_order_of_parts(names in prop::collection::vec("[ab019.é-]{0,8}", 2)) {
            let [one, other] = [&names[0], &names[1]];
            prop_assert_eq!(natural(one, other), slowly(one, other));
        }

        #[test]
        fn it_is_an_order(names in prop::collection::vec("[ab019.é-]{0,6}", 3)) {
            let [a, b, c] = [&names[0], &names[1], &names[2]];
            prop_assert_eq!(natural(a, b), natural(b, a).reverse());
            prop_assert_eq!(natural(a, b) == Ordering::Equal, a == b);
            if natural(a, b).is_lt() && natural(b, c).is_lt() {
                prop_assert!(natural(a, c).is_lt());
            }
        }
    }
}
