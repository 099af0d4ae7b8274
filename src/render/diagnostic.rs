//! Problems of a topology as text for people, each with its line of the file, as compilers show
//! them. The JSON form is that of the problems themselves.

use std::collections::BTreeSet;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use crate::model::harmless_line;
use crate::topology::{Input, Problem, Problems};

/// How many problems are shown.
const MOST_SHOWN: usize = 50;
/// How many characters of a line are looked at, before and after its offending part begins. What
/// of them a terminal has room for is the renderer's business.
const BEFORE: usize = 1000;
const AFTER: usize = 1000;

/// All problems that were found in `inputs`, and how many there are.
pub fn problems(problems: &Problems, inputs: &[Input], color: bool) -> String {
    let renderer = match color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let text = |input: &Input| String::from_utf8_lossy(&input.text).into_owned();
    let texts: Vec<String> = inputs.iter().map(text).collect();
    let mut shown: Vec<String> = problems
        .iter()
        .take(MOST_SHOWN)
        .map(|problem| {
            let text = texts.get(problem.input).map_or("", String::as_str);
            renderer.render(&[group(&harmless(problem), text)])
        })
        .collect();
    shown.push(count(
        problems.count(),
        &harmless_line(&place_of_all(problems)),
    ));
    shown.join("\n\n")
}

/// The file that all problems are in, or how many there are.
fn place_of_all(problems: &Problems) -> String {
    let files: BTreeSet<(usize, &str)> = problems
        .iter()
        .map(|problem| (problem.input, problem.file.as_str()))
        .collect();
    match files.first() {
        Some((_, name)) if files.len() == 1 => (*name).to_owned(),
        _ => format!("{} places", files.len()),
    }
}

/// The last line: how many problems there are, and how many of them were not shown.
fn count(problems: usize, source_name: &str) -> String {
    let counted = match problems {
        1 => format!("1 problem in {source_name}"),
        many => format!("{many} problems in {source_name}"),
    };
    match problems.saturating_sub(MOST_SHOWN) {
        0 => counted,
        more => {
            format!("{counted}, {more} of them not shown; `osb check -o json` has them all")
        }
    }
}

/// Keys and values are in its words. The renderer sees to the line itself.
fn harmless(problem: &Problem) -> Problem {
    let line = |text: &str| harmless_line(text).into_owned();
    Problem {
        message: line(&problem.message),
        hint: problem.hint.as_deref().map(line),
        file: line(&problem.file),
        ..problem.clone()
    }
}

fn group<'a>(problem: &'a Problem, text: &'a str) -> Group<'a> {
    let mut elements = place(problem, text, &problem.file);
    if let Some(hint) = &problem.hint {
        elements.push(Level::HELP.message(hint.as_str()).into());
    }
    let title = Level::ERROR.primary_title(problem.message.as_str());
    title.elements(elements)
}

/// File, line and column, and the line itself if there is anything on it.
fn place<'a>(problem: &'a Problem, text: &'a str, source_name: &'a str) -> Vec<Element<'a>> {
    let excerpt = Excerpt::of(problem, text);
    let origin = Origin::path(source_name)
        .line(problem.line)
        .char_column(problem.column);
    if excerpt.line.trim().is_empty() {
        return vec![origin.into()];
    }
    let annotation = AnnotationKind::Primary.span(excerpt.from..excerpt.to);
    let snippet = Snippet::source(excerpt.line)
        .line_start(problem.line)
        .annotation(annotation);
    if excerpt.whole {
        return vec![snippet.path(source_name).into()];
    }
    // The renderer would count the column from where the excerpt begins.
    vec![origin.into(), snippet.into()]
}

/// The part of a line that is shown, and the offending part in it. Only this much of the file is
/// looked at, however long it or its lines are.
struct Excerpt<'t> {
    line: &'t str,
    from: usize,
    to: usize,
    /// The line is shown from its beginning.
    whole: bool,
}

impl<'t> Excerpt<'t> {
    fn of(problem: &Problem, text: &'t str) -> Self {
        let at = problem.span.start.min(text.len());
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        let begin = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| !is_break(*c))
            .take(BEFORE)
            .last()
            .map_or(before.len(), |(at, _)| at);
        let length = after
            .char_indices()
            .take_while(|(_, c)| !is_break(*c))
            .take(AFTER)
            .last()
            .map_or(0, |(at, c)| at + c.len_utf8());
        let line = &text[begin..before.len() + length];
        let offending = problem.span.len().min(length);
        let from = before.len() - begin;
        Self {
            line,
            from,
            to: from + offending,
            whole: before[..begin].chars().next_back().is_none_or(is_break),
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Source, load};

    fn shown(text: &str) -> String {
        let source = Source {
            name: "topology.yaml".into(),
            stem: "topology".into(),
            folder: "/".into(),
        };
        let inputs = [Input::file(&source.name, text)];
        problems(&load(text, &source).unwrap_err(), &inputs, false)
    }

    #[test]
    fn a_problem_shows_its_line_and_what_to_do() {
        insta::assert_snapshot!(shown("osb: 1\r\nagents:\r\n  Zoë: {bind: {x: PULL}}\r\n"));
    }

    #[test]
    fn a_file_of_nothing_has_no_line_to_show() {
        insta::assert_snapshot!(shown(""));
    }

    #[test]
    fn colors_are_there_if_wanted() {
        let source = Source {
            name: "t.yaml".into(),
            stem: "t".into(),
            folder: "/".into(),
        };
        let found = load("osb: 2", &source).unwrap_err();
        let inputs = [Input::file("t.yaml", "osb: 2")];
        assert!(problems(&found, &inputs, true).contains("\u{1b}["));
        assert!(!problems(&found, &inputs, false).contains('\u{1b}'));
    }

    #[test]
    fn very_many_problems_and_very_long_lines_stay_readable() {
        let text = format!(
            "osb: 1\nagents: {{ {} }}",
            "é é: {}, ".to_owned() + &bad_agents(5000)
        );
        let shown = shown(&text);
        assert!(shown.ends_with("5001 problems in topology.yaml, 4951 of them not shown; `osb check -o json` has them all"));
        assert!(shown.len() < 50_000, "{}", shown.len());
        assert!(shown.lines().all(|line| line.chars().count() < 300));
        assert!(shown.contains("topology.yaml:2:11\n"), "{}", &shown[..2000]);
    }

    fn bad_agents(many: usize) -> String {
        (0..many).map(|n| format!("-x{n}: {{}}, ")).collect()
    }
}
