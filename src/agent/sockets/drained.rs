//! Whether all that was meant for one end of a connection has arrived there, and been answered. Pure: lines and numbers in.

use crate::zeromq::Line;

/// A reader's lines: each that stands has brought what its writer has given. None of a line that its writer has not told of.
pub(crate) fn is_drained(lines: &[Line], given: impl Fn(&str) -> Option<u64>) -> bool {
    lines.iter().all(|line| {
        let told = line.name.as_deref().and_then(&given);
        told.is_some_and(|given| line.received >= given)
    })
}

/// An asker's lines: those of these names have brought an answer for each request that went by them, or are gone.
pub(crate) fn is_answered(lines: &[Line], names: &[Box<str>]) -> bool {
    let meant = |line: &&Line| line.name.as_ref().is_some_and(|it| names.contains(it));
    lines
        .iter()
        .filter(meant)
        .all(|line| line.received >= line.given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, given: u64, received: u64) -> Line {
        Line {
            dialled: true,
            name: Some(name.into()),
            there: "tcp://127.0.0.1:1".into(),
            given,
            received,
        }
    }

    #[test]
    fn a_reader_is_drained_when_each_line_has_brought_what_was_given() {
        let lines = [line("a", 0, 5), line("b", 0, 7)];
        let given = |b: u64| move |name: &str| Some(if name == "a" { 5 } else { b });
        assert!(is_drained(&lines, given(7)) && !is_drained(&lines, given(8)));
        assert!(
            !is_drained(&lines, |name| (name == "a").then_some(5)),
            "b may get more"
        );
        assert!(is_drained(&[], |_| None), "what has ended brings no more");
    }

    #[test]
    fn an_asker_is_answered_when_as_much_has_come_as_has_gone() {
        let lines = [line("a", 3, 2), line("b", 9, 9)];
        let answered = |name: &str| is_answered(&lines, &[name.into()]);
        assert!(!answered("a") && answered("b") && answered("gone"));
    }
}
