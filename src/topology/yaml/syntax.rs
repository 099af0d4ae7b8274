//! Errors of syntax in words for people.

use crate::topology::review::Flaw;

/// A problem for what the parser said at `at`.
pub(super) fn flaw(text: &str, at: usize, said: &str) -> Flaw {
    if let Some(tab) = indenting_tab(text, at) {
        return Flaw::new(&(tab..tab + 1), "a tab is no indentation in YAML")
            .hint("indent with spaces");
    }
    let end = text[at..].find(is_break).map_or(text.len(), |n| at + n);
    let flaw = Flaw::new(&(at..end), format!("not valid YAML: {said}"));
    match (text[..at].chars().next_back(), text[at..end].chars().next()) {
        (Some(']'), Some(':')) => {
            flaw.hint("an address in brackets must stand in quotes: \"[::1]:5555\"")
        }
        (Some('$'), Some('{')) => flaw.hint(
            "between brackets or braces a variable must stand in quotes, and is text; \
             on a line of its own, as key: ${NAME}, it needs none",
        ),
        _ => flaw.maybe_hint(indentation(text, at, said).or_else(|| hint(said))),
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// A tab before the first word of the line at `at` or of the line before it.
fn indenting_tab(text: &str, at: usize) -> Option<usize> {
    let breaks = |end: usize| text[..end].rfind(is_break);
    let line = breaks(at).map_or(0, |n| n + 1);
    let before = breaks(line.saturating_sub(1)).map_or(0, |n| n + 1);
    [line, before].into_iter().find_map(|start| {
        let blank = text[start..].find(|c| c != ' ' && c != '\t');
        let indentation = &text[start..blank.map_or(text.len(), |n| start + n)];
        indentation.find('\t').map(|n| start + n)
    })
}

/// A line that stands deeper than it may, or less deep than what it belongs to.
fn indentation(text: &str, at: usize, said: &str) -> Option<String> {
    let deep = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let start = text[..at].rfind(is_break).map_or(0, |n| n + 1);
    let line = text[start..].split(is_break).next().unwrap_or_default();
    let above = text[..start].split(is_break).rev();
    let above: Vec<&str> = above.filter(|line| !line.trim().is_empty()).collect();
    let (own, last) = (deep(line), deep(above.first()?));
    let fits = above.iter().any(|line| deep(line) == own);
    let depths = || {
        format!(
            "this line is indented by {own}, the one before it by {last}: indent lines that belong together alike"
        )
    };
    let is_key = line.trim_start().starts_with("- ")
        || line.contains(": ")
        || line.trim_end().ends_with(':');
    let mistaken = match () {
        () if said.contains("mapping values") => own > last,
        () => said.contains("block") && !fits,
    };
    (mistaken && is_key).then(depths)
}

fn hint(said: &str) -> Option<String> {
    let hint = if said.contains("Unicode") {
        "half of a surrogate pair is no character"
    } else if said.contains("mapping values") {
        "a key ends with \":\" and a space; a text with \": \" in it must stand in quotes"
    } else if said.contains("quoted scalar") || said.contains("end of stream") {
        "a quote or a bracket is not closed"
    } else if said.contains("unknown anchor") {
        "an alias *name needs an anchor &name before it; in quotes it is a text"
    } else if said.contains("expected") {
        "look at the indentation and the brackets of this line and of the one before it"
    } else {
        return None;
    };
    Some(hint.to_owned())
}
