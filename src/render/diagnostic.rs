//! Problems of a topology as text for people, each with its line of the file, as compilers show
//! them. The JSON form is that of the problems themselves.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use crate::topology::{Problem, Problems};

/// How many problems are shown.
const MOST_SHOWN: usize = 50;
/// How many characters of a line are shown before and after its offending part begins.
const BEFORE: usize = 60;
const AFTER: usize = 100;

/// All problems of the file `source_name`, whose content is `text`, and how many there are.
pub fn problems(problems: &Problems, text: &str, source_name: &str, color: bool) -> String {
    let renderer = match color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let mut shown: Vec<String> = problems
        .iter()
        .take(MOST_SHOWN)
        .map(|problem| renderer.render(&[group(problem, text, source_name)]))
        .collect();
    shown.push(count(problems.count(), source_name));
    shown.join("\n\n")
}

/// The last line: how many problems there are, and how many of them were not shown.
fn count(problems: usize, source_name: &str) -> String {
    let counted = match problems {
        1 => format!("1 problem in {source_name}"),
        many => format!("{many} problems in {source_name}"),
    };
    match problems.saturating_sub(MOST_SHOWN) {
        0 => counted,
        more => format!("{counted}, {more} of them not shown"),
    }
}

fn group<'a>(problem: &'a Problem, text: &'a str, source_name: &'a str) -> Group<'a> {
    let excerpt = Excerpt::of(problem, text);
    let origin = Origin::path(source_name)
        .line(problem.line)
        .char_column(problem.column);
    let mut elements: Vec<Element<'a>> = vec![origin.into()];
    if !excerpt.line.is_empty() {
        let annotation = AnnotationKind::Primary.span(excerpt.from..excerpt.to);
        let snippet = Snippet::source(excerpt.line)
            .line_start(problem.line)
            .annotation(annotation);
        elements.push(snippet.into());
    }
    if let Some(hint) = &problem.hint {
        elements.push(Level::HELP.message(hint.as_str()).into());
    }
    let title = Level::ERROR.primary_title(problem.message.as_str());
    title.elements(elements)
}

/// The part of a line that is shown, and the offending part in it. Only this much of the file is
/// looked at, however long it or its lines are.
struct Excerpt<'t> {
    line: &'t str,
    from: usize,
    to: usize,
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
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}
