//! Whatever stands in the file: no panic, no hang, and problems that point into it.

use std::time::{Duration, Instant};

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

/// Files near the largest size that might take long to read.
#[test]
fn large_files_are_read_in_time() {
    let fill = |piece: &str, head: &str| {
        let room = LARGEST - head.len() - 10;
        head.to_owned() + &piece.repeat(room / piece.len())
    };
    let dangling = "{agent: Bbo, to: Alcie.mian},";
    let files = [
        fill("x", ""),
        fill("[", ""),
        fill("{a: ", ""),
        fill("- ", ""),
        fill("? ", ""),
        fill("a: b\n", ""),
        fill("1,", "["),
        fill("{a: 1}, ", "osb: 1\nagents: ["),
        fill("é: &a é\n", ""),
        fill("*a,", "[&a [1,2,3],"),
        fill("\"", ""),
        fill("\t", ""),
        fill("\r", ""),
        fill("#\n", ""),
        fill(" a\n", "osb: 1\nname: "),
        fill(
            dangling,
            "osb: 1\nagents: {Bob: , Alice: {bind: {main: PUSH}}}\nconnections: [",
        ),
    ];
    let files = files.into_iter().chain([
        fill(
            "{agent: W*, to: A.x},",
            "osb: 1\nagents: {W: {replicas: 9000}, A: {bind: {x: PUSH}}}\nconnections: [",
        ),
        fill(
            "{agent: A, to: W*.x, alias: y},",
            "osb: 1\nagents: {W: {replicas: 9000, bind: {x: PULL}}, A: }\nconnections: [",
        ),
        fill(
            "log, ",
            "osb: 1\nagents: {W: {replicas: 10000, bind: {x: {kind: PULL, handler: [",
        ),
        fill("${A:-x}", "osb: 1\nname: "),
    ]);
    for file in files {
        let begin = Instant::now();
        survives(file.as_bytes());
        let closed = format!("{file}]");
        survives(closed.as_bytes());
        let head: String = file.chars().take(30).collect();
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{head:?} takes {:?}",
            begin.elapsed()
        );
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
