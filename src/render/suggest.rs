//! "Did you mean …?"

/// How alike two names must be, from 0 to 1.
const ALIKE: f64 = 0.65;

/// The one of `known` that is most like `name`, as a hint.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    let likeness =
        |other: &str| strsim::normalized_damerau_levenshtein(&lower, &other.to_lowercase());
    known
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, other)| format!("did you mean {other}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_alike_is_offered() {
        let mean = |name| did_you_mean(name, ["Alice", "Bob", "worker-1"].into_iter());
        assert_eq!(mean("alice").as_deref(), Some("did you mean Alice?"));
        assert_eq!(mean("Alcie").as_deref(), Some("did you mean Alice?"));
        assert_eq!(mean("worker1").as_deref(), Some("did you mean worker-1?"));
        assert_eq!(mean("Bbo").as_deref(), Some("did you mean Bob?"));
        assert_eq!(mean("Zebra"), None);
        assert_eq!(mean("Al"), None);
    }
}
