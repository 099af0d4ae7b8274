//! Variables in values: `${NAME}` and `${NAME:-default}` become what the caller's look-up has for
//! them, `$$` becomes `$`. Nothing here knows an environment. References such as `${addr:Alice.main}`
//! are only told apart here: what they mean is for others to say.

use crate::topology::LARGEST;

/// What a variable stands for, if it is set.
pub type Lookup<'l> = dyn Fn(&str) -> Option<String> + 'l;

/// How references begin.
const REFERENCES: [&str; 5] = ["addr:", "attr:", "env:", "host}", "host:"];
/// Though it begins like a reference, this is a variable.
const NO_REFERENCE: &str = "host:-";

/// A part of a value that has references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::topology) enum Part {
    Text(String),
    /// What stands between `${` and `}`.
    Reference(String),
}

/// A value with its variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// One text, if there is no reference.
    pub parts: Vec<Part>,
    /// The value consists of one variable.
    pub is_variable: bool,
}

impl Expanded {
    pub fn len(&self) -> usize {
        let len = |part: &Part| match part {
            Part::Text(text) | Part::Reference(text) => text.len(),
        };
        self.parts.iter().map(len).sum()
    }
}

/// Why a value cannot be filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Unset(String),
    /// `${` without a name, or without an end.
    Malformed,
    /// A variable within a default, or a reference.
    Nested,
    TooLong,
}

/// Fills in the variables of `text`.
pub(super) fn expand(text: &str, lookup: &Lookup<'_>) -> Result<Expanded, Trouble> {
    let (mut parts, mut done) = (Vec::new(), String::with_capacity(text.len()));
    let (mut rest, mut is_variable) = (text, false);
    while let Some(at) = rest.find('$') {
        done.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(inside) = after.strip_prefix('{') {
            if let Some((reference, behind)) = reference(inside)? {
                parts.push(Part::Text(std::mem::take(&mut done)));
                parts.push(Part::Reference(reference.to_owned()));
                rest = behind;
                continue;
            }
            let (value, behind) = variable(inside, lookup)?;
            is_variable = done.is_empty() && rest.len() == text.len() && behind.is_empty();
            done.push_str(&value);
            rest = behind;
        } else {
            done.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
        if done.len() > LARGEST {
            return Err(Trouble::TooLong);
        }
    }
    done.push_str(rest);
    parts.push(Part::Text(done));
    Ok(Expanded { parts, is_variable })
}

/// The reference that begins `inside` the braces, if one does, and what comes behind them.
fn reference(inside: &str) -> Result<Option<(&str, &str)>, Trouble> {
    let begins = |word: &&str| inside.starts_with(*word);
    if !REFERENCES.iter().any(begins) || begins(&NO_REFERENCE) {
        return Ok(None);
    }
    let (reference, behind) = inside.split_once('}').ok_or(Trouble::Malformed)?;
    match reference.contains("${") {
        true => Err(Trouble::Nested),
        false => Ok(Some((reference, behind))),
    }
}

/// The value of the variable that begins `inside` the braces, and what comes behind them.
fn variable<'t>(inside: &'t str, lookup: &Lookup<'_>) -> Result<(String, &'t str), Trouble> {
    let (inside, behind) = inside.split_once('}').ok_or(Trouble::Malformed)?;
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(Trouble::Malformed);
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(Trouble::Nested);
    }
    let value = match (lookup(name), default) {
        // As in shells: with a default, empty counts as unset.
        (Some(value), None) => value,
        (Some(value), Some(_)) if !value.is_empty() => value,
        (_, Some(default)) => default.to_owned(),
        (None, None) => return Err(Trouble::Unset(name.to_owned())),
    };
    Ok((value, behind))
}

/// Letters, digits and `_`, and no digit first.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(allowed)
}

/// The text that stands for `text` after it has been read: what [`expand`] takes away is added.
pub(in crate::topology) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "A" => Some("x".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn expanded(text: &str) -> Result<(String, bool), Trouble> {
        let done = expand(text, &lookup)?;
        let text = done.parts.into_iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Reference(inside) => format!("<{inside}>"),
        });
        Ok((text.collect(), done.is_variable))
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, value, alone) in [
            ("plain", "plain", false),
            ("${A}", "x", true),
            ("a ${A} b ${A}", "a x b x", false),
            ("${A}${A}", "xx", false),
            ("${EMPTY}${A}", "x", false),
            ("${EMPTY}", "", true),
            ("${EMPTY:-d}", "d", true),
            ("${B:-d: e}", "d: e", true),
            ("${B:-}", "", true),
            ("$${A} $$ $5 $ $x", "${A} $ $5 $ $x", false),
            ("${addr:A.b}", "<addr:A.b>", false),
            (
                "x ${attr:A.b c}${A}$$ ${env:A:-}",
                "x <attr:A.b c>x$ <env:A:->",
                false,
            ),
            (
                "${host}${host:address}${host:-A}",
                "<host><host:address>A",
                false,
            ),
            ("$${host}", "${host}", false),
        ] {
            assert_eq!(expanded(text), Ok((value.to_owned(), alone)), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        assert_eq!(expanded("${B}"), Err(Trouble::Unset("B".into())));
        for text in ["${", "${}", "${1}", "${A", "${A-b}", "${ A}", "${:-x}"] {
            assert_eq!(expanded(text), Err(Trouble::Malformed), "{text}");
        }
        assert_eq!(expanded("${B:-${A}}"), Err(Trouble::Nested));
        assert_eq!(expanded("${addr:A"), Err(Trouble::Malformed));
        assert_eq!(expanded("${addr:${A}.b}"), Err(Trouble::Nested));
    }

    proptest! {
        #[test]
        fn escaped_text_comes_back(text in "[${}A:\\-a]{0,20}") {
            prop_assert_eq!(expanded(&escape(&text)).map(|(text, _)| text), Ok(text));
        }

        #[test]
        fn no_text_panics(text in "[${}A:é\\-a]{0,20}") {
            let _ = expanded(&text);
        }
    }
}
