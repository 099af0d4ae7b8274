//! What a program writes: bytes to lines, lines to words, words to requests. And what it is told.

use osb::agent::fuzzing::{Said, said, told};
use osb::model::Serializer;
use osb::wire::{body, decode, read_body};
use serde_json::Value;

/// Lines longer than this are too long here, so that there are some.
const LONGEST: usize = 2048;

/// What a program writes to its standard output.
pub fn words(bytes: &[u8]) {
    for frames in [false, true] {
        heard(bytes, frames);
    }
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(message) = decode(line, Serializer::Json) {
            let line = told(&message).expect("words are JSON");
            assert!(!line.contains(&b'\n'));
            let line: Value = serde_json::from_slice(&line).expect("words can be read");
            assert_eq!(line["message"], message);
        }
    }
}

/// What it means, whether frames are among it or not.
fn heard(bytes: &[u8], frames: bool) {
    let whole = said(&[bytes], LONGEST, frames);
    let cut = bytes.first().map_or(0, |first| usize::from(*first)) % (bytes.len() + 1);
    let (one, other) = bytes.split_at(cut);
    let divided = said(&[one, other], LONGEST, frames);
    assert_eq!(divided, whole, "divided at {cut}");
    for word in whole {
        match word {
            Said::Request(request) => {
                let again = read_body(&body(&*request));
                assert_eq!(again.as_ref(), Ok(&*request));
            }
            Said::Wrong(reason) => assert!(!reason.is_empty()),
            Said::Word(_) | Said::Nothing | Said::Printed(_) => {}
        }
    }
}
