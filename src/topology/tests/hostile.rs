//! Whatever stands in the file: no panic, no hang, and problems that point into it.

use proptest::prelude::*;

use super::super::{Input, LARGEST, load};
use super::good::EXAMPLE;
use super::source;
use crate::render::diagnostic;

/// Loads and renders, and holds each problem against the text.
fn survives(bytes: &[u8]) {
    let Err(problems) = load(bytes, &source()) else {
        return;
    };
    assert!(problems.count() > 0);
    let inputs = [Input::file("topology.yaml", bytes)];
    let places: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
    assert!(places.is_sorted() && places.iter().all(|(l, c)| *l > 0 && *c > 0));
    assert!(problems.iter().all(|p| p.span.start <= bytes.len()));
    for color in [true, false] {
        diagnostic::problems(&problems, &inputs, color);
    }
    serde_json::to_string(&problems).unwrap();
}

/// Pieces of topologies, to be put in anywhere.
const PIECES: [&str; 29] = [
    "\n",
    "  ",
    "\t",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|",
    "#",
    "~",
    "é",
    "\u{0}",
    "\r\n",
    "forward:main",
    "Alice.main",
    "---\n",
    "${A:-5}",
    "$",
    "${",
    "replicas: 3",
    "A*",
];

proptest! {
    #[test]
    fn changed_topologies_are_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), 0..PIECES.len(), 0usize..30), 1..6)) {
        let mut chars: Vec<char> = EXAMPLE.chars().collect();
        for (at, piece, cut) in changes {
            let at = at.index(chars.len().max(1)).min(chars.len());
            let end = (at + cut).min(chars.len());
            chars.splice(at..end, PIECES[piece].chars());
        }
        survives(chars.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn swapped_words_are_survived(swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8)) {
        let mut words: Vec<&str> = EXAMPLE.split_inclusive([' ', '\n']).collect();
        for (one, other) in swaps {
            let (one, other) = (one.index(words.len()), other.index(words.len()));
            words.swap(one, other);
        }
        survives(words.concat().as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survives(text.as_bytes());
        survives(format!("osb: 1\nagents: {text}").as_bytes());
    }
}

/// How long this thread has worked, in nanoseconds: whatever else the machine does in the meantime does not count.
fn worked() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// The head, and as many pieces as there is room for.
fn filled(piece: &str, head: &str, room: usize) -> String {
    let room = room - head.len() - 10;
    head.to_owned() + &piece.repeat(room / piece.len())
}

/// Files that might take long to read, as pieces and heads.
const LONG: [(&str, &str); 17] = [
    ("x", ""),
    ("[", ""),
    ("{a: ", ""),
    ("- ", ""),
    ("? ", ""),
    ("a: b\n", ""),
    ("1,", "["),
    ("{a: 1}, ", "osb: 1\nagents: ["),
    ("é: &a é\n", ""),
    ("*a,", "[&a [1,2,3],"),
    ("\"", ""),
    ("\t", ""),
    ("\r", ""),
    ("#\n", ""),
    (" a\n", "osb: 1\nname: "),
    (
        "{agent: Bbo, to: Alcie.mian},",
        "osb: 1\nagents: {Bob: , Alice: {bind: {main: PUSH}}}\nconnections: [",
    ),
    ("${A:-x}", "osb: 1\nname: "),
];

/// Eight times the file is eight times the work, and not 64 times. Both are done on the same machine, one
/// after the other, so that its speed does not matter; a disturbed run may try again.
#[test]
fn large_files_take_work_in_proportion() {
    /// Large enough for what is out of proportion to show.
    const LARGE: usize = LARGEST / 4;
    const TIMES: usize = 8;
    const BOUND: u64 = 30;
    /// Less than this is all beginning and no file.
    const LEAST: u64 = 20_000_000;
    for (piece, head) in LONG {
        let work = |size: usize| {
            let file = filled(piece, head, size);
            let begin = worked();
            survives(file.as_bytes());
            survives(format!("{file}]").as_bytes());
            worked() - begin
        };
        let in_proportion = || {
            let small = work(LARGE / TIMES).max(LEAST);
            work(LARGE) < BOUND * small
        };
        assert!(
            (0..3).any(|_| in_proportion()),
            "{head}{piece}… takes more work than in proportion"
        );
    }
}

/// A few words may stand for very much: it is counted, and done no further.
#[test]
fn files_that_stand_for_too_much_are_refused() {
    for (piece, head, tail) in [
        (
            "{agent: W*, to: A.x},",
            "osb: 1\nagents: {W: {replicas: 9000}, A: {bind: {x: PUSH}}}\nconnections: [",
            "]",
        ),
        (
            "{agent: A, to: W*.x, alias: y},",
            "osb: 1\nagents: {W: {replicas: 9000, bind: {x: PULL}}, A: }\nconnections: [",
            "]",
        ),
        (
            "log, ",
            "osb: 1\nagents: {W: {replicas: 10000, bind: {x: {kind: PULL, handler: [",
            "]}}}}",
        ),
    ] {
        let file = filled(piece, head, LARGEST / 4) + tail;
        let problems = load(&file, &source()).unwrap_err();
        let said = problems.iter().map(|it| it.message.as_str());
        let said: Vec<&str> = said
            .filter(|it| it.contains("stands for more than"))
            .collect();
        assert_eq!(said.len(), 1, "{head}: {said:?}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let problems = load(vec![b' '; LARGEST + 1], &source()).unwrap_err();
    assert!(
        problems.to_string().contains("1048576 at most"),
        "{problems}"
    );
}
