//! Variables in values: `${NAME}`, `${NAME:-default}` and `${NAME:?message}` become what the caller's look-up has for
//! them, `$$` becomes `$`. Nothing here knows an environment. References such as `${addr:Alice.main}`
//! are only told apart here: what they mean is for others to say.

use crate::topology::LARGEST;

/// What a variable stands for, if it is set.
pub type Lookup<'l> = dyn Fn(&str) -> Option<String> + 'l;

/// How deep variables may stand in one another's defaults.
const DEEPEST: usize = 32;
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
    pub(crate) fn len(&self) -> usize {
        let len = |part: &Part| match part {
            Part::Text(text) | Part::Reference(text) => text.len(),
        };
        self.parts.iter().map(len).sum()
    }
}

/// Why a value cannot be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the variable {0} is not set")]
    Unset(String),
    /// Its name, and what the file says of its want.
    #[error("the variable {0} is not set: {1}")]
    Required(String, String),
    /// `${` without a name, or without an end.
    #[error("this is no variable")]
    Malformed,
    /// A variable within a reference, or a reference within a default.
    #[error("a reference cannot stand in a variable's default, nor have variables in it")]
    Nested,
    #[error("with its variables filled in, this has more than {LARGEST} bytes")]
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
            let (value, behind) = variable(inside, lookup, true, 0)?;
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

/// `text` with its variables filled in, in a place for plain text: no reference may stand there. Else
/// what is wrong with it.
pub(in crate::topology) fn filled_in(text: &str, lookup: &Lookup<'_>) -> Result<String, String> {
    let mut parts = expand(text, lookup)
        .map_err(|trouble| trouble.to_string())?
        .parts;
    match (parts.pop(), parts.is_empty()) {
        (Some(Part::Text(text)), true) => Ok(text),
        _ => Err("a reference such as ${addr:Alice.main} stands in the topology itself".to_owned()),
    }
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

/// The value of the variable that begins `inside` the braces, and what comes behind them. What is
/// wanted of it is whether it is there; otherwise only where it ends.
fn variable<'t>(
    inside: &'t str,
    lookup: &Lookup<'_>,
    wanted: bool,
    depth: usize,
) -> Result<(String, &'t str), Trouble> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = inside.find(|c| !is_letter(c)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    if !is_name(name) || depth == DEEPEST {
        return Err(Trouble::Malformed);
    }
    let value = lookup(name);
    if let Some(behind) = rest.strip_prefix('}') {
        return match value {
            Some(value) => Ok((value, behind)),
            None if wanted => Err(Trouble::Unset(name.to_owned())),
            None => Ok((String::new(), behind)),
        };
    }
    // As in shells: with a default, empty counts as unset.
    let value = value.filter(|value| !value.is_empty());
    let needed = wanted && value.is_none();
    if let Some(rest) = rest.strip_prefix(":-") {
        let (default, behind) = default(rest, lookup, needed, depth)?;
        return Ok((value.unwrap_or(default), behind));
    }
    let rest = rest.strip_prefix(":?").ok_or(Trouble::Malformed)?;
    let (message, behind) = default(rest, lookup, needed, depth)?;
    match value {
        None if wanted && message.is_empty() => Err(Trouble::Unset(name.to_owned())),
        None if wanted => Err(Trouble::Required(name.to_owned(), message)),
        value => Ok((value.unwrap_or_default(), behind)),
    }
}

/// What stands before the brace that ends a variable, its own variables filled in, and what comes behind.
fn default<'t>(
    mut rest: &'t str,
    lookup: &Lookup<'_>,
    wanted: bool,
    depth: usize,
) -> Result<(String, &'t str), Trouble> {
    let mut done = String::new();
    loop {
        let at = rest.find(['$', '}']).ok_or(Trouble::Malformed)?;
        done.push_str(&rest[..at]);
        let (sign, after) = rest[at..].split_at(1);
        if sign == "}" {
            return Ok((done, after));
        }
        if let Some(inside) = after.strip_prefix('{') {
            if reference(inside)?.is_some() {
                return Err(Trouble::Nested);
            }
            let (value, behind) = variable(inside, lookup, wanted, depth + 1)?;
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
            ("${B:-${A}}", "x", true),
            ("${B:-${C:-${D:-d}}$$}!", "d$!", false),
            ("${A:-${B}}", "x", true),
            ("${A:?no A}", "x", true),
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
        let required = |name: &str, why: &str| Err(Trouble::Required(name.into(), why.into()));
        assert_eq!(expanded("${B:?set B to x}"), required("B", "set B to x"));
        assert_eq!(expanded("${EMPTY:?${A}}"), required("EMPTY", "x"));
        assert_eq!(expanded("${B:?}"), Err(Trouble::Unset("B".into())));
        assert_eq!(expanded("${B:-${C}}"), Err(Trouble::Unset("C".into())));
        assert_eq!(expanded("${B:-${addr:A.b}}"), Err(Trouble::Nested));
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
