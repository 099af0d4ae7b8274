//! What another machine writes over ssh.

use osb::ssh::fuzzing::lines as read;

/// What every word of osb begins with, which may be longer than other lines.
const MARK: &str = "osb-word ";

/// Bounds, in two bytes, and then what is written.
pub fn lines(bytes: &[u8]) {
    let [longest, most, written @ ..] = bytes else {
        return;
    };
    let (longest, most) = (MARK.len() + usize::from(*longest), 16 * usize::from(*most));
    let (whole, end) = read(written, written.len().max(1), (longest, most));
    for piece in [1, 7, 64] {
        let (lines, why) = read(written, piece, (longest, most));
        assert_eq!(lines, whole, "in pieces of {piece}");
        assert_eq!(why.is_some(), end.is_some(), "in pieces of {piece}");
    }
    // Each byte that is no UTF-8 becomes a character of three.
    let came = |line: &str| line.replace('\u{fffd}', "?").len();
    assert!(whole.iter().map(|line| came(line)).sum::<usize>() <= most);
    let is_word = |line: &str| line.starts_with(MARK);
    let long = whole.iter().find(|it| came(it) > longest && !is_word(it));
    assert_eq!(long, None);
    if end.is_none() {
        // All of it is there, but for a last line without an end.
        let text = String::from_utf8_lossy(written);
        let ended = text.rfind('\n').map_or("", |at| &text[..at + 1]);
        let again: String = whole.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(again, ended);
    }
}
