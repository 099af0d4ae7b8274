//! The order of names for people: numbers in them by their value, A1, A2, A10.

use std::cmp::Ordering;

/// Compares two names. Those that only differ in how a number is written are told apart all the same.
pub fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (head, tail) = part(left);
        let (against, behind) = part(right);
        if head.is_empty() || against.is_empty() {
            return head.len().cmp(&against.len()).then_with(|| one.cmp(other));
        }
        match by_value(head, against) {
            Ordering::Equal => (left, right) = (tail, behind),
            unequal => return unequal,
        }
    }
}

/// A number, or a character that is none; and what follows.
fn part(text: &str) -> (&str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let digits = text.find(|c| !is_digit(c)).unwrap_or(text.len());
    let first = text.chars().next().map_or(0, char::len_utf8);
    text.split_at(digits.max(first))
}

fn by_value(one: &str, other: &str) -> Ordering {
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if !is_number(one) || !is_number(other) {
        return one.cmp(other);
    }
    let [one, other] = [one, other].map(|text| text.trim_start_matches('0'));
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

    proptest! {
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
